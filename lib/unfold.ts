// Unfolding: activations into sparse codes, each with its certificate.
import type { DictionaryHandle, NativeMatrix, NativeUnfolding, NativeUnfoldOptions } from './binding.js';
import { type CodeValues, readCodes, type SparseCodes } from './codes.js';
import { Dictionary } from './dictionary.js';
import { UnsuperposeError } from './errors.js';
import {
  type DenoisingOptions,
  excludeFromPath,
  isPathMethod,
  PATH_ONLY,
  type ReweightedOptions,
  readPathMethod,
} from './homotopy.js';
import { runJob, throwIfAborted } from './job.js';
import { type Matrix, readMatrix } from './matrix.js';
import { describe, Options } from './options.js';
import {
  excludeFromPursuit,
  isPursuit,
  type MatchingOptions,
  type MessagePassingOptions,
  PURSUIT_METHODS,
  PURSUIT_ONLY,
  type PursuitOptions,
  readPursuit,
  type ThresholdingOptions,
} from './pursuits.js';
import { binding, native } from './runtime.js';
import { type PerFeature, type PerSample, readPerSample, readWeights } from './samples.js';
import { readThreads } from './threads.js';
import { toUnfolding, type Unfolding } from './unfolding.js';

/** How far a call has come, in samples. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Options of every method. */
export interface CommonOptions {
  /** Threads to use: 1 … 1024. Default: UNSUPERPOSE_THREADS, or what the machine has. Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
  /** Where to compute. `'cuda'` is ERR_NO_DEVICE in this version. Default `'auto'`. */
  readonly device?: 'auto' | 'cpu' | 'cuda' | undefined;
  /** Default `'auto'`: float32 codes with float64 certificates. For `'float64'` see {@link Float64Options}. */
  readonly precision?: 'auto' | 'float32' | undefined;
}

/** Options of calls that return a promise. */
export interface AsyncOptions<P = Progress> {
  /** Aborting it rejects the promise with `signal.reason`, within one block of work. */
  readonly signal?: AbortSignal | undefined;
  /** Called as the work goes on, the last time at the end. What it throws stops the call and rejects the promise. */
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/** What the convex methods share, but λ and the start. */
export interface ConvexBaseOptions extends CommonOptions {
  /**
   * `'lasso'` (default): working sets, by far the fastest. `'fista'`, `'ista'`: proximal gradient, for comparison. `'homotopy'`: the path of
   * solutions from λ_max down, knot by knot in float64, which ends at the exact support whatever the tolerance.
   */
  readonly method?: 'lasso' | 'fista' | 'ista' | 'homotopy' | undefined;
  /** β ≥ 0 of the elastic net. Default 0. */
  readonly ridge?: number | undefined;
  /** w, one positive weight a feature. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Stop once the duality gap is at most this, relative to ½‖x‖². Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Scoring passes (lasso), steps (fista, ista) or knots (homotopy) a sample. Default: the method's own. */
  readonly maxIterations?: number | undefined;
}

/** Options of `'lasso'`, `'fista'`, `'ista'` and `'homotopy'`. */
export interface ConvexOptions extends ConvexBaseOptions {
  /** λ > 0, one number or one a sample. Not divided by anything: see {@link unfold}. */
  readonly lambda: PerSample;
  /** Codes to start from, samples × features, such as the last call's. */
  readonly warmStart?: SparseCodes<CodeValues> | undefined;
}

/**
 * Codes in float64, for the float32 data as they are: the float32 method finds the support, and homotopy on its atoms solves and
 * certifies in float64, to gaps of 1e-12 and less.
 */
export type Float64Options = Omit<ConvexOptions, 'precision' | 'method'> & {
  readonly precision: 'float64';
  readonly method?: 'lasso' | 'homotopy' | undefined;
};

/** Options of {@link unfoldSync}. */
export type UnfoldSyncOptions =
  | ConvexOptions
  | PursuitOptions
  | MatchingOptions
  | ThresholdingOptions
  | MessagePassingOptions
  | DenoisingOptions
  | ReweightedOptions;
/** Options of {@link unfold}. */
export type UnfoldOptions = UnfoldSyncOptions & AsyncOptions;

const METHODS = ['lasso', 'fista', 'ista', 'homotopy', 'bpdn', 'reweighted', ...PURSUIT_METHODS] as const;
export const COMMON_NAMES = ['method', 'threads', 'device', 'precision'] as const;
export const CONVEX_NAMES = ['ridge', 'weights', 'tolerance', 'maxIterations'] as const;
export const ASYNC_NAMES = ['signal', 'onProgress'] as const;
const CONVEX_ONLY = ['lambda', ...CONVEX_NAMES, 'warmStart'];
const SYNC_NAMES = [...COMMON_NAMES, 'nonnegative', ...CONVEX_ONLY, ...PURSUIT_ONLY, ...PATH_ONLY];
const NAMES = [...SYNC_NAMES, ...ASYNC_NAMES];

const DEFAULT_TOLERANCE = 1e-4;
const MOST_ITERATIONS = 2 ** 32 - 1;

/** Refuses devices and precisions that are not there. */
export function checkDevice(options: Options, precisions: readonly string[] = ['auto', 'float32']): void {
  if (options.choice('device', ['auto', 'cpu', 'cuda'], 'auto') === 'cuda')
    throw new UnsuperposeError('ERR_NO_DEVICE', "device 'cuda' is not available in this build", 'device');
  options.choice('precision', precisions, 'auto');
}

/** The precision of {@link unfold}. */
function readFloat64(options: Options, method: string): boolean {
  const precision = options.choice('precision', ['auto', 'float32', 'float64'], 'auto');
  if (precision === 'float64' && method !== 'lasso' && method !== 'homotopy')
    throw new UnsuperposeError(
      'ERR_OPTION',
      `precision 'float64' is for methods lasso and homotopy, not for method ${method}`,
      'precision',
    );
  return precision === 'float64';
}

export function readMethod<T extends (typeof METHODS)[number]>(
  options: Options,
  methods: readonly T[],
  absent: T,
): T {
  const value = options.has('method') ? options.get('method') : absent;
  const method = methods.find((name) => name === value);
  if (method === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${describe(value)} is not a method of ${options.call}; there are: ${methods.join(', ')}`,
      'method',
    );
  return method;
}

/** The convex options but λ and the start, as native code takes them. */
export function readConvex(
  options: Options,
  method: Exclude<NativeUnfoldOptions['method'], 'omp'>,
  features: number,
): Omit<NativeUnfoldOptions, 'lambda' | 'warmStart'> {
  return {
    method,
    ridge: options.number('ridge', { min: 0 }, 0),
    weights: readWeights(options.get('weights'), features),
    nonnegative: options.flag('nonnegative'),
    float64: false,
    sparsity: new Uint32Array(0),
    residual: 0,
    epsilon: new Float64Array(0),
    thresholdFactor: 0,
    reweightings: 0,
    gramBudget: 0,
    tolerance: options.number('tolerance', { above: 0 }, DEFAULT_TOLERANCE),
    maxIterations: options.integer('maxIterations', { min: 1, max: MOST_ITERATIONS }, 0),
  };
}

function readWarmStart(value: unknown, samples: number, features: number): NativeUnfoldOptions['warmStart'] {
  if (value === undefined) return undefined;
  const start = readCodes(value, 'warmStart', 'ERR_OPTION');
  if (start.samples !== samples || start.features !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `warmStart has the shape [${start.samples}, ${start.features}], expected [${samples}, ${features}]`,
      'warmStart',
    );
  return start.codes;
}

interface Call {
  readonly handle: DictionaryHandle;
  readonly matrix: NativeMatrix;
  readonly settings: NativeUnfoldOptions;
  readonly threads: number;
}

export function checkDims(matrix: NativeMatrix, dims: number): void {
  if (matrix.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `activations have ${matrix.cols} dims, the dictionary has ${dims}`,
      'activations',
    );
}

/** Everything validated, in an order that runs all code of the caller's before its memory is looked at. */
function prepare(activations: unknown, dictionary: Dictionary, options: Options): Call {
  checkDevice(options, ['auto', 'float32', 'float64']);
  const method = readMethod(options, METHODS, 'lasso');
  const float64 = readFloat64(options, method);
  if (isPursuit(method)) excludeFromPursuit(options, method, CONVEX_ONLY);
  else options.exclude(PURSUIT_ONLY, 'the pursuits', `method ${method}`);
  if (isPathMethod(method)) excludeFromPath(options, method);
  else options.exclude(PATH_ONLY, 'methods bpdn and reweighted', `method ${method}`);
  const threads = readThreads(options);
  const matrix = readMatrix(activations, 'activations');
  const handle = Dictionary.handleOf(dictionary);
  checkDims(matrix, dictionary.dims);
  const settings = isPursuit(method)
    ? readPursuit(options, method, matrix.rows, dictionary)
    : isPathMethod(method)
      ? readPathMethod(options, method, readConvex(options, method, dictionary.features), matrix.rows)
      : {
          ...readConvex(options, method, dictionary.features),
          float64,
          lambda: readPerSample('lambda', options.get('lambda'), matrix.rows, { above: 0 }),
          warmStart: readWarmStart(options.get('warmStart'), matrix.rows, dictionary.features),
        };
  return { handle, matrix, settings, threads };
}

/**
 * Unfolds activations into sparse codes over a dictionary, off the JavaScript thread.
 *
 * The convex methods minimise, for each sample x on its own,
 *
 *   P(a) = ½‖x − aD‖² + λ Σ_j w_j |a_j| + (β/2)‖a‖²     (with `nonnegative`: over a ≥ 0)
 *
 * with no 1/n anywhere: scikit-learn's `Lasso(alpha)` has λ = alpha · dims, its `sparse_encode` λ = alpha. Each code comes with
 * its duality gap in float64, which bounds how far P is from its minimum. `'omp'` is orthogonal matching pursuit on a Gram
 * matrix (Rubinstein, Zibulevsky, Elad 2008): it picks atoms one by one, up to `sparsity` or down to `residual`, each the most
 * correlated with what is left, decided in float64 where bounds leave it open (the lowest index among equals).
 *
 * Inputs are copied before this returns: the caller may change, transfer or resize its buffers at once.
 *
 * @param activations samples × dims, finite
 * @param dictionary features × dims
 * @returns codes of samples × features, with gap, objective and residual a sample
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE` (names row and column), `ERR_DISPOSED`,
 *   `ERR_TOO_LARGE`, `ERR_NO_DEVICE`; `signal.reason` once aborted
 * @see the duality gap by Fenchel duality: Mairal, "Sparse coding for machine learning, image processing and computer vision", 2010, app. D
 *
 * @example
 * ```ts
 * import { Dictionary, unfold } from 'unsuperpose';
 *
 * // three features in two dims: in superposition
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const { codes, converged } = await unfold({ data: Float32Array.of(3, 4), shape: [1, 2] }, dictionary, { lambda: 0.5 });
 * console.log(converged, [...codes.row(0).indices]); // → true [ 2 ]
 * console.log(codes.row(0).values[0].toFixed(3)); // → 4.500
 * ```
 */
export async function unfold(
  activations: Matrix,
  dictionary: Dictionary,
  options: Float64Options & AsyncOptions,
): Promise<Unfolding<Float64Array>>;
export async function unfold(
  activations: Matrix,
  dictionary: Dictionary,
  options: UnfoldOptions,
): Promise<Unfolding>;
export async function unfold(
  activations: Matrix,
  dictionary: Dictionary,
  options: UnfoldOptions | (Float64Options & AsyncOptions),
): Promise<Unfolding | Unfolding<Float64Array>> {
  const read = new Options(options, NAMES, 'unfold');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const { handle, matrix, settings, threads } = prepare(activations, dictionary, read);
  throwIfAborted(signal);
  const result = await runJob<NativeUnfolding>(signal, (onSettled, guard) => {
    const report = onProgress && guard((done: number, total: number) => onProgress({ done, total }));
    return binding.unfold(handle, matrix, settings, threads, report, onSettled);
  });
  const unfolding = toUnfolding(result, matrix.rows, dictionary.features);
  return settings.method === 'bpdn' || settings.method === 'amp'
    ? { ...unfolding, lambda: result.lambda }
    : unfolding;
}

/**
 * {@link unfold} on the JavaScript thread (with the pool's help), for scripts and small work.
 *
 * @param activations samples × dims, finite; not copied
 * @param dictionary features × dims
 * @param options as for {@link unfold}, without `signal` and `onProgress`
 * @throws UnsuperposeError as {@link unfold}
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 0.1, -2, 5), shape: [2, 2] as const };
 * const { codes } = unfoldSync(x, dictionary, { method: 'omp', sparsity: 1 });
 * console.log([...codes.indices], [...codes.values]); // → [ 0, 1 ] [ 3, 5 ]
 * ```
 */
export function unfoldSync(
  activations: Matrix,
  dictionary: Dictionary,
  options: Float64Options,
): Unfolding<Float64Array>;
export function unfoldSync(
  activations: Matrix,
  dictionary: Dictionary,
  options: UnfoldSyncOptions,
): Unfolding;
export function unfoldSync(
  activations: Matrix,
  dictionary: Dictionary,
  options: UnfoldSyncOptions | Float64Options,
): Unfolding | Unfolding<Float64Array> {
  const read = new Options(options, NAMES, 'unfoldSync');
  read.exclude(ASYNC_NAMES, 'unfold', 'unfoldSync');
  const { handle, matrix, settings, threads } = prepare(activations, dictionary, read);
  const result = native((module) => module.unfoldSync(handle, matrix, settings, threads));
  const unfolding = toUnfolding(result, matrix.rows, dictionary.features);
  return settings.method === 'bpdn' || settings.method === 'amp'
    ? { ...unfolding, lambda: result.lambda }
    : unfolding;
}
