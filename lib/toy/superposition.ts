// How much superposition there is in weights.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import { readThreads } from '../call/threads.js';
import { native } from '../native/runtime.js';

/** What {@link measureSuperposition} answers; arrays have one entry a feature, 0 for a feature whose weights are 0. */
export interface Superposition {
  /** ‖W_i‖ */
  readonly norm: Float64Array;
  /** D_i = ‖W_i‖²/Σ_j(Ŵ_i·W_j)²: the share of a dim that feature i has to itself, 0 … 1. */
  readonly dimensionality: Float64Array;
  /** Σ_{j≠i}(Ŵ_i·W_j)²: what the other features, all active with value 1, add to feature i's direction, squared. */
  readonly interference: Float64Array;
  /** max_k W_ik²/‖W_i‖²: 1 where the feature is a neuron (a dim) of its own direction. */
  readonly alignment: Float64Array;
  /** The dim at that maximum. */
  readonly neuron: Uint32Array;
  /** ‖W‖_F²: how many features are represented, each counted by its squared norm. */
  readonly effectiveFeatures: number;
  /** ‖W‖_F²/dims; above 1 there must be superposition. */
  readonly featuresPerDimension: number;
  /** D* = dims/‖W‖_F²; Infinity for zero weights. */
  readonly dimensionsPerFeature: number;
  /** Mean interference of the features with a norm of at least ½. */
  readonly meanInterference: number;
  /**
   * - `'neurons'`: each feature with a norm of at least ½ is one dim (alignment ≥ 0.95), each dim has at most one;
   * - `'privileged'`: features lie nearer to the dims than directions drawn at random would: `privilege` > 3;
   * - `'rotated'`: the dims mean nothing in themselves.
   */
  readonly basis: 'neurons' | 'privileged' | 'rotated';
  /**
   * (mean of Σ_k Ŵ_ik⁴ − 3/(dims + 2)) in standard deviations of as many uniformly random directions, over the features with a norm
   * of at least ½. A rule of thumb: features are not independent. 0 for one dim.
   */
  readonly privilege: number;
}

/** Options of {@link measureSuperposition}. */
export interface MeasureSuperpositionOptions {
  readonly threads?: number | undefined;
}

/** A feature counts as represented from this norm on: half of what carries it through at its full size. */
const REPRESENTED = 0.5;
const ALIGNED = 0.95;
const DEVIATIONS = 3;

/**
 * Measures superposition in the weights of a layer, after Elhage et al. 2022 (dimensionality, D*) and in float64. The cost is
 * features × dims²; no pair of features is formed.
 *
 * @param weights W, features × dims: rows are features
 * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_OPTION`
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * // two features as antipodes in one dim, and one that has a dim to itself
 * const weights = { data: Float32Array.of(1, 0, -1, 0, 0, 1), shape: [3, 2] as const };
 * const { dimensionality, featuresPerDimension } = toy.measureSuperposition(weights);
 * console.log([...dimensionality], featuresPerDimension); // → [ 0.5, 0.5, 1 ] 1.5
 * ```
 */
export function measureSuperposition(
  weights: MatrixLike,
  options?: MeasureSuperpositionOptions,
): Superposition {
  const threads = readThreads(new Options(options, ['threads'], 'measureSuperposition'));
  const matrix = readMatrix(weights, 'weights');
  const { rows, cols: dims } = matrix;
  if (rows === 0 || dims === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `weights must have at least one feature (row) and one dim, got [${rows}, ${dims}]`,
      'weights',
    );
  const { fourth, ...measured } = native((module) => module.toyMeasure(matrix, threads));
  const { norm, interference, alignment, neuron } = measured;
  let effectiveFeatures = 0;
  for (const length of norm) effectiveFeatures += length * length;
  const kept = [...norm.keys()].filter((i) => (norm[i] ?? 0) >= REPRESENTED);
  const mean = (values: Float64Array): number =>
    kept.reduce((sum, i) => sum + (values[i] ?? 0), 0) / Math.max(1, kept.length);
  const privilege = kept.length > 0 ? deviations(mean(fourth), dims, kept.length) : 0;
  const single =
    kept.length > 0 &&
    kept.every((i) => (alignment[i] ?? 0) >= ALIGNED) &&
    new Set(kept.map((i) => neuron[i])).size === kept.length;
  return {
    ...measured,
    effectiveFeatures,
    featuresPerDimension: effectiveFeatures / dims,
    dimensionsPerFeature: dims / effectiveFeatures,
    meanInterference: mean(interference),
    basis: single ? 'neurons' : privilege > DEVIATIONS ? 'privileged' : 'rotated',
    privilege,
  };
}

/**
 * How far a mean of Σ_k u_k⁴ lies above that of random directions u, from the moments of the sphere: E Σu⁴ = 3/(m + 2),
 * E(Σu⁴)² = (9m + 96)/((m + 2)(m + 4)(m + 6)), so the variance is 24(m − 1)/((m + 2)²(m + 4)(m + 6)).
 */
function deviations(mean: number, m: number, count: number): number {
  if (m === 1) return 0;
  const variance = (24 * (m - 1)) / ((m + 2) ** 2 * (m + 4) * (m + 6));
  return (mean - 3 / (m + 2)) / Math.sqrt(variance / count);
}
