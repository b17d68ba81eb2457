// How often runs over a matrix report: fifty times, or every 500 steps where a fiftieth is more.
import { expect, it } from 'vitest';
import { learnDictionary, trainSparseAutoencoder } from '../../lib/index.js';

const samples = {
  data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * i)),
  shape: [12, 2] as const,
};
// A run that scores samples held out waits until each report is taken; elsewhere those that come faster than they are taken are left out.
const holdout = 0.25;

type Run = { steps: number; onProgress: (progress: { done: number; total?: number | undefined }) => void };

it.each([
  [
    'a dictionary',
    (run: Run) => learnDictionary(samples, { features: 2, lambda: 0.1, batchSize: 1, holdout, ...run }),
  ],
  [
    'an autoencoder',
    (run: Run) =>
      trainSparseAutoencoder(samples, {
        ...{ architecture: 'topk', features: 2, sparsity: 1, batchSize: 1, holdout, ...run },
      }),
  ],
])('%s', async (_, learn) => {
  for (const [steps, stride] of [
    [7, 1],
    [120, 3],
    [26_000, 500],
  ] as const) {
    const seen: number[] = [];
    await learn({ steps, onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual(
      Array.from({ length: Math.ceil(steps / stride) }, (_, i) => Math.min((i + 1) * stride, steps)),
    );
  }
});
