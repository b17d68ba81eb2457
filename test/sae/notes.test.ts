// What training has to say of itself besides its figures.
import { expect, test } from 'vitest';
import { trainSparseAutoencoder } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

test('training that leaves less than the mean of the samples says so', async () => {
  const random = makeRandom(17);
  const activations = {
    data: Float32Array.from({ length: 400 * 8 }, () => random.normal()),
    shape: [400, 8] as const,
  };
  const options = { architecture: 'topk', features: 32, sparsity: 4, steps: 40, batchSize: 50 } as const;
  const { training } = await trainSparseAutoencoder(activations, { ...options, learningRate: 1e4 });
  expect(training?.explainedVariance).toBeLessThan(0);
  const note = training?.notes.find(({ code }) => code === 'NOTE_NOTHING_LEARNED');
  expect(note?.message).toMatch(
    /further from them than their mean is \(explained variance -.*smaller learningRate/,
  );
});
