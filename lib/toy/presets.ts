// The set-ups of "Toy Models of Superposition" (Elhage et al. 2022), to be spread into the options of trainToyModel, and those of
// SynthSAEBench (arXiv 2602.14687), for syntheticFeatures.
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
 * For {@link trainToyModel}:
 * - `geometry`: 200 features of equal importance in 20 dims, 20 densities from 1 to 1/20: dimensionality against sparsity.
 * - `phase`: 2 features in 1 dim over 10 densities from 1 to 1/100 and 10 relative importances of the second, 1/10 to 10, each the best
 *   of 10 starts: single ones get caught in another phase.
 * - `pentagon`: 5 features in 2 dims, importance 0.9ⁱ, at densities 1, 0.2 and 0.05.
 * - `small`: 24 features in 8 dims at density 0.06: seconds to train, and few enough to look at.
 *
 * For {@link syntheticFeatures}:
 * - `synth-sae-bench-16k`: the published benchmark, 16,384 features in 768 dims, some 34 of them active: its dictionary takes a minute or two to make;
 * - `synth-sae-bench-small`: the same recipe with 1,024 features in 96 dims, some 4 of them active.
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
  'synth-sae-bench-16k': {
    features: 16_384,
    dims: 768,
    probability: { zipf: 0.5, minimum: 5e-4, maximum: 0.4 },
    hierarchy: { roots: 128, branching: 4, depth: 3, exclusive: true },
    correlation: { rank: 25, scale: 0.1 },
    magnitude: { first: 5, last: 4, deviation: 0.5, spread: 0.5 },
    orthogonal: { steps: 100, learningRate: 3e-4 },
    bias: 0.5,
  },
  'synth-sae-bench-small': {
    features: 1024,
    dims: 96,
    probability: { zipf: 0.5, minimum: 1e-3, maximum: 0.2 },
    hierarchy: { roots: 8, branching: 4, depth: 3, exclusive: true },
    correlation: { rank: 10, scale: 0.1 },
    magnitude: { first: 5, last: 4, deviation: 0.5, spread: 0.5 },
    orthogonal: { steps: 100, learningRate: 3e-4 },
    bias: 0.5,
  },
} as const;
