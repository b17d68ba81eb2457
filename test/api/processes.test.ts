// Whole processes: they end while jobs run, refuse a bad environment, and do not grow. Each runs the built package.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { entry, run } from './package-process.js';

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

it.each(['nonsense', 'AMX_INT8', 'avx512_vnni;amx_int8', 'avx2'])(
  'UNSUPERPOSE_WITHOUT=%s is refused by name',
  (names) => {
    const { status, err } = run('', { UNSUPERPOSE_WITHOUT: names });
    expect(status).not.toBe(0);
    expect(err).toContain(`UNSUPERPOSE_WITHOUT must be a list of amx_bf16, `);
    expect(err).toContain(`got "${names}"`);
  },
);

it('UNSUPERPOSE_WITHOUT leaves capabilities unused, and what is exact stays the same', () => {
  const all = run('console.log(pkg.info().capabilities.join())').out.trim();
  const code = `
    const d = pkg.Dictionary.from(matrix(300, 70, 1));
    const { indices } = pkg.ops.topK(matrix(50, 70, 2), d, 7);
    console.log(pkg.info().capabilities.join() + '|' + indices.join());`;
  const [before, after] = ['', all].map((names) => {
    const { status, out, err } = run(code, { UNSUPERPOSE_WITHOUT: names });
    expect(status, err).toBe(0);
    return out.trim().split('|');
  });
  expect(before?.[0]).toBe(all);
  expect(after?.[0]).toBe('');
  expect(after?.[1]).toBe(before?.[1]);
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

it('handles that nobody disposes of are collected before their memory is gone', () => {
  // Each of the 200 leaves some 2.5 MB behind natively, made by its first question: 490 MB if V8 does not know of them, 85 MB if it does.
  const { status, out, err } = run(`
    const to = pkg.Dictionary.from(matrix(16384, 64, 1)), from = pkg.Dictionary.from(matrix(8, 64, 2));
    const weight = matrix(64, 64, 3), before = process.memoryUsage().rss;
    let most = 0;
    for (let turn = 0; turn < 200; turn++) {
      await pkg.claims.virtualWeights(from, weight, to).maximum();
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    console.log(most / 2 ** 20);
  `);
  expect(status, err).toBe(0);
  expect(Number(out)).toBeLessThan(250);
});

it('two threads write codes while this one takes them: they are refused, or right', () => {
  const { status, out, err } = run(`
    const { Worker } = await import('node:worker_threads');
    const rows = 2000, features = 100;
    const shared = (Type, n) => new Type(new SharedArrayBuffer(4 * n));
    const indptr = shared(Uint32Array, rows + 1).fill(1), indices = shared(Uint32Array, 1), values = shared(Float32Array, 1);
    indptr[0] = 0;
    const writer = \`import { workerData } from 'node:worker_threads';
      for (;;) for (const at of [1, 2 ** 31, 5]) workerData.fill(at, 1, workerData.length - 1);\`;
    const workers = [1, 2].map(() => new Worker(writer, { eval: true, workerData: indptr }));
    const dictionary = pkg.Dictionary.from(matrix(features, 8, 1));
    let taken = 0, refused = 0;
    for (const end = Date.now() + 3000; Date.now() < end; ) {
      try {
        pkg.fold(pkg.SparseCodes.from({ indptr, indices, values, shape: [rows, features] }), dictionary);
        taken++;
      } catch (error) {
        if (error.code !== 'ERR_SHAPE') throw error;
        refused++;
      }
      await new Promise(setImmediate);
    }
    console.log(taken + refused > 0);
    process.exit(0);
  `);
  expect(status, err).toBe(0);
  expect(out.trim()).toBe('true');
});

it('process.exit in the middle of a long step', () => {
  const before = performance.now();
  const { status, err } = run(`
    pkg.toy.trainToyModel({ features: 200, dims: 20, density: 0.1, batchSize: 2 ** 20, steps: 4 });
    setTimeout(() => process.exit(7), 300);
  `);
  expect(status, err).toBe(7);
  expect(performance.now() - before).toBeLessThan(5000);
});

/** Whether util-linux's prlimit is there. */
function limits(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

it.runIf(limits())('where the system grants no more threads, calls take longer, and that is all', () => {
  const { status, out, err } = run(`
    const { execFileSync } = await import('node:child_process');
    const d = pkg.Dictionary.from(matrix(300, 40, 1)), x = matrix(200, 40, 2);
    const expected = pkg.unfoldSync(x, d, { lambda: 0.1, threads: 1 }).codes.values.join();
    // the limit does not hold for root
    if (process.getuid() === 0) {
      process.setgid(65534);
      process.setuid(65534);
    }
    execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1']);
    const answers = [pkg.unfoldSync(x, d, { lambda: 0.1, threads: 4 })];
    const progress = [];
    answers.push(await pkg.unfold(x, d, { lambda: 0.1, threads: 4, onProgress: ({ done }) => progress.push(done) }));
    answers.push(...(await Promise.all([1, 2, 3].map((threads) => pkg.unfold(x, d, { lambda: 0.1, threads })))));
    const stopped = new AbortController();
    const rejected = pkg.unfold(x, d, { lambda: 0.1, signal: stopped.signal }).catch((reason) => reason);
    stopped.abort('stopped');
    console.log(answers.every(({ codes }) => codes.values.join() === expected), progress.at(-1), await rejected);
  `);
  expect(status, err).toBe(0);
  expect(out.trim()).toBe('true 200 stopped');
});

// As many values as the shape says, without a second copy of them.
const SINES = `
  const sines = (rows, cols) => {
    const data = new Float32Array(rows * cols);
    for (let i = 0; i < data.length; i++) data[i] = Math.sin(i + 1);
    return { data, shape: [rows, cols] };
  };
`;

/** Sanitizers take terabytes of addresses for themselves: a process with them cannot live within a limit. */
const sanitized = /lib(asan|tsan)/.test(process.env.LD_PRELOAD ?? '');

it.runIf(process.platform === 'linux' && !sanitized).each([
  ['a product', 'const t = sines(30000, 1); return pkg.ops.correlate(t, t);'],
  ['a list of the strongest', 'const t = sines(20000, 1); return pkg.ops.topK(t, t, 20000);'],
  [
    'all entries above',
    'const t = sines(20000, 1); return pkg.ops.above(t, t, 1e-9, { limit: 4e8, absolute: true });',
  ],
  [
    'dense codes',
    `return pkg.SparseCodes.from({ indptr: new Uint32Array(30001), indices: new Uint32Array(0), values: new Float32Array(0),
      shape: [30000, 40000] }).toDense();`,
  ],
  [
    'dictionaries',
    `const m = { data: new Float32Array(150e6), shape: [150000, 1000] };
     return [pkg.Dictionary.from(m), pkg.Dictionary.from(m), pkg.Dictionary.from(m)];`,
  ],
  [
    'a packed copy, made by a job',
    `const d = pkg.Dictionary.from({ data: new Float32Array(200e6), shape: [200000, 1000] });
     return pkg.unfold(sines(10, 1000), d, { lambda: 1 });`,
  ],
  ['what a learner keeps', 'return pkg.learnDictionary(sines(100, 4), { features: 30000, lambda: 0.1 });'],
  ['samples', 'return pkg.toy.sampleFeatures({ features: 30000, samples: 30000, density: 0.5 });'],
])('%s that does not fit in the memory of the process is refused with its bytes', (what, body) => {
  // 2.5 GB of address space: node itself takes 1 GB of it.
  const source = `
    const pkg = await import(${JSON.stringify(entry)});
    ${SINES}
    const attempt = async () => { ${body} };
    const error = await attempt().then(() => ({ message: 'it fits' }), (error) => error);
    const small = pkg.Dictionary.from(sines(4, 3));
    const after = await pkg.unfold(sines(2, 3), small, { lambda: 0.1 });
    console.log(JSON.stringify([error.name, error.code, error.message, after.converged]));
  `;
  const child = spawnSync(
    'bash',
    ['-c', 'ulimit -v 2500000; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', source],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)) },
  );
  expect(child.status, child.stderr).toBe(0);
  const [name, code, message, converged] = JSON.parse(child.stdout);
  expect([name, code, converged]).toEqual(['UnsuperposeError', 'ERR_TOO_LARGE', true]);
  // Lists grow as entries are found: any of them may be the one that does not fit any more, small ones too.
  expect(message).toMatch(what === 'all entries above' ? /\d+ bytes more are wanted/ : /\d{6,} bytes/);
});
