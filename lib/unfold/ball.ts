// Options of the LASSO over an ℓ1 ball.
import type { CommonOptions } from '../call/common.js';
import type { Options } from '../call/options.js';
import { type PerFeature, type PerSample, readPerSample } from '../call/samples.js';
import type { NativeBallOptions, NativeConvexOptions } from '../native/methods.js';
import type { ObservedOption } from './observed.js';

/**
 * Options of the LASSO in its constrained form (Tibshirani 1996), `'l1-ball'`:
 *
 *   min ½‖x − aD‖²   subject to   Σ_j w_j |a_j| ≤ radius     (with `nonnegative`: over a ≥ 0)
 *
 * found on the LASSO path, where Σ w_j|a_j| is linear in λ between two knots. `objective` is ½‖x − aD‖²; `gap` is that of this problem
 * relative to ½‖x‖², by the dual max x·θ − ½‖θ‖² − radius · max_j |d_j·θ|/w_j over multiples of the residual; `lambda` is the λ whose LASSO has the
 * same solution (0 where the least squares code lies in the ball). Codes are rounded towards zero, so that they stay in it.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 1), shape: [1, 2] };
 * const { codes, lambda } = unfoldSync(x, dictionary, { method: 'l1-ball', radius: 2.5 });
 * console.log([...codes.values].join(' '), lambda?.[0]); // → 2.25 0.25 0.75
 * ```
 */
export interface BallOptions extends CommonOptions, ObservedOption {
  readonly method: 'l1-ball';
  /** ≥ 0, in the units of the codes: one number or one a sample. */
  readonly radius: PerSample;
  /** w, one weight a feature: 0 leaves it unpenalised, Infinity excludes it. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** A sample has converged if its gap is at most this. The path is exact whatever it is. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Most knots of a path. Default: 32 · min(dims, features) + 1000. */
  readonly maxIterations?: number | undefined;
}

/** The options that no other method has. */
export const BALL_ONLY = ['radius'] as const;

/** `convex` are the options that all convex methods share. */
export function readBall(options: Options, convex: NativeConvexOptions, samples: number): NativeBallOptions {
  options.exclude(['ridge', 'warmStart', 'lambda'], 'the methods with a λ', 'method l1-ball');
  const radius = readPerSample('radius', options.get('radius'), samples, { min: 0 });
  return { ...convex, method: 'l1-ball', radius, float64: false };
}
