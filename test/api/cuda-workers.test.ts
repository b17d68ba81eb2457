// Workers that end in the middle of calls on a CUDA device, and jobs of every kind that are aborted there: the process lives, and others' answers are the
// same bits. The emulation of test/cuda/, in processes of their own.
import { describe, expect, it } from 'vitest';
import { asking, emulationThere } from './cuda.js';
import { entry } from './package-process.js';

const there = emulationThere();

const ask = asking(
  `const device = 'cuda';
   const atoms = matrix(60, 12, 1);
   const dictionary = pkg.Dictionary.from(atoms);
   const text = (value) => JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? [...v] : v));
   const answer = async () => {
     const { codes, gap } = await pkg.unfold(matrix(5, 12, 3), dictionary, { lambda: 0.3, device });
     return text([codes.indices, codes.values, gap, pkg.ops.topK(matrix(5, 12, 3), dictionary, 2, { device })]);
   };`,
);

describe.skipIf(!there)('a worker that ends in the middle of calls on a CUDA device', () => {
  it.each([
    'pkg.unfoldSync(samples, dictionary, { lambda: 0.1, tolerance: 1e-9, device })',
    "pkg.unfoldSync(samples, dictionary, { method: 'omp', sparsity: 12, device })",
    'await pkg.unfold(samples, dictionary, { lambda: 0.1, device })',
    'pkg.ops.topK(samples, dictionary, 3, { device })',
    "await pkg.trainSparseAutoencoder(samples, { architecture: 'topk', features: 96, sparsity: 3, batchSize: 10, steps: 1000, device })",
    'await pkg.learnDictionary(samples, { features: 60, lambda: 0.1, batchSize: 10, steps: 1000, device })',
  ])('%s: the process and the device live on', (call) => {
    const { before, after, seen } = ask(
      `const { Worker } = await import('node:worker_threads');
       const source = \`
         import { parentPort, workerData } from 'node:worker_threads';
         const pkg = await import(${JSON.stringify(entry)});
         const { atoms, samples } = workerData, device = 'cuda';
         const dictionary = pkg.Dictionary.from(atoms);
         pkg.ops.maximum(samples, dictionary, { device });
         parentPort.postMessage('begun');
         for (;;) { ${call}; }
       \`;
       const before = await answer();
       const seen = [];
       for (const wait of [0, 5, 40]) {
         const worker = new Worker(source, { eval: true, workerData: { atoms, samples: matrix(30, 12, 3) } });
         await new Promise((begun, failed) => worker.once('message', begun).once('error', failed));
         await new Promise((waited) => setTimeout(waited, wait));
         seen.push(await worker.terminate());
       }
       console.log(JSON.stringify({ before, after: await answer(), seen }))`,
    );
    expect(seen).toEqual([1, 1, 1]); // as Node says of a worker that was ended
    expect(after).toBe(before);
  });
});

describe.skipIf(!there)('a job that is aborted in the middle on a CUDA device', () => {
  it.each([
    "unfold(matrix(600, 12, 3), dictionary, { method: 'omp', sparsity: 12,",
    'unfold(matrix(600, 12, 3), dictionary, { lambda: 0.1, tolerance: 1e-9,',
    'claims.claimNoPair(wide, "identity", wide, 2, {',
    'geometry.coherence(wide, {',
    'geometry.babel(wide, 20, {',
    'lista.unfold(matrix(600, 12, 3), {',
    'sae.encode(matrix(2000, 12, 3), {',
    "trainSparseAutoencoder(matrix(600, 12, 3), { architecture: 'batchtopk', features: 96, sparsity: 3, batchSize: 300, steps: 200,",
    'learnDictionary(matrix(600, 12, 3), { features: 60, lambda: 0.1, batchSize: 300, steps: 200,',
  ])('%s … }): rejects with the reason, and the next call answers the same', (call) => {
    const { reason, before, after } = ask(
      `const wide = pkg.Dictionary.from(matrix(3000, 12, 1));
       const lista = pkg.Lista.from({ weights: 'fixed', dictionary: atoms, threshold: [0.4, 0.3, 0.2, 0.1], selection: [2, 4, 6, 6] });
       const sae = await pkg.trainSparseAutoencoder(matrix(60, 12, 3), { architecture: 'topk', features: 96, sparsity: 3, steps: 2 });
       const before = await answer();
       const controller = new AbortController();
       const job = ${/^(lista|sae)\./.test(call) ? '' : 'pkg.'}${call} device, signal: controller.signal });
       setTimeout(() => controller.abort('enough'), 10);
       const reason = await job.then(() => 'ended', (why) => why);
       console.log(JSON.stringify({ reason, before, after: await answer() }))`,
    );
    expect(reason).toBe('enough');
    expect(after).toBe(before);
  });
});
