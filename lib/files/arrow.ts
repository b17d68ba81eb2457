// Arrow's IPC streams, as Hugging Face's datasets (and so SAELens' cached activations) are kept: record batches one after the other, each with
// the buffers of all its columns. Of these only what is asked for is read.
import { UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';
import { StoredArray } from './arrays.js';
import {
  type ArrowBatch,
  type ArrowField,
  type ArrowMessage,
  arrowMessages,
  TYPE,
} from './arrow-messages.js';
import { FileBytes, PIECE, streamOf } from './bytes.js';
import { DTYPES, type FloatType } from './dtypes.js';
import { broken, some } from './refuse.js';

/** In the order of the format's enumeration. */
const PRECISIONS = ['float16', 'float32', 'float64'] as const;
/** The last type of a known layout: after it come views and run-lengths. */
const LAST_KNOWN = TYPE.largeList;
/** How many buffers a column has of its own, where it is not two: which values there are, and the values. */
const BUFFERS: ReadonlyMap<number, number> = new Map([
  [TYPE.null, 0],
  [TYPE.struct, 1],
  [TYPE.fixedList, 1],
  [TYPE.utf8, 3],
  [TYPE.binary, 3],
  [TYPE.largeUtf8, 3],
  [TYPE.largeBinary, 3],
]);

/** How many nodes and buffers a column has in the flattened lists of a record batch. */
interface Extent {
  readonly nodes: number;
  readonly buffers: number;
}

/** A list around the values, from the outside in; `size` where all its lists have one size by their type. */
interface Level {
  readonly size: number | undefined;
}

/** The column that is read. */
interface Chosen {
  readonly name: string;
  readonly before: Extent;
  readonly levels: readonly Level[];
  readonly dtype: FloatType;
}

interface Part {
  readonly rows: number;
  /** of the values in the file */
  readonly at: number;
}

function extentOf({ type, encoded, children }: ArrowField, where: string): Extent {
  if (encoded) return { nodes: 1, buffers: 2 }; // places in a dictionary
  if (type === 0 || type === TYPE.union || type > LAST_KNOWN)
    broken(where, `has a column of Arrow's type ${type}, whose place is not known here`);
  const sum = { nodes: 1, buffers: BUFFERS.get(type) ?? 2 };
  for (const child of children) {
    const { nodes, buffers } = extentOf(child, where);
    sum.nodes += nodes;
    sum.buffers += buffers;
  }
  return sum;
}

/** The lists and the type of floats of a column; undefined where it is none of these. */
function floatsOf(field: ArrowField): Pick<Chosen, 'levels' | 'dtype'> | undefined {
  const levels: Level[] = [];
  let inner = field;
  while ((inner.type === TYPE.list || inner.type === TYPE.fixedList) && !inner.encoded) {
    levels.push({ size: inner.type === TYPE.fixedList ? inner.listSize : undefined });
    const [child] = inner.children;
    if (child === undefined) return undefined;
    inner = child;
  }
  const dtype = PRECISIONS[inner.precision];
  if (levels.length === 0 || levels.length > 2 || inner.type !== TYPE.float || inner.encoded)
    return undefined;
  return dtype && { levels, dtype };
}

/** The column of this name; without a name the only one that holds rows of floats. */
function choose(fields: readonly ArrowField[], name: string | undefined, where: string): Chosen {
  const candidates: Chosen[] = [];
  let [nodes, buffers] = [0, 0];
  for (const field of fields) {
    const floats = floatsOf(field);
    if (floats !== undefined) candidates.push({ name: field.name, before: { nodes, buffers }, ...floats });
    const extent = extentOf(field, where);
    nodes += extent.nodes;
    buffers += extent.buffers;
  }
  const listed = `rows of floats are in: ${some(candidates.map((each) => each.name)) || 'none of its columns'}`;
  const named = candidates.filter((each) => name === undefined || each.name === name);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const found = fields.some((field) => field.name === name);
  const what =
    name === undefined
      ? `holds rows of floats in ${candidates.length} columns: say which by name`
      : found
        ? `holds no rows of floats in the column ${describe(name)}: they are lists of float16, float32 or float64, or lists of such lists`
        : `has no column ${describe(name)}`;
  throw new UnsuperposeError('ERR_OPTION', `${where} ${what}; ${listed}`, 'name');
}

/** Offsets of lists must go from 0 to the last value; of the innermost ones each in steps of `cols`. */
async function checkOffsets(
  file: FileBytes,
  at: number,
  lists: number,
  values: number,
  cols: number | undefined,
): Promise<void> {
  const refuse = (): never =>
    broken(
      file.where,
      cols === undefined ? 'has lists with values before or between them' : 'has rows of different lengths',
    );
  const most = PIECE / Int32Array.BYTES_PER_ELEMENT;
  for (let first = 0; first <= lists; first += most) {
    const offsets = new Int32Array(Math.min(most, lists + 1 - first));
    await file.read(at + first * Int32Array.BYTES_PER_ELEMENT, new Uint8Array(offsets.buffer));
    if (first === 0 && offsets[0] !== 0) refuse();
    if (cols !== undefined)
      for (let i = 0; i < offsets.length; i++) if (offsets[i] !== (first + i) * cols) refuse();
    if (first + offsets.length > lists && offsets.at(-1) !== values) refuse();
  }
}

/** Where the chosen column's values are in one record batch. */
async function partOf(
  file: FileBytes,
  batch: ArrowBatch,
  { body, bodyLength }: ArrowMessage,
  chosen: Chosen,
): Promise<Part & { cols: number | undefined }> {
  const { where } = file;
  if (batch.compressed)
    broken(where, 'has compressed record batches: datasets are saved without compression');
  let { nodes, buffers } = chosen.before;
  const node = (): number => {
    const found = batch.nodes[nodes++];
    if (found === undefined) return broken(where, 'has a record batch without the lengths of its columns');
    if (found.nulls !== 0) broken(where, `has nulls in the column ${chosen.name}`);
    return found.length;
  };
  const buffer = (needed: number): number => {
    const { offset = 0, length = -1 } = batch.buffers[buffers++] ?? {};
    if (length < needed || offset + length > bodyLength)
      broken(where, `has a record batch whose buffers do not lie in its ${bodyLength} bytes`);
    return body + offset;
  };
  let lists = node();
  let cols: number | undefined;
  for (const [depth, { size }] of chosen.levels.entries()) {
    const innermost = depth === chosen.levels.length - 1;
    buffer(0); // which lists there are: all, as there are no nulls
    const offsets =
      size === undefined && lists > 0 ? buffer((lists + 1) * Int32Array.BYTES_PER_ELEMENT) : undefined;
    if (size === undefined && lists === 0) buffer(0);
    const values = node();
    if (size !== undefined && values !== lists * size)
      broken(where, 'has lists of another size than their type says');
    const each = lists === 0 ? undefined : values / lists;
    if (innermost && each !== undefined && !Number.isInteger(each))
      broken(where, 'has rows of different lengths');
    if (offsets !== undefined) await checkOffsets(file, offsets, lists, values, innermost ? each : undefined);
    if (innermost) {
      cols = each;
      buffer(0);
      const at = buffer(values * DTYPES[chosen.dtype].bytes);
      return { rows: lists, at, cols };
    }
    lists = values;
  }
  return broken(where, 'has no rows');
}

/**
 * The rows of one column of an Arrow stream, as an array. A column of lists of floats has a row a list; one of lists of such lists (sequences of
 * positions) has a row a position.
 * @throws UnsuperposeError `ERR_FILE`; `ERR_FORMAT`; `ERR_OPTION` for a column that is not there
 */
export async function openArrow(path: string, name: string | undefined): Promise<StoredArray> {
  const file = await FileBytes.of(path);
  let chosen: Chosen | undefined;
  let cols: number | undefined;
  const parts: Part[] = [];
  for await (const message of arrowMessages(file)) {
    const { schema, batch } = message;
    if (schema !== undefined) {
      if (chosen !== undefined) broken(path, 'has two schemas');
      chosen = choose(schema, name, path);
    } else if (batch !== undefined) {
      if (chosen === undefined) return broken(path, 'has a record batch before its schema');
      const part = await partOf(file, batch, message, chosen);
      if (part.cols !== undefined && cols !== undefined && part.cols !== cols)
        broken(path, `has rows of ${cols} and of ${part.cols} columns`);
      cols ??= part.cols;
      if (part.rows > 0) parts.push(part);
    }
  }
  if (chosen === undefined) return broken(path, 'is no Arrow stream: it has no schema');
  const { dtype, name: column } = chosen;
  const where = `${path}: ${column}`;
  const rowBytes = (cols ?? 0) * DTYPES[dtype].bytes;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  return new StoredArray(where, { dtype, shape: [rows, cols ?? 0] }, joined(file, where, parts, rowBytes));
}

/** The values of all parts as if they lay one after the other. */
function joined(
  file: FileBytes,
  where: string,
  parts: readonly Part[],
  rowBytes: number,
): StoredArray['bytes'] {
  const begins: number[] = [];
  let length = 0;
  for (const { rows } of parts) {
    begins.push(length);
    length += rows * rowBytes;
  }
  const read = async (at: number, into: Uint8Array): Promise<void> => {
    if (at + into.length > length)
      broken(where, `has ${length} bytes; ${at} to ${at + into.length} were to be read`);
    // The last part that begins at or before this place.
    let [part, above] = [0, parts.length];
    while (above - part > 1) {
      const middle = (part + above) >> 1;
      if ((begins[middle] as number) <= at) part = middle;
      else above = middle;
    }
    for (let done = 0; done < into.length; part++) {
      const { at: place, rows } = parts[part] as Part;
      const offset = at + done - (begins[part] as number);
      const count = Math.min(rows * rowBytes - offset, into.length - done);
      await file.read(place + offset, into.subarray(done, done + count));
      done += count;
    }
  };
  return { where, length, read, stream: () => streamOf(where, length, read) };
}
