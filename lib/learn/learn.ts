// Learning a dictionary from activations, in memory or as they stream by.
import { type Device, readDevice, readNoDevice, type Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import type { AsyncOptions } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { BatchSource, isStream } from '../data/batches.js';
import { Checkpoints, RESUMABLE_NAMES, type ResumableOptions } from '../data/checkpoints.js';
import type { Dictionary } from '../data/dictionary.js';
import { HOLDOUT_NAMES, Holdout, type HoldoutOptions, reported, takeRows } from '../data/holdout.js';
import { throwIfAborted } from '../native/job.js';
import { resources } from '../native/resources.js';
import { unfold } from '../unfold/unfold.js';
import { CODING_NAMES, type CodingOptions, readCoding, unfoldOptions } from './coding.js';
import {
  type LearnedDictionary,
  type Learning,
  type LearningProgress,
  learnFromStream,
  learnOnce,
  nothingLeft,
  withHeldOut,
} from './fit.js';

export type LearningMethod = 'online' | 'mod' | 'ksvd';
export type AtomStart = 'samples' | 'kmeans++';

/** Options of {@link learnDictionary} for any source. */
export interface LearnBaseOptions
  extends AsyncOptions<LearningProgress>,
    ResumableOptions,
    CodingOptions,
    HoldoutOptions {
  /** Number of atoms to learn. */
  readonly features: number;
  /**
   * What each step does to the atoms, see {@link learnDictionary}: `'online'` dictionary learning, `'mod'` (method of optimal directions) or
   * `'ksvd'` (approximate K-SVD). Default `'online'`.
   */
  readonly method?: LearningMethod | undefined;
  /** Samples a step. Default 512; with `'mod'` and `'ksvd'` no fewer than features. All samples: a step is a pass. */
  readonly batchSize?: number | undefined;
  /**
   * ρ, 0 < ρ ≤ 1: what past steps keep of their weight at each new one. Default 0.98. With `'mod'` and `'ksvd'` 0, too: a step knows its batch
   * alone, as these methods were published. It is reached as the steps grow, since early codes
   * come from poor atoms: step t keeps at most 1 − 1/max(4, (t/30)²), which is 0.75 for 60 steps and 0.98 from step 213 on.
   */
  readonly forgetting?: number | undefined;
  /** Integer, 0 … 2⁵³ − 1: the same seed and data give the same dictionary, for any number of threads. Default 0. */
  readonly seed?: number | undefined;
  /**
   * Where atoms start without `initial`. `'samples'` (default): at the first samples seen. `'kmeans++'`: at samples far from one another, drawn as
   * k-means++ does (Arthur, Vassilvitskii 2007) among the first 4·features seen: each with probability proportional to what the best atom
   * so far leaves of its energy, 1 − max_j cos²(x, d_j) (with `nonnegative` of cosines > 0 alone). Once nothing is left of any of them, the
   * other atoms start at samples in their order. Of a stream, items are held until there are so many.
   */
  readonly start?: AtomStart | undefined;
  /**
   * Atoms to start from, features × dims. Default: see `start`; λ then starts large (see {@link learnDictionary}), which would
   * only lead away from atoms that are good already.
   */
  readonly initial?: MatrixLike | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
  /**
   * Where to compute, as for `unfold`: `'cpu'` (default, or UNSUPERPOSE_DEVICE), `'cuda'`, `'cuda:N'`, or `'auto'`, a GPU where a batch has at least 2³⁴
   * multiply-adds (samples · features · dims) and one is there. Codes by solver `'lasso'` are made there, of atoms that stay there: a step sends its
   * batch and the atoms that changed. Other solvers run on the CPU, and refuse a GPU that they are asked for (`ERR_OPTION`). A run may begin on one
   * device and go on from its checkpoint on another. The same seed and data give the same dictionary on the same device; on another, codes agree
   * within their tolerance, and dictionaries as far as that goes.
   */
  readonly device?: Device | undefined;
}

/** Options of {@link learnDictionary} for a stream of matrices. */
export interface LearnStreamOptions extends LearnBaseOptions {
  /**
   * Passes over the stream. Default 1. More of them need what can be read again: an array of matrices, or a function that gives a
   * generator or an iterable anew each time.
   */
  readonly epochs?: number | undefined;
}

/** Options of {@link learnDictionary} for a matrix. */
export interface LearnOptions extends LearnBaseOptions {
  /** Passes over the samples. Default 10. Excludes `steps`. */
  readonly epochs?: number | undefined;
  /**
   * Dictionaries learned, one after the other, with seeds `seed`, `seed` + 1, …: the one is answered whose codes of all samples have the
   * least objective (unfolded anew, with `lambda` within a gap of 1e-4; the first among equals). Takes that many times as long, and one copy of the
   * samples and one dictionary more memory. 1 … 10,000; default 1.
   */
  readonly restarts?: number | undefined;
  /** Mini-batches in all. Excludes `epochs`. */
  readonly steps?: number | undefined;
}

/** Matrices one after the other. */
export type MatrixStream = Iterable<MatrixLike> | AsyncIterable<MatrixLike>;

const NAMES = [
  'features',
  'method',
  ...CODING_NAMES,
  'batchSize',
  'epochs',
  'steps',
  'restarts',
  'forgetting',
  'seed',
  'start',
  'initial',
  'threads',
  'device',
  ...HOLDOUT_NAMES,
  ...RESUMABLE_NAMES,
  'signal',
  'onProgress',
];
const METHODS = ['online', 'mod', 'ksvd'] as const;
const STARTS = ['samples', 'kmeans++'] as const;
const MOST_FEATURES = 2 ** 31 - 1;
const DEFAULT_BATCH = 512;
const DEFAULT_EPOCHS = 10;
const DEFAULT_FORGETTING = 0.98;
const MOST_RESTARTS = 10_000;
/** Restarts are compared by objectives within this gap, of so many samples at a time. */
const COMPARED = { tolerance: 1e-4, rows: 8192 };

/** Solvers of codes that a GPU can help with. */
const ON_DEVICES = 'lasso';

/** A GPU that is asked for must be there before anything is read. */
function deviceOf(read: Options, solver: string): Wanted {
  if (solver !== ON_DEVICES) return readNoDevice(read, `solver ${solver}`, `solver ${ON_DEVICES}`);
  const wanted = readDevice(read);
  if (typeof wanted === 'number') resources(1, wanted, 0);
  return wanted;
}

/** As an option says it, so that what learning asks of other calls runs where learning does. */
const nameOf = (wanted: Wanted): Device => (typeof wanted === 'number' ? `cuda:${wanted}` : wanted);

function readLearning(read: Options): Learning {
  const signal = read.signal();
  const onProgress = read.callback<LearningProgress>('onProgress');
  const features = read.requiredInteger('features', { min: 1, max: MOST_FEATURES });
  const method = read.choice('method', METHODS, 'online');
  const batch = method === 'online' ? DEFAULT_BATCH : Math.max(DEFAULT_BATCH, features);
  const kept = method === 'online' ? { above: 0, max: 1 } : { min: 0, max: 1 };
  const options = {
    features,
    method,
    ...readCoding(read, features),
    batchSize: read.integer('batchSize', { min: 1, max: MOST_FEATURES }, batch),
    forgetting: read.number('forgetting', kept, DEFAULT_FORGETTING),
    start: read.choice('start', STARTS, 'samples'),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
  };
  const threads = readThreads(read);
  const wanted = deviceOf(read, options.solver);
  if (read.has('initial')) read.exclude(['start'], 'calls without initial', 'a call with initial');
  const initial = read.has('initial')
    ? readMatrix(read.get('initial'), 'initial', { copy: true })
    : undefined;
  if (initial !== undefined && initial.rows !== options.features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `initial has ${initial.rows} atoms, features is ${options.features}`,
      'initial',
    );
  return {
    options,
    initial,
    holdout: Holdout.read(read, options.seed),
    checkpoints: new Checkpoints(read),
    threads,
    wanted,
    device: nameOf(wanted),
    signal,
    onProgress,
  };
}

/** The number of mini-batches that `epochs` passes make. */
function readSteps(read: Options, rows: number, batchSize: number): number {
  if (read.has('steps')) {
    read.exclude(['epochs'], 'calls without steps', 'a call with steps (give one of the two)');
    return read.requiredInteger('steps', { min: 1, max: Number.MAX_SAFE_INTEGER });
  }
  const epochs = read.integer('epochs', { min: 1, max: MOST_FEATURES }, DEFAULT_EPOCHS);
  return Math.max(1, Math.ceil((epochs * rows) / Math.min(batchSize, rows)));
}

function readSamples(activations: unknown, copy: boolean): NativeMatrix {
  const matrix = readMatrix(activations, 'activations', { copy });
  if (matrix.rows === 0 || matrix.cols === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `activations must have at least one sample (row) and one dim, got [${matrix.rows}, ${matrix.cols}]`,
      'activations',
    );
  return matrix;
}

/** The objective of the codes, summed over all samples. */
async function totalObjective(
  { data, rows, cols }: NativeMatrix,
  dictionary: Dictionary,
  { options, threads, device, signal }: Learning,
): Promise<number> {
  const settings = unfoldOptions(options, COMPARED.tolerance);
  let total = 0;
  for (let first = 0; first < rows; first += COMPARED.rows) {
    const count = Math.min(COMPARED.rows, rows - first);
    const samples = {
      data: data.subarray(first * cols, (first + count) * cols),
      shape: [count, cols] as const,
    };
    const { objective } = await unfold(samples, dictionary, { ...settings, threads, device, signal });
    for (const value of objective) total += value;
  }
  return total;
}

async function learnFromMatrix(
  activations: unknown,
  read: Options,
  learning: Learning,
): Promise<LearnedDictionary> {
  const { options, onProgress, holdout } = learning;
  const restarts = read.integer('restarts', { min: 1, max: MOST_RESTARTS }, 1);
  if (restarts > 1) read.exclude([...RESUMABLE_NAMES], 'calls without restarts', 'a call with restarts');
  const matrix = readSamples(activations, restarts > 1);
  const { mask, held } = holdout?.split(matrix) ?? {};
  const out = held?.length ? takeRows(matrix, held) : undefined;
  const few = held?.length && onProgress !== undefined ? takeRows(matrix, reported(held)) : undefined;
  const counting = matrix.rows - (held?.length ?? 0);
  if (counting === 0) throw new UnsuperposeError('ERR_OPTION', nothingLeft(matrix.rows, holdout), 'holdout');
  const steps = readSteps(read, counting, options.batchSize);
  if (restarts === 1) return withHeldOut(await learnOnce(matrix, steps, learning, mask, few), out, learning);
  const compared =
    mask === undefined
      ? matrix
      : takeRows(
          matrix,
          Uint32Array.from(mask.keys()).filter((i) => mask[i] === 1),
        );
  let best: { learned: LearnedDictionary; objective: number } | undefined;
  for (let restart = 0; restart < restarts; restart++) {
    const report = (now: LearningProgress): void =>
      onProgress?.({ ...now, done: restart * steps + now.done, total: restarts * steps });
    const learned = await learnOnce(
      matrix,
      steps,
      {
        ...learning,
        options: { ...options, seed: (options.seed + restart) % Number.MAX_SAFE_INTEGER },
        onProgress: onProgress && report,
      },
      mask,
      few,
    );
    const objective = await totalObjective(compared, learned.dictionary, learning);
    if (best !== undefined && !(objective < best.objective)) {
      learned.dictionary.dispose();
      continue;
    }
    best?.learned.dictionary.dispose();
    best = { learned, objective };
  }
  return withHeldOut((best as { learned: LearnedDictionary }).learned, out, learning);
}

/**
 * Learns a dictionary: atoms of norm ≤ 1 that minimise the mean over samples of min_a ½‖x − aD‖² + λ‖a‖₁, or with a `sparsity` k of
 * min ½‖x − aD‖² over codes of at most k atoms (with `nonnegative`: over a ≥ 0), one mini-batch at a time. Each step codes its batch by
 * the atoms as they are, and then improves the atoms, by `method`:
 * - `'online'` (Mairal, Bach, Ponce, Sapiro 2009, algorithms 1 and 2): of the codes it keeps A = Σ aᵀa and B = Σ aᵀx, over all steps
 *   with those long ago weighing less (`forgetting`), and takes each atom once to where the objective in A and B is least, the others as they
 *   are. Late in a run an atom is updated once a tenth of what is remembered about it is new, and rests until then.
 * - `'mod'`, the method of optimal directions (Engan, Aase, Husøy 1999): all atoms at once, as the least squares fit for all codes that are
 *   remembered, D = A⁻¹B, each then of norm 1. Where codes leave A singular, atoms stay near where they were: what is minimised gains
 *   2⁻¹⁰ Σ_j A_jj ‖d_j − d_j before‖². A step costs features³/3 + 2·features²·dims operations besides the codes.
 * - `'ksvd'`, approximate K-SVD (Rubinstein, Zibulevsky, Elad 2008): atoms in turn, each the normalised Σ a_i E_i over the batch's samples
 *   that use it, E_i being what the others leave of a sample, and then its codes E_i·d (with λ: shrunk by it) in the batch anew. To the
 *   sum comes what A and B remember of earlier batches, whose codes stay. Atoms have norm 1.
 *
 * With `'mod'` and `'ksvd'`, `forgetting: 0` and a `batchSize` of all samples, a step is a pass of the method as it was published.
 *
 * Atoms that go unused are replaced by the samples that are explained worst; those that no sample has used in the end are counted in `dead`,
 * and noted. Two atoms that samples mostly use together may stand for a third direction: now and then that is tried in the place of an
 * atom, and stays where the objective falls, which gets learning out of most local minima. The scale of samples and λ does not matter:
 * both multiplied by a power of two, they give the same dictionary.
 *
 * Without `initial`, no sample's λ is below 0.3·0.95^t of its norm in step t, counted from 0: codes on atoms that are samples yet stay
 * sparse, which finds better atoms in less time. λ is what was asked for once that is more, and figures are of it from the first step
 * on. Likewise a `sparsity` k grows from one atom to k, evenly over the first 40 steps, or half of them all where there are fewer; figures
 * are of the codes there are.
 *
 * A matrix is copied once, before this returns, and visited in seeded random order. A stream (an array of matrices, a generator,
 * anything that is iterable at once or asynchronously, or a function that gives one of these) is read in its own order, once or
 * `epochs` times; it is closed when learning stops early. Neither blocks the JavaScript thread.
 *
 * @param activations samples × dims, finite; or a stream of such matrices, all of the same dims
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`, `ERR_NO_DEVICE`; `signal.reason` once aborted;
 *   whatever the stream or onProgress throws
 *
 * @example
 * ```ts
 * import { learnDictionary } from 'unsuperpose';
 *
 * // samples along two directions
 * const data = Float32Array.from({ length: 200 }, (_, i) => ((i >> 1) % 2 === i % 2 ? 1 + (i % 5) / 5 : 0));
 * const { dictionary, l0 } = await learnDictionary({ data, shape: [100, 2] }, { features: 2, lambda: 0.1, epochs: 5 });
 * console.log(dictionary.features, dictionary.dims, l0 <= 2); // → 2 2 true
 * ```
 */
export async function learnDictionary(
  activations: MatrixLike,
  options: LearnOptions,
): Promise<LearnedDictionary>;
export async function learnDictionary(
  activations: MatrixStream | (() => MatrixStream),
  options: LearnStreamOptions,
): Promise<LearnedDictionary>;
export async function learnDictionary(
  activations: MatrixLike | MatrixStream | (() => MatrixStream),
  options: LearnOptions,
): Promise<LearnedDictionary> {
  const read = new Options(options, NAMES, 'learnDictionary');
  const learning = readLearning(read);
  const batches = isStream(activations) ? BatchSource.from(activations, 'activations') : undefined;
  if (batches === undefined) return learnFromMatrix(activations, read, learning);
  read.exclude(['steps', 'restarts'], 'calls with a matrix', 'a stream');
  const epochs = read.integer('epochs', { min: 1, max: MOST_FEATURES }, 1);
  throwIfAborted(learning.signal);
  return learnFromStream(batches, epochs, learning);
}
