// What the native module exports about toy models. Internal.
import type { NativeMatrix } from '../call/matrix.js';
import type { JobId, NativeCodes, Report, Settled } from './values.js';

/** How toy features depend on each other; 2³² − 1 stands for none. */
export interface NativeToyStructure {
  /** one a feature */
  readonly group: Uint32Array;
  /** one a group: 1 if only one of its features is active at a time, 0 if all are together */
  readonly exclusive: Uint32Array;
  /** one a feature */
  readonly parent: Uint32Array;
  readonly lognormal: boolean;
  readonly location: number;
  readonly scale: number;
}

/** What a toy model's gradient depends on. */
export interface NativeToyLoss {
  readonly features: number;
  readonly dims: number;
  readonly relu: boolean;
  readonly activationPenalty: number;
  readonly interferencePenalty: number;
  readonly allowedInterference: number;
}

export interface NativeToyOptions extends NativeToyLoss {
  readonly batchSize: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly schedule: 'constant' | 'linear' | 'cosine';
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly seed: number;
  /** of the loss, an instance */
  readonly records: number;
}

/** Weights (features × dims) and biases of models, one after the other. */
export interface NativeToyParameters {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface NativeToyModel extends NativeToyParameters {
  /** instances × records */
  readonly losses: Float64Array;
}

/** One entry a feature. */
export interface NativeSuperposition {
  readonly norm: Float64Array;
  readonly dimensionality: Float64Array;
  readonly interference: Float64Array;
  readonly alignment: Float64Array;
  readonly fourth: Float64Array;
  readonly neuron: Uint32Array;
}

/** Part of {@link NativeBinding}. */
export interface NativeToy {
  toySample(
    structure: NativeToyStructure,
    density: Float64Array,
    seed: number,
    out: Float32Array,
    threads: number,
  ): void;
  toySample(
    structure: NativeToyStructure,
    density: Float64Array,
    seed: number,
    samples: number,
    threads: number,
  ): NativeCodes;
  toyTrain(
    options: NativeToyOptions,
    structure: NativeToyStructure,
    densities: Float64Array,
    importances: Float32Array,
    initial: NativeToyParameters | undefined,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativeToyModel>,
  ): JobId;
  toyGradient(
    options: NativeToyLoss,
    importance: Float32Array,
    parameters: NativeToyParameters,
    samples: NativeMatrix,
  ): NativeToyParameters & { readonly loss: number };
  toyMeasure(weights: NativeMatrix, threads: number): NativeSuperposition;
}
