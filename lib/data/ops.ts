// The kernels on their own: products, in products.ts, and what is asked of one vector or one matrix. Synchronous.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type MatrixLike } from '../call/matrix.js';
import { lengthOf } from '../call/memory.js';
import { checkNumber, describe, Options } from '../call/options.js';
import { type PerFeature, readWeights } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import { native } from '../native/runtime.js';
import type { Dictionary } from './dictionary.js';
import { type OpOptions, readRight } from './products.js';

export {
  type AboveOptions,
  above,
  type CorrelateOptions,
  correlate,
  type Estimate,
  estimate,
  gram,
  maximum,
  type OpOptions,
  type Precision,
  type SelectOptions,
  type TopK,
  type TopKOptions,
  topK,
} from './products.js';

/** Options of {@link softThreshold}. */
export interface SoftThresholdOptions {
  /** One positive factor of the threshold a value. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** max(v − t, 0). Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Where to write; `v` itself is allowed. Default: a new array. */
  readonly out?: Float32Array | undefined;
}

/**
 * Soft thresholding, the proximal operator of λ‖·‖₁: sign(v) · max(|v| − t·w, 0), or max(v − t·w, 0) with `nonnegative`. Exact in
 * float32; NaN stays NaN.
 *
 * @param v any length
 * @param threshold t ≥ 0
 * @returns as long as v (`out` if given)
 * @throws UnsuperposeError `ERR_DTYPE`, `ERR_SHAPE`, `ERR_OPTION`
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * console.log([...ops.softThreshold(Float32Array.of(3, -0.5, -2), 1)]); // → [ 2, 0, -1 ]
 * ```
 */
export function softThreshold(
  v: Float32Array,
  threshold: number,
  options?: SoftThresholdOptions,
): Float32Array {
  const read = new Options(options, ['weights', 'nonnegative', 'out'], 'ops.softThreshold');
  const nonnegative = read.flag('nonnegative');
  checkNumber('threshold', threshold, { min: 0 });
  const given = read.get('out');
  for (const [name, array] of Object.entries({ v, out: given ?? v }))
    if (!types.isFloat32Array(array))
      throw new UnsuperposeError('ERR_DTYPE', `${name} must be a Float32Array, got ${describe(array)}`, name);
  const length = lengthOf(v);
  const weights = readWeights(read.get('weights'), length);
  const out = (given as Float32Array | undefined) ?? allocate(length, 1, 'ops.softThreshold()');
  native((binding) => binding.softThreshold(v, threshold, weights, nonnegative, out));
  return out;
}

/**
 * The largest singular value ‖D‖₂, from below: by Lanczos's method (Golub & Van Loan, §10.1), and never above the value. In practice it is
 * within 1e-8 of it, and within some 1e-3 where thousands of singular values crowd below the largest. {@link spectralBracket} bounds
 * it from both sides. 1/‖D‖₂² is the step of ISTA and FISTA.
 *
 * @param matrix rows × dims, finite
 * @throws UnsuperposeError as {@link correlate}
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * console.log(ops.spectralNorm({ data: Float32Array.of(3, 0, 0, 4), shape: [2, 2] }).toFixed(2)); // → 4.00
 * ```
 */
export function spectralNorm(matrix: MatrixLike | Dictionary, options?: OpOptions): number {
  return bracket(matrix, options, 'ops.spectralNorm', false).lower;
}

/** What {@link spectralBracket} answers: lower ≤ ‖D‖₂ ≤ upper, rounding included. */
export interface SpectralBracket {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The largest singular value ‖D‖₂ between two proved bounds. `lower` is ‖Dv‖/‖v‖ for a v found by Lanczos's method. `upper`: where
 * the smaller of rows and dims is at most 1,536, τI − DᵀD (or DDᵀ) has a Cholesky factorisation, which proves ‖D‖₂² ≤ τ; it is then some
 * 1e-10 above `lower` where the largest value stands alone. For larger matrices it is the Frobenius norm, which may be far above.
 *
 * Cost: some hundred products with the matrix; and for `upper`, n the smaller and m the larger of rows and dims, m·n²/2 products in float64
 * and n³/3 for each τ tried (one to eight): a second at 1,024 × 16,384.
 *
 * @param matrix rows × dims, finite
 * @throws UnsuperposeError as {@link correlate}
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * const { lower, upper } = ops.spectralBracket({ data: Float32Array.of(3, 0, 0, 4), shape: [2, 2] });
 * console.log(lower <= 4 && 4 <= upper && upper - lower < 1e-8); // → true
 * ```
 */
export function spectralBracket(matrix: MatrixLike | Dictionary, options?: OpOptions): SpectralBracket {
  return bracket(matrix, options, 'ops.spectralBracket', true);
}

function bracket(
  matrix: MatrixLike | Dictionary,
  options: OpOptions | undefined,
  call: string,
  fromAbove: boolean,
): SpectralBracket {
  const read = new Options(options, ['threads'], call);
  const threads = readThreads(read);
  const { right, rows, cols } = readRight(matrix, 'matrix');
  if (rows === 0 || cols === 0) return { lower: 0, upper: 0 };
  return native((binding) => binding.spectralBracket(right, fromAbove, threads));
}
