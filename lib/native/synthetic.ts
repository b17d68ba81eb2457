// What the native module exports about synthetic activations. Internal.
import type { DictionaryHandle, JobId, NativeCodes, Report, Settled } from './values.js';

/** A generator of synthetic activations: an opaque, tagged object. */
export interface SyntheticHandle {
  readonly __synthetic: never;
}

/** See native/learning/synthetic.hpp. */
export interface NativeSyntheticOptions {
  readonly features: number;
  readonly dims: number;
  /** one a feature: of a child, given that its parent is active */
  readonly probability: Float64Array;
  /** one a feature: of its magnitude */
  readonly mean: Float64Array;
  readonly deviation: number;
  readonly spread: number;
  readonly roots: number;
  readonly branching: number;
  readonly depth: number;
  readonly exclusive: boolean;
  readonly rank: number;
  readonly correlation: number;
  /** its norm */
  readonly bias: number;
  readonly seed: number;
  /** of the dictionary */
  readonly steps: number;
  readonly rate: number;
}

export interface NativeSynthetic {
  readonly model: SyntheticHandle;
  readonly dictionary: DictionaryHandle;
  readonly bias: Float32Array;
  readonly deviation: Float64Array;
  /** rank × features */
  readonly factors: Float32Array;
}

/** Part of {@link NativeBinding}. */
export interface NativeSyntheticData {
  syntheticMake(
    options: NativeSyntheticOptions,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativeSynthetic>,
  ): JobId;
  /** Samples `first` … of the stream: samples × dims, and their codes. */
  syntheticSample(
    model: SyntheticHandle,
    first: number,
    samples: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<{ data: Float32Array; codes: NativeCodes }>,
  ): JobId;
  disposeSynthetic(model: SyntheticHandle): void;
}
