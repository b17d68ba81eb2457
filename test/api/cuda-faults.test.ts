// A CUDA device that is not there, too old, too small, lost in the middle of a call, or used by many at once: the emulation of test/cuda/,
// with the faults that its environment asks for, in processes of their own.
import { describe, expect, it } from 'vitest';
import { asking, checkShortage, emulationThere } from './cuda.js';
import { entry } from './package-process.js';

const there = emulationThere();

const device = 'cuda';

const ask = asking(
  `const log = (value) => console.log(JSON.stringify(value ?? null));
   const told = ({ code, argument, message }) => ({ code, argument, message });
   const code = (call) => { try { return call(); } catch (error) { return told(error); } };
   const device = 'cuda';
   const atoms = matrix(60, 12, 1);
   const samples = matrix(5, 12, 3);
   const dictionary = pkg.Dictionary.from(atoms);
   const omp = (options) => pkg.unfoldSync(samples, dictionary, { method: 'omp', sparsity: 3, ...options });
   const sparse = pkg.unfoldSync(samples, dictionary, { lambda: 0.3 }).codes;
   const path = async (options) => {
     const steps = [];
     for await (const step of pkg.unfoldPath(samples, dictionary, { lambdas: [0.6, 0.3], ...options })) steps.push(bytes(step));
     return steps;
   };
   const weights = () => pkg.claims.virtualWeights(dictionary, 'identity', dictionary);
   const bytes = ({ codes, gap, status }) =>
     [codes.indptr, codes.indices, codes.values, gap, status].map((all) => Buffer.from(all.buffer, all.byteOffset, all.byteLength).toString('hex'));
   const sound = () => [
     pkg.unfoldSync(samples, dictionary, { lambda: 0.3 }).converged,
     pkg.unfoldSync(samples, dictionary, { lambda: 0.3, device: 'auto' }).device,
     pkg.ops.topK(samples, dictionary, 2).indices.length,
   ];`,
);
const SOUND = [true, 'cpu', 10];

describe.skipIf(!there)('a CUDA device that cannot be used', () => {
  it.each([
    ['no driver', { UNSUPERPOSE_EMULATED_DRIVER: 0 }, device, /no NVIDIA driver is installed.*nvidia-smi/],
    [
      'too old a driver',
      { UNSUPERPOSE_EMULATED_DRIVER: 12080 },
      device,
      /driver version is insufficient for CUDA runtime version.*driver 580 or newer/,
    ],
    ['no device', { UNSUPERPOSE_EMULATED_DEVICES: 0 }, device, /no CUDA-capable device is detected/],
    ['a wrong number', {}, 'cuda:1', /^there is no device cuda:1; there are: cuda:0 \(emulated\)$/],
    [
      'a wrong number among two',
      { UNSUPERPOSE_EMULATED_DEVICES: 2 },
      'cuda:2',
      /^there is no device cuda:2; there are: cuda:0 \(emulated\), cuda:1 \(emulated\)$/,
    ],
    [
      'too old a device',
      { UNSUPERPOSE_EMULATED_CC: 75 },
      device,
      /device 0 has compute capability 7\.5, the kernels need 8\.0 or newer/,
    ],
    ['CUDA_VISIBLE_DEVICES empty', { CUDA_VISIBLE_DEVICES: '' }, device, /CUDA_VISIBLE_DEVICES is "" here/],
    [
      'CUDA_VISIBLE_DEVICES of no device',
      { CUDA_VISIBLE_DEVICES: '-1' },
      device,
      /CUDA_VISIBLE_DEVICES is "-1" here/,
    ],
    [
      'a number that CUDA_VISIBLE_DEVICES hides',
      { CUDA_VISIBLE_DEVICES: '1', UNSUPERPOSE_EMULATED_DEVICES: 2 },
      'cuda:1',
      /there is no device cuda:1.*CUDA_VISIBLE_DEVICES/,
    ],
  ])('%s: ERR_NO_DEVICE by every call, and the CPU goes on', (_, env, wanted, reason) => {
    const on = `{ device: ${JSON.stringify(wanted)} }`;
    const { answers, cpu } = ask(
      `const answers = [
         code(() => pkg.unfoldSync(samples, dictionary, { lambda: 0.3, ...${on} })),
         await pkg.unfold(samples, dictionary, { lambda: 0.3, ...${on} }).catch(told),
         code(() => omp(${on})),
         code(() => pkg.fold(sparse, dictionary, ${on})),
         code(() => pkg.certifySync(samples, sparse, dictionary, { lambda: 0.3, ...${on} })),
         await path(${on}).catch(told),
         code(() => pkg.ops.topK(samples, dictionary, 2, ${on})),
         code(() => pkg.ops.above(samples, dictionary, 0.5, ${on})),
         code(() => pkg.ops.maximum(samples, dictionary, ${on})),
         await weights().strongest(2, ${on}).catch(told),
         await pkg.geometry.coherence(dictionary, ${on}).catch(told),
       ];
       log({ answers, cpu: sound() })`,
      env,
    );
    for (const answer of answers) {
      expect(answer).toMatchObject({ code: 'ERR_NO_DEVICE', argument: 'device' });
      expect(answer.message).toMatch(reason);
    }
    expect(cpu).toEqual(SOUND);
  });

  it('is not looked for unless a call asks: the module is not even loaded', () => {
    const loaded = "process.report.getReport().sharedObjects.some((path) => path.includes('cuda_emulated'))";
    const body = `
      pkg.unfoldSync(samples, dictionary, { lambda: 0.3 });
      await pkg.unfold(samples, dictionary, { lambda: 0.3, device: 'cpu' });
      for await (const _ of pkg.unfoldPath(samples, dictionary, { lambdas: [0.3, 0.2] }));
      pkg.unfoldSync(samples, dictionary, { method: 'omp', sparsity: 2 });
      pkg.ops.topK(samples, dictionary, 2, { device: 'auto' });
      pkg.ops.above(samples, dictionary, 0.5);
      pkg.ops.maximum(samples, dictionary, { device: 'cpu' });
      await weights().strongest(2, { device: 'auto' });
      await pkg.geometry.coherence(dictionary);
      await pkg.learnDictionary(samples, { features: 3, lambda: 0.1, epochs: 1 });
      code(() => pkg.unfoldSync(samples, dictionary, { lambda: 0.3, device: 'cuda:x' }));
      const before = ${loaded};
      pkg.ops.maximum(samples, dictionary, { device });
      log([before, ${loaded}])`;
    expect(ask(body)).toEqual([false, true]);
  });
});

/** The answers, or errors, of every kind of call, each with a copy of its own on the device. */
const ALL = `[
  code(() => bytes(pkg.unfoldSync(samples, pkg.Dictionary.from(atoms), { lambda: 0.3, device }))),
  code(() => bytes(pkg.unfoldSync(samples, pkg.Dictionary.from(atoms), { method: 'omp', sparsity: 3, device }))),
  code(() => [...pkg.fold(sparse, pkg.Dictionary.from(atoms), { device }).data]),
  code(() => [...pkg.certifySync(samples, sparse, pkg.Dictionary.from(atoms), { lambda: 0.3, device }).gap]),
  code(() => [...pkg.ops.topK(samples, atoms, 2, { device }).values]),
  code(() => [...pkg.ops.above(samples, atoms, 0.5, { device }).values]),
  code(() => [...pkg.ops.maximum(samples, atoms, { device })]),
  await weights().strongest(2, { device }).catch(told),
  await pkg.geometry.coherence(pkg.Dictionary.from(atoms), { device }).catch(told),
]`;

describe.skipIf(!there)('a CUDA device with little memory', () => {
  it('too little for the features: ERR_TOO_LARGE with the bytes, by every call, and the CPU goes on', () => {
    const { answers, cpu } = ask(
      `const answers = [
         code(() => pkg.unfoldSync(samples, dictionary, { lambda: 0.3, device })),
         await pkg.unfold(samples, dictionary, { lambda: 0.3, device }).catch(told),
         code(() => omp({ device })),
         code(() => pkg.fold(sparse, dictionary, { device })),
         code(() => pkg.certifySync(samples, sparse, dictionary, { lambda: 0.3, device })),
         await path({ device }).catch(told),
         code(() => pkg.ops.topK(samples, dictionary, 2, { device })),
         code(() => pkg.ops.above(samples, dictionary, 0.5, { device })),
         code(() => pkg.ops.maximum(samples, dictionary, { device })),
         await weights().strongest(2, { device }).catch(told),
         await pkg.geometry.coherence(dictionary, { device }).catch(told),
       ];
       log({ answers, cpu: sound() })`,
      { UNSUPERPOSE_EMULATED_MEMORY: 2000 },
    );
    for (const answer of answers) checkShortage(answer, 2000);
    expect(cpu).toEqual(SOUND);
  });

  it('too little in the middle: the same answer, or ERR_TOO_LARGE with the bytes, and what sufficed once goes on to', () => {
    const sizes = [4e3, 1e4, 3e4, 6e4, 1e5, 2e5, 4e5, 1e6, 4e6, 16e6];
    const expected = ask(`log(${ALL})`);
    let sufficed = 0;
    for (const size of sizes) {
      const answers = ask(`log(${ALL})`, { UNSUPERPOSE_EMULATED_MEMORY: size });
      let right = 0;
      for (const [i, answer] of answers.entries()) {
        if (answer.code === undefined) expect(answer).toEqual(expected[i]);
        else checkShortage(answer, size);
        if (answer.code === undefined) right++;
      }
      expect(right, `${size} bytes`).toBeGreaterThanOrEqual(sufficed);
      sufficed = right;
    }
    expect(sufficed).toBe(expected.length);
  });

  // Batches are halved: with few bytes a call answers as with many, or says how much is wanted. Of so many atoms floors come from thresholds, which
  // take memory within a pass.
  const SOLVE = { lasso: 'lambda: 1.5', omp: "method: 'omp', sparsity: 4" };
  it.each([
    ['lasso', [2.4e6, 3.3e6, 4.2e6, 4.8e6]],
    ['omp', [5e5, 9.6e5, 1.1e6, 4e6]],
  ] as const)('%s takes smaller batches in %j bytes', (method, sizes) => {
    const body = `const wide = pkg.Dictionary.from(matrix(2048, 12, 1));
       const result = code(() => pkg.unfoldSync(matrix(40, 12, 3), wide, { ${SOLVE[method]}, device }));
       log(result.code ? result : bytes(result))`;
    const plenty = ask(body);
    const answers = sizes.map((memory) => ask(body, { UNSUPERPOSE_EMULATED_MEMORY: memory }));
    for (const [i, answer] of answers.entries())
      if (answer.code === undefined) expect(answer).toEqual(plenty);
      else checkShortage(answer, sizes[i] as number);
    expect(answers[0].code).toBe('ERR_TOO_LARGE');
    expect(answers.at(-1)).toEqual(plenty);
  });

  it.each(['lambda: 0.3', "method: 'omp', sparsity: 1"])(
    'of several batches ({ %s }), where one is worked on while the next is prepared: says what is missing',
    (options) => {
      const body = `log(code(() => pkg.unfoldSync(matrix(4100, 3, 3), pkg.Dictionary.from(matrix(8, 3, 1)),
         { ${options}, device, threads: 2 })))`;
      // In the copy of the atoms, and after it.
      for (const memory of [50, 1000])
        checkShortage(ask(body, { UNSUPERPOSE_EMULATED_MEMORY: memory }), memory);
      for (const lost of [1, 2])
        expect(ask(body, { UNSUPERPOSE_EMULATED_LOST: lost }).code).toBe('ERR_NATIVE');
    },
  );

  it.each([1.5e6, 1.7e6])('of %d bytes: what one kind of call keeps, another gets', (memory) => {
    const lasso =
      'log(code(() => bytes(pkg.unfoldSync(matrix(16, 12, 3), dictionary, { lambda: 1.5, device }))).code ?? 0)';
    const omp = "pkg.unfoldSync(matrix(130, 12, 3), dictionary, { method: 'omp', sparsity: 12, device })";
    const env = { UNSUPERPOSE_EMULATED_MEMORY: memory };
    expect(ask(`${omp}; ${lasso}`, env)).toEqual(ask(lasso, env));
  });
});

describe.skipIf(!there)('the order in which a CUDA device works', () => {
  it('changes no bit of any call', () => {
    const expected = ask(`log(${ALL})`);
    for (const [seed, threads] of [
      [1, 1],
      [271828, 3],
    ])
      expect(ask(`log(${ALL})`, { UNSUPERPOSE_EMULATED_SEED: seed, UNSUPERPOSE_THREADS: threads })).toEqual(
        expected,
      );
  });
});

describe.skipIf(!there)('a CUDA device that is lost', () => {
  it.each([
    'pkg.unfold(samples, dictionary, { lambda: 0.3, device })',
    'path({ device })',
    'weights().strongest(2, { device })',
    'weights().maximum({ device })',
    "weights().maxima('to', { device })",
    'pkg.claims.noCircuit(dictionary, ["identity"], dictionary, 1, { device })',
    'pkg.claims.claimNoPair(dictionary, "identity", dictionary, 2, { device })',
    'pkg.geometry.coherence(dictionary, { device })',
    'pkg.geometry.clusters(dictionary, 0.4, { device })',
    'pkg.geometry.babel(dictionary, 3, { device })',
  ])('in %s: ERR_NATIVE, and the CPU goes on', (call) => {
    for (const lost of [1, 4]) {
      const body = `log({ first: await ${call}.then(() => 'fine', told), later: code(() => omp({ device })), cpu: sound() })`;
      const { first, later, cpu } = ask(body, { UNSUPERPOSE_EMULATED_LOST: lost });
      expect(first.code).toBe('ERR_NATIVE');
      expect(first.message).toContain('an illegal memory access was encountered');
      expect(later.message).toMatch(/has failed before and cannot be used again in this process/);
      expect(cpu).toEqual(SOUND);
    }
  });

  it.each([1, 2, 3, 4, 6, 9, 13, 20, 30, 45, 70, 100])(
    'at operation %d: ERR_NATIVE then and from then on, and the CPU goes on',
    (lost) => {
      const { answers, jobs, cpu } = ask(
        `const calls = [
           () => pkg.unfoldSync(samples, dictionary, { lambda: 0.3, device }),
           () => omp({ device }),
           () => pkg.fold(sparse, dictionary, { device }),
           () => pkg.certifySync(samples, sparse, dictionary, { lambda: 0.3, device }),
           () => pkg.ops.topK(samples, atoms, 2, { device }),
           () => pkg.ops.above(samples, dictionary, 0.5, { device }),
           () => pkg.ops.maximum(samples, dictionary, { device }),
         ];
         const answers = [];
         for (let turn = 0; turn < 3; turn++)
           for (const call of calls) answers.push(code(() => call() && 'fine'));
         const jobs = await Promise.all([
           pkg.unfold(samples, dictionary, { lambda: 0.3, device }).catch(told),
           weights().strongest(2, { device }).catch(told),
         ]);
         dictionary.dispose();
         const again = pkg.Dictionary.from(atoms);
         log({ answers, jobs, cpu: [
           pkg.unfoldSync(samples, again, { lambda: 0.3 }).converged,
           pkg.unfoldSync(samples, again, { lambda: 0.3, device: 'auto' }).device,
           pkg.ops.topK(samples, again, 2).indices.length,
         ] })`,
        { UNSUPERPOSE_EMULATED_LOST: lost },
      );
      const fell = answers.findIndex((answer: unknown) => answer !== 'fine');
      expect(fell).toBeGreaterThanOrEqual(0);
      expect(answers[fell].code).toBe('ERR_NATIVE');
      expect(answers[fell].message).toContain('an illegal memory access was encountered');
      for (const answer of [...answers.slice(fell + 1), ...jobs]) {
        expect(answer.code).toBe('ERR_NATIVE');
        expect(answer.message).toBe(
          "CUDA device 0 has failed before and cannot be used again in this process; device 'cpu' can",
        );
      }
      expect(cpu).toEqual(SOUND);
    },
  );

  it('while others use it: each job answers or says so, and the process lives', () => {
    const { settled, later, cpu } = ask(
      `const settled = await Promise.all(
         Array.from({ length: 4 }, (_, i) =>
           pkg.unfold(matrix(3, 12, i), dictionary, { lambda: 0.3, device }).then(() => 'fine', ({ code }) => code)));
       log({ settled, later: code(() => pkg.ops.maximum(samples, dictionary, { device })).code, cpu: sound() })`,
      { UNSUPERPOSE_EMULATED_LOST: 30 },
    );
    expect(settled).toContain('ERR_NATIVE');
    for (const answer of settled) expect(['fine', 'ERR_NATIVE']).toContain(answer);
    expect(later).toBe('ERR_NATIVE');
    expect(cpu).toEqual(SOUND);
  });
});

describe.skipIf(!there)('a CUDA device in use', () => {
  const LARGE = { UNSUPERPOSE_EMULATED_LOST: 45 };
  const large = 'matrix(80, 12, 3), dictionary, { lambda: 0.1, tolerance: 1e-9, device';

  it('stops within a batch when the job is aborted', () => {
    // Had the job gone on, it would have come to the operation at which the device is lost, as the second one does.
    const { aborted, after, whole } = ask(
      `const controller = new AbortController();
       const job = pkg.unfold(${large}, signal: controller.signal });
       setTimeout(() => controller.abort('enough'), 20);
       const aborted = await job.catch((reason) => reason);
       const after = pkg.ops.maximum(samples, dictionary, { device }).length;
       const whole = await pkg.unfold(${large} }).catch(({ code }) => code);
       log({ aborted, after, whole })`,
      LARGE,
    );
    expect({ aborted, after, whole }).toEqual({ aborted: 'enough', after: 5, whole: 'ERR_NATIVE' });
  });

  it.each([
    'certify(matrix(3000, 12, 3), empty, dictionary, { lambda: 0.1,',
    "unfold(matrix(900, 12, 3), dictionary, { method: 'omp', sparsity: 12,",
  ])('stops %s … }) too', (call) => {
    const { aborted, after, whole } = ask(
      `const empty = pkg.SparseCodes.from({ indptr: new Uint32Array(3001), indices: new Uint32Array(0), values: new Float32Array(0), shape: [3000, 60] });
         const controller = new AbortController();
         const job = pkg.${call} device, signal: controller.signal });
         setTimeout(() => controller.abort('enough'), 5);
         const aborted = await job.catch((reason) => reason);
         const after = pkg.ops.maximum(samples, dictionary, { device }).length;
         const whole = await pkg.${call} device }).then(() => 'done');
         log({ aborted, after, whole })`,
    );
    expect({ aborted, after, whole }).toEqual({ aborted: 'enough', after: 5, whole: 'done' });
  });

  it('by many jobs at once, of one dictionary that is disposed meanwhile: the same bits as alone', () => {
    const { alone, together } = ask(
      `const options = { lambda: 0.3, device };
       const sets = [matrix(4, 12, 3), matrix(3, 12, 5), matrix(5, 12, 7)];
       const fresh = pkg.Dictionary.from(atoms);
       const alone = sets.map((each) => bytes(pkg.unfoldSync(each, fresh, options)));
       const virtual = weights();
       const expected = await virtual.strongest(5);
       const jobs = sets.map((each) => pkg.unfold(each, dictionary, options));
       const pairs = virtual.strongest(5, { device });
       dictionary.dispose();
       virtual.dispose();
       const together = (await Promise.all(jobs)).map(bytes);
       const same = JSON.stringify(await pairs) === JSON.stringify(expected);
       log({ alone: [alone, true], together: [together, same] })`,
    );
    expect(together).toEqual(alone);
  });

  it('by two workers and this thread at once: the same bits', () => {
    const answers = ask(
      `const { Worker } = await import('node:worker_threads');
       const source = \`
         import { parentPort, workerData } from 'node:worker_threads';
         const pkg = await import(${JSON.stringify(entry)});
         const dictionary = pkg.Dictionary.from(workerData.atoms);
         const { codes, gap } = await pkg.unfold(workerData.samples, dictionary, { lambda: 0.3, device: 'cuda' });
         const top = pkg.ops.topK(workerData.samples, dictionary, 3, { device: 'cuda' });
         const omp = pkg.unfoldSync(workerData.samples, dictionary, { method: 'omp', sparsity: 3, device: 'cuda' }).codes;
         const back = pkg.fold(omp, dictionary, { device: 'cuda' }).data;
         parentPort.postMessage(JSON.stringify([[...codes.indices], [...codes.values], [...gap], [...top.indices], [...top.values], [...omp.values], [...back]]));
       \`;
       const start = () => new Promise((resolve, reject) =>
         new Worker(source, { eval: true, workerData: { atoms, samples } }).once('message', resolve).once('error', reject));
       const workers = [start(), start()];
       const { codes, gap } = await pkg.unfold(samples, dictionary, { lambda: 0.3, device });
       const top = pkg.ops.topK(samples, dictionary, 3, { device });
       const pursued = omp({ device }).codes;
       const back = pkg.fold(pursued, dictionary, { device }).data;
       const here = JSON.stringify([[...codes.indices], [...codes.values], [...gap], [...top.indices], [...top.values], [...pursued.values], [...back]]);
       log([here, ...(await Promise.all(workers))])`,
    );
    expect(answers[1]).toBe(answers[0]);
    expect(answers[2]).toBe(answers[0]);
    expect(answers[0]).toContain('[');
  });
});
