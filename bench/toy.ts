// The geometry set-up of "Toy Models of Superposition" (Elhage et al. 2022), timed against its arithmetic floor, and how near the
// dimensionality of its features comes to the plateaus.
import { geometry, info, ops, toy } from '../lib/index.js';
import type { ToyResult } from './result.js';

/**
 * What the batch's mathematics needs at least, in multiply-adds a step and instance. Dense, whatever the density: h·Wᵀ, and the two
 * products of its backward pass. Sparse, a share p of two more: x·W and its backward pass.
 */
function floorOperations(density: number): number {
  const { batchSize, dims, features } = toy.presets.geometry;
  return (3 + 2 * density) * batchSize * dims * features;
}

/** Multiply-adds a second of our dense product on these threads: large, square, in cache. */
function productRate(threads: number): number {
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

/** Dimensionalities that regular arrangements have. */
const plateaus = [1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8, 0];
const near = 0.03;

/** `share` of the paper's 10,000 steps. */
export async function runToy({ share }: { readonly share: number }): Promise<ToyResult> {
  const { instances, features, dims, steps: all } = toy.presets.geometry;
  const { threads } = info();
  const steps = Math.round(all * share);
  const operations = instances.reduce((sum, { density }) => sum + steps * floorOperations(density), 0);
  const before = productRate(threads);
  const started = performance.now();
  const models = await toy.trainToyModel({ ...toy.presets.geometry, steps, threads });
  const seconds = (performance.now() - started) / 1000;
  const rate = Math.max(before, productRate(threads));
  const shares = [];
  for (const { weights, density } of models) {
    const dimensionality = await geometry.featureDimensionality(weights);
    const there = dimensionality.filter((d) => plateaus.some((plateau) => Math.abs(d - plateau) <= near));
    shares.push({ density: density[0] as number, onPlateau: there.length / features });
  }
  return {
    ...{ features, dims, steps, threads, seconds, operations, rate },
    models: models.length,
    floor: operations / rate,
    plateaus: shares,
  };
}
