// Codes from the files of SciPy.
import { extname } from 'node:path';
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import type { StoredArray } from '../files/arrays.js';
import type { Values } from '../files/dtypes.js';
import { readNpz } from '../files/npz.js';
import { broken, some } from '../files/refuse.js';

/** Codes as they stand in the file; whether they are any is for the caller to check. */
export interface StoredCodes {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array | Float64Array;
  readonly shape: readonly number[];
}

const NAMES = ['format', 'shape', 'indptr', 'indices', 'data'] as const;
/** How NumPy calls three characters: bytes, and (in files of SciPy on Python 2 and by other hands) code points of four bytes. */
const WORDS: Readonly<Record<string, number>> = { '|S3': 1, '<U3': 4 };
const MOST_INTEGER = 2 ** 32 - 1;

/** The word that says how the matrix is compressed: `csr`. */
async function wordOf(array: StoredArray): Promise<string> {
  const width = WORDS[array.dtype];
  if (width === undefined || array.shape.length > 0 || array.bytes.length - array.begin !== 3 * width)
    return broken(
      array.where,
      'is no word of three characters, which says how a sparse matrix is compressed',
    );
  const bytes = new Uint8Array(3 * width);
  const stream = array.bytes.stream();
  try {
    await stream.skip(array.begin);
    await stream.read(bytes);
    await stream.end();
  } finally {
    await stream.close();
  }
  return String.fromCharCode(...[0, 1, 2].map((at) => bytes[at * width] as number));
}

async function integersOf(array: StoredArray, signal: AbortSignal | undefined): Promise<Uint32Array> {
  const { where, shape, dtype } = array;
  if (shape.length !== 1) broken(where, `has the shape [${shape.join(', ')}], expected one axis`);
  const values: Values = await array.values(signal);
  if (types.isFloat32Array(values) || types.isFloat64Array(values))
    return broken(where, `holds ${dtype}, expected integers`);
  const out = new Uint32Array(values.length);
  for (let at = 0; at < out.length; at++) {
    const value = Number(values[at]);
    if (value < 0 || value > MOST_INTEGER)
      broken(where, `entry ${at} is ${value}: expected integers from 0 to ${MOST_INTEGER}`);
    out[at] = value;
  }
  return out;
}

/**
 * What `scipy.sparse.save_npz` and `codes.save` write.
 * @throws UnsuperposeError `ERR_FILE`, `ERR_FORMAT`, `ERR_DTYPE`, `ERR_TOO_LARGE`
 */
export async function loadCodes(path: string, signal: AbortSignal | undefined): Promise<StoredCodes> {
  if (extname(path).toLowerCase() !== '.npz')
    throw new UnsuperposeError(
      'ERR_FORMAT',
      `${path} must end in .npz: codes are read as scipy.sparse.save_npz writes them`,
      'path',
    );
  const arrays = await readNpz(path);
  const find = (name: string): StoredArray => {
    const found = arrays.get(name);
    if (found !== undefined) return found;
    return broken(
      path,
      `holds no array ${JSON.stringify(name)}, so no codes: those have ${NAMES.join(', ')}, it has ${some(arrays.keys())}`,
    );
  };
  for (const name of NAMES) find(name);
  const word = await wordOf(find('format'));
  if (word !== 'csr')
    broken(
      path,
      `holds a sparse matrix of format ${JSON.stringify(word)}; codes are csr (in Python: matrix.tocsr())`,
    );
  const data = find('data');
  if (data.dtype !== 'float32' && data.dtype !== 'float64')
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${data.where} holds ${data.dtype}; codes are float32 or float64`,
    );
  const shape = await integersOf(find('shape'), signal);
  if (shape.length !== 2) broken(path, `the shape has ${shape.length} entries, expected [samples, features]`);
  const values = (await data.values(signal)) as Float32Array | Float64Array;
  const indptr = await integersOf(find('indptr'), signal);
  return { indptr, indices: await integersOf(find('indices'), signal), values, shape: Array.from(shape) };
}
