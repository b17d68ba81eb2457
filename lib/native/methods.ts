// What the native methods of unfolding take: of each its own options, every field there (lib/unfold/ fills in the defaults). Internal.
import type { OneOrEach } from '../call/samples.js';
import type { NativeCodes } from './values.js';

/** What all convex methods take. */
export interface NativeConvexOptions {
  readonly weights: Float32Array | undefined;
  readonly nonnegative: boolean;
  readonly tolerance: number;
  /** 0: the method's default */
  readonly maxIterations: number;
}

/** One LASSO: P(a) = ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖². */
export interface NativePenaltyOptions extends NativeConvexOptions {
  readonly method: 'lasso' | 'fista' | 'ista' | 'homotopy';
  readonly lambda: OneOrEach;
  readonly ridge: number;
  readonly warmStart: NativeCodes | undefined;
  /** lasso and homotopy: the values of the codes come as a Float64Array */
  readonly float64: boolean;
  /** unfoldSync with lasso: answer where the time went. For the benchmarks. */
  readonly profile?: boolean;
}

export interface NativeDenoisingOptions extends NativeConvexOptions {
  readonly method: 'bpdn';
  readonly epsilon: OneOrEach;
}

export interface NativeBallOptions extends NativeConvexOptions {
  readonly method: 'l1-ball';
  readonly radius: OneOrEach;
  readonly float64: boolean;
}

export interface NativeReweightedOptions extends NativeConvexOptions {
  readonly method: 'reweighted';
  readonly lambda: OneOrEach;
  /** empty: the default */
  readonly epsilon: OneOrEach;
  readonly reweightings: number;
}

/** What all greedy methods take. */
export interface NativeGreedyOptions {
  /** empty: min(dims, features) */
  readonly sparsity: number | Uint32Array;
  readonly residual: number;
  readonly nonnegative: boolean;
}

export interface NativePursuitOptions extends NativeGreedyOptions {
  readonly method: 'omp';
  /** bytes */
  readonly gramBudget: number;
}

export interface NativeMatchingOptions extends NativeGreedyOptions {
  readonly method: 'mp' | 'gradient-pursuit';
  readonly maxIterations: number;
}

export interface NativeThresholdingOptions extends NativeGreedyOptions {
  readonly method: 'iht' | 'htp' | 'nhtp' | 'cosamp';
  /** of htp */
  readonly stepSize: number;
  readonly tolerance: number;
  readonly maxIterations: number;
}

export interface NativeMessagePassingOptions {
  readonly method: 'amp';
  /** empty: by thresholdFactor */
  readonly lambda: OneOrEach;
  readonly thresholdFactor: number;
  readonly nonnegative: boolean;
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** The options of a method. */
export type NativeUnfoldOptions =
  | NativePenaltyOptions
  | NativeDenoisingOptions
  | NativeBallOptions
  | NativeReweightedOptions
  | NativePursuitOptions
  | NativeMatchingOptions
  | NativeThresholdingOptions
  | NativeMessagePassingOptions;
