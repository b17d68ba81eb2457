// What the native module exports about scores of codes. Internal.
import type { NativeMatrix } from '../call/matrix.js';
import type { DictionaryHandle, JobId, NativeCodes, Report, Settled } from './values.js';

/** Sums over samples that stream by: an opaque, tagged object. */
export interface ScoresHandle {
  readonly __scores: never;
}

export interface NativeScores {
  readonly samples: number;
  /** Σ‖x − mean‖² */
  readonly variance: number;
  /** Σ‖x − x̂‖² */
  readonly residual: number;
  /** Σ ‖x̂‖/‖x‖ over the samples that are not zero, and how many those are */
  readonly normRatio: number;
  readonly normSamples: number;
  /** one a feature: samples that use it */
  readonly used: Float64Array;
  /** entry k: samples with k active features */
  readonly active: Float64Array;
  /** one a feature, with true codes: samples that use it where its true feature is active */
  readonly hits: Float64Array;
  /** one a feature, with true codes: samples where its true feature is active */
  readonly wanted: Float64Array;
  /** active features of all true codes */
  readonly trueActive: number;
}

/** Part of {@link NativeBinding}. */
export interface NativeEvaluation {
  /** `nearest`: the true feature that each is compared with, of `truths`; undefined without true codes. */
  createScores(
    dims: number,
    features: number,
    nearest: Uint32Array | undefined,
    truths: number,
  ): ScoresHandle;
  /** One batch. `made`: what the codes are decoded by, or into. */
  scoresObserve(
    scores: ScoresHandle,
    activations: NativeMatrix,
    codes: NativeCodes,
    made: DictionaryHandle | NativeMatrix,
    truth: NativeCodes | undefined,
    threads: number,
    onProgress: Report,
    onSettled: Settled<undefined>,
  ): JobId;
  scoresFigures(scores: ScoresHandle): NativeScores;
  /** Unit rows, uniform on the sphere. */
  randomDirections(seed: number, out: Float32Array, features: number, dims: number, threads: number): void;
  /** The cosine of each row of a with that of b; 0 where one is zero. */
  rowCosines(a: NativeMatrix, b: NativeMatrix): Float64Array;
}
