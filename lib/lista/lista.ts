/// <reference lib="esnext.disposable" preserve="true" />
// The handle of a native unrolled network.
import { type Device, readDevice, readNoDevice } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { count, keepFromCloning, printsAs } from '../call/inspect.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import { ASYNC_NAMES, ASYNC_ONLY, type AsyncOptions, type Progress } from '../call/progress.js';
import { type PerSample, readPerSample } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import { Dictionary } from '../data/dictionary.js';
import { checkPreparation, type Preparation, preparationOf } from '../data/prepared.js';
import { type Path, readPath } from '../files/refuse.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import type { ListaHandle, NativeLista, NativeListaUnfoldOptions } from '../native/lista.js';
import { resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type { NativeUnfolding } from '../native/unfolding.js';
import type { Resources } from '../native/values.js';
import { GAP_TOLERANCE } from '../unfold/convex.js';
import { toUnfolding, type Unfolding } from '../unfold/unfolding.js';
import { readLista, writeLista } from './file.js';
import {
  cpuOnly,
  type ListaParameters,
  type ListaParametersLike,
  ON_DEVICES,
  readParameters,
  showParameters,
  variantOf,
} from './parameters.js';
import type { ListaTraining } from './training.js';
import type { ListaVariant } from './variants.js';

/** Options of {@link Lista.unfoldSync}. */
export interface ListaUnfoldSyncOptions {
  /** Stop after so many layers: 1 … all of them. Default: all. */
  readonly layers?: number | undefined;
  /**
   * λ > 0, one number or one a sample: judge the codes as those of ½‖x − aD‖² + λ‖a‖₁, with its gap. Default: the λ that the network was trained for, if
   * there was one.
   */
  readonly lambda?: PerSample | undefined;
  /** The gap, relative to ½‖x‖², at which a code counts as converged. Only where there is a λ. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /**
   * What becomes of a sample that overflows float32 in the layers: `'refuse'` (default) is the end of the call, with `ERR_NOT_FINITE` and the first such sample; with `'zero'` it
   * has no codes and the status `diverged`, and the others are as without it.
   */
  readonly overflow?: 'refuse' | 'zero' | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
  /**
   * Where to compute, as for `unfold`: `'cpu'` (default, or UNSUPERPOSE_DEVICE), `'cuda'`, `'cuda:N'`, or `'auto'`, a GPU where the call has at least
   * 2³⁴ multiply-adds (samples · features · dims) and one is there. Of variants lista-cp, lista-cpss, tilista, alista, and alista-at without selection,
   * all layers run there; the others, whose next codes depend on all features and not on those above a threshold alone, run on the CPU, and refuse a
   * GPU that they are asked for (`ERR_OPTION`). Codes are the CPU's but for rounding: z of an entry differs by at most
   * (2·dims + 16)·2⁻²⁴·γ‖w_j‖‖r‖ and what that does to the layers after; an entry within that of its threshold may be in one answer and not in the other.
   */
  readonly device?: Device | undefined;
}

/** Options of {@link Lista.unfold}. */
export interface ListaUnfoldOptions extends ListaUnfoldSyncOptions, AsyncOptions {}

/** Options of `lista.save` and `Lista.load`. */
export interface ListaFileOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Call {
  readonly handle: ListaHandle;
  readonly samples: NativeMatrix;
  readonly settings: NativeListaUnfoldOptions;
  readonly given: Resources;
  readonly preparation: Preparation | undefined;
}

const SYNC_NAMES = ['layers', 'lambda', 'tolerance', 'overflow', 'threads', 'device'];

/**
 * An unrolled network: codes over one dictionary in a fixed number of layers, each about one pass over the dictionary. Trained by `trainLista`, or made of
 * parameters. What a layer computes stands at {@link ListaParameters}.
 *
 * Its codes are proposals: nothing bounds how far they are from any optimum, unless a λ is given to judge them by. `unfold(x, dictionary, { lambda,
 * warmStart: lista })` lets the exact solver start from them, which ends at its own certificate whatever the network proposes.
 *
 * It owns native memory, which is freed by `dispose()`, `using`, or the garbage collector. Calls that run keep what they need. It belongs to
 * its thread: post `parameters()` and call `Lista.from` there.
 *
 * @example
 * ```ts
 * import { Dictionary, Lista, unfoldSync } from 'unsuperpose';
 *
 * // three features in two dims, two layers; the weights are the analytic ones
 * const atoms = { data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] };
 * const lista = Lista.from({ weights: 'fixed', dictionary: atoms, threshold: [0.5, 0.25] });
 * const x = { data: Float32Array.of(3, 0), shape: [1, 2] };
 * const { codes } = lista.unfoldSync(x);
 * console.log(lista.variant, lista.layers, codes.shape.join(' × ')); // → alista 2 1 × 3
 *
 * const dictionary = Dictionary.from(atoms);
 * const exact = unfoldSync(x, dictionary, { lambda: 0.5, warmStart: lista });
 * console.log(exact.converged, exact.codes.values[0]); // → true 2.5
 * ```
 */
export class Lista {
  readonly #handle: ListaHandle;
  /** What it is that no GPU runs, if it is that. */
  readonly #cpuOnly: string | undefined;
  #disposed = false;
  /** Number of layers. */
  readonly layers: number;
  /** Number of features. */
  readonly features: number;
  readonly dims: number;
  /** The published network that this is one of. */
  readonly variant: ListaVariant;
  /** Only codes ≥ 0. */
  readonly nonnegative: boolean;
  /** How it was trained; undefined if it was not trained here. */
  readonly training: ListaTraining | undefined;

  private constructor(own: NativeLista, training: ListaTraining | undefined) {
    this.#handle = native((module) => module.createLista(own));
    this.layers = own.layers;
    this.features = own.features;
    this.dims = own.dims;
    this.variant = variantOf(own);
    this.#cpuOnly = cpuOnly(own);
    this.nonnegative = own.nonnegative;
    this.training = training;
    keepFromCloning(
      this,
      'a Lista has native memory of its thread: post parameters() and call Lista.from there',
    );
  }

  /**
   * Of parameters, which are copied.
   * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` (also for parameters of other weights), `ERR_NOT_FINITE` naming the tensor,
   *   `ERR_TOO_LARGE`
   */
  static from(parameters: ListaParametersLike): Lista {
    return new Lista(readParameters(parameters), undefined);
  }

  /**
   * Reads a network that `lista.save` has written, bit for bit.
   * @throws UnsuperposeError (as a rejection) `ERR_FILE`, `ERR_FORMAT` for any other file, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`; `signal.reason` once aborted
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { Lista } from 'unsuperpose';
   *
   * const path = join(mkdtempSync(join(tmpdir(), 'lista-')), 'network.safetensors');
   * const dictionary = { data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] };
   * await Lista.from({ weights: 'fixed', dictionary, threshold: [0.5, 0.25] }).save(path);
   * console.log(await Lista.load(path)); // → Lista alista, 2 layers, 3 features × 2 dims
   * ```
   */
  static async load(path: Path, options?: ListaFileOptions): Promise<Lista> {
    const signal = new Options(options, ['signal'], 'Lista.load').signal();
    const at = readPath(path, 'path');
    throwIfAborted(signal);
    const { own, training } = await readLista(at, signal);
    throwIfAborted(signal);
    return new Lista(own, training);
  }

  /**
   * Writes it to one `.safetensors` file of this package, with how it was trained. Whatever fails, what was there before stays whole. It may be disposed
   * once the call was made.
   * @throws UnsuperposeError (as a rejection) `ERR_DISPOSED`, `ERR_FILE`, `ERR_FORMAT` for another ending; `signal.reason` once aborted
   */
  async save(path: Path, options?: ListaFileOptions): Promise<void> {
    const signal = new Options(options, ['signal'], 'lista.save').signal();
    const at = readPath(path, 'path');
    throwIfAborted(signal);
    await writeLista(at, this.#parameters(), this.training, signal);
  }

  /** @internal */
  static adopt(own: NativeLista, training: ListaTraining): Lista {
    return new Lista(own, training);
  }

  #use(): ListaHandle {
    if (this.#disposed)
      throw new UnsuperposeError(
        'ERR_DISPOSED',
        'the network was disposed: a Lista cannot be used after that',
      );
    return this.#handle;
  }

  #parameters(): NativeLista {
    const handle = this.#use();
    return native((module) => module.listaParameters(handle));
  }

  #prepare(activations: unknown, read: Options): Call {
    const threads = readThreads(read);
    const wanted =
      this.#cpuOnly === undefined ? readDevice(read) : readNoDevice(read, this.#cpuOnly, ON_DEVICES);
    const layers = read.integer('layers', { min: 1, max: this.layers, note: 'the layers' }, this.layers);
    const tolerance = read.number('tolerance', { above: 0 }, GAP_TOLERANCE);
    const refuseOverflow = read.choice('overflow', ['refuse', 'zero'], 'refuse') === 'refuse';
    const preparation = preparationOf(activations);
    const samples = readMatrix(activations, 'activations');
    if (samples.cols !== this.dims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `activations have ${samples.cols} dims, the network has ${this.dims}`,
        'activations',
      );
    checkPreparation(preparation, this.dims);
    const asked = read.has('lambda') ? read.get('lambda') : this.training?.lambda;
    if (asked === undefined)
      read.exclude(['tolerance'], 'calls with lambda', 'a call without, whose codes have no gap');
    const lambda =
      asked === undefined ? new Float64Array(0) : readPerSample('lambda', asked, samples.rows, { above: 0 });
    const settings = { layers, lambda, tolerance, refuseOverflow };
    const given = resources(threads, wanted, samples.rows * this.dims * this.features);
    return { handle: this.#use(), samples, settings, given, preparation };
  }

  #answer(result: NativeUnfolding, { samples, given, preparation }: Call): Unfolding {
    return toUnfolding(result, samples.rows, this.features, { notes: [], preparation, given });
  }

  /**
   * Codes of samples after `layers` layers, with the figures of every unfolding. With a λ `objective` and `gap` are those of the LASSO, in float64, and
   * samples with a gap of at most `tolerance` have the status `converged`; without one `objective` is ½‖x − aD‖², `gap` NaN. All other samples have the
   * status `iterationLimit`: their layers came to an end (or, with `overflow: 'zero'`, `diverged`).
   *
   * Does not block the JavaScript thread; a copy of the samples is made before this returns. A code depends on its sample alone, not on the batch, and not
   * on the number of threads.
   *
   * @param activations samples × dims, finite
   * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE` (also for a sample that overflows float32 in the layers: `overflow`),
   *   `ERR_TOO_LARGE`, `ERR_NO_DEVICE`, `ERR_DISPOSED`; `signal.reason` once aborted
   */
  async unfold(activations: MatrixLike, options?: ListaUnfoldOptions): Promise<Unfolding> {
    const read = new Options(options, [...SYNC_NAMES, ...ASYNC_NAMES], 'lista.unfold');
    const signal = read.signal();
    const onProgress = read.callback<Progress>('onProgress');
    const call = this.#prepare(activations, read);
    const { handle, samples, settings, given } = call;
    throwIfAborted(signal);
    const result = await runCounted<NativeUnfolding>(signal, onProgress, (...rest) =>
      binding.listaUnfold(handle, samples, settings, given, ...rest),
    );
    return this.#answer(result, call);
  }

  /**
   * The same at once, for scripts and small work.
   * @throws UnsuperposeError as {@link unfold} rejects with
   */
  unfoldSync(activations: MatrixLike, options?: ListaUnfoldSyncOptions): Unfolding {
    const call = this.#prepare(activations, new Options(options, SYNC_NAMES, 'lista.unfoldSync', ASYNC_ONLY));
    const { handle, samples, settings, given } = call;
    return this.#answer(
      native((module) => module.listaUnfoldSync(handle, samples, settings, given)),
      call,
    );
  }

  /** The atoms that codes are for, as they were given. */
  dictionary(): Dictionary {
    return Dictionary.from(this.parameters().dictionary);
  }

  /** A copy of all parameters. */
  parameters(): ListaParameters {
    return showParameters(this.#parameters());
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Lets go of the native memory. Running calls keep what they use until they end. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    native((module) => module.disposeLista(this.#handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

printsAs(
  Lista.prototype,
  'Lista',
  ({ variant, layers, features, dims, disposed }) =>
    `Lista ${variant}, ${count(layers)} ${layers === 1 ? 'layer' : 'layers'}, ${count(features)} features × ${count(dims)} dims${disposed ? ' (disposed)' : ''}`,
);
