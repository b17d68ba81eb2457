// Steps of training one sparse autoencoder, and little else: for callgrind, perf and other observers. Arguments: architecture, steps.
import { type LearnerOptions, trainSparseAutoencoder } from '../lib/index.js';
import { makeWorkload } from './workloads.js';

const [architecture = 'topk', steps = '100'] = process.argv.slice(2);
const [batch, dims, features, active] = [1024, 512, 4096, 32];
const spec = { name: 'training', dims, features, active, samples: 2 * batch, seed: 41, nonnegative: true };
const { samples, atoms } = makeWorkload(spec, () => Float64Array.of(1));
const own: Readonly<Record<string, object>> = {
  jumprelu: { targetL0: active, threshold: 1 },
  relu: { lambda: 0.3 },
  gated: { lambda: 0.3 },
};
const options = { architecture, features, ...(own[architecture] ?? { sparsity: active }) } as LearnerOptions;
const { training } = await trainSparseAutoencoder(
  { data: samples, shape: [2 * batch, dims] },
  {
    ...{ ...options, learningRate: 2e-3, initial: { data: atoms, shape: [features, dims] } },
    ...{ batchSize: batch, steps: Number(steps), threads: 1 },
  },
);
process.stdout.write(`${architecture}: L0 ${training?.l0} at the end\n`);
