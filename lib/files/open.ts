// Which array of which file: by the ending of the path, and the name of the array in it.
import { extname } from 'node:path';
import { UnsuperposeError } from '../call/errors.js';
import { isList, mapEntries } from '../call/memory.js';
import { describe, type Options, refuseOption } from '../call/options.js';
import { StoredArray } from './arrays.js';
import { openArrow } from './arrow.js';
import { FileBytes } from './bytes.js';
import { DTYPES, entries, type FloatType, readFloatType } from './dtypes.js';
import { openNpy } from './npy.js';
import { readNpz } from './npz.js';
import { some } from './refuse.js';
import { readSafetensors } from './safetensors.js';

/** What says how a file is to be read. */
export interface OpenOptions {
  /** The array to read, of a file that has several: an entry of an npz, a tensor of a safetensors file, a column of an Arrow file. */
  readonly name?: string | undefined;
  /**
   * Of raw `.bin` files, which say nothing of themselves: `[rows, cols]`, or `[batch, positions, cols]`. The first may be −1: as many as
   * there are in the file.
   */
  readonly shape?: readonly number[] | undefined;
  /** Of raw `.bin` files: what their entries are, little-endian. Default float32. */
  readonly dtype?: FloatType | undefined;
}

export const OPEN_NAMES = ['name', 'shape', 'dtype'] as const;

/** {@link OpenOptions}, read and checked. */
export interface Opening {
  readonly name: string | undefined;
  readonly shape: readonly number[] | undefined;
  readonly dtype: FloatType | undefined;
}

export const ENDINGS = ['.npy', '.npz', '.safetensors', '.bin'] as const;
export type Ending = (typeof ENDINGS)[number];

/** The ending of a path that is read or written here. */
export function endingOf(path: string): Ending {
  const found = extname(path).toLowerCase();
  const ending = ENDINGS.find((known) => known === found);
  if (ending !== undefined) return ending;
  const pickle = ['.pt', '.pth', '.pkl', '.ckpt'].includes(found)
    ? ': pickles can run code and are never read; convert it to .safetensors with a few lines of Python'
    : '';
  throw new UnsuperposeError(
    'ERR_FORMAT',
    `${path} must end in ${ENDINGS.join(', ')}, which say what it is${pickle}`,
  );
}

function readName(options: Options): string | undefined {
  const name = options.get('name');
  if (name === undefined || typeof name === 'string') return name;
  return refuseOption('name', 'the name of an array in the file', name);
}

function readSizes(options: Options): readonly number[] | undefined {
  const value = options.get('shape');
  if (value === undefined) return undefined;
  const expected = '[rows, cols] or [batch, positions, cols], whole numbers ≥ 0 of which the first may be −1';
  if (!isList(value)) return refuseOption('shape', expected, value);
  const sizes = mapEntries(value, (size, i) => {
    const least = i === 0 ? -1 : 0;
    if (typeof size === 'number' && Number.isSafeInteger(size) && size >= least) return size;
    return refuseOption(`shape[${i}]`, expected, size);
  });
  if (sizes.length < 2 || sizes.length > 3) refuseOption('shape', expected, value);
  return sizes;
}

export function readOpening(options: Options): Opening {
  return {
    name: readName(options),
    shape: readSizes(options),
    dtype: options.has('dtype') ? readFloatType(options.get('dtype')) : undefined,
  };
}

/** A raw file: nothing but its length can tell whether the shape is right. */
async function openRaw(path: string, { shape, dtype = 'float32' }: Opening): Promise<StoredArray> {
  if (shape === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${path} is a raw file, which does not say its shape: give shape: [rows, cols], or [-1, cols] for as many rows as it has`,
      'shape',
    );
  const file = await FileBytes.of(path);
  const [first = 0, ...rest] = shape;
  const { bytes } = DTYPES[dtype];
  const each = (entries(rest) ?? Number.NaN) * bytes;
  const fill = each === 0 ? 0 : Math.floor(file.length / each);
  const whole = [first === -1 ? fill : first, ...rest];
  const needed = (entries(whole) ?? Number.NaN) * bytes;
  if (needed !== file.length)
    throw new UnsuperposeError(
      'ERR_FORMAT',
      first === -1
        ? `${path} has ${file.length} bytes, no whole number of rows of ${each} bytes (shape [${shape.join(', ')}] of ${dtype})`
        : `${path} has ${file.length} bytes, the shape [${shape.join(', ')}] of ${dtype} needs ${needed}`,
      'shape',
    );
  return new StoredArray(path, { dtype, shape: whole }, file);
}

/** The array of this name; without a name the only one. */
function choose(
  path: string,
  arrays: ReadonlyMap<string, StoredArray>,
  name: string | undefined,
): StoredArray {
  const [only] = arrays.values();
  if (only === undefined) throw new UnsuperposeError('ERR_FORMAT', `${path} holds no arrays`);
  const listed = `there are: ${some(arrays.keys())}`;
  if (name === undefined) {
    if (arrays.size === 1) return only;
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${path} holds ${arrays.size} arrays: say which by name; ${listed}`,
      'name',
    );
  }
  const found = arrays.get(name);
  if (found !== undefined) return found;
  throw new UnsuperposeError('ERR_OPTION', `${path} holds no array ${describe(name)}; ${listed}`, 'name');
}

/** Arrow streams are read, not written. */
export const ARROW = '.arrow';

/** Opens a file by its ending. */
export async function openArray(path: string, opening: Opening): Promise<StoredArray> {
  const arrow = extname(path).toLowerCase() === ARROW;
  const ending = arrow ? ARROW : endingOf(path);
  if (ending !== '.bin')
    for (const option of ['shape', 'dtype'] as const)
      if (opening[option] !== undefined)
        throw new UnsuperposeError(
          'ERR_OPTION',
          `${option} is for raw .bin files; ${path} says its own`,
          option,
        );
  if (opening.name !== undefined && (ending === '.bin' || ending === '.npy'))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `name is for files of several arrays; ${path} holds one`,
      'name',
    );
  if (ending === ARROW) return openArrow(path, opening.name);
  if (ending === '.bin') return openRaw(path, opening);
  if (ending === '.npy') return openNpy(await FileBytes.of(path));
  const arrays = ending === '.npz' ? await readNpz(path) : (await readSafetensors(path)).tensors;
  return choose(path, arrays, opening.name);
}
