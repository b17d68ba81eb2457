// What native code answers of codes that were unfolded. Internal.
import type { NativeCodes } from './values.js';

/** Seconds of all threads together. */
export interface NativeStages {
  readonly score: number;
  readonly rescore: number;
  readonly gram: number;
  readonly solve: number;
  readonly residual: number;
  readonly certify: number;
}

export interface NativeUnfolding {
  readonly codes: NativeCodes;
  readonly gap: Float64Array;
  readonly objective: Float64Array;
  readonly residual: Float32Array;
  readonly status: Uint8Array;
  readonly iterations: Uint32Array;
  /** ‖x‖ */
  readonly norm: Float64Array;
  /** Σ‖x − mean‖² over all samples */
  readonly variance: number;
  /** Whether part of it at least was computed on the device of the call. */
  readonly usedDevice: boolean;
  /** with `profile` */
  readonly stages?: NativeStages;
  /** bpdn, amp and knots: one a sample; empty otherwise */
  readonly lambda: Float64Array;
}
