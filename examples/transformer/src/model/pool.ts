// Several threads with a model each, which share the batches of sentences.
import { Worker } from 'node:worker_threads';
import type { Activations, Task } from './worker.js';

/** Runs all tasks; `done` has each one's place and result, in the order in which they end. */
export async function runTasks(
  tasks: readonly Task[],
  threads: number,
  done: (place: number, result: Activations) => void,
): Promise<void> {
  let next = 0;
  const workers = Array.from(
    { length: Math.min(threads, tasks.length) },
    () => new Worker(new URL('./worker.js', import.meta.url)),
  );
  const work = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      let place = -1;
      const take = () => {
        if (next >= tasks.length) return resolve();
        place = next++;
        worker.postMessage(tasks[place]);
      };
      worker.on('error', reject);
      worker.on('message', (result: Activations) => {
        done(place, result);
        take();
      });
      take();
    });
  try {
    await Promise.all(workers.map(work));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
