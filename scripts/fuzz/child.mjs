// Runs cases one after another, and notes before each which it is: the parent reads the note when this process ends or hangs.
// Arguments: the package's folder, the file for notes, the first case, how many, milliseconds, seconds that a case may take.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { runCase } from './cases.mjs';

const [folder, fd, first, count, milliseconds, patience] = process.argv.slice(2);
const pkg = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
const deadline = performance.now() + Number(milliseconds);
/** One case in so many is a thread that is terminated in the middle of calls. */
const WORKERS = 2000;

const failed = (seed) => (what) => process.send({ failure: { seed, what } });

function worker(seed) {
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./thread.mjs', import.meta.url), { workerData: { folder, seed } });
    let stopping = false;
    thread.on('error', (error) => {
      if (!stopping) failed(seed)(`a worker: ${error?.stack}`);
    });
    thread.on('message', ({ failure }) => failed(failure.seed)(`in a worker: ${failure.what}`));
    thread.on('exit', resolve);
    setTimeout(
      () => {
        stopping = true;
        thread.terminate();
      },
      100 + (seed % 400),
    );
  });
}

// What no case waits for must not be lost.
let current = Number(first);
process.on('unhandledRejection', (error) =>
  failed(current)(`an unhandled rejection: ${error?.stack ?? error}`),
);
process.on('uncaughtException', (error) =>
  failed(current)(`an uncaught exception: ${error?.stack ?? error}`),
);

const canary = () => {
  const dictionary = pkg.Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8, 0, 1), shape: [3, 2] });
  const x = { data: Float32Array.of(1, 2, -1, 0.5), shape: [2, 2] };
  return Buffer.from(pkg.unfoldSync(x, dictionary, { lambda: 0.1 }).codes.values.buffer).toString('hex');
};
const sung = canary();

const calls = {};
let done = 0;
let reported = performance.now();
for (; done < Number(count) && performance.now() < deadline; done++, current++) {
  writeSync(Number(fd), String(current).padEnd(20), 0);
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('late'), Number(patience) * 1000);
  });
  const work =
    current % WORKERS === WORKERS - 1
      ? worker(current).then(() => ({ name: 'worker', skipped: false }))
      : runCase(pkg, failed(current), { seed: current });
  const ended = await Promise.race([work, late]);
  clearTimeout(timer);
  if (ended === 'late') {
    failed(current)(`not settled within ${patience} s: ${runCase.latest}`);
    process.send({ progress: { current: current + 1, done: done + 1, calls } }, () => process.exit(3));
    await new Promise(() => {});
  }
  if (!ended.skipped) calls[ended.name] = (calls[ended.name] ?? 0) + 1;
  if (done % 100 === 0 && canary() !== sung)
    failed(current)('another answer to the same small call as at the start');
  if (performance.now() - reported > 500) {
    reported = performance.now();
    process.send({ progress: { current: current + 1, done: done + 1, calls } });
  }
}
process.send({ progress: { current, done, calls }, finished: true }, () => process.disconnect());
