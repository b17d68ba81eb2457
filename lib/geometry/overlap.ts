// The geometry of a dictionary: how its features overlap. All pairs count, and none is stored.
import { UnsuperposeError } from '../call/errors.js';
import { type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { checkInteger, checkNumber, Options } from '../call/options.js';
import { Dictionary } from '../data/dictionary.js';
import { gram as gramMatrix, type OpOptions } from '../data/ops.js';
import {
  askDevice,
  askNative,
  PAIR_QUESTION_NAMES,
  type PairQuestionOptions,
  QUESTION_NAMES,
  type QuestionOptions,
} from '../native/question.js';
import { binding } from '../native/runtime.js';
import { NONE } from '../native/values.js';

/** What {@link coherence} answers. */
export interface Coherence {
  /** μ = max |cos(d_i, d_j)| over i ≠ j. */
  readonly value: number;
  /** The pair, the lower index first; of equal ones the first. Absent if all cosines are 0. */
  readonly pair?: readonly [number, number];
  /** No cosine, and so not μ either, is off by more. */
  readonly error: number;
}

/** What {@link babel} answers. */
export interface Babel {
  /** value[m − 1] = μ₁(m). */
  readonly value: Float64Array;
  /** feature[m − 1]: the feature that has it. */
  readonly feature: Uint32Array;
  /** μ₁(m) is off by m times that at most. */
  readonly error: number;
}

/** What {@link clusters} answers. */
export interface Clusters {
  /** One a feature: its cluster. Clusters are numbered by their lowest member. */
  readonly labels: Uint32Array;
  /** How many clusters there are, those of one feature included. */
  readonly count: number;
}

/** Options of {@link matchFeatures}. */
export interface MatchOptions extends QuestionOptions {
  /** Do d and −d count as different? Default false: features match by |cos|. */
  readonly signed?: boolean | undefined;
}

/** What {@link matchFeatures} answers. */
export interface FeatureMatch {
  /** One a true feature: the found feature matched with it; 2³² − 1 where fewer were found than there are. */
  readonly found: Uint32Array;
  /** One a true feature: the cosine with its match, |cos| unless `signed`; 0 where there is none. */
  readonly cosine: Float64Array;
  /** Mean of `cosine`: the mean correlation coefficient of the best one-to-one matching. */
  readonly mcc: number;
  /** One a true feature: the found feature nearest to it, which several may share. */
  readonly nearest: Uint32Array;
  /** Mean over true features of the cosine with the nearest: the mean max cosine similarity. */
  readonly mmcs: number;
  /** Different features among `nearest`, as a fraction of them: 1 if no two true features share one. */
  readonly uniqueness: number;
  /** One a feature found: the true feature nearest to it, which several may share. */
  readonly nearestTruth: Uint32Array;
  /** One a feature found: the cosine with that. */
  readonly truthCosine: Float64Array;
  /** Different ones among `nearestTruth`, as a fraction of them: 1 if every feature found stands for another true one. */
  readonly foundUniqueness: number;
}

/** Cosines kept at once by matchFeatures: 1 GiB. */
const MOST_COSINES = 2 ** 28;

/**
 * Mutual coherence μ = max_{i≠j} |cos(d_i, d_j)|, exact over all pairs. A sparse code with k < ½(1 + 1/μ) active features is unique.
 * A zero atom has no direction: its cosines count as 0.
 *
 * Cost: one pass over all pairs in low precision, about a third of the float32 product.
 *
 * @throws UnsuperposeError (as a rejection) `ERR_DTYPE`, `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
 * @see Donoho & Elad, "Optimally sparse representation in general dictionaries via ℓ1 minimization", 2003
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 2, 3, 4), shape: [3, 2] });
 * const { value, pair } = await geometry.coherence(dictionary);
 * console.log(value.toFixed(6), pair); // → 0.800000 [ 1, 2 ]
 * ```
 */
export async function coherence(dictionary: Dictionary, options?: PairQuestionOptions): Promise<Coherence> {
  const read = new Options(options, PAIR_QUESTION_NAMES, 'geometry.coherence');
  const handle = Dictionary.handleOf(dictionary);
  const { value, error, first, second } = await askDevice<{
    value: number;
    error: number;
    first: number;
    second: number;
  }>(read, pairWork(dictionary), (...rest) => binding.coherence(handle, ...rest));
  return first === NONE ? { value, error } : { value, error, pair: [first, second] };
}

/** Multiply-adds of one pass over all pairs. */
const pairWork = ({ features, dims }: Dictionary): number => features * features * dims;

/** @internal Refuses one feature alone where pairs are asked about. */
export function checkPairs(dictionary: Dictionary, call: string): void {
  if (dictionary.features > 1) return;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${call} is about pairs of features: dictionary must have at least 2, got 1`,
    'dictionary',
  );
}

/**
 * The Babel function (cumulative coherence) μ₁(m) = max_j Σ of the m largest |cos(d_j, d_i)|, i ≠ j, for m = 1 … k. OMP and ℓ1 find every
 * code with k active features if μ₁(k − 1) + μ₁(k) < 1.
 *
 * Memory, besides packed copies of the dictionary: some 32 bytes for each of k cosines of up to 256 features at a time, 160 MB at most;
 * the features × k cosines are never held together.
 *
 * @param k 1 … features − 1
 * @throws UnsuperposeError (as a rejection) `ERR_DTYPE`, `ERR_SHAPE` for a single feature, `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
 * @see Tropp, "Greed is good", 2004
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const { value } = await geometry.babel(dictionary, 2);
 * console.log([...value].map((v) => v.toFixed(2))); // → [ '0.80', '1.40' ]
 * ```
 */
export async function babel(
  dictionary: Dictionary,
  k: number,
  options?: PairQuestionOptions,
): Promise<Babel> {
  const read = new Options(options, PAIR_QUESTION_NAMES, 'geometry.babel');
  const handle = Dictionary.handleOf(dictionary);
  checkPairs(dictionary, 'babel');
  checkInteger('k', k, { min: 1, max: dictionary.features - 1, note: 'features − 1' });
  return askDevice<Babel>(read, pairWork(dictionary), (...rest) => binding.babel(handle, k, ...rest));
}

/**
 * The Welch bound √((n − m)/(m(n − 1))): no n unit vectors in m dims have a smaller coherence. 0 for n ≤ m.
 *
 * @see Welch, "Lower bounds on the maximum cross correlation of signals", 1974
 *
 * @example
 * ```ts
 * import { geometry } from 'unsuperpose';
 *
 * console.log(geometry.welchBound(3, 2)); // → 0.5
 * ```
 */
export function welchBound(features: number, dims: number): number {
  checkInteger('features', features, { min: 1 });
  checkInteger('dims', dims, { min: 1 });
  return features <= dims ? 0 : Math.sqrt((features - dims) / (dims * (features - 1)));
}

/**
 * The Gram matrix D·Dᵀ in float32, features × features: for dictionaries small enough to hold it.
 *
 * @throws UnsuperposeError as {@link ops.correlate}
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 1, 1), shape: [2, 2] });
 * console.log([...geometry.gram(dictionary).data]); // → [ 1, 1, 1, 2 ]
 * ```
 */
export function gram(dictionary: MatrixLike | Dictionary, options?: OpOptions): Matrix<Float32Array> {
  return gramMatrix(dictionary, options);
}

/**
 * Clusters of features: those with |cos| ≥ threshold belong together, directly or through others (single linkage).
 *
 * @param threshold in (0, 1]
 * @throws UnsuperposeError (as a rejection) `ERR_DTYPE`, `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const { labels, count } = await geometry.clusters(dictionary, 0.7);
 * console.log([...labels], count); // → [ 0, 1, 1 ] 2
 * ```
 */
export async function clusters(
  dictionary: Dictionary,
  threshold: number,
  options?: PairQuestionOptions,
): Promise<Clusters> {
  const read = new Options(options, PAIR_QUESTION_NAMES, 'geometry.clusters');
  const handle = Dictionary.handleOf(dictionary);
  checkNumber('threshold', threshold, { above: 0, max: 1 });
  return askDevice<Clusters>(read, pairWork(dictionary), (...rest) =>
    binding.clusters(handle, threshold, ...rest),
  );
}

/**
 * Dimensionality of each feature, D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)²: the share of a dimension that it has for itself. 1 for a feature
 * orthogonal to all others, ½ for one of an antipodal pair, 0 for a zero row. Rows count with their norms, as they are.
 *
 * @param dictionary a dictionary, or a matrix features × dims
 * @returns one a feature
 * @throws UnsuperposeError (as a rejection) `ERR_DTYPE`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`; `signal.reason` once aborted
 * @see Elhage et al., "Toy Models of Superposition", 2022 (feature dimensionality)
 *
 * @example
 * ```ts
 * import { geometry } from 'unsuperpose';
 *
 * const pair = { data: Float32Array.of(1, 0, -1, 0, 0, 1), shape: [3, 2] as const };
 * console.log([...(await geometry.featureDimensionality(pair))]); // → [ 0.5, 0.5, 1 ]
 * ```
 */
export async function featureDimensionality(
  dictionary: MatrixLike | Dictionary,
  options?: QuestionOptions,
): Promise<Float64Array> {
  const read = new Options(options, QUESTION_NAMES, 'geometry.featureDimensionality');
  const rows = Dictionary.is(dictionary) ? dictionary : Dictionary.from(dictionary);
  const handle = Dictionary.handleOf(rows);
  return askNative<Float64Array>(read, (...rest) => binding.featureDimensionality(handle, ...rest));
}

/** Rows of unit norm, and zero rows as they are. */
function directions(value: MatrixLike | Dictionary, name: string): Matrix<Float32Array> {
  if (Dictionary.is(value)) Dictionary.handleOf(value, name); // refuses what was disposed, by its name
  const matrix = Dictionary.is(value) ? value.toMatrix() : value;
  readMatrix(matrix, name);
  using unit = Dictionary.from(matrix, { normalize: true });
  return unit.toMatrix();
}

/**
 * Features found against features known: the one-to-one matching with the largest sum of |cos| (linear assignment), and what it says
 * about recovery. Reconstruction says little about it: the best reconstruction can come with the worst recovery.
 *
 * Cosines are float32 products of unit vectors. Memory: found · truth · 4 bytes; time: seconds at 4,000 × 4,000.
 *
 * @param found features × dims
 * @param truth features × dims
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE`;
 *   `signal.reason` once aborted
 * @see Jonker & Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987; Sharkey et al.,
 *   "Taking features out of superposition with sparse autoencoders", 2022 (MMCS)
 *
 * @example
 * ```ts
 * import { geometry } from 'unsuperpose';
 *
 * const truth = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] as const };
 * const found = { data: Float32Array.of(0, -2, 3, 4, 1, 0), shape: [3, 2] as const };
 * const match = await geometry.matchFeatures(found, truth);
 * console.log([...match.found], match.mcc, match.uniqueness); // → [ 2, 0 ] 1 1
 * ```
 */
export async function matchFeatures(
  found: MatrixLike | Dictionary,
  truth: MatrixLike | Dictionary,
  options?: MatchOptions,
): Promise<FeatureMatch> {
  const read = new Options(options, ['signed', ...QUESTION_NAMES], 'geometry.matchFeatures');
  const signed = read.flag('signed');
  const [foundRows, truthRows] = [directions(found, 'found'), directions(truth, 'truth')];
  const [[features, dims], [truths, truthDims]] = [foundRows.shape, truthRows.shape];
  if (dims !== truthDims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `found has ${dims} dims, truth has ${truthDims}: they must agree`,
      'found',
    );
  if (features * truths > MOST_COSINES)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${features} found × ${truths} true features: more than ${MOST_COSINES} cosines`,
      'found',
    );
  return askNative<FeatureMatch>(read, (threads, report, onSettled) =>
    binding.matchFeatures(
      { data: foundRows.data, rows: features, cols: dims },
      { data: truthRows.data, rows: truths, cols: dims },
      signed,
      threads,
      report,
      onSettled,
    ),
  );
}
