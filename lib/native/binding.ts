// What the native module exports, as native/node/ writes it. Internal: users see data/, unfold/ and the rest.
import type { NativeMatrix } from '../call/matrix.js';
import type { OneOrEach } from '../call/samples.js';
import type { NativeEvaluation } from './evaluation.js';
import type { NativeFeatures } from './features.js';
import type { NativeLearnerOptions, NativeStatistics } from './learning.js';
import type { NativeListas, NativeListaTrainers } from './lista.js';
import type { NativePenaltyOptions, NativeUnfoldOptions } from './methods.js';
import type { NativeRows } from './rows.js';
import type { NativeCheckpoint, NativeSae } from './sae.js';
import type { NativeSyntheticData } from './synthetic.js';
import type { NativeToy } from './toy.js';
import type { NativeUnfolding } from './unfolding.js';
import type {
  DictionaryHandle,
  GivenCodes,
  Isa,
  JobId,
  LearnerHandle,
  NativeCodes,
  PathHandle,
  Precision,
  Report,
  Resources,
  Settled,
} from './values.js';

export interface NativeInfo {
  readonly isa: Isa;
  /** empty: all is well; else why UNSUPERPOSE_ISA or UNSUPERPOSE_WITHOUT, its first word, cannot be followed */
  readonly isaError: string;
  readonly supportedIsas: readonly Isa[];
  readonly capabilities: readonly string[];
  readonly precisions: readonly Precision[];
}

/** A CUDA device. */
export interface NativeDevice {
  readonly name: string;
  /** of the compute capability */
  readonly major: number;
  readonly minor: number;
  readonly multiprocessors: number;
  /** CUDA versions: 13000 is 13.0 */
  readonly driver: number;
  readonly runtime: number;
  readonly emulated: boolean;
  /** bytes */
  readonly memory: number;
  readonly free: number;
  /** why no call can use it; else empty */
  readonly unusable: string;
}

export interface NativeKnots extends NativeUnfolding {
  /** Whether every sample is at its end. */
  readonly ended: boolean;
}

export interface NativeCertifyOptions {
  readonly lambda: OneOrEach;
  readonly ridge: number;
  readonly weights: Float32Array | undefined;
  readonly nonnegative: boolean;
  readonly tolerance: number;
  /** Judge `exact` activations and atoms as float64 has them. */
  readonly float64: boolean;
  readonly observed: Uint8Array | undefined;
}

export interface NativeCertification {
  /** 0 none, 1 bounded, 2 exact */
  readonly verdict: Uint8Array;
  readonly gap: Float64Array;
  readonly fuchs: Float64Array;
  readonly unique: Uint8Array;
  readonly eigenvalue: Float64Array;
  readonly worst: Uint32Array;
  readonly correlation: Float64Array;
  readonly objective: Float64Array;
  readonly polished: Float64Array;
  readonly error: Float64Array;
}

/** A matrix whose data may be float64. */
export interface NativeMatrix64 {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly cols: number;
}

export interface NativePreparation {
  /** of the matrix's type */
  readonly data: Float32Array | Float64Array;
  readonly center: Float64Array;
  readonly scale: number;
  /** of the median, relative to the sum of distances; else 0 */
  readonly bound: number;
  readonly iterations: number;
}

/** k entries a row, strongest first. */
export interface NativeTopK {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** The memory that small answers pass on, all of it as each of these; see tray.ts. */
export interface NativeTray {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly uint8: Uint8Array;
  readonly uint32: Uint32Array;
}

/** The right-hand side of a product. */
export type NativeRight = NativeMatrix | { readonly handle: DictionaryHandle };

/** All functions throw an Error with a `code`; runtime.ts makes it an UnsuperposeError. */
export interface NativeBinding
  extends NativeEvaluation,
    NativeFeatures,
    NativeListas,
    NativeListaTrainers,
    NativeRows,
    NativeSae,
    NativeSyntheticData,
    NativeToy {
  info(): NativeInfo;
  /** Asks a job to stop; ids that are not running are ignored. */
  cancel(job: JobId): void;
  tray(): NativeTray;
  /** Takes what the CUDA module exports as `table`. */
  useCuda(table: unknown): void;
  /** Throws ERR_NO_DEVICE where there is none. Starts CUDA on none of them. */
  cudaDevices(): readonly NativeDevice[];

  createDictionary(matrix: NativeMatrix, normalize: boolean): DictionaryHandle;
  /** Another handle of the same dictionary. */
  shareDictionary(handle: DictionaryHandle): DictionaryHandle;
  dictionaryInfo(handle: DictionaryHandle): {
    features: number;
    dims: number;
    bytes: number;
    /** of an atom that is not zero; 0 if all are */
    minNorm: number;
    /** of an atom */
    maxNorm: number;
  };
  dictionaryAtoms(handle: DictionaryHandle, out: Float32Array): void;
  disposeDictionary(handle: DictionaryHandle): void;

  /** center and scale are those to take where `given` */
  prepare(
    matrix: NativeMatrix64,
    origin: 'given' | 'mean' | 'median',
    center: Float64Array,
    size: 'given' | 'unit' | 'dims',
    scale: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativePreparation>,
  ): JobId;
  /** out = (matrix − center) · scale, or back; `out` may be the matrix's data. */
  moveMatrix(
    matrix: NativeMatrix64,
    center: Float64Array,
    scale: number,
    back: boolean,
    out: Float32Array | Float64Array,
    threads: number,
  ): void;

  /** `observed`: which entries of the samples count, one row for all or one a sample. undefined: the answer is on the tray */
  unfoldSync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    options: NativeUnfoldOptions,
    observed: Uint8Array | undefined,
    given: Resources,
  ): NativeUnfolding | undefined;
  unfold(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    options: NativeUnfoldOptions,
    observed: Uint8Array | undefined,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeUnfolding>,
  ): JobId;
  certifySync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    codes: GivenCodes,
    options: NativeCertifyOptions,
    given: Resources,
  ): NativeCertification;
  certify(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    codes: GivenCodes,
    options: NativeCertifyOptions,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeCertification>,
  ): JobId;
  checkCodes(codes: GivenCodes, rows: number, features: number, name: string): void;
  fold(codes: GivenCodes, rows: number, handle: DictionaryHandle, out: Float32Array, given: Resources): void;
  lambdaMaxSync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    weights: Float32Array | undefined,
    nonnegative: boolean,
    float64: boolean,
    threads: number,
  ): Float64Array;

  /** Keeps a copy of the activations, which its jobs check and use. λ and the start of the options are not read. */
  createPath(handle: DictionaryHandle, activations: NativeMatrix, options: NativePenaltyOptions): PathHandle;
  disposePath(path: PathHandle): void;
  /** λ_max of each sample. */
  pathLambdaMax(
    path: PathHandle,
    given: Resources,
    onProgress: undefined,
    onSettled: Settled<Float64Array>,
  ): JobId;
  /** Unfolds for λ, one number or one a sample, from the last step's codes on. */
  pathStep(
    path: PathHandle,
    lambda: Float64Array,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeUnfolding>,
  ): JobId;
  /** Takes each sample to its next knot; `ends`, one number or one a sample, are read by the first call. */
  pathKnot(
    path: PathHandle,
    ends: OneOrEach,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeKnots>,
  ): JobId;

  createLearner(
    dims: number,
    options: NativeLearnerOptions,
    initial: NativeMatrix | undefined,
    activations: NativeMatrix | undefined,
    mask: Uint8Array | undefined,
  ): LearnerHandle;
  /** On the learner's own samples; publishes figures every `stride` steps, each over the steps since the last. */
  learnerFit(
    learner: LearnerHandle,
    steps: number,
    stride: number,
    given: Resources,
    onProgress: ((statistics: NativeStatistics) => void) | undefined,
    onSettled: Settled<NativeStatistics>,
  ): JobId;
  /** Samples to begin from, not learned from yet; answers how many more would be looked at. */
  learnerStart(
    learner: LearnerHandle,
    activations: NativeMatrix,
    mask: Uint8Array | undefined,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<number>,
  ): JobId;
  learnerObserve(
    learner: LearnerHandle,
    activations: NativeMatrix,
    mask: Uint8Array | undefined,
    given: Resources,
    onProgress: undefined,
    onSettled: Settled<NativeStatistics>,
  ): JobId;
  learnerFinish(
    learner: LearnerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<{
      dictionary: DictionaryHandle;
      usage: Float64Array;
      dead: Uint32Array;
      usedDevice: boolean;
      lackedRoom: boolean;
    }>,
  ): JobId;
  learnerSave(
    learner: LearnerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<NativeCheckpoint>,
  ): JobId;
  /** Where its first job goes on from. */
  learnerResume(learner: LearnerHandle, checkpoint: NativeCheckpoint): void;
  disposeLearner(learner: LearnerHandle): void;

  correlate(a: NativeMatrix, b: NativeRight, out: Float32Array, threads: number): void;
  estimate(
    a: NativeMatrix,
    b: NativeRight,
    precision: string,
    out: Float32Array,
    errors: Float64Array,
    threads: number,
  ): void;
  /** undefined: the answer is on the tray */
  topK(
    a: NativeMatrix,
    b: NativeRight,
    k: number,
    absolute: boolean,
    given: Resources,
  ): NativeTopK | undefined;
  above(
    a: NativeMatrix,
    b: NativeRight,
    threshold: number,
    absolute: boolean,
    limit: number,
    given: Resources,
  ): NativeCodes;
  maximum(a: NativeMatrix, b: NativeRight, absolute: boolean, out: Float32Array, given: Resources): void;
  softThreshold(
    v: Float32Array,
    threshold: number,
    weights: Float32Array | undefined,
    nonnegative: boolean,
    out: Float32Array,
  ): void;
  /** Without `fromAbove` the upper end is the Frobenius norm. */
  spectralBracket(
    matrix: NativeRight,
    fromAbove: boolean,
    threads: number,
  ): { readonly lower: number; readonly upper: number };
}
