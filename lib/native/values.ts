// What passes between lib/ and the native module besides matrices: handles, codes, jobs. Internal, but for `Isa` and `Precision`.

/** An instruction-set level. */
export type Isa = 'scalar' | 'avx2' | 'avx512' | 'neon';

/** Most exact first. */
export const PRECISIONS = ['float32', 'bfloat16', 'int16', 'int8'] as const;
/** Precisions of `ops.estimate`. */
export type Precision = (typeof PRECISIONS)[number];

/** A native dictionary: an opaque, tagged object. */
export interface DictionaryHandle {
  readonly __dictionary: never;
}

/** A native online learner: an opaque, tagged object. */
export interface LearnerHandle {
  readonly __learner: never;
}

/** Samples that are unfolded along a path: an opaque, tagged object. */
export interface PathHandle {
  readonly __path: never;
}

/** How many threads a call may use, and the number of the CUDA device that it uses besides. */
export type Resources = number | { readonly threads: number; readonly device: number };

/** A running asynchronous call; see `NativeBinding.cancel`. */
export type JobId = number;

/** Called once, on the JavaScript thread. */
export type Settled<T> = (error: Error | undefined, result: T) => void;

export interface NativeCodes {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** Codes that come from outside, with the values that they have. */
export interface GivenCodes extends Omit<NativeCodes, 'values'> {
  readonly values: Float32Array | Float64Array;
}

/** Tells how far the work is. */
export type Report = ((done: number, total: number) => void) | undefined;

/** What stands for no feature, no group or no parent among indices. */
export const NONE = 2 ** 32 - 1;
