// What the native module exports about unrolled networks. Internal.
import type { NativeMatrix } from '../call/matrix.js';
import type { OneOrEach } from '../call/samples.js';
import type { NativeCheckpoint } from './sae.js';
import type { NativeUnfolding } from './unfolding.js';
import type { GivenCodes, JobId, NativeCodes, Report, Resources, Settled } from './values.js';

/** A native network: an opaque, tagged object. */
export interface ListaHandle {
  readonly __lista: never;
}

/** A native trainer of networks: an opaque, tagged object. */
export interface ListaTrainerHandle {
  readonly __listaTrainer: never;
}

export type NativeListaWeights = 'pair' | 'layers' | 'shared' | 'fixed' | 'hyper';

/** All arrays are there; those that the weights have no use for are empty. */
export interface NativeLista {
  readonly weights: NativeListaWeights;
  readonly nonnegative: boolean;
  readonly layers: number;
  readonly features: number;
  readonly dims: number;
  readonly scale: number;
  /** 0: thresholds do not depend on codes */
  readonly adaptive: number;
  /** features × dims */
  readonly dictionary: Float32Array;
  /** layers × features × dims, or features × dims */
  readonly forward: Float32Array;
  /** layers × features × features */
  readonly recurrent: Float32Array;
  readonly step: Float32Array;
  readonly threshold: Float32Array;
  readonly selection: Float32Array;
  readonly hyper: Float64Array;
  /** α of A⁺; 0 unless hyper */
  readonly ridge: number;
}

export interface NativeListaPrior {
  readonly density: number;
  readonly values: 'normal' | 'uniform' | 'exponential' | 'one';
  readonly randomSigns: boolean;
  /** dB; Infinity: no noise */
  readonly snr: number;
}

export interface NativeListaOptions {
  readonly weights: NativeListaWeights;
  readonly layers: number;
  readonly nonnegative: boolean;
  readonly selection: number;
  readonly mostSelected: number;
  readonly adaptive: number;
  /** of the analytic weights */
  readonly ridge: number;
  /** 0: supervised */
  readonly lambda: number;
  readonly every: boolean;
  readonly schedule: 'endToEnd' | 'layerwise';
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly clip: number;
  readonly decay: number;
  readonly planned: number;
  readonly validateEvery: number;
  readonly patience: number;
  /** 0: chosen from the first samples */
  readonly firstThreshold: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly memory: number;
}

export interface NativeListaFigures {
  readonly steps: number;
  readonly samples: number;
  readonly stage: number;
  readonly stages: number;
  readonly finished: boolean;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly layers: Float64Array;
  readonly validated: Float64Array;
  readonly best: number;
  /** points of the grid so far, while it is searched; else 0 */
  readonly searched: number;
}

export interface NativeListaUnfoldOptions {
  /** 1 … all */
  readonly layers: number;
  /** one entry or one a sample; empty: there is none, and no gap */
  readonly lambda: OneOrEach;
  readonly tolerance: number;
  /** else samples that overflow have no codes */
  readonly refuseOverflow: boolean;
}

/** Part of {@link NativeBinding}. */
export interface NativeListas {
  createLista(parameters: NativeLista): ListaHandle;
  listaParameters(lista: ListaHandle): NativeLista;
  disposeLista(lista: ListaHandle): void;
  listaUnfoldSync(
    lista: ListaHandle,
    activations: NativeMatrix,
    options: NativeListaUnfoldOptions,
    given: Resources,
  ): NativeUnfolding;
  listaUnfold(
    lista: ListaHandle,
    activations: NativeMatrix,
    options: NativeListaUnfoldOptions,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeUnfolding>,
  ): JobId;
  /** features × dims */
  analyticWeights(dictionary: NativeMatrix, ridge: number, threads: number): Float32Array;
}

/** Part of {@link NativeBinding}. */
export interface NativeListaTrainers {
  /** Keeps a copy of samples and codes. Of prior and activations, one is given, or none for streams. */
  createListaTrainer(
    dictionary: NativeMatrix,
    options: NativeListaOptions,
    prior: NativeListaPrior | undefined,
    activations: NativeMatrix | undefined,
    codes: GivenCodes | undefined,
    validation: NativeMatrix | undefined,
    validationCodes: GivenCodes | undefined,
  ): ListaTrainerHandle;
  disposeListaTrainer(trainer: ListaTrainerHandle): void;
  /** On the trainer's own samples, or those of its prior; ends early once it is finished. Publishes figures every `stride` steps. */
  listaTrainerFit(
    trainer: ListaTrainerHandle,
    steps: number,
    stride: number,
    threads: number,
    onProgress: ((figures: NativeListaFigures) => void) | undefined,
    onSettled: Settled<NativeListaFigures>,
  ): JobId;
  /** At most `most` batches of these samples. Publishes figures while a grid is searched. */
  listaTrainerObserve(
    trainer: ListaTrainerHandle,
    activations: NativeMatrix,
    codes: GivenCodes | undefined,
    most: number,
    threads: number,
    onProgress: ((figures: NativeListaFigures) => void) | undefined,
    onSettled: Settled<NativeListaFigures>,
  ): JobId;
  listaTrainerFinish(
    trainer: ListaTrainerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<NativeLista>,
  ): JobId;
  listaTrainerSave(
    trainer: ListaTrainerHandle,
    threads: number,
    onProgress: undefined,
    onSettled: Settled<NativeCheckpoint>,
  ): JobId;
  listaTrainerResume(trainer: ListaTrainerHandle, checkpoint: NativeCheckpoint): void;
  /** The loss of a batch and its gradients, in the network's units. */
  listaGradient(
    options: NativeListaOptions,
    parameters: NativeLista,
    activations: NativeMatrix,
    codes: GivenCodes | undefined,
  ): { readonly loss: number; readonly by: NativeLista };
  /** Samples of a prior. */
  listaSamples(
    prior: NativeListaPrior,
    nonnegative: boolean,
    dictionary: NativeMatrix,
    seed: number,
    number: number,
    rows: number,
  ): { readonly activations: Float32Array; readonly codes: NativeCodes };
}
