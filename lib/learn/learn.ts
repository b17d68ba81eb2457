// Learning a dictionary from activations, in memory or as they stream by.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import type { AsyncOptions } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativeStatistics } from '../native/binding.js';
import { runJob, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { DictionaryHandle, LearnerHandle } from '../native/values.js';
import { BatchSource } from './batches.js';

/** Figures of the steps since the last report (of the stream's last batch): means over their samples. */
export interface LearningFigures {
  /** ½‖x − aD‖² + λ‖a‖₁, the mean a sample. */
  readonly objective: number;
  /** 1 − Σ‖x − aD‖² / Σ‖x − mean‖². */
  readonly explainedVariance: number;
  /** Mean number of active atoms a sample. */
  readonly l0: number;
}

/** How far learning has come, in steps; `total` is unknown for streams. */
export interface LearningProgress extends LearningFigures {
  readonly done: number;
  readonly total?: number;
}

/** Options of {@link learnDictionary} for any source. */
export interface LearnBaseOptions extends AsyncOptions<LearningProgress> {
  /** Number of atoms to learn. */
  readonly features: number;
  /** λ > 0 of the codes, in ½‖x − aD‖² + λ‖a‖₁. */
  readonly lambda: number;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Samples a step. Default 512. */
  readonly batchSize?: number | undefined;
  /** Relative duality gap of the codes while learning. Default 1e-3. */
  readonly tolerance?: number | undefined;
  /** ρ, 0 < ρ ≤ 1: what past steps keep of their weight at each new one. Default 0.98. */
  readonly forgetting?: number | undefined;
  /** Integer, 0 … 2⁵³ − 1: the same seed and data give the same dictionary, for any number of threads. Default 0. */
  readonly seed?: number | undefined;
  /** Atoms to start from, features × dims. Default: the first samples seen. */
  readonly initial?: MatrixLike | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** Options of {@link learnDictionary} for a matrix. */
export interface LearnOptions extends LearnBaseOptions {
  /** Passes over the samples. Default 10. Excludes `steps`. */
  readonly epochs?: number | undefined;
  /** Mini-batches in all. Excludes `epochs`. */
  readonly steps?: number | undefined;
}

/** What {@link learnDictionary} answers. Its figures are those of the last progress report. */
export interface LearnedDictionary extends LearningFigures {
  readonly dictionary: Dictionary;
  /** How many samples used each atom, over all steps: one count a feature. */
  readonly usage: Float64Array;
  readonly steps: number;
  /** Samples seen, over all steps. */
  readonly samples: number;
  /** Unused atoms that were replaced by badly explained samples. */
  readonly replaced: number;
}

const NAMES = [
  'features',
  'lambda',
  'nonnegative',
  'batchSize',
  'epochs',
  'steps',
  'tolerance',
  'forgetting',
  'seed',
  'initial',
  'threads',
  'signal',
  'onProgress',
];
const MOST_FEATURES = 2 ** 31 - 1;
const DEFAULT_BATCH = 512;
const DEFAULT_EPOCHS = 10;
const DEFAULT_TOLERANCE = 1e-3;
const DEFAULT_FORGETTING = 0.98;
/** Reports a call over a matrix makes, at most. The cut is fixed, so that figures do not depend on who listens. */
const REPORTS = 50;

interface Learning {
  readonly options: Parameters<typeof binding.createLearner>[1];
  readonly initial: NativeMatrix | undefined;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: LearningProgress) => void) | undefined;
}

function readLearning(read: Options): Learning {
  const signal = read.signal();
  const onProgress = read.callback<LearningProgress>('onProgress');
  const options = {
    features: read.requiredInteger('features', { min: 1, max: MOST_FEATURES }),
    lambda: read.requiredNumber('lambda', { above: 0 }),
    nonnegative: read.flag('nonnegative'),
    batchSize: read.integer('batchSize', { min: 1, max: MOST_FEATURES }, DEFAULT_BATCH),
    tolerance: read.number('tolerance', { above: 0 }, DEFAULT_TOLERANCE),
    forgetting: read.number('forgetting', { above: 0, max: 1 }, DEFAULT_FORGETTING),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
  };
  const threads = readThreads(read);
  const initial = read.has('initial')
    ? readMatrix(read.get('initial'), 'initial', { copy: true })
    : undefined;
  if (initial !== undefined && initial.rows !== options.features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `initial has ${initial.rows} atoms, features is ${options.features}`,
      'initial',
    );
  return { options, initial, threads, signal, onProgress };
}

function createLearner(dims: number, { options, initial }: Learning): LearnerHandle {
  if (initial !== undefined && initial.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `initial has ${initial.cols} dims, activations have ${dims}`,
      'initial',
    );
  return native((module) => module.createLearner(dims, options, initial));
}

function figures({ objective, explainedVariance, l0 }: NativeStatistics): LearningFigures {
  return { objective, explainedVariance, l0 };
}

async function finish(
  learner: LearnerHandle,
  last: NativeStatistics,
  signal: AbortSignal | undefined,
): Promise<LearnedDictionary> {
  const { dictionary, usage } = await runJob<{ dictionary: DictionaryHandle; usage: Float64Array }>(
    signal,
    (onSettled) => binding.learnerFinish(learner, 1, undefined, onSettled),
  );
  const { steps, samples, replaced } = last;
  return { dictionary: Dictionary.adopt(dictionary), usage, steps, samples, replaced, ...figures(last) };
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

async function learnFromMatrix(
  activations: unknown,
  read: Options,
  learning: Learning,
): Promise<LearnedDictionary> {
  const { options, threads, signal, onProgress } = learning;
  const matrix = readMatrix(activations, 'activations');
  if (matrix.rows === 0 || matrix.cols === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `activations must have at least one sample (row) and one dim, got [${matrix.rows}, ${matrix.cols}]`,
      'activations',
    );
  const steps = readSteps(read, matrix.rows, options.batchSize);
  throwIfAborted(signal);
  const learner = createLearner(matrix.cols, learning);
  const last = await runJob<NativeStatistics>(signal, (onSettled, guard) => {
    const report =
      onProgress &&
      guard((now: NativeStatistics) => onProgress({ done: now.steps, total: steps, ...figures(now) }));
    return binding.learnerFit(learner, matrix, steps, Math.ceil(steps / REPORTS), threads, report, onSettled);
  });
  return finish(learner, last, signal);
}

async function learnFromStream(batches: BatchSource, learning: Learning): Promise<LearnedDictionary> {
  const { threads, signal, onProgress } = learning;
  let learner: LearnerHandle | undefined;
  let last: NativeStatistics | undefined;
  for await (const batch of batches.read(signal)) {
    learner ??= createLearner(batch.cols, learning);
    const current = learner;
    last = await runJob<NativeStatistics>(signal, (onSettled) =>
      binding.learnerObserve(current, batch, threads, undefined, onSettled),
    );
    onProgress?.({ done: last.steps, ...figures(last) });
  }
  if (learner === undefined || last === undefined)
    throw new UnsuperposeError('ERR_SHAPE', 'activations gave no samples to learn from', 'activations');
  return finish(learner, last, signal);
}

function isStream(activations: unknown): boolean {
  return (
    typeof activations === 'object' &&
    activations !== null &&
    typeof (activations as Partial<AsyncIterable<MatrixLike>>)[Symbol.asyncIterator] === 'function'
  );
}

/**
 * Learns a dictionary by online dictionary learning (Mairal, Bach, Ponce, Sapiro 2009, algorithms 1 and 2): atoms of norm ≤ 1 that minimise
 * the mean over samples of min_a ½‖x − aD‖² + λ‖a‖₁ (with `nonnegative`: over a ≥ 0), one mini-batch at a time. Atoms that go unused are
 * replaced by the samples that are explained worst.
 *
 * A matrix is copied once, before this returns, and visited in seeded random order. A stream is read once, in its own order; it is closed
 * when learning stops early. Neither blocks the JavaScript thread.
 *
 * @param activations samples × dims, finite; or an async iterable of such matrices, all of the same dims
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`; `signal.reason` once aborted;
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
  activations: AsyncIterable<MatrixLike>,
  options: LearnBaseOptions,
): Promise<LearnedDictionary>;
export async function learnDictionary(
  activations: MatrixLike | AsyncIterable<MatrixLike>,
  options: LearnOptions,
): Promise<LearnedDictionary> {
  const read = new Options(options, NAMES, 'learnDictionary');
  const learning = readLearning(read);
  const batches = isStream(activations) ? BatchSource.from(activations, 'activations') : undefined;
  if (batches === undefined) return learnFromMatrix(activations, read, learning);
  read.exclude(['epochs', 'steps'], 'calls with a matrix', 'a stream, which is read once');
  throwIfAborted(learning.signal);
  return learnFromStream(batches, learning);
}
