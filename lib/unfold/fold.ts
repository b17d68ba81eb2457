// The way back, and where the way there begins.
import { type DeviceOptions, readDevice } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import { type PerFeature, readPenaltyWeights } from '../call/samples.js';
import { defaultThreads } from '../call/threads.js';
import { type CodesLike, type CodeValues, readCodes } from '../data/codes.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import { type Preparation, preparationOf } from '../data/prepared.js';
import { resources } from '../native/resources.js';
import { native } from '../native/runtime.js';
import type { Unfolding } from './unfolding.js';

/** Codes as they are, or those of an unfolding with what was done to its activations. */
function readFolded(value: unknown): { codes: unknown; preparation: Preparation | undefined } {
  if (typeof value !== 'object' || value === null) return { codes: value, preparation: undefined };
  const { codes, preparation } = value as { codes?: unknown; preparation?: unknown };
  return codes === undefined
    ? { codes: value, preparation: undefined }
    : { codes, preparation: preparationOf(preparation) };
}

/**
 * Options of {@link fold}. `device: 'auto'` counts codes · dims multiply-adds here: a GPU has the answer sooner than it can hand it over, so that few codes a
 * sample are folded about as fast by the CPU. A dictionary that is not there yet has to be copied first.
 */
export type FoldOptions = DeviceOptions;

/**
 * Codes back to activations: `codes · D`, accumulated in float64. The same bits on a GPU as on the CPU.
 *
 * @param codes samples × features: codes, or an unfolding. Of activations that were prepared, the unfolding folds back to their own units (see
 *   {@link prepare}), its `codes` to prepared ones.
 * @param dictionary features × dims
 * @param options where to compute
 * @returns samples × dims
 * @throws UnsuperposeError `ERR_SHAPE` if codes and dictionary do not fit or the codes are broken, `ERR_DTYPE`, `ERR_OPTION`, `ERR_DISPOSED`,
 *   `ERR_TOO_LARGE`, `ERR_NO_DEVICE`
 *
 * @example
 * ```ts
 * import { Dictionary, SparseCodes, fold } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] });
 * const codes = SparseCodes.from({
 *   indptr: Uint32Array.of(0, 1),
 *   indices: Uint32Array.of(1),
 *   values: Float32Array.of(2),
 *   shape: [1, 2],
 * });
 * console.log([...fold(codes, dictionary).data]); // → [ 6, 8 ]
 * ```
 */
export function fold(
  codes: CodesLike | Unfolding<CodeValues>,
  dictionary: Dictionary,
  options?: FoldOptions,
): Matrix<Float32Array> {
  const wanted = readDevice(new Options(options, ['device'], 'fold'));
  const from = readFolded(codes);
  const { given: parts, samples, features } = readCodes(from.codes, 'codes', 'ERR_DTYPE');
  const handle = Dictionary.handleOf(dictionary);
  if (features !== dictionary.features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `codes have ${features} features, the dictionary has ${dictionary.features}`,
      'codes',
    );
  if (parts.indptr.length !== samples + 1)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `codes.indptr must have ${samples + 1} entries, got ${parts.indptr.length}`,
      'codes',
    );
  const { preparation } = from;
  const { dims } = dictionary;
  if (preparation !== undefined && preparation.center.length !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `what was unfolded has ${preparation.center.length} dims, the dictionary has ${dims}`,
      'codes',
    );
  const data = allocate(samples, dims, 'fold()');
  const threads = defaultThreads();
  const given = resources(threads, wanted, parts.values.length * dims);
  native((binding) => {
    binding.fold(parts, samples, handle, data, given);
    if (preparation !== undefined) {
      const { center, scale } = preparation;
      binding.moveMatrix({ data, rows: samples, cols: dims }, center, scale, true, data, threads);
    }
  });
  return { data, shape: [samples, dims] };
}

/** Options of {@link lambdaMax}. */
export interface LambdaMaxOptions {
  /** w, one weight a feature: 0 leaves it unpenalised (not with `nonnegative`), Infinity excludes it. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** `'float64'`: of Float64Array activations and dictionaries as they are given. Default `'auto'`: as float32 has them. */
  readonly precision?: 'auto' | 'float64' | undefined;
  /** For codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
}

/**
 * The smallest λ of each sample for which its LASSO solution is zero: max_j |d_j · x| / w_j; with `nonnegative` the maximum without
 * absolute value, at least 0. With unpenalised features: for which no other is active. In float64, exact to its rounding. Useful to choose λ: a tenth of it is a common start.
 *
 * @param activations samples × dims, finite
 * @param dictionary features × dims
 * @returns one λ a sample
 * @throws UnsuperposeError as `unfold`
 *
 * @example
 * ```ts
 * import { Dictionary, lambdaMax } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * console.log([...lambdaMax({ data: Float32Array.of(3, -4), shape: [1, 2] }, dictionary)]); // → [ 4 ]
 * ```
 */
export function lambdaMax(
  activations: MatrixLike,
  dictionary: Dictionary,
  options?: LambdaMaxOptions,
): Float64Array {
  const read = new Options(options, ['weights', 'nonnegative', 'precision'], 'lambdaMax');
  const nonnegative = read.flag('nonnegative');
  const threads = defaultThreads();
  const float64 = read.choice('precision', ['auto', 'float64'], 'auto') === 'float64';
  const matrix = readMatrix(activations, 'activations', { exact: float64 });
  const handle = Dictionary.handleOf(dictionary);
  checkDims(matrix, dictionary.dims);
  const weights = readPenaltyWeights(read.get('weights'), dictionary.features);
  return native((binding) => binding.lambdaMaxSync(handle, matrix, weights, nonnegative, float64, threads));
}
