// A thread of the fuzzer, which makes calls until it is terminated.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { runCase } from './cases.mjs';

const { folder, seed } = workerData;
const pkg = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
for (let current = seed * 1000; ; current += 4)
  await Promise.all(
    [0, 1, 2, 3].map((k) =>
      runCase(pkg, (what) => parentPort.postMessage({ failure: { seed: current + k, what } }), {
        seed: current + k,
      }),
    ),
  );
