// Unfolding: activations into sparse codes, each with its certificate.
import { COMMON_NAMES, readMethod } from '../call/common.js';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import type { Note } from '../call/notes.js';
import { Options } from '../call/options.js';
import { ASYNC_NAMES, ASYNC_ONLY, type AsyncOptions, type Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import { checkPreparation, type Preparation, preparationOf } from '../data/prepared.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import type { NativeUnfoldOptions } from '../native/methods.js';
import { resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import { takeUnfolding } from '../native/tray.js';
import type { NativeUnfolding } from '../native/unfolding.js';
import type { DictionaryHandle, Resources } from '../native/values.js';
import { BALL_ONLY, type BallOptions, readBall } from './ball.js';
import {
  CONVEX_NAMES,
  type ConvexOptions,
  type Float64Options,
  readConvex,
  readFloat64,
  readLambda,
  readPenalty,
} from './convex.js';
import { deviceOf } from './device.js';
import {
  type DenoisingOptions,
  excludeFromPath,
  isPathMethod,
  PATH_ONLY,
  type ReweightedOptions,
  readPathMethod,
} from './homotopy.js';
import { notesOf } from './notes.js';
import { OBSERVING, readObserved } from './observed.js';
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
import { toUnfolding, type Unfolding } from './unfolding.js';
import {
  type CodeProposer,
  checkProposer,
  propose,
  proposerOf,
  proposeSync,
  readWarmStart,
  type Start,
} from './warm-start.js';

/** Options of {@link unfoldSync}. */
export type UnfoldSyncOptions =
  | ConvexOptions
  | PursuitOptions
  | MatchingOptions
  | ThresholdingOptions
  | MessagePassingOptions
  | DenoisingOptions
  | BallOptions
  | ReweightedOptions;
/** Options of {@link unfold}. */
export type UnfoldOptions = UnfoldSyncOptions & AsyncOptions;

const METHODS = [
  'lasso',
  'fista',
  'ista',
  'homotopy',
  'bpdn',
  'l1-ball',
  'reweighted',
  ...PURSUIT_METHODS,
] as const;
const CONVEX_ONLY = ['lambda', ...CONVEX_NAMES, 'warmStart'];
const SYNC_NAMES = [
  ...COMMON_NAMES,
  'nonnegative',
  'observed',
  ...CONVEX_ONLY,
  ...PURSUIT_ONLY,
  ...PATH_ONLY,
  ...BALL_ONLY,
];
const NAMES = [...SYNC_NAMES, ...ASYNC_NAMES];

interface Call {
  readonly handle: DictionaryHandle;
  readonly matrix: NativeMatrix;
  readonly settings: NativeUnfoldOptions;
  readonly observed: Uint8Array | undefined;
  readonly given: Resources;
  readonly notes: readonly Note[];
  readonly preparation: Preparation | undefined;
  readonly threads: number;
  /** Who is asked for codes to start from. The matrix is our own copy then: other code runs before it is used. */
  readonly proposer: CodeProposer | undefined;
}

/** Everything validated. All code of the caller's that may run (getters, iterators) runs here: before native code looks at borrowed memory. */
function prepare(activations: unknown, dictionary: Dictionary, options: Options): Call {
  const method = readMethod(options, METHODS, 'lasso');
  const wanted = deviceOf(options, method);
  const float64 = readFloat64(options, method);
  if (isPursuit(method)) excludeFromPursuit(options, method, CONVEX_ONLY);
  else options.exclude(PURSUIT_ONLY, 'the pursuits', `method ${method}`);
  if (isPathMethod(method)) excludeFromPath(options, method);
  else options.exclude(PATH_ONLY, 'methods bpdn and reweighted', `method ${method}`);
  if (method !== 'l1-ball') options.exclude(BALL_ONLY, 'method l1-ball', `method ${method}`);
  if (!OBSERVING.includes(method))
    options.exclude(['observed'], `methods ${OBSERVING.join(', ')}`, `method ${method}`);
  const threads = readThreads(options);
  const preparation = preparationOf(activations);
  const proposer = proposerOf(options.get('warmStart'));
  const matrix = readMatrix(activations, 'activations', { exact: float64, copy: proposer !== undefined });
  const handle = Dictionary.handleOf(dictionary);
  checkDims(matrix, dictionary.dims);
  checkPreparation(preparation, dictionary.dims);
  const { features } = dictionary;
  if (proposer !== undefined) {
    checkProposer(proposer, features, dictionary.dims);
    if (options.has('observed'))
      throw new UnsuperposeError(
        'ERR_OPTION',
        'warmStart must be codes where observed is given: what proposes codes takes whole samples',
        'warmStart',
      );
  }
  const read = (): NativeUnfoldOptions => {
    if (isPursuit(method)) return readPursuit(options, method, matrix.rows, dictionary);
    if (method === 'l1-ball') return readBall(options, readConvex(options, features), matrix.rows);
    if (isPathMethod(method))
      return readPathMethod(options, method, readConvex(options, features), matrix.rows);
    const { ridge, weights, nonnegative, tolerance, maxIterations } = readPenalty(options, method, features);
    return {
      // Field by field: spreads cost more than a small problem does.
      method,
      ridge,
      weights,
      nonnegative,
      tolerance,
      maxIterations,
      float64,
      lambda: readLambda(options, method, matrix.rows),
      warmStart: proposer ? undefined : readWarmStart(options.get('warmStart'), matrix.rows, features),
    };
  };
  const settings = read();
  const observed = readObserved(options, matrix.rows, matrix.cols);
  const notes = notesOf(dictionary, method, options);
  const given = resources(threads, wanted, matrix.rows * matrix.cols * features);
  // The lasso of a GPU starts from zero; with maxIterations it is the CPU's.
  const starts = typeof given === 'number' || !('maxIterations' in settings) || settings.maxIterations > 0;
  const asked = starts ? proposer : undefined;
  return { handle, matrix, settings, observed, given, notes, preparation, threads, proposer: asked };
}

/** The call of a method that may start from codes. */
function started(call: Call, { codes, notes }: Start): Call {
  const { settings } = call;
  if (!('warmStart' in settings)) return call;
  return { ...call, settings: { ...settings, warmStart: codes }, notes: [...call.notes, ...notes] };
}

/** With λ where the method finds it. */
function answer(
  result: NativeUnfolding,
  { settings: { method }, matrix, given, notes, preparation }: Call,
  features: number,
): Unfolding {
  const finds = method === 'bpdn' || method === 'l1-ball' || method === 'amp';
  const lambda = finds ? result.lambda : undefined;
  return toUnfolding(result, matrix.rows, features, { notes, preparation, lambda, given });
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
  activations: MatrixLike,
  dictionary: Dictionary,
  options: Float64Options & AsyncOptions,
): Promise<Unfolding<Float64Array>>;
export async function unfold(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldOptions,
): Promise<Unfolding>;
export async function unfold(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldOptions | (Float64Options & AsyncOptions),
): Promise<Unfolding | Unfolding<Float64Array>> {
  const read = new Options(options, NAMES, 'unfold');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const call = prepare(activations, dictionary, read);
  const { matrix, observed, given, proposer } = call;
  throwIfAborted(signal);
  const solve = async (handle: DictionaryHandle, from: Call): Promise<Unfolding> => {
    const { settings } = from;
    const result = await runCounted<NativeUnfolding>(signal, onProgress, (...rest) =>
      binding.unfold(handle, matrix, settings, observed, given, ...rest),
    );
    return answer(result, from, dictionary.features);
  };
  if (proposer === undefined) return solve(call.handle, call);
  // Another handle: the caller may dispose the dictionary while codes are proposed.
  const own = Dictionary.share(dictionary);
  try {
    const start = await propose(proposer, matrix, dictionary.features, { threads: call.threads, signal });
    throwIfAborted(signal);
    return await solve(Dictionary.handleOf(own), started(call, start));
  } finally {
    own.dispose();
  }
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
  activations: MatrixLike,
  dictionary: Dictionary,
  options: Float64Options,
): Unfolding<Float64Array>;
export function unfoldSync(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldSyncOptions,
): Unfolding;
export function unfoldSync(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldSyncOptions | Float64Options,
): Unfolding | Unfolding<Float64Array> {
  const read = new Options(options, SYNC_NAMES, 'unfoldSync', ASYNC_ONLY);
  const call = prepare(activations, dictionary, read);
  const { handle, matrix, observed, given, proposer } = call;
  const from = proposer
    ? started(call, proposeSync(proposer, matrix, dictionary.features, call.threads))
    : call;
  const { settings } = from;
  const large = native((module) => module.unfoldSync(handle, matrix, settings, observed, given));
  const result = large ?? takeUnfolding('float64' in settings && settings.float64);
  return answer(result, from, dictionary.features);
}
