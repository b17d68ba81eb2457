// Training sparse autoencoders and transcoders: one, or several that share one pass over the data.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { isList, lengthOf, mapEntries, unshared } from '../call/memory.js';
import { describe, Options } from '../call/options.js';
import { readThreads } from '../call/threads.js';
import { BatchSource, isStream } from '../data/batches.js';
import { runJob, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeTrainingFigures, TrainerHandle } from '../native/sae.js';
import { SparseAutoencoder } from './autoencoder.js';
import {
  LEARNER_NAMES,
  type Learner,
  type LearnerOptions,
  type Planned,
  RUN_NAMES,
  type RunOptions,
  readLearner,
} from './options.js';
import { figuresOf, notesOf, type TrainingProgress } from './training.js';

/** Options of {@link trainSparseAutoencoder}. */
export type TrainSparseAutoencoderOptions = LearnerOptions & RunOptions;

/** Options of {@link trainSparseAutoencoders}. */
export interface TrainSparseAutoencodersOptions extends RunOptions {
  /** What each is to be. */
  readonly learners: readonly LearnerOptions[];
}

/** What a stream may give in place of a matrix: activations with what is to be made of them, and which of them count. */
export interface TrainingBatch {
  readonly activations: MatrixLike;
  /** As many rows. */
  readonly targets?: MatrixLike | undefined;
  /** One entry a row: 0 for those that do not count. */
  readonly mask?: Uint8Array | undefined;
}

/** Batches one after the other. */
export type TrainingStream = Iterable<MatrixLike | TrainingBatch> | AsyncIterable<MatrixLike | TrainingBatch>;

type Figures = readonly NativeTrainingFigures[];

/** Samples as native code takes them. */
interface Samples {
  readonly rows: number;
  readonly cols: number;
  readonly activations: NativeMatrix;
  readonly targets: NativeMatrix | undefined;
  readonly mask: Uint8Array | undefined;
}

interface Run {
  readonly learners: readonly Learner[];
  readonly batchSize: number;
  readonly seed: number;
  readonly epochs: number | undefined;
  readonly steps: number | undefined;
  readonly initial: NativeMatrix | undefined;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: TrainingProgress) => void) | undefined;
}

const MOST_BATCH = 2 ** 31 - 1;
const DEFAULT_BATCH = 1024;
const DEFAULT_EPOCHS = 10;
/** Reports a call over a matrix makes, at most. The cut is fixed, so that figures do not depend on who listens. */
const REPORTS = 50;
const MOST_LEARNERS = 1000;

function readMask(value: unknown, rows: number, name: string): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (!types.isUint8Array(value))
    throw new UnsuperposeError('ERR_DTYPE', `${name} must be a Uint8Array, got ${describe(value)}`, name);
  const own = unshared(value, name);
  if (lengthOf(own) !== rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} must have one entry a sample (${rows}), got ${lengthOf(own)}`,
      name,
    );
  return own;
}

function samplesOf(activations: unknown, targets: unknown, mask: unknown, name: string): Samples {
  const input = readMatrix(activations, name);
  const output = targets === undefined ? undefined : readMatrix(targets, 'targets');
  if (output !== undefined && output.rows !== input.rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `targets have ${output.rows} samples, ${name} has ${input.rows}`,
      'targets',
    );
  const { rows, cols } = input;
  return { rows, cols, activations: input, targets: output, mask: readMask(mask, rows, 'mask') };
}

/** A stream's item: a matrix, or a {@link TrainingBatch}. */
function readItem(value: unknown, name: string): Samples {
  if (typeof value !== 'object' || value === null || !('activations' in value))
    return samplesOf(value, undefined, undefined, name);
  const { activations, targets, mask } = value as Partial<Record<keyof TrainingBatch, unknown>>;
  return samplesOf(activations, targets, mask, `${name}[…].activations`);
}

function readRun(read: Options, learners: readonly Learner[], seed: number): Run {
  const signal = read.signal();
  const onProgress = read.callback<TrainingProgress>('onProgress');
  if (read.has('steps'))
    read.exclude(['epochs'], 'calls without steps', 'a call with steps (give one of the two)');
  const count = { min: 1, max: Number.MAX_SAFE_INTEGER };
  return {
    learners,
    seed,
    batchSize: read.integer('batchSize', { min: 1, max: MOST_BATCH }, DEFAULT_BATCH),
    epochs: read.integer('epochs', { min: 1, max: MOST_BATCH }, undefined),
    steps: read.integer('steps', count, undefined),
    initial: read.has('initial') ? readMatrix(read.get('initial'), 'initial', { copy: true }) : undefined,
    threads: readThreads(read),
    signal,
    onProgress,
  };
}

/** Native learners for data of these dims. */
function createTrainer(run: Run, first: Samples, planned: number, keep: boolean): TrainerHandle {
  const { initial, learners, batchSize, seed } = run;
  const { activations, targets } = first;
  const inputs = activations.cols;
  const outputs = targets?.cols ?? inputs;
  if (inputs === 0 || outputs === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations and targets must have at least one dim',
      'activations',
    );
  for (const { features } of learners)
    if (initial !== undefined && (initial.rows !== features || initial.cols !== outputs))
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `initial must be features × dims of the output, [${features}, ${outputs}], got [${initial.rows}, ${initial.cols}]`,
        'initial',
      );
  const known: Planned = { inputs, outputs, transcoder: targets !== undefined, steps: planned };
  const options = learners.map(({ plan }) => plan(known));
  const kept = keep ? first : undefined;
  return native((module) =>
    module.createTrainer(
      ...([inputs, outputs, options, batchSize, seed, initial] as const),
      ...([kept?.activations, kept?.targets, kept?.mask] as const),
    ),
  );
}

function progressOf(figures: Figures, total: number | undefined): TrainingProgress {
  const learners = figures.map(figuresOf);
  const [first] = figures as [NativeTrainingFigures];
  return { done: first.steps, ...(total !== undefined && { total }), ...figuresOf(first), learners };
}

async function finish(trainer: TrainerHandle, last: Figures, run: Run): Promise<SparseAutoencoder[]> {
  const made = await runJob<
    readonly { parameters: Parameters<typeof SparseAutoencoder.adopt>[0]; usage: Float64Array }[]
  >(run.signal, (onSettled) => binding.trainerFinish(trainer, 1, undefined, onSettled));
  native((module) => module.disposeTrainer(trainer));
  return made.map(({ parameters, usage }, i) => {
    const { architecture, features, seed } = run.learners[i] as Learner;
    const figures = last[i] as NativeTrainingFigures;
    const { steps, samples } = figures;
    const notes = notesOf(figures.dead, features);
    return SparseAutoencoder.adopt(parameters, {
      ...{ architecture, steps, samples, usage, seed, notes },
      ...figuresOf(figures),
    });
  });
}

async function trainOnMatrix(samples: Samples, run: Run): Promise<SparseAutoencoder[]> {
  if (samples.rows === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations must have at least one sample (row), got none',
      'activations',
    );
  const { threads, signal, onProgress, batchSize } = run;
  // Masked samples are not drawn.
  const counting =
    samples.mask === undefined ? samples.rows : samples.mask.reduce((sum, one) => sum + Number(one !== 0), 0);
  const epochs = run.epochs ?? DEFAULT_EPOCHS;
  const steps =
    run.steps ?? Math.max(1, Math.ceil((epochs * counting) / Math.max(1, Math.min(batchSize, counting))));
  throwIfAborted(signal);
  const trainer = createTrainer(run, samples, steps, true);
  const last = await runJob<Figures>(signal, (onSettled, guard) => {
    const report = onProgress && guard((now: Figures) => onProgress(progressOf(now, steps)));
    return binding.trainerFit(trainer, steps, Math.ceil(steps / REPORTS), threads, report, onSettled);
  });
  return finish(trainer, last, run);
}

async function trainOnStream(batches: BatchSource<Samples>, run: Run): Promise<SparseAutoencoder[]> {
  const { threads, signal, onProgress, steps } = run;
  const epochs = run.epochs ?? (steps === undefined ? 1 : Number.POSITIVE_INFINITY);
  let trainer: TrainerHandle | undefined;
  let last: Figures | undefined;
  let withTargets = false;
  const left = (): number => (steps ?? Number.MAX_SAFE_INTEGER) - (last?.[0]?.steps ?? 0);
  for (let epoch = 1; epoch <= epochs && left() > 0; epoch++) {
    const before = last;
    for await (const batch of batches.read(signal, (run.epochs ?? 1) > 1)) {
      if (trainer === undefined) {
        withTargets = batch.targets !== undefined;
        trainer = createTrainer(run, batch, steps ?? 0, false);
      } else if (withTargets !== (batch.targets !== undefined)) {
        throw new UnsuperposeError(
          'ERR_SHAPE',
          'either all batches of activations have targets or none',
          'activations',
        );
      }
      const current = trainer;
      const most = left();
      const { activations, targets, mask } = batch;
      last = await runJob<Figures>(signal, (onSettled) =>
        binding.trainerObserve(current, activations, targets, mask, most, threads, undefined, onSettled),
      );
      onProgress?.(progressOf(last, steps));
      if (left() <= 0) break;
    }
    if (trainer === undefined || last === undefined)
      throw new UnsuperposeError('ERR_SHAPE', 'activations gave no samples to train on', 'activations');
    if (epoch > 1 && last === before)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `activations gave no samples when they were read for the ${epoch}th time: for several epochs, or more steps than they have, give what can be read again, an array or a function that makes a generator anew`,
        'activations',
      );
  }
  return finish(trainer as TrainerHandle, last as Figures, run);
}

function start(activations: unknown, read: Options, run: Run): Promise<SparseAutoencoder[]> {
  const batches = isStream(activations) ? BatchSource.of(activations, 'activations', readItem) : undefined;
  if (batches === undefined) {
    const samples = samplesOf(activations, read.get('targets'), read.get('mask'), 'activations');
    return trainOnMatrix(samples, run);
  }
  read.exclude(
    ['targets', 'mask'],
    'calls with a matrix',
    'a stream (its items may be { activations, targets, mask })',
  );
  throwIfAborted(run.signal);
  return trainOnStream(batches, run);
}

const readSeed = (read: Options): number => read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0);

/**
 * Trains a sparse autoencoder, or with `targets` a transcoder, by Adam (Kingma & Ba 2015). With y the target of a sample x (x itself without
 * `targets`) and ŷ what the autoencoder makes of it ({@link AutoencoderParameters}), it minimises the mean over samples of
 *
 *   ½‖y − ŷ‖² + S
 *
 * - `relu`: S = λ Σ_j a_j
 * - `topk`: S = c·min(dead/k_aux, 1)·½‖e − ê‖², where e = y − ŷ is held fixed and ê is what the k_aux strongest dead features make of it
 * - `batchtopk`: the same; the k·batch largest pre-activations of a batch are active
 * - `matryoshka`: the same, with ½‖y − ŷ‖² summed over prefixes of the features, b_dec in each
 * - `jumprelu`: S = λ‖a‖₀, or λ(‖a‖₀/targetL0 − 1)² of a batch's mean
 * - `gated`: S = λ Σ_j max(h_j, 0) + ½‖y − Σ_j max(h_j, 0) d_j − b_dec‖², decoder and b_dec held fixed in the latter
 *
 * Decoder rows start random, or as `initial` says, and keep norm 1; the encoder starts as they are, b_dec as the geometric median of the first
 * samples. Training scales samples to E‖x − b_dec‖ = √dims once, from the first of them: the scale of the data does not matter, and λ is in its units.
 * What is answered takes samples as they were given.
 *
 * A matrix is copied once, before this returns, and visited in seeded random order. A stream (an array of matrices, a generator, anything that
 * is iterable at once or asynchronously, or a function that gives one of these) is read in its own order; its items are matrices or
 * {@link TrainingBatch}. Neither blocks the JavaScript thread.
 *
 * @param activations samples × dims, finite; or a stream
 * @returns its `training` has the last report's figures
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` (also, with step and tensor, when training explodes), `ERR_NOT_FINITE`,
 *   `ERR_TOO_LARGE`; `signal.reason` once aborted; whatever the stream or onProgress throws
 *
 * @example
 * ```ts
 * import { trainSparseAutoencoder } from 'unsuperpose';
 *
 * // samples along two directions
 * const data = Float32Array.from({ length: 200 }, (_, i) => ((i >> 1) % 2 === i % 2 ? 1 + (i % 5) / 5 : 0));
 * const sae = await trainSparseAutoencoder(
 *   { data, shape: [100, 2] },
 *   { architecture: 'topk', features: 4, sparsity: 1, batchSize: 20, steps: 400, learningRate: 1e-2 },
 * );
 * console.log(sae.features, sae.training.explainedVariance > 0.9); // → 4 true
 * ```
 */
export async function trainSparseAutoencoder(
  activations: MatrixLike | TrainingStream | (() => TrainingStream),
  options: TrainSparseAutoencoderOptions,
): Promise<SparseAutoencoder> {
  const read = new Options(options, [...LEARNER_NAMES, ...RUN_NAMES], 'trainSparseAutoencoder');
  const seed = readSeed(read);
  const [made] = await start(activations, read, readRun(read, [readLearner(read, seed)], seed));
  return made as SparseAutoencoder;
}

/**
 * Trains several autoencoders on the same batches: one pass over the data for all of them. Each is bit for bit what {@link trainSparseAutoencoder}
 * makes of its options alone.
 *
 * @returns one a learner, in their order
 * @throws UnsuperposeError as {@link trainSparseAutoencoder}
 *
 * @example
 * ```ts
 * import { trainSparseAutoencoders } from 'unsuperpose';
 *
 * const data = Float32Array.from({ length: 200 }, (_, i) => ((i >> 1) % 2 === i % 2 ? 1 + (i % 5) / 5 : 0));
 * const [one, other] = await trainSparseAutoencoders(
 *   { data, shape: [100, 2] },
 *   {
 *     learners: [
 *       { architecture: 'topk', features: 4, sparsity: 1 },
 *       { architecture: 'relu', features: 4, lambda: 0.01 },
 *     ],
 *     steps: 10,
 *   },
 * );
 * console.log(one?.activation, other?.activation); // → topk relu
 * ```
 */
export async function trainSparseAutoencoders(
  activations: MatrixLike | TrainingStream | (() => TrainingStream),
  options: TrainSparseAutoencodersOptions,
): Promise<SparseAutoencoder[]> {
  const read = new Options(options, ['learners', ...RUN_NAMES], 'trainSparseAutoencoders');
  const seed = readSeed(read);
  const list = read.get('learners');
  if (!isList(list) || lengthOf(list) === 0 || lengthOf(list) > MOST_LEARNERS)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `learners must be a list of options, 1 to ${MOST_LEARNERS} of them, got ${describe(list)}`,
      'learners',
    );
  const learners = mapEntries(list, (entry, i) =>
    readLearner(new Options(entry ?? {}, [...LEARNER_NAMES, 'seed'], `learners[${i}]`), seed),
  );
  return start(activations, read, readRun(read, learners, seed));
}
