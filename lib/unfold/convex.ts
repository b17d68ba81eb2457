// Options of the convex methods, and how they are read.
import type { CommonOptions } from '../call/common.js';
import { UnsuperposeError } from '../call/errors.js';
import type { Options } from '../call/options.js';
import {
  type OneOrEach,
  type PerFeature,
  type PerSample,
  readPenaltyWeights,
  readPerSample,
} from '../call/samples.js';
import type { CodesLike } from '../data/codes.js';
import type { NativeConvexOptions, NativePenaltyOptions } from '../native/methods.js';
import type { ObservedOption } from './observed.js';
import type { CodeProposer } from './warm-start.js';

/** What the convex methods share, but λ and the start. */
export interface ConvexBaseOptions extends CommonOptions {
  /**
   * `'lasso'` (default): working sets, by far the fastest. `'fista'`, `'ista'`: proximal gradient, for comparison. `'homotopy'`: the path of
   * solutions from λ_max down, knot by knot in float64, which ends at the exact support whatever the tolerance.
   */
  readonly method?: 'lasso' | 'fista' | 'ista' | 'homotopy' | undefined;
  /** β ≥ 0 of the elastic net. Default 0. */
  readonly ridge?: number | undefined;
  /**
   * w, one weight a feature. 0 leaves it unpenalised: its code is what least squares makes of what the others leave (with `ridge`: ridge
   * regression); not with `nonnegative`. Infinity excludes it. Default 1.
   */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Stop once the duality gap is at most this, relative to ½‖x‖². Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Scoring passes (lasso), steps (fista, ista) or knots (homotopy) a sample. Default: the method's own. */
  readonly maxIterations?: number | undefined;
}

/** Options of `'lasso'`, `'fista'`, `'ista'` and `'homotopy'`. */
export interface ConvexOptions extends ConvexBaseOptions, ObservedOption {
  /**
   * λ ≥ 0, one number or one a sample. Not divided by anything: see `unfold`. 0 (lasso and homotopy) asks for the end of the path, λ → 0: of the
   * least squares codes the one of smallest Σ w_j|a_j|; with `ridge`, ridge regression. No multiple of a residual is dual feasible there, so
   * the certificate is another: every atom was found orthogonal to the float64 least squares residual, to 1e-12 of the sizes, and `gap` is
   * how far P(a) lies above that residual's.
   */
  readonly lambda: PerSample;
  /**
   * Codes to start from, samples × features, such as the last call's; or what proposes them, such as a `Lista` of this dictionary, which is asked first, with
   * the same `threads` and `signal`, on the CPU. They change what the solver has to do, never what it answers for: its certificate. How much they save depends on how
   * near they are, and asking for them has its own cost. A GPU starts from zero whatever they are, and asks nobody (but with `maxIterations`); so does
   * a sample that overflows float32 in what proposes (`NOTE_STARTED_FROM_ZERO`).
   */
  readonly warmStart?: CodesLike | CodeProposer | undefined;
}

/**
 * Codes in float64, for the data as they are given: Float64Array activations, and a dictionary made from a Float64Array, count with 48
 * bits of each entry. The float32 method finds the support, and homotopy on its atoms solves and certifies in float64, to gaps of 1e-12
 * and less.
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
    weights: readPenaltyWeights(options.get('weights'), features),
    nonnegative: options.flag('nonnegative'),
    tolerance: options.number('tolerance', { above: 0 }, GAP_TOLERANCE),
    maxIterations: options.integer('maxIterations', { min: 1, max: MOST_ITERATIONS }, 0),
  };
}

/** Is it `precision: 'float64'`? */
export function readFloat64(options: Options, method: string): boolean {
  const precision = options.choice('precision', ['auto', 'float32', 'float64'], 'auto');
  if (precision === 'float64' && method !== 'lasso' && method !== 'homotopy')
    throw new UnsuperposeError(
      'ERR_OPTION',
      `precision 'float64' is for methods lasso and homotopy, not for method ${method}`,
      'precision',
    );
  return precision === 'float64';
}

/** λ of one LASSO; least squares, λ = 0, is for the methods that end there. */
export function readLambda(options: Options, method: string, samples: number): OneOrEach {
  const ends = method === 'lasso' || method === 'homotopy';
  const lambda = readPerSample('lambda', options.get('lambda'), samples, { min: 0 });
  if (!ends && (lambda === 0 || (typeof lambda !== 'number' && lambda.includes(0))))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `lambda must be > 0 for method ${method}, whose steps stop by a gap that λ = 0 has not; methods lasso and homotopy take 0`,
      'lambda',
    );
  return lambda;
}

/** The options of one LASSO but λ and the start. */
export function readPenalty(
  options: Options,
  method: NativePenaltyOptions['method'],
  features: number,
): Omit<NativePenaltyOptions, 'lambda' | 'warmStart' | 'float64'> {
  const ridge = options.number('ridge', { min: 0 }, 0);
  const { weights, nonnegative, tolerance, maxIterations } = readConvex(options, features);
  return { method, ridge, weights, nonnegative, tolerance, maxIterations };
}
