/// <reference lib="esnext.disposable" preserve="true" />
// The handle of a native autoencoder.
import { type DeviceOptions, readDevice, readNoDevice, type Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { count, keepFromCloning, printsAs } from '../call/inspect.js';
import { allocate, type Matrix, type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { describe, Options } from '../call/options.js';
import { ASYNC_ONLY, type AsyncOptions } from '../call/progress.js';
import { defaultThreads, readThreads } from '../call/threads.js';
import { type CodesLike, readCodes, SparseCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import type { Path } from '../files/index.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type { AutoencoderHandle, NativeAutoencoder } from '../native/sae.js';
import type { NativeCodes, Resources } from '../native/values.js';
import { type LoadAutoencoderOptions, readAutoencoder } from './formats/load.js';
import type { AutoencoderReport } from './formats/report.js';
import { type SaveAutoencoderOptions, saveAutoencoder } from './formats/save.js';
import {
  type AutoencoderParameters,
  type AutoencoderParametersLike,
  readParameters,
  type SaeActivation,
  showParameters,
} from './parameters.js';
import { ofTraining, type TrainingSummary } from './training.js';

/** Options of {@link SparseAutoencoder.encodeSync}. */
export interface EncodeSyncOptions extends DeviceOptions {
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** Options of {@link SparseAutoencoder.encode}. */
export interface EncodeOptions extends EncodeSyncOptions, AsyncOptions {}

/**
 * A sparse autoencoder, or a transcoder: features with an encoder row and a decoder row each. Trained by {@link trainSparseAutoencoder},
 * or made of parameters. What it computes stands at {@link AutoencoderParameters}.
 *
 * Which features are active is decided by float64 sums of exact products of the float32 parameters; values are these sums, rounded once.
 *
 * It owns native memory, which is freed by `dispose()`, `using`, or the garbage collector. Calls that run keep what they need. It belongs to
 * its thread: post `parameters()` and call `SparseAutoencoder.from` there.
 *
 * @example
 * ```ts
 * import { SparseAutoencoder } from 'unsuperpose';
 *
 * const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
 * const sae = SparseAutoencoder.from({
 *   activation: 'topk',
 *   k: 1,
 *   encoder: identity,
 *   encoderBias: Float32Array.of(0, 0),
 *   decoder: identity,
 *   decoderBias: Float32Array.of(0, 0),
 * });
 * const codes = sae.encodeSync({ data: Float32Array.of(3, 1, -1, 2), shape: [2, 2] });
 * console.log(codes.toDense().data.join(' ')); // → 3 0 0 2
 * console.log(sae.decode(codes).data.join(' ')); // → 3 0 0 2
 * ```
 */
export class SparseAutoencoder {
  readonly #handle: AutoencoderHandle;
  readonly #needsInput: boolean;
  #disposed = false;
  /** Number of features. */
  readonly features: number;
  /** Dims of what is encoded. */
  readonly dims: number;
  /** Dims of what decoding gives: `dims`, but for transcoders. */
  readonly outputDims: number;
  readonly activation: SaeActivation;
  /** How it was trained; undefined if it was not trained here. */
  readonly training: TrainingSummary | undefined;
  /** If it was loaded: from what, and what was decided in reading it. */
  readonly source: AutoencoderReport | undefined;

  private constructor(
    own: NativeAutoencoder,
    training: TrainingSummary | undefined,
    source?: AutoencoderReport,
  ) {
    this.#handle = native((module) => module.createAutoencoder(own));
    this.#needsInput = own.skip.length > 0 || own.norm !== 'none';
    this.features = own.features;
    this.dims = own.inputs;
    this.outputDims = own.outputs;
    this.activation = own.activation;
    this.training = training;
    this.source = source;
    keepFromCloning(
      this,
      'a SparseAutoencoder has native memory of its thread: post parameters() and call SparseAutoencoder.from there',
    );
  }

  /**
   * Of parameters, which are copied.
   * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` (also for parameters of another activation), `ERR_NOT_FINITE` naming the tensor,
   *   `ERR_TOO_LARGE`
   */
  static from(parameters: AutoencoderParametersLike): SparseAutoencoder {
    return new SparseAutoencoder(readParameters(parameters), undefined);
  }

  /**
   * Reads an autoencoder or transcoder as this package or another tool has saved it: a folder, or one of its files.
   *
   * | format | files |
   * | --- | --- |
   * | `unsuperpose` | one `.safetensors` file, by `sae.save` |
   * | `saelens` | `cfg.json`, `sae_weights.safetensors`: version 6 and before; standard, topk, jumprelu, gated, matching_pursuit, (skip) transcoders, and training checkpoints of batchtopk |
   * | `sparsify` | `cfg.json`, `sae.safetensors` |
   * | `gemma-scope`, `gemma-scope-2` | `params.npz`; `config.json`, `params.safetensors` |
   * | `llama-scope`, `r1-distill` | `hyperparams.json`, `checkpoints/final.safetensors`; `config.json`, `sae_weights.safetensors` |
   * | `circuit-tracer` | `config.yaml`, `layer_0.safetensors` … |
   * | `dictionary-learning` | `config.json`, and a `.safetensors` file made of `ae.pt`: pickles are never read, as they can run any code |
   *
   * Scales and norms that a format keeps apart are folded into the parameters, so that the autoencoder takes activations as they are. What would
   * silently be another autoencoder is refused, with the reason. What shapes cannot tell is settled by `probe`; without one it is read as the format
   * says where it says so, and refused otherwise. `source` of the answer tells all that was decided.
   *
   * @throws UnsuperposeError (as a rejection) `ERR_FILE`, `ERR_FORMAT`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`; `ERR_OPTION` also where `format`, `probe`,
   *   `inputScale` or `layer` is needed; `ERR_SHAPE` for a probe of other dims; `signal.reason` once aborted
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { SparseAutoencoder } from 'unsuperpose';
   *
   * const folder = join(mkdtempSync(join(tmpdir(), 'sae-')), 'mine');
   * const rows = { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] };
   * const trained = SparseAutoencoder.from({
   *   activation: 'jumprelu',
   *   threshold: Float32Array.of(1, 1, 5),
   *   encoder: rows,
   *   encoderBias: new Float32Array(3),
   *   decoder: rows,
   *   decoderBias: new Float32Array(2),
   * });
   * await trained.save(folder, { format: 'saelens', metadata: { model_name: 'gpt2-small' } });
   *
   * const activations = { data: Float32Array.of(3, 0, 0, 2), shape: [2, 2] };
   * const sae = await SparseAutoencoder.load(folder, { probe: { activations } });
   * console.log(sae.source?.format, sae.source?.architecture, sae.source?.probe?.explainedVariance); // → saelens jumprelu 1
   * ```
   */
  static async load(path: Path, options?: LoadAutoencoderOptions): Promise<SparseAutoencoder> {
    const { own, training, report } = await readAutoencoder(path, options, 'SparseAutoencoder.load');
    return new SparseAutoencoder(own, training, report);
  }

  /**
   * What {@link load} would read there: format, architecture, shapes, and what is decided from what. Refuses what `load` refuses.
   * @throws UnsuperposeError as {@link load} rejects with
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { SparseAutoencoder } from 'unsuperpose';
   *
   * const path = join(mkdtempSync(join(tmpdir(), 'sae-')), 'sae.safetensors');
   * const rows = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
   * const zeros = new Float32Array(2);
   * const parts = { encoder: rows, encoderBias: zeros, decoder: rows, decoderBias: zeros };
   * await SparseAutoencoder.from({ activation: 'relu', ...parts }).save(path, { dtype: 'bfloat16' });
   * const report = await SparseAutoencoder.inspect(path);
   * console.log(report.format, report.features, report.dtype); // → unsuperpose 2 bfloat16
   * console.log(String(report)); // all of it, as text
   * ```
   */
  static async inspect(path: Path, options?: LoadAutoencoderOptions): Promise<AutoencoderReport> {
    return (await readAutoencoder(path, options, 'SparseAutoencoder.inspect')).report;
  }

  /**
   * Writes it to one `.safetensors` file of this package, or to a folder that SAELens loads. Whatever fails, what was there before stays whole; a
   * process that is killed leaves what was there, what is new, or (a SAELens folder that was there before) a folder without its `cfg.json`, which nobody
   * takes for an autoencoder. It may be disposed once the call was made.
   * @throws UnsuperposeError (as a rejection) `ERR_DISPOSED`, `ERR_FILE`; `ERR_OPTION` also for what SAELens does not have; `ERR_FORMAT` for another
   *   ending; `ERR_NOT_FINITE` for parameters too large for `dtype`; `signal.reason` once aborted
   */
  async save(path: Path, options?: SaveAutoencoderOptions): Promise<void> {
    await saveAutoencoder(path, options, () => this.parameters(), this.training);
  }

  /** @internal */
  static adopt(own: NativeAutoencoder, training: TrainingSummary): SparseAutoencoder {
    return ofTraining(() => new SparseAutoencoder(own, training));
  }

  #use(): AutoencoderHandle {
    if (this.#disposed)
      throw new UnsuperposeError(
        'ERR_DISPOSED',
        'the autoencoder was disposed: a SparseAutoencoder cannot be used after that',
      );
    return this.#handle;
  }

  #activations(value: unknown): NativeMatrix {
    const samples = readMatrix(value, 'activations');
    if (samples.cols !== this.dims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `activations have ${samples.cols} dims, the autoencoder has ${this.dims}`,
        'activations',
      );
    return samples;
  }

  #device(read: Options): Wanted {
    return this.activation === 'matching-pursuit'
      ? readNoDevice(read, 'activation matching-pursuit', 'activations relu, topk, jumprelu and gated')
      : readDevice(read);
  }

  #resources(threads: number, wanted: Wanted, samples: NativeMatrix): Resources {
    return resources(threads, wanted, samples.rows * this.dims * this.features);
  }

  #codes({ indptr, indices, values }: NativeCodes, samples: number): SparseCodes {
    return SparseCodes.adopt({ indptr, indices, values }, samples, this.features);
  }

  /**
   * Codes of samples. Does not block the JavaScript thread; a copy of the samples is made before this returns.
   *
   * With `device` an NVIDIA GPU scores all features, where the encoder stays, and multiplies out in float64 what the scores leave open: the same bits as on
   * the CPU. Autoencoders by matching pursuit run on the CPU only.
   *
   * @param activations samples × dims, finite
   * @returns samples × features, values > 0
   * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`, `ERR_DISPOSED`,
   *   `ERR_NO_DEVICE`; `signal.reason` once aborted
   */
  async encode(activations: MatrixLike, options?: EncodeOptions): Promise<SparseCodes> {
    const read = new Options(options, ['threads', 'device', 'signal', 'onProgress'], 'encode');
    const signal = read.signal();
    const onProgress = read.callback<{ done: number; total: number }>('onProgress');
    const threads = readThreads(read);
    const wanted = this.#device(read);
    throwIfAborted(signal);
    const samples = this.#activations(activations);
    const handle = this.#use();
    const given = this.#resources(threads, wanted, samples);
    const codes = await runCounted<NativeCodes>(signal, onProgress, (report, onSettled) =>
      binding.encode(handle, samples, given, report, onSettled),
    );
    return this.#codes(codes, samples.rows);
  }

  /**
   * The same at once, for scripts and small work.
   * @throws UnsuperposeError as {@link encode} rejects with
   */
  encodeSync(activations: MatrixLike, options?: EncodeSyncOptions): SparseCodes {
    const read = new Options(options, ['threads', 'device'], 'encodeSync', ASYNC_ONLY);
    const threads = readThreads(read);
    const wanted = this.#device(read);
    const samples = this.#activations(activations);
    const handle = this.#use();
    const given = this.#resources(threads, wanted, samples);
    return this.#codes(
      native((module) => module.encodeSync(handle, samples, given)),
      samples.rows,
    );
  }

  /**
   * What codes stand for: ŷ = Σ_j a_j d_j + b_dec, accumulated in float64.
   *
   * @param codes samples × features
   * @param activations what was encoded; needed, and only read, where there is a skip connection or inputs are normalised
   * @returns samples × outputDims
   * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE`; `ERR_OPTION` where activations are needed and missing
   */
  decode(codes: CodesLike, activations?: MatrixLike): Matrix<Float32Array> {
    const { codes: given, samples, features } = readCodes(codes, 'codes', 'ERR_DTYPE');
    if (features !== this.features)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `codes have ${features} features, the autoencoder has ${this.features}`,
        'codes',
      );
    if (this.#needsInput && activations === undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        'activations must be given too: this autoencoder has a skip connection or normalises its inputs',
        'activations',
      );
    const data = allocate(samples, this.outputDims, 'decode()');
    const inputs = this.#needsInput ? this.#activations(activations) : undefined;
    const handle = this.#use();
    native((module) => module.decodeCodes(handle, given, samples, inputs, data, defaultThreads()));
    return { data, shape: [samples, this.outputDims] };
  }

  /** The decoder's rows as a dictionary, features × outputDims: for `unfold`, `geometry`, `claims`. */
  dictionary(): Dictionary {
    return Dictionary.from(this.parameters().decoder);
  }

  /** The encoder's rows, features × dims. */
  encoder(): Matrix<Float32Array> {
    return this.parameters().encoder;
  }

  /** A copy of all parameters. */
  parameters(): AutoencoderParameters {
    const handle = this.#use();
    return showParameters(native((module) => module.autoencoderParameters(handle)));
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Lets go of the native memory. Running calls keep what they use until they end. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    native((module) => module.disposeAutoencoder(this.#handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Whether this is one, of this copy of the package. */
  static is(value: unknown): value is SparseAutoencoder {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  /** @internal One that can be used, or ERR_DTYPE, ERR_DISPOSED. */
  static usable(value: unknown, name: string): SparseAutoencoder {
    if (!SparseAutoencoder.is(value))
      throw new UnsuperposeError(
        'ERR_DTYPE',
        `${name} must be a SparseAutoencoder, got ${describe(value)}`,
        name,
      );
    value.#use();
    return value;
  }
}

printsAs(SparseAutoencoder.prototype, 'SparseAutoencoder', (sae) => {
  const dims =
    sae.dims === sae.outputDims ? `${count(sae.dims)}` : `${count(sae.dims)} → ${count(sae.outputDims)}`;
  return `SparseAutoencoder ${sae.activation}, ${count(sae.features)} features × ${dims} dims${sae.disposed ? ' (disposed)' : ''}`;
});
