// One matrix from a file, or to one.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { toRows } from '../call/layout.js';
import { type Matrix, type MatrixLike, readMatrix as readGiven } from '../call/matrix.js';
import { isList, mapEntries } from '../call/memory.js';
import { Options, refuseOption } from '../call/options.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import { type Floats, makeFloats, type StoredArray } from './arrays.js';
import { bytesOf, type FloatType, readFloatType, type Values } from './dtypes.js';
import { writeNpy } from './npy.js';
import { writeNpz } from './npz.js';
import { endingOf, OPEN_NAMES, type OpenOptions, openArray, readOpening } from './open.js';
import { type Path, readPath } from './refuse.js';
import { replaceFile } from './replace.js';
import { Columns, type RowReader, type RowSource, rowsOf } from './rows.js';
import { writeSafetensors } from './safetensors.js';

/** Options of {@link readMatrix}. */
export interface ReadMatrixOptions extends OpenOptions {
  /** The columns (dims) to take, in this order. Default: all. */
  readonly columns?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link writeMatrix}. */
export interface WriteMatrixOptions {
  /** What entries are written as. Default: float64 for a Float64Array, float32 for anything else. Each is rounded to the nearest, once. */
  readonly dtype?: FloatType | undefined;
  /** The array's name in `.npz` and `.safetensors`. Default `'matrix'`. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MOST_COLUMN = 2 ** 32 - 2;

/** Columns by number; which there are, the file says. */
export function readColumns(options: Options): readonly number[] | undefined {
  const value = options.get('columns');
  if (value === undefined) return undefined;
  const expected = 'the numbers of columns, from 0 on, none twice';
  if (!isList(value)) return refuseOption('columns', expected, value);
  const columns = mapEntries(value, (column, i) => {
    if (typeof column === 'number' && Number.isInteger(column) && column >= 0 && column <= MOST_COLUMN)
      return column;
    return refuseOption(`columns[${i}]`, 'the number of a column, an integer ≥ 0', column);
  });
  if (columns.length === 0) refuseOption('columns', `${expected}, and at least one`, value);
  if (new Set(columns).size < columns.length) refuseOption('columns', expected, value);
  return columns;
}

/** The whole of an array that lies column after column: read once in its own order, not column by column for each few rows. */
async function turnedWhole(array: StoredArray, source: RowSource, signal?: AbortSignal): Promise<RowSource> {
  const columns = await array.floats(signal);
  const { rows, cols } = source;
  const all = toRows(columns, makeFloats(source.dtype, columns.length, source.where), rows, cols);
  const open = async (): Promise<RowReader> => {
    let at = 0;
    return {
      async read(out) {
        out.set(all.subarray(at, at + out.length));
        at += out.length;
      },
      async end() {},
      async close() {},
    };
  };
  return { ...source, open };
}

/**
 * Reads a matrix from `.npy`, `.npz`, `.safetensors`, `.arrow` (a stream, as datasets has it) or raw `.bin`, told by the ending. float16, bfloat16 and float32 become a Float32Array,
 * float64 a Float64Array, all exactly. An array of three axes [batch, positions, cols] becomes batch · positions rows. Nothing that a header
 * says is believed before the size of the file bears it out.
 *
 * @throws UnsuperposeError (as a rejection) `ERR_FILE` if it cannot be read; `ERR_FORMAT` for a file that breaks its format; `ERR_SHAPE` for
 *   other than two or three axes; `ERR_DTYPE` for other than floats; `ERR_NOT_FINITE` with the row and column that hold NaN or ±Infinity;
 *   `ERR_OPTION`; `ERR_TOO_LARGE`; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { files } from 'unsuperpose';
 *
 * const path = join(mkdtempSync(join(tmpdir(), 'matrix-')), 'activations.npy');
 * await files.writeMatrix(path, { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] }, { dtype: 'float16' });
 * const { data, shape } = await files.readMatrix(path, { columns: [2, 0] });
 * console.log(shape.join(' × '), data.join(' ')); // → 2 × 2 3 1 6 4
 * ```
 */
export async function readMatrix(path: Path, options?: ReadMatrixOptions): Promise<Matrix> {
  const read = new Options(options, [...OPEN_NAMES, 'columns', 'signal'], 'readMatrix');
  const file = readPath(path, 'path');
  const opening = readOpening(read);
  const chosen = readColumns(read);
  const signal = read.signal();
  throwIfAborted(signal);
  const array = await openArray(file, opening);
  let source = rowsOf(array);
  const { where, rows } = source;
  const columns = new Columns(chosen, source.cols, where);
  if (array.fortranOrder) source = await turnedWhole(array, source, signal);
  const data = makeFloats(source.dtype, rows * columns.count, where);
  const reader = await source.open(0);
  try {
    await columns.read(reader, source, 0, data, signal);
    await reader.end();
  } finally {
    await reader.close();
  }
  return { data, shape: [rows, columns.count] };
}

/** The values as this type, each rounded once; refuses NaN and ±Infinity, and what the type is too small for. */
function converted(values: Floats, cols: number, dtype: FloatType, name: string): Values {
  const place = (at: number): string => `row ${Math.floor(at / cols)}, column ${at % cols}`;
  const strange = native((binding) => binding.firstNotFinite(values));
  if (strange >= 0)
    throw new UnsuperposeError('ERR_NOT_FINITE', `${name}: ${place(strange)} is ${values[strange]}`, name);
  let out: Values;
  let over: number;
  if (dtype === 'float64') return types.isFloat64Array(values) ? values : Float64Array.from(values);
  if (dtype === 'float32') {
    if (types.isFloat32Array(values)) return values;
    const floats = new Float32Array(values);
    over = native((binding) => binding.firstNotFinite(floats));
    out = floats;
  } else {
    const bits = new Uint16Array(values.length);
    over = native((binding) => binding.narrow(values, dtype, bits));
    out = bits;
  }
  if (over >= 0)
    throw new UnsuperposeError(
      'ERR_NOT_FINITE',
      `${name}: ${place(over)} is ${values[over]}, too large for ${dtype}: scale the matrix, or write another dtype`,
      name,
    );
  return out;
}

/**
 * Writes a matrix to `.npy`, `.npz`, `.safetensors` or raw little-endian `.bin`, told by the ending. The file takes its name when all of it is
 * on the disk: whatever fails, what was there before stays whole.
 *
 * @throws UnsuperposeError (as a rejection) `ERR_FILE` if it cannot be written; `ERR_NOT_FINITE` also for values too large for `dtype`;
 *   `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_FORMAT` for another ending; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { files } from 'unsuperpose';
 *
 * const path = join(mkdtempSync(join(tmpdir(), 'matrix-')), 'activations.safetensors');
 * await files.writeMatrix(path, { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }, { name: 'layer.0' });
 * console.log((await files.readMatrix(path, { name: 'layer.0' })).data.join(' ')); // → 1 2 3 4
 * ```
 */
export async function writeMatrix(
  path: Path,
  matrix: MatrixLike,
  options?: WriteMatrixOptions,
): Promise<void> {
  const read = new Options(options, ['dtype', 'name', 'signal'], 'writeMatrix');
  const file = readPath(path, 'path');
  const ending = endingOf(file);
  const asked = read.has('dtype') ? readFloatType(read.get('dtype')) : undefined;
  const name = read.has('name') ? read.get('name') : 'matrix';
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    return refuseOption('name', 'the name of the array', name);
  const signal = read.signal();
  throwIfAborted(signal);
  const given = readGiven(matrix, 'matrix', { copy: true, exact: true });
  const dtype = asked ?? (given.exact === undefined ? 'float32' : 'float64');
  if (dtype === 'bfloat16' && (ending === '.npy' || ending === '.npz'))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `NumPy has no bfloat16, so ${ending} files cannot: write .safetensors, or another dtype`,
      'dtype',
    );
  const values = converted(given.exact ?? given.data, given.cols, dtype, 'matrix');
  const array = { dtype, shape: [given.rows, given.cols], values };
  if (ending === '.safetensors') await writeSafetensors(file, new Map([[name, array]]), {}, signal);
  else if (ending === '.npz') await writeNpz(file, new Map([[name, array]]), { signal });
  else if (ending === '.npy') await replaceFile(file, (sink) => writeNpy(sink, array), signal);
  else await replaceFile(file, (sink) => sink.write(bytesOf(values)), signal);
}
