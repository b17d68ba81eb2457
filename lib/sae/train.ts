// Training sparse autoencoders and transcoders: one, or several that share one pass over the data.
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { isList, lengthOf, mapEntries } from '../call/memory.js';
import { describe, Options } from '../call/options.js';
import { BatchSource, isStream } from '../data/batches.js';
import { RESUMABLE_NAMES, type ResumableOptions } from '../data/checkpoints.js';
import { throwIfAborted } from '../native/job.js';
import type { SparseAutoencoder } from './autoencoder.js';
import { type Run, readRun, trainOnMatrix, trainOnStream } from './fit.js';
import {
  LEARNER_NAMES,
  type LearnerOptions,
  RUN_NAMES as NAMES,
  type RunOptions,
  readLearner,
} from './options.js';
import { readItem, samplesOf, type TrainingStream } from './samples.js';

/** Options of {@link trainSparseAutoencoder}. */
export type TrainSparseAutoencoderOptions = LearnerOptions & RunOptions & ResumableOptions;

/** Options of {@link trainSparseAutoencoders}. */
export interface TrainSparseAutoencodersOptions extends RunOptions, ResumableOptions {
  /** What each is to be. */
  readonly learners: readonly LearnerOptions[];
}

const RUN_NAMES = [...NAMES, ...RESUMABLE_NAMES];
const MOST_LEARNERS = 1000;

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
 * - `matching-pursuit`: the same, where ê is made by a pursuit with the dead features; all gradients go back through the steps
 * - `jumprelu`: S = λ‖a‖₀, or λ(‖a‖₀/targetL0 − 1)² of a batch's mean
 * - `gated`: S = λ Σ_j max(h_j, 0) + ½‖y − Σ_j max(h_j, 0) d_j − b_dec‖², decoder and b_dec held fixed in the latter
 *
 * Decoder rows start random, or as `initial` says, and keep norm 1; the encoder starts as they are (relu, jumprelu and
 * gated with biases of −1.5, so that few features are active at first), b_dec as the geometric median of the first
 * samples. Training scales samples to E‖x − b_dec‖ = √dims once, from the first of them: the scale of the data does not matter, and λ is in its units.
 * What is answered takes samples as they were given.
 *
 * A matrix is copied once, before this returns, and visited in seeded random order. A stream (an array of matrices, a generator, anything that
 * is iterable at once or asynchronously, or a function that gives one of these) is read in its own order; its items are matrices or
 * {@link TrainingBatch}. Neither blocks the JavaScript thread.
 *
 * With `device` steps are made on an NVIDIA GPU, where the architecture is `topk`, `batchtopk` or `jumprelu`: the same decisions in float64, sums of
 * float32 in another order, and the same bits every time there. An error of a step is told with the next one.
 *
 * @param activations samples × dims, finite; or a stream
 * @returns its `training` has the last report's figures
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` (also, with step and tensor, when training explodes), `ERR_NOT_FINITE`,
 *   `ERR_TOO_LARGE`, `ERR_NO_DEVICE`; `signal.reason` once aborted; whatever the stream or onProgress throws
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
 * console.log(sae.features, Number(sae.training?.explainedVariance) > 0.9); // → 4 true
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
