// npm run bench:toy [-- --quick] [-- --threads N]: the geometry set-up of "Toy Models of Superposition", timed against its arithmetic
// floor, and how near the dimensionality of its features comes to the plateaus. Not part of `npm run bench`: it takes minutes.
import { parseArgs } from 'node:util';
import { info, ops, toy } from '../lib/index.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    threads: { type: 'string' },
    seed: { type: 'string' },
  },
});
const threads = Number(values.threads ?? info().threads);
const { features, dims, batchSize, instances, ...preset } = toy.presets.geometry;
const steps = values.quick ? preset.steps / 20 : preset.steps;

/**
 * What the batch's mathematics needs at least, in multiply-adds a step and instance. Dense, whatever the density: h·Wᵀ, and the two
 * products of its backward pass. Sparse, a share p of two more: x·W and its backward pass.
 */
function floorOperations(density: number): number {
  return (3 + 2 * density) * batchSize * dims * features;
}

/** Multiply-adds a second of our dense product on all `threads`: large, square, in cache. */
function productRate(): number {
  const size = 1024;
  const matrix = {
    data: Float32Array.from({ length: size * size }, Math.random),
    shape: [size, size] as const,
  };
  let best = 0;
  for (let i = 0; i < 10; i++) {
    const started = performance.now();
    ops.correlate(matrix, matrix, { threads });
    best = Math.max(best, size ** 3 / (performance.now() - started));
  }
  return best * 1e3;
}

const operations = instances.reduce(
  (sum, { density }) => sum + steps * floorOperations(density as number),
  0,
);
const rate = productRate();
const started = performance.now();
const models = await toy.trainToyModel({
  ...toy.presets.geometry,
  steps,
  threads,
  seed: Number(values.seed ?? 0),
});
const seconds = (performance.now() - started) / 1000;
const floor = operations / rate;
console.log(
  `${info().isa}, ${threads} threads; our dense product: ${(rate / 1e9).toFixed(1)} G multiply-adds/s`,
);
console.log(`${instances.length} models × ${steps} steps: ${seconds.toFixed(1)} s`);
console.log(
  `floor: ${(operations / 1e12).toFixed(2)} T multiply-adds, ${floor.toFixed(1)} s; ratio ${(seconds / floor).toFixed(2)}`,
);

const PLATEAUS = [1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8, 0];
const BINS = 40;
console.log('\ndensity  D*      within 0.03 of a plateau   dimensionality, a histogram from 0 to 1');
for (const { weights, density } of models) {
  const { dimensionality, dimensionsPerFeature } = toy.measureSuperposition(weights);
  const near = dimensionality.filter((d) => PLATEAUS.some((plateau) => Math.abs(d - plateau) <= 0.03));
  const counts = new Array<number>(BINS).fill(0);
  for (const d of dimensionality) {
    const bin = Math.min(BINS - 1, Math.floor(d * BINS));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const marks = counts.map((count) => ' .:-=+*#%@'[Math.min(9, Math.ceil((9 * count) / features))]).join('');
  const share = `${near.length} of ${features}`.padEnd(24);
  console.log(`${density[0]?.toFixed(3)}    ${dimensionsPerFeature.toFixed(3)}   ${share} |${marks}|`);
}
