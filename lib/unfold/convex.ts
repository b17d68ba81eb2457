// Options of the convex methods, and how they are read.
import type { CommonOptions } from '../call/common.js';
import type { Options } from '../call/options.js';
import { type PerFeature, type PerSample, readWeights } from '../call/samples.js';
import type { CodesLike } from '../data/codes.js';
import type { NativeConvexOptions, NativePenaltyOptions } from '../native/methods.js';

/** What the convex methods share, but λ and the start. */
export interface ConvexBaseOptions extends CommonOptions {
  /**
   * `'lasso'` (default): working sets, by far the fastest. `'fista'`, `'ista'`: proximal gradient, for comparison. `'homotopy'`: the path of
   * solutions from λ_max down, knot by knot in float64, which ends at the exact support whatever the tolerance.
   */
  readonly method?: 'lasso' | 'fista' | 'ista' | 'homotopy' | undefined;
  /** β ≥ 0 of the elastic net. Default 0. */
  readonly ridge?: number | undefined;
  /** w, one positive weight a feature. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Stop once the duality gap is at most this, relative to ½‖x‖². Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Scoring passes (lasso), steps (fista, ista) or knots (homotopy) a sample. Default: the method's own. */
  readonly maxIterations?: number | undefined;
}

/** Options of `'lasso'`, `'fista'`, `'ista'` and `'homotopy'`. */
export interface ConvexOptions extends ConvexBaseOptions {
  /** λ > 0, one number or one a sample. Not divided by anything: see `unfold`. */
  readonly lambda: PerSample;
  /** Codes to start from, samples × features, such as the last call's. */
  readonly warmStart?: CodesLike | undefined;
}

/**
 * Codes in float64, for the float32 data as they are: the float32 method finds the support, and homotopy on its atoms solves and
 * certifies in float64, to gaps of 1e-12 and less.
 */
export type Float64Options = Omit<ConvexOptions, 'precision' | 'method'> & {
  readonly precision: 'float64';
  readonly method?: 'lasso' | 'homotopy' | undefined;
};

export const CONVEX_NAMES = ['ridge', 'weights', 'tolerance', 'maxIterations'] as const;

/** The default bound of the duality gap, relative to ½‖x‖²: of codes that are solved for, and of codes that are judged. */
export const GAP_TOLERANCE = 1e-4;
export const MOST_ITERATIONS = 2 ** 32 - 1;

/** The options that all convex methods share, as native code takes them. */
export function readConvex(options: Options, features: number): NativeConvexOptions {
  return {
    weights: readWeights(options.get('weights'), features),
    nonnegative: options.flag('nonnegative'),
    tolerance: options.number('tolerance', { above: 0 }, GAP_TOLERANCE),
    maxIterations: options.integer('maxIterations', { min: 1, max: MOST_ITERATIONS }, 0),
  };
}

/** The options of one LASSO but λ and the start. */
export function readPenalty(
  options: Options,
  method: NativePenaltyOptions['method'],
  features: number,
): Omit<NativePenaltyOptions, 'lambda' | 'warmStart' | 'float64'> {
  return { method, ridge: options.number('ridge', { min: 0 }, 0), ...readConvex(options, features) };
}
