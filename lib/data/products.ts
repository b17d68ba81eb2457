// Products of a tall matrix with a wide one that keep only what is asked for. Synchronous.
import { types } from 'node:util';
import { type DeviceOptions, readDevice, type Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { readLayout } from '../call/layout.js';
import {
  allocate,
  type Matrix,
  type MatrixLike,
  type NativeMatrix,
  readMatrix,
  readShape,
} from '../call/matrix.js';
import { lengthOf } from '../call/memory.js';
import { checkInteger, checkNumber, describe, Options } from '../call/options.js';
import { readThreads } from '../call/threads.js';
import type { NativeRight } from '../native/binding.js';
import { resources } from '../native/resources.js';
import { native } from '../native/runtime.js';
import { takeTopK } from '../native/tray.js';
import { PRECISIONS, type Precision, type Resources } from '../native/values.js';
import { SparseCodes } from './codes.js';
import { Dictionary } from './dictionary.js';

/** Options of every operation here. */
export interface OpOptions {
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** Options of {@link correlate}. */
export interface CorrelateOptions extends OpOptions {
  /** Where to write: a.rows × b.rows, no memory shared with `a`. Default: a new matrix. */
  readonly out?: MatrixLike<Float32Array> | undefined;
}

/** Options of operations that rank entries. */
export interface SelectOptions extends OpOptions, DeviceOptions {
  /** Rank by |entry| rather than by entry. Default false. */
  readonly absolute?: boolean | undefined;
}

/** Options of {@link above}. */
export interface AboveOptions extends SelectOptions {
  /** Most entries in all; more are ERR_TOO_LARGE. Default 1e8. */
  readonly limit?: number | undefined;
}

/** Options of {@link topK}. */
export interface TopKOptions extends SelectOptions {
  /** `'arrays'`: {@link TopK}, strongest first. `'codes'`: SparseCodes, as unfolding gives them. Default `'arrays'`. */
  readonly format?: 'arrays' | 'codes' | undefined;
}

/** The k strongest entries of each row, strongest first, ties by lower index. */
export interface TopK {
  /** rows × k, row-major: which row of `b`. */
  readonly indices: Uint32Array;
  /** rows × k, row-major: the entry. */
  readonly values: Float32Array;
  readonly shape: readonly [rows: number, k: number];
}

const DEFAULT_LIMIT = 1e8;

interface Product {
  readonly a: NativeMatrix;
  readonly b: NativeRight;
  /** Rows of b. */
  readonly features: number;
}

/** The side that may be a dictionary, which is packed already. */
export function readRight(value: unknown, name: string): { right: NativeRight; rows: number; cols: number } {
  if (Dictionary.is(value)) {
    const right = { handle: Dictionary.handleOf(value, name) };
    return { right, rows: value.features, cols: value.dims };
  }
  const right = readMatrix(value, name);
  return { right, rows: right.rows, cols: right.cols };
}

/** Both sides; `b` is packed before `a` is looked at in native code, and neither runs the caller's code any more. */
function readProduct(a: unknown, b: unknown): Product {
  const { right, rows, cols } = readRight(b, 'b');
  const left = readMatrix(a, 'a');
  if (left.cols !== cols)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `a has ${left.cols} columns, b has ${cols}: they must agree`,
      'a',
    );
  return { a: left, b: right, features: rows };
}

/** What all products of `left` with so many rows run on. */
const resourcesFor = (threads: number, wanted: Wanted, left: NativeMatrix, features: number): Resources =>
  resources(threads, wanted, left.rows * left.cols * features);

/** Where to write: the data of the caller's matrix. */
function readOut(value: unknown, rows: number, cols: number): Float32Array {
  const { data, shape } = (typeof value === 'object' && value !== null ? value : {}) as Partial<MatrixLike>;
  if (!types.isFloat32Array(data))
    throw new UnsuperposeError('ERR_DTYPE', `out.data must be a Float32Array, got ${describe(data)}`, 'out');
  const [outRows, outCols] = readShape(shape, 'out');
  const layout = readLayout(value as object, 'Float32Array', outRows, outCols, 'out');
  const length = lengthOf(data);
  if (outRows !== rows || outCols !== cols || length !== rows * cols)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `out must be [${rows}, ${cols}], got [${outRows}, ${outCols}] with ${length} values`,
      'out',
    );
  if (layout === 'columns')
    throw new UnsuperposeError('ERR_SHAPE', 'out must be row-major, it is column-major', 'out');
  return data;
}

/**
 * All products of rows: `a · bᵀ`, entry (i, j) = a_i · b_j, each one chain of float32 fused multiply-adds.
 *
 * @param a rows × dims, finite
 * @param b features × dims, finite: a matrix, packed for this call, or a Dictionary, packed once
 * @returns rows × features (`out` if given)
 * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE`
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * const a = { data: Float32Array.of(1, 2), shape: [1, 2] as const };
 * const b = { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] as const };
 * console.log([...ops.correlate(a, b).data]); // → [ 1, 2, 3 ]
 * ```
 */
export function correlate(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  options?: CorrelateOptions,
): Matrix<Float32Array> {
  const read = new Options(options, ['out', 'threads'], 'ops.correlate');
  const threads = readThreads(read);
  const given = read.get('out');
  const { a: left, b: right, features } = readProduct(a, b);
  const data =
    given === undefined
      ? allocate(left.rows, features, 'ops.correlate()')
      : readOut(given, left.rows, features);
  native((binding) => binding.correlate(left, right, data, threads));
  return given === undefined ? { data, shape: [left.rows, features] } : (given as Matrix<Float32Array>);
}

/**
 * The Gram matrix `a · aᵀ` in float32.
 *
 * @param a features × dims, finite
 * @returns features × features, symmetric
 * @throws UnsuperposeError as {@link correlate}
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * console.log([...ops.gram({ data: Float32Array.of(1, 0, 1, 1), shape: [2, 2] }).data]); // → [ 1, 1, 1, 2 ]
 * ```
 */
export function gram(a: MatrixLike | Dictionary, options?: OpOptions): Matrix<Float32Array> {
  const read = new Options(options, ['threads'], 'ops.gram');
  const threads = readThreads(read);
  const left = readMatrix(Dictionary.is(a) ? a.toMatrix() : a, 'a');
  const data = allocate(left.rows, left.rows, 'ops.gram()');
  native((binding) => binding.correlate(left, left, data, threads));
  return { data, shape: [left.rows, left.rows] };
}

/** Ranked entries, k a row, as codes. */
function rankedCodes(
  indices: Uint32Array,
  values: Float32Array,
  rows: number,
  features: number,
  k: number,
): SparseCodes {
  // Indices are sorted alone, as numbers, which is fast; each finds its value by itself.
  const byFeature = allocate(features, 1, 'ops.topK()');
  const indptr = new Uint32Array(rows + 1);
  let next = 0;
  for (let i = 0; i < rows; i++) {
    const row = indices.subarray(i * k, (i + 1) * k);
    for (let at = 0; at < k; at++) byFeature[row[at] as number] = values[i * k + at] as number;
    row.sort();
    // What is written lies before what is still to be read.
    for (let at = 0; at < k; at++) {
      const feature = row[at] as number;
      const value = byFeature[feature] as number;
      if (value === 0) continue;
      indices[next] = feature;
      values[next++] = value;
    }
    indptr[i + 1] = next;
  }
  const codes = { indptr, indices: indices.slice(0, next), values: values.slice(0, next) };
  return SparseCodes.adopt(codes, rows, features);
}

/**
 * The `k` strongest entries of each row of `a · bᵀ`, which is never written to memory: TopK encoding. Exactly those that
 * float64 products and sums put first, ties by lower index; `values` are these sums, rounded to float32. Scored in bfloat16 or
 * int16 where the processor has them, and again in float64 as far as their error bounds leave the ranking open.
 *
 * With `format: 'codes'` the answer is SparseCodes, which `fold` takes: indices ascend in each row, and entries that are zero are left out.
 *
 * @param a rows × dims, finite
 * @param b features × dims, finite
 * @param k 1 … features
 * @throws UnsuperposeError as {@link correlate}; `ERR_NO_DEVICE`
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * const a = { data: Float32Array.of(1, 2), shape: [1, 2] as const };
 * const b = { data: Float32Array.of(1, 0, 0, 1, -1, -1), shape: [3, 2] as const };
 * console.log([...ops.topK(a, b, 2).indices]); // → [ 1, 0 ]
 * console.log([...ops.topK(a, b, 2, { absolute: true }).indices]); // → [ 2, 1 ]
 * console.log([...ops.topK(a, b, 2, { format: 'codes' }).row(0).indices]); // → [ 0, 1 ]
 * ```
 */
export function topK(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  k: number,
  options: TopKOptions & { readonly format: 'codes' },
): SparseCodes;
export function topK(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  k: number,
  options?: TopKOptions & { readonly format?: 'arrays' | undefined },
): TopK;
export function topK(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  k: number,
  options?: TopKOptions,
): TopK | SparseCodes {
  const read = new Options(options, ['absolute', 'format', 'device', 'threads'], 'ops.topK');
  const absolute = read.flag('absolute');
  const format = read.choice('format', ['arrays', 'codes'], 'arrays');
  const threads = readThreads(read);
  const wanted = readDevice(read);
  const { a: left, b: right, features } = readProduct(a, b);
  if (features === 0) throw new UnsuperposeError('ERR_SHAPE', 'b must have at least one feature (row)', 'b');
  checkInteger('k', k, { min: 1, max: features, note: 'features' });
  const given = resourcesFor(threads, wanted, left, features);
  const large = native((binding) => binding.topK(left, right, k, absolute, given));
  const { indices, values } = large ?? takeTopK();
  if (format === 'codes') return rankedCodes(indices, values, left.rows, features, k);
  return { indices, values, shape: [left.rows, k] };
}

export type { Precision } from '../native/values.js';

/** What {@link estimate} answers. */
export interface Estimate {
  /** rows × features. */
  readonly scores: Matrix<Float32Array>;
  /** One a row: no score of the row is further than this from the exact product. */
  readonly error: Float64Array;
}

/**
 * All products of rows `a · bᵀ` in a cheaper precision, with a rigorous bound of their error: rounding a and b to â and b̂
 * costs at most ‖b − b̂‖‖â‖ + ‖b‖‖a − â‖, norms that are computed exactly, and the arithmetic a little more. It is how
 * {@link topK} and the lasso score all atoms and still answer exactly.
 *
 * @param a rows × dims, finite
 * @param b features × dims, finite
 * @param options.precision `'float32'`, `'bfloat16'` (8 bits of significand), `'int16'` (integers of at most ±√(2³¹/dims), one scale a row),
 *   `'int8'` (±127, one scale a row); see {@link Info.precisions} for those that this processor has
 * @throws UnsuperposeError as {@link correlate}; `ERR_OPTION` for a precision that is not available
 *
 * @example
 * ```ts
 * import { info, ops } from 'unsuperpose';
 *
 * const a = { data: Float32Array.of(1, 2), shape: [1, 2] as const };
 * const b = { data: Float32Array.of(1, 0.3, 0, 1), shape: [2, 2] as const };
 * for (const precision of info().precisions) {
 *   const { scores, error } = ops.estimate(a, b, { precision });
 *   if (Math.abs(scores.data[0] - 1.6) > error[0] + 1e-6) console.log('never');
 * }
 * ```
 */
export function estimate(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  options: { readonly precision: Precision; readonly threads?: number | undefined },
): Estimate {
  const read = new Options(options, ['precision', 'threads'], 'ops.estimate');
  const threads = readThreads(read);
  const precision = read.choice('precision', PRECISIONS, 'float32');
  const { a: left, b: right, features } = readProduct(a, b);
  if (features === 0) throw new UnsuperposeError('ERR_SHAPE', 'b must have at least one feature (row)', 'b');
  const data = allocate(left.rows, features, 'ops.estimate()');
  const error = new Float64Array(left.rows);
  native((binding) => binding.estimate(left, right, precision, data, error, threads));
  return { scores: { data, shape: [left.rows, features] }, error };
}

/**
 * All entries of `a · bᵀ` that are > `threshold` (with `absolute`: in absolute value), as sparse rows with ascending indices. The entries are those
 * that {@link correlate} gives; on a GPU (`device`) they are float64 sums, rounded to float32, so that one within rounding of the threshold may be kept
 * on one device and not on the other.
 *
 * @param a rows × dims, finite
 * @param b features × dims, finite
 * @param threshold compared in float32
 * @returns rows × features
 * @throws UnsuperposeError as {@link correlate}; `ERR_NO_DEVICE`; `ERR_TOO_LARGE` beyond `limit` entries
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * const a = { data: Float32Array.of(1, 2), shape: [1, 2] as const };
 * const b = { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] as const };
 * console.log([...ops.above(a, b, 1.5).indices]); // → [ 1, 2 ]
 * ```
 */
export function above(
  a: MatrixLike,
  b: MatrixLike | Dictionary,
  threshold: number,
  options?: AboveOptions,
): SparseCodes {
  const read = new Options(options, ['absolute', 'limit', 'device', 'threads'], 'ops.above');
  const absolute = read.flag('absolute');
  const limit = read.integer('limit', { min: 0, max: Number.MAX_SAFE_INTEGER }, DEFAULT_LIMIT);
  const threads = readThreads(read);
  const wanted = readDevice(read);
  checkNumber('threshold', threshold, {});
  const { a: left, b: right, features } = readProduct(a, b);
  const given = resourcesFor(threads, wanted, left, features);
  const codes = native((binding) => binding.above(left, right, threshold, absolute, limit, given));
  return SparseCodes.adopt(codes, left.rows, features);
}

/**
 * The largest entry of each row of `a · bᵀ` (with `absolute`: the largest absolute value); −Infinity if b has no rows. Entries as {@link above} has them.
 *
 * @param a rows × dims, finite
 * @param b features × dims, finite
 * @returns one value a row
 * @throws UnsuperposeError as {@link correlate}; `ERR_NO_DEVICE`
 *
 * @example
 * ```ts
 * import { ops } from 'unsuperpose';
 *
 * const a = { data: Float32Array.of(1, 2), shape: [1, 2] as const };
 * const b = { data: Float32Array.of(1, 0, -1, -1), shape: [2, 2] as const };
 * console.log([...ops.maximum(a, b)], [...ops.maximum(a, b, { absolute: true })]); // → [ 1 ] [ 3 ]
 * ```
 */
export function maximum(a: MatrixLike, b: MatrixLike | Dictionary, options?: SelectOptions): Float32Array {
  const read = new Options(options, ['absolute', 'device', 'threads'], 'ops.maximum');
  const absolute = read.flag('absolute');
  const threads = readThreads(read);
  const wanted = readDevice(read);
  const { a: left, b: right, features } = readProduct(a, b);
  const out = allocate(left.rows, 1, 'ops.maximum()');
  const given = resourcesFor(threads, wanted, left, features);
  native((binding) => binding.maximum(left, right, absolute, out, given));
  return out;
}
