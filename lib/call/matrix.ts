// Matrices as the caller has them, and as native code takes them.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';
import { DATA_TYPES, type Float16Values, type HalfType, widenHalf } from './half.js';
import { readLayout, toRows } from './layout.js';
import { copyFloat32, copyOf, isShared, lengthOf } from './memory.js';
import { describe } from './options.js';

/**
 * A dense matrix, row-major: entry (i, j) is `data[i * shape[1] + j]`. Rows are samples or features, columns are activation
 * dims. What the package answers has this type; what it takes is the wider {@link MatrixLike}.
 *
 * @example
 * ```ts
 * import type { Matrix } from 'unsuperpose';
 *
 * const activations: Matrix = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] }; // two samples of three dims
 * console.log(activations.shape[0]); // → 2
 * ```
 */
export interface Matrix<T extends Float32Array | Float64Array = Float32Array | Float64Array> {
  readonly data: T;
  readonly shape: readonly [rows: number, cols: number];
}

/** What entries may come as; see {@link MatrixLike}. */
export type MatrixData = Float32Array | Float64Array | Float16Values | Uint16Array;

/**
 * A matrix as callers have it: a {@link Matrix} whose shape may be any list, which must turn out to be `[rows, cols]`. Float32Array is
 * taken as it is, Float64Array is converted once. 16-bit floats are too, exactly: a Float16Array where the engine has it, or the bits in a
 * Uint16Array with `dtype: 'float16'` or `'bfloat16'`. From any realm (a `vm` context, a Jest test), over shared memory too.
 *
 * Arrays of these libraries fit as they are: npyjs (`fortranOrder: true` is read column after column), ndarray and @stdlib/ndarray (whole
 * arrays in row-major or column-major order). Of others give the two fields: onnxruntime and Transformers.js
 * `{ data: tensor.data, shape: tensor.dims }`, TensorFlow.js `{ data: await tensor.data(), shape: tensor.shape }`. A `dtype`, `order`, `stride`,
 * `strides`, `offset`, `transposed`, `rowMajor` or `columnMajor` that is not honoured is refused by its name, never passed over.
 *
 * @example
 * ```ts
 * import { Dictionary } from 'unsuperpose';
 *
 * const columns = { data: Float32Array.of(1, 4, 2, 5, 3, 6), shape: [2, 3], fortranOrder: true }; // as npyjs gives it
 * console.log(Dictionary.from(columns).toMatrix().data.join(' ')); // → 1 2 3 4 5 6
 *
 * const bits = { data: Uint16Array.of(0x3f80, 0xc000), shape: [1, 2], dtype: 'bfloat16' } as const;
 * console.log(Dictionary.from(bits).toMatrix().data.join(' ')); // → 1 -2
 * ```
 */
export interface MatrixLike<T extends MatrixData = MatrixData> {
  readonly data: T;
  readonly shape: readonly number[];
  /** What the bits of a Uint16Array are. */
  readonly dtype?: HalfType | (string & {}) | undefined;
}

/** `data` has rows · cols values. Async native calls copy it before they return. */
export interface NativeMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
  /** The same in float64, where the data came so and that was asked for. */
  readonly exact?: Float64Array;
}

/** The most entries of an array that this package makes: what 32-bit row pointers can count. */
const MOST_ENTRIES = 2 ** 32 - 1;

/** A new Float32Array; sizes that cannot be are ERR_TOO_LARGE. */
export function allocate(rows: number, cols: number, name: string): Float32Array {
  const count = rows * cols;
  const refuse = (): never => {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} would hold ${rows} × ${cols} values: ${count * Float32Array.BYTES_PER_ELEMENT} bytes, which do not fit`,
      name,
    );
  };
  if (count > MOST_ENTRIES) refuse();
  try {
    return new Float32Array(count);
  } catch {
    return refuse();
  }
}

/** The two sizes, each property read once. */
export function readShape(value: unknown, name: string): [rows: number, cols: number] {
  const fail = (got: string): never => {
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.shape must be [rows, cols], two integers ≥ 0, got ${got}`,
      name,
    );
  };
  if (!Array.isArray(value)) return fail(describe(value));
  const { length } = value;
  if (length !== 2) return fail(`${length} entries`);
  const entries: readonly unknown[] = [value[0], value[1]];
  const [rows, cols] = entries.map((entry) =>
    typeof entry === 'number' && Number.isSafeInteger(entry) && entry >= 0
      ? entry
      : fail(`[${entries.map(describe).join(', ')}]`),
  );
  return [rows, cols] as [number, number];
}

/** Refuses data of any other length than the shape's. */
export function checkLength(
  data: Float32Array | Float64Array,
  rows: number,
  cols: number,
  name: string,
): void {
  const length = lengthOf(data);
  if (length !== rows * cols)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.data holds ${length} values, the shape [${rows}, ${cols}] needs ${rows * cols}`,
      name,
    );
}

/** What converts or copies: float64, shared memory (another thread may write it), or where the caller asks. */
function toFloat32(data: Float32Array | Float64Array, copy: boolean, name: string): Float32Array {
  if (lengthOf(data) === 0) return new Float32Array(0); // memory that was taken away is empty too, and fails at every use
  return !copy && types.isFloat32Array(data) && !isShared(data) ? data : copyFloat32(data, name);
}

/** Row after row in memory of our own, where `data` has it column after column. */
function turned(data: Float32Array | Float64Array, rows: number, cols: number, name: string): Float32Array {
  const out = allocate(rows, cols, name);
  // Rounded to float32 entry by entry, as a copy would be.
  return toRows(data, out, rows, cols);
}

/** The same in float64. */
function wide(data: Float64Array, rows: number, cols: number, name: string): Float64Array {
  try {
    return toRows(data, new Float64Array(rows * cols), rows, cols);
  } catch {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} has ${rows} × ${cols} values, which do not fit`,
      name,
    );
  }
}

export interface ReadMatrix {
  /** Keep the result across awaits: never the caller's own memory. */
  readonly copy?: boolean;
  /** Give float64 data as they are too. */
  readonly exact?: boolean;
}

/**
 * Checks a matrix ({@link MatrixLike}) and gives it as native code takes it. Borrows Float32Array data, so native code must use it before
 * any other JavaScript runs, unless `copy` is asked for.
 * @throws UnsuperposeError `ERR_DTYPE`, `ERR_SHAPE` or `ERR_TOO_LARGE`
 */
export function readMatrix(
  value: unknown,
  name: string,
  { copy = false, exact = false }: ReadMatrix = {},
): NativeMatrix {
  const refuse = (what: string, got: string): never => {
    throw new UnsuperposeError('ERR_DTYPE', `${what}, got ${got}`, name);
  };
  const notMatrix = (): never => refuse(`${name} must be a matrix { data, shape }`, describe(value));
  if (typeof value !== 'object' || value === null) return notMatrix();
  const { data: given, shape, dtype } = value as { data?: unknown; shape?: unknown; dtype?: unknown };
  if (given === undefined) return notMatrix();
  const half = widenHalf(given, dtype, name);
  const data = half?.data ?? given;
  if (!types.isFloat32Array(data) && !types.isFloat64Array(data)) {
    const view = types.isUint8Array(data)
      ? ' (bytes of float32 are new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4))'
      : '';
    return refuse(`${name}.data must be ${DATA_TYPES}`, `${describe(data)}${view}`);
  }
  const [rows, cols] = readShape(shape, name);
  // Rows and columns alone too: a matrix of no columns is walked row by row as well.
  if (Math.max(rows, cols, rows * cols) > MOST_ENTRIES)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} has ${rows} × ${cols} values, more than 2³² − 1 of them or on a side`,
      name,
    );
  const layout = readLayout(
    value,
    half?.type ?? (types.isFloat32Array(data) ? 'Float32Array' : 'Float64Array'),
    rows,
    cols,
    name,
  );
  // Last: reading the fields may have run code that took the memory away.
  checkLength(data, rows, cols, name);
  const matrix = {
    data: layout === 'columns' ? turned(data, rows, cols, name) : toFloat32(data, copy, name),
    rows,
    cols,
  };
  if (!exact || !types.isFloat64Array(data)) return matrix;
  return { ...matrix, exact: layout === 'columns' ? wide(data, rows, cols, name) : copyOf(data, name) };
}
