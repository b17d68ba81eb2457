// What the native module exports about sparse autoencoders. Internal.
import type { NativeMatrix } from '../call/matrix.js';
import type { GivenCodes, JobId, NativeCodes, Report, Resources, Settled } from './values.js';

/** A native autoencoder: an opaque, tagged object. */
export interface AutoencoderHandle {
  readonly __autoencoder: never;
}

/** Native learners that share their batches: an opaque, tagged object. */
export interface TrainerHandle {
  readonly __trainer: never;
}

/** All arrays are there; those that an activation has no use for are empty. */
export interface NativeAutoencoder {
  readonly activation: 'relu' | 'topk' | 'jumprelu' | 'gated' | 'matching-pursuit';
  readonly norm: 'none' | 'constant' | 'layer';
  readonly subtractBias: boolean;
  readonly features: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly k: number;
  readonly residual: number;
  readonly stopOnRepeat: boolean;
  /** features × inputs */
  readonly encoder: Float32Array;
  readonly encoderBias: Float32Array;
  /** features × outputs */
  readonly decoder: Float32Array;
  readonly decoderBias: Float32Array;
  /** outputs × inputs */
  readonly skip: Float32Array;
  readonly threshold: Float32Array;
  readonly logScale: Float32Array;
  readonly magnitudeBias: Float32Array;
}

export interface NativeTrainerOptions {
  readonly architecture: 'relu' | 'topk' | 'batchtopk' | 'jumprelu' | 'gated' | 'matching-pursuit';
  readonly features: number;
  readonly sparsity: number;
  readonly lambda: number;
  readonly targetL0: number;
  readonly prefixes: Uint32Array;
  readonly subtractBias: boolean;
  readonly skip: boolean;
  readonly aligned: boolean;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly clip: number;
  readonly planned: number;
  readonly warmUp: number;
  readonly sparsityWarmUp: number;
  readonly startSparsity: number;
  readonly decay: number;
  readonly deadAfter: number;
  readonly auxiliary: number;
  readonly auxiliaryK: number;
  readonly bandwidth: number;
  readonly threshold: number;
  readonly seed: number;
}

export interface NativeTrainingFigures {
  readonly steps: number;
  readonly samples: number;
  readonly objective: number;
  readonly explainedVariance: number;
  readonly l0: number;
  readonly gradientNorm: number;
  readonly dead: number;
}

/** What training goes on from, by name. */
export type NativeCheckpoint = Record<string, Float32Array | Float64Array | Uint32Array | BigUint64Array>;

type Figures = readonly NativeTrainingFigures[];

/** Part of {@link NativeBinding}. */
export interface NativeSae {
  createAutoencoder(parameters: NativeAutoencoder): AutoencoderHandle;
  autoencoderParameters(autoencoder: AutoencoderHandle): NativeAutoencoder;
  disposeAutoencoder(autoencoder: AutoencoderHandle): void;
  encodeSync(autoencoder: AutoencoderHandle, activations: NativeMatrix, given: Resources): NativeCodes;
  encode(
    autoencoder: AutoencoderHandle,
    activations: NativeMatrix,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeCodes>,
  ): JobId;
  decodeCodes(
    autoencoder: AutoencoderHandle,
    codes: GivenCodes,
    rows: number,
    activations: NativeMatrix | undefined,
    out: Float32Array,
    threads: number,
  ): void;

  /** Keeps a copy of activations and targets, where there are any. */
  createTrainer(
    inputs: number,
    outputs: number,
    options: readonly NativeTrainerOptions[],
    batchSize: number,
    seed: number,
    initial: NativeMatrix | undefined,
    activations: NativeMatrix | undefined,
    targets: NativeMatrix | undefined,
    mask: Uint8Array | undefined,
  ): TrainerHandle;
  disposeTrainer(trainer: TrainerHandle): void;
  /** On the trainer's own samples; publishes figures every `stride` steps, each over the steps since the last. */
  trainerFit(
    trainer: TrainerHandle,
    steps: number,
    stride: number,
    given: Resources,
    onProgress: ((figures: Figures) => void) | undefined,
    onSettled: Settled<Figures>,
  ): JobId;
  /** At most `most` batches of these samples. */
  trainerObserve(
    trainer: TrainerHandle,
    activations: NativeMatrix,
    targets: NativeMatrix | undefined,
    mask: Uint8Array | undefined,
    most: number,
    given: Resources,
    onProgress: undefined,
    onSettled: Settled<Figures>,
  ): JobId;
  trainerFinish(
    trainer: TrainerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<readonly { parameters: NativeAutoencoder; usage: Float64Array; onDevice: boolean }[]>,
  ): JobId;
  trainerSave(
    trainer: TrainerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<NativeCheckpoint>,
  ): JobId;
  /** Where its first job goes on from. */
  trainerResume(trainer: TrainerHandle, checkpoint: NativeCheckpoint): void;
  /** The loss of a batch and its gradients, in the units that were given. */
  trainerGradient(
    options: NativeTrainerOptions,
    parameters: NativeAutoencoder,
    dead: Uint32Array,
    activations: NativeMatrix,
    targets: NativeMatrix | undefined,
  ): { readonly loss: number; readonly by: NativeAutoencoder };
}
