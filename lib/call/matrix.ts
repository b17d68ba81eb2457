// Matrices as the caller has them, and as native code takes them.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';
import { describe } from './options.js';

/**
 * A dense matrix, row-major: entry (i, j) is `data[i * shape[1] + j]`. Rows are samples or features, columns are activation
 * dims. Float32Array is taken as it is, Float64Array is converted once. npyjs output fits as it is.
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

/** `data` has rows · cols values. Async native calls copy it before they return. */
export interface NativeMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

/** The most entries of an array that this package makes: what 32-bit row pointers can count. */
const MOST_ENTRIES = 2 ** 32 - 1;

/** A new Float32Array; sizes that cannot be are ERR_TOO_LARGE. */
export function allocate(rows: number, cols: number, name: string): Float32Array<ArrayBuffer> {
  const count = rows * cols;
  const refuse = (): never => {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} would hold ${rows} × ${cols} values, which do not fit`,
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
  const size = (entry: unknown): number => {
    if (typeof entry === 'number' && Number.isSafeInteger(entry) && entry >= 0) return entry;
    return fail(`[…${describe(entry)}…]`);
  };
  return [size(value[0]), size(value[1])];
}

/** What converts or copies: float64, shared memory (another thread may write it), or where the caller asks. */
function toFloat32(data: Float32Array | Float64Array, copy: boolean): Float32Array {
  const borrow = !copy && types.isFloat32Array(data) && !types.isSharedArrayBuffer(data.buffer);
  // The constructor refuses detached arrays with its own error; their length is 0.
  return borrow ? data : data.length === 0 ? new Float32Array(0) : new Float32Array(data);
}

export interface ReadMatrix {
  /** Keep the result across awaits: never the caller's own memory. */
  readonly copy?: boolean;
}

/**
 * Checks a matrix and gives it as native code takes it. Borrows Float32Array data, so native code must use it before
 * any other JavaScript runs, unless `copy` is asked for.
 * @throws UnsuperposeError `ERR_DTYPE`, `ERR_SHAPE` or `ERR_TOO_LARGE`
 */
export function readMatrix(value: unknown, name: string, { copy = false }: ReadMatrix = {}): NativeMatrix {
  if (typeof value !== 'object' || value === null)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be a matrix { data, shape }, got ${describe(value)}`,
      name,
    );
  const { data, shape } = value as { data?: unknown; shape?: unknown };
  if (!types.isFloat32Array(data) && !types.isFloat64Array(data))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name}.data must be a Float32Array or Float64Array, got ${describe(data)}`,
      name,
    );
  const [rows, cols] = readShape(shape, name);
  if (rows * cols > MOST_ENTRIES)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} has ${rows} × ${cols} values, more than 2³² − 1`,
      name,
    );
  if (data.length !== rows * cols)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.data holds ${data.length} values, the shape [${rows}, ${cols}] needs ${rows * cols}`,
      name,
    );
  return { data: toFloat32(data, copy), rows, cols };
}
