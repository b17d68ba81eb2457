// worker_threads: the addon loads in many at once, they get the same bits, and one that is killed in the middle of a
// solve leaves nothing behind. Workers run the built package (dist/), as users' workers do.
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, it } from 'vitest';
import { Dictionary, unfold, unfoldSync } from '../../lib/index.js';
import { coherent } from '../reference/problems.js';
import { bits, expectSame } from '../reference/verify.js';
import type { Anything } from './calls.js';

const entry = new URL('../../dist/index.js', import.meta.url);
const problem = coherent(341, { features: 300, dims: 32, samples: 200, active: 5 });
const options = { lambda: 0.05 };

beforeAll(() => {
  if (!existsSync(entry)) throw new Error('dist/ is missing: run `npm run build` first');
});

/** A worker that runs `body` with the package as `pkg`, and posts what it returns. */
function start(body: string): Worker {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import * as pkg from ${JSON.stringify(entry.href)};
    const { atoms, samples, options } = workerData;
    const main = async () => { ${body} };
    parentPort.postMessage(await main());
  `;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { atoms: problem.atoms, samples: problem.samples, options },
  });
}

function message(worker: Worker): Promise<Anything> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`worker left with ${code} and no answer`)));
  });
}

const SOLVE = `
  const dictionary = pkg.Dictionary.from(atoms);
  const sync = pkg.unfoldSync(samples, dictionary, options);
  const job = await pkg.unfold(samples, dictionary, { ...options, threads: 2 });
  return { values: job.codes.values, same: Buffer.compare(Buffer.from(sync.codes.values.buffer), Buffer.from(job.codes.values.buffer)) };
`;

it('four at once and this thread: the same bits everywhere', async () => {
  const dictionary = Dictionary.from(problem.atoms);
  const workers = Array.from({ length: 4 }, () => start(SOLVE));
  const here = unfold(problem.samples, dictionary, options);
  const answers = await Promise.all(workers.map(message));
  const expected = bits((await here).codes.values);
  for (const { values, same } of answers) {
    expect(same).toBe(0);
    expect(bits(values)).toBe(expected);
  }
});

it('load and unload, over and over', async () => {
  for (let turn = 0; turn < 5; turn++) {
    const worker = start(SOLVE);
    await message(worker);
    await worker.terminate();
  }
  expect(unfoldSync(problem.samples, Dictionary.from(problem.atoms), options).converged).toBe(true);
});

const BUSY = `
  const dictionary = pkg.Dictionary.from(atoms);
  const endless = { method: 'ista', lambda: 1e-4, tolerance: 1e-12, maxIterations: 1000000, onProgress: () => {} };
  const jobs = [1, 2, 3].map((threads) => pkg.unfold(samples, dictionary, { ...endless, threads }));
  const learning = pkg.learnDictionary(samples, { features: 50, lambda: 0.1, epochs: 1000000, onProgress: () => {} });
  parentPort.postMessage('busy');
  await Promise.all([...jobs, learning]);
`;

it('terminated in the middle of its jobs: this thread goes on, and can start others', async () => {
  const dictionary = Dictionary.from(problem.atoms);
  const expected = unfoldSync(problem.samples, dictionary, options);
  for (let turn = 0; turn < 4; turn++) {
    const worker = start(BUSY);
    expect(await message(worker)).toBe('busy');
    if (turn % 2) await new Promise((resolve) => setTimeout(resolve, 30));
    const alongside = unfold(problem.samples, dictionary, options);
    await worker.terminate();
    expectSame(expected, await alongside);
    // If the killed jobs still held the pool, this one would never be served.
    expectSame(expected, await unfold(problem.samples, dictionary, { ...options, threads: 2 }));
  }
});

it('process.exit in a worker with jobs running', async () => {
  const worker = start(`${BUSY.replace("parentPort.postMessage('busy');", 'process.exit(3);')}`);
  const code = await new Promise((resolve) => worker.once('exit', resolve));
  expect(code).toBe(3);
  expect(unfoldSync(problem.samples, Dictionary.from(problem.atoms), options).converged).toBe(true);
});

it('a matrix over shared memory is read from several workers', async () => {
  const data = new Float32Array(new SharedArrayBuffer(problem.samples.data.byteLength));
  data.set(problem.samples.data);
  const shared = { data, shape: problem.samples.shape };
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import * as pkg from ${JSON.stringify(entry.href)};
    const { atoms, shared, options } = workerData;
    const result = await pkg.unfold(shared, pkg.Dictionary.from(atoms), options);
    parentPort.postMessage(result.codes.values);
  `;
  const workers = [1, 2].map(
    () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData: { atoms: problem.atoms, shared, options },
      }),
  );
  const expected = bits(unfoldSync(problem.samples, Dictionary.from(problem.atoms), options).codes.values);
  for (const values of await Promise.all(workers.map(message))) expect(bits(values)).toBe(expected);
});

// One step of this takes seconds, tens of them on a busy machine.
const LONG = `
  pkg.toy.trainToyModel({ features: 200, dims: 20, density: 0.1, batchSize: 2 ** 20, steps: 4 });
  await new Promise((resolve) => setTimeout(resolve, 300));
`;

it('terminated in the middle of a long step: ends at once, and leaves the threads to others', async () => {
  const worker = start(`${LONG}parentPort.postMessage('busy'); await new Promise(() => {});`);
  await message(worker);
  const before = performance.now();
  await worker.terminate();
  const dictionary = Dictionary.from(problem.atoms);
  expect((await unfold(problem.samples, dictionary, { ...options, threads: 2 })).converged).toBe(true);
  expect(performance.now() - before).toBeLessThan(3000);
});

it('process.exit in the middle of a long step', async () => {
  const worker = start(`${LONG}parentPort.postMessage('leaving'); process.exit(3);`);
  await message(worker);
  const before = performance.now();
  expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(3);
  expect(performance.now() - before).toBeLessThan(3000);
});
