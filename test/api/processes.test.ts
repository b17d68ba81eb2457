// Whole processes: they end while jobs run, refuse a bad environment, and do not grow. Each runs the built package.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const entry = new URL('../../dist/index.js', import.meta.url).href;

function run(
  body: string,
  env: Record<string, string> = {},
  flags: string[] = [],
): { status: number | null; out: string; err: string } {
  const source = `
    const pkg = await import(${JSON.stringify(entry)});
    const matrix = (rows, cols, seed) => ({
      data: Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(seed + i * 1.7) * Math.cos(i * i * 0.13)),
      shape: [rows, cols],
    });
    ${body}
  `;
  const environment = { ...process.env, ...env };
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', source], {
    env: environment,
    encoding: 'utf8',
  });
  return { status: child.status, out: child.stdout, err: child.stderr };
}

it('a process may exit with jobs queued and running', () => {
  const { status, err } = run(`
    const d = pkg.Dictionary.from(matrix(300, 40, 1));
    for (let i = 0; i < 8; i++)
      pkg.unfold(matrix(200, 40, i), d, { method: 'ista', lambda: 1e-4, tolerance: 1e-12, maxIterations: 1e6 }).catch(() => {});
    setTimeout(() => process.exit(7), 30);
  `);
  expect(status, err).toBe(7);
});

it('a process ends by itself once its jobs are done: idle threads do not hold it', () => {
  const { status, out, err } = run(`
    const d = pkg.Dictionary.from(matrix(30, 10, 1));
    const result = await pkg.unfold(matrix(20, 10, 2), d, { lambda: 0.1, threads: 2 });
    console.log(result.converged);
  `);
  expect(status, err).toBe(0);
  expect(out.trim()).toBe('true');
});

it('a pending job keeps its process alive until it is done', () => {
  const { status, out, err } = run(`
    const d = pkg.Dictionary.from(matrix(300, 40, 1));
    pkg.unfold(matrix(300, 40, 2), d, { lambda: 0.05 }).then((r) => console.log('done', r.codes.shape[0]));
  `);
  expect(status, err).toBe(0);
  expect(out.trim()).toBe('done 300');
});

it.each(['nonsense', 'AVX2', 'avx-512', 'sse2'])('UNSUPERPOSE_ISA=%s is refused by name', (isa) => {
  const { status, err } = run('', { UNSUPERPOSE_ISA: isa });
  expect(status).not.toBe(0);
  expect(err).toContain('UNSUPERPOSE_ISA');
  expect(err).toContain(isa);
  expect(err).toContain('scalar'); // what there is instead
});

it('UNSUPERPOSE_THREADS sets the default', () => {
  const { status, out, err } = run('console.log(pkg.info().threads)', { UNSUPERPOSE_THREADS: '3' });
  expect(status, err).toBe(0);
  expect(out.trim()).toBe('3');
});

it.each(['0', '-1', 'many', '1.5', '999999999999'])(
  'UNSUPERPOSE_THREADS=%s does not crash: refused, or ignored',
  (threads) => {
    const { status, out, err } = run(
      'const d = pkg.Dictionary.from(matrix(9, 4, 1)); console.log(pkg.unfoldSync(matrix(3, 4, 2), d, { lambda: 0.1 }).converged)',
      { UNSUPERPOSE_THREADS: threads },
    );
    if (status === 0) expect(out.trim()).toBe('true');
    else expect(err).toContain('UNSUPERPOSE_THREADS');
  },
);

it('the memory of a process does not grow over many calls of every kind', () => {
  // Each turn allocates and drops some 4 MB natively (a dictionary of 256 × 256, its packed copy, samples, codes). Leaking
  // one of them in every one of the 300 turns measured is over 75 MB; allocator and collector noise on a process
  // of this size is some 10 to 20 MB. 60 MB tells them apart.
  const allowed = 60;
  const { status, out, err } = run(
    `
    const x = matrix(300, 256, 1), atoms = matrix(256, 256, 2);
    const turn = async (i) => {
      const d = pkg.Dictionary.from(atoms, { normalize: true });
      const { codes } = await pkg.unfold(x, d, { lambda: 2 + (i % 3) });
      pkg.fold(codes, d);
      await pkg.unfold(x, d, { method: 'omp', sparsity: 2, signal: AbortSignal.abort() }).catch(() => {});
      const controller = new AbortController();
      const job = pkg.unfold(x, d, { lambda: 0.1, signal: controller.signal, onProgress: () => {} }).catch(() => {});
      controller.abort();
      await job;
      try { pkg.unfoldSync(x, d, { lambda: -1 }); } catch {}
      try { pkg.Dictionary.from({ data: atoms.data.map((v, i) => (i === 65535 ? NaN : v)), shape: [256, 256] }); } catch {}
      pkg.ops.topK(x, d, 5);
      if (i % 2) d.dispose(); // the others are left to the collector
    };
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((r) => setTimeout(r, 5)); } };
    for (let i = 0; i < 100; i++) await turn(i);
    await settle();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 300; i++) { await turn(i); if (i % 50 === 0) await settle(); }
    await settle();
    console.log((process.memoryUsage().rss - before) / 2 ** 20);
    `,
    {},
    ['--expose-gc'],
  );
  expect(status, err).toBe(0);
  expect(Number(out)).toBeLessThan(allowed);
});
