// The set-ups of "Toy Models of Superposition" (Elhage et al. 2022), to be spread into the options of trainToyModel.
import type { ToyInstance } from './options.js';

/** `count` values from `first` to `last`, equal ratios apart. */
function ratios(first: number, last: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * (last / first) ** (i / (count - 1)));
}

/** A grid of densities (the outer loop) and importances of the last feature relative to the first. */
function phaseGrid(
  features: number,
  densities: readonly number[],
  relative: readonly number[],
): ToyInstance[] {
  return densities.flatMap((density) =>
    relative.map((last) => ({
      density,
      importance: Array.from({ length: features }, (_, i) => (i === features - 1 ? last : 1)),
    })),
  );
}

/**
 * - `geometry`: 200 features of equal importance in 20 dims, 20 densities from 1 to 1/20: dimensionality against sparsity.
 * - `phase`: 2 features in 1 dim over 10 densities from 1 to 1/100 and 10 relative importances of the second, 1/10 to 10, each the best
 *   of 10 starts: single ones get caught in another phase.
 * - `pentagon`: 5 features in 2 dims, importance 0.9ⁱ, at densities 1, 0.2 and 0.05.
 * - `small`: 24 features in 8 dims at density 0.06: seconds to train, and few enough to look at.
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * const models = await toy.trainToyModel({ ...toy.presets.pentagon, steps: 50 });
 * console.log(models.length, models[0].weights.shape.join(' × ')); // → 3 5 × 2
 * ```
 */
export const presets = {
  geometry: {
    features: 200,
    dims: 20,
    instances: ratios(1, 1 / 20, 20).map((density) => ({ density })),
    steps: 10_000,
    batchSize: 1024,
    learningRate: 1e-3,
  },
  phase: {
    features: 2,
    dims: 1,
    instances: phaseGrid(2, ratios(1, 0.01, 10), ratios(0.1, 10, 10)),
    steps: 3000,
    starts: 10,
    batchSize: 1024,
    learningRate: 1e-2,
    schedule: 'cosine',
  },
  pentagon: {
    features: 5,
    dims: 2,
    importance: { decay: 0.9 },
    instances: [{ density: 1 }, { density: 0.2 }, { density: 0.05 }],
    steps: 5000,
    batchSize: 1024,
    learningRate: 3e-3,
    schedule: 'cosine',
  },
  small: {
    features: 24,
    dims: 8,
    density: 0.06,
    steps: 5000,
    batchSize: 1024,
    learningRate: 3e-3,
    schedule: 'cosine',
  },
} as const;
