// The safetensors format as its specification and its reference implementation have it: an 8-byte length, a JSON header of that length, then
// the tensors' bytes with neither gaps nor overlaps.
import { Buffer } from 'node:buffer';
import { StoredArray } from './arrays.js';
import { FileBytes, slice } from './bytes.js';
import { bytesOf, DTYPES, type Dtype, entries, ofSafetensors, type Values } from './dtypes.js';
import { decodeText, isRecord, parseJSON } from './json.js';
import { broken } from './refuse.js';
import { replaceFile } from './replace.js';

/** The reference implementation's bound. */
const MOST_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';
/** Types that other programs write: how many bits an entry has, so that lengths can be checked. */
const OTHER_BITS: ReadonlyMap<string, number> = new Map([
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
  ['C64', 64],
]);

/** What a safetensors file holds. */
export interface Safetensors {
  /** Texts by key, empty where there are none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, StoredArray>;
}

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(name: string, value: unknown, length: number, where: string): Entry {
  const refuse = (what: string): never => broken(where, `tensor ${JSON.stringify(name)} ${what}`);
  if (!isRecord(value)) return refuse('is not described by an object');
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const others = Object.keys(rest);
  if (others.length > 0) refuse(`has unknown fields: ${others.join(', ')}`);
  if (typeof dtype !== 'string') return refuse('has no dtype');
  if (!Array.isArray(shape) || !shape.every(isSize)) return refuse('must have a shape of whole numbers ≥ 0');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return refuse('must have data_offsets [begin, end], two whole numbers ≥ 0');
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > length)
    refuse(`has the data_offsets [${begin}, ${end}], which lie outside the ${length} bytes of data`);
  const known = ofSafetensors(dtype);
  const bits = known === undefined ? OTHER_BITS.get(dtype) : 8 * DTYPES[known].bytes;
  if (bits === undefined) return refuse(`has the unknown dtype ${JSON.stringify(dtype)}`);
  const count = entries(shape);
  if (count === undefined) return refuse(`has the shape [${shape.join(', ')}], larger than any array`);
  if (count * bits !== 8 * (end - begin))
    refuse(
      `of ${dtype} and shape [${shape.join(', ')}] needs ${(count * bits) / 8} bytes, its data_offsets give ${end - begin}`,
    );
  return { name, type: known ?? dtype, shape, begin, end };
}

function readMetadata(value: unknown, where: string): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string'))
    return broken(where, `${METADATA} must be an object of texts`);
  return value as Record<string, string>;
}

/**
 * Reads the header and checks all that it says against the file's size.
 * @throws UnsuperposeError `ERR_FILE`, `ERR_FORMAT`
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await FileBytes.of(path);
  const where = path;
  const refuse = (what: string): never => broken(where, `is no safetensors file: ${what}`);
  if (file.length < 8) refuse(`it has ${file.length} bytes, too few for the length of a header`);
  const front = Buffer.alloc(8);
  await file.read(0, front);
  const size = front.readBigUInt64LE();
  if (size > BigInt(MOST_HEADER_BYTES))
    refuse(`it says that its header has ${size} bytes; ${MOST_HEADER_BYTES} are read at most`);
  if (size > BigInt(file.length - 8))
    refuse(`it says that its header has ${size} bytes, and ends after ${file.length - 8} of them`);
  const bytes = new Uint8Array(Number(size));
  await file.read(8, bytes);
  if (bytes[0] !== 0x7b) refuse('its header does not begin with {');
  const header = parseJSON(decodeText(bytes, where, 'the header'), where, 'the header');
  if (!isRecord(header)) return refuse('its header is no object');

  const begin = 8 + bytes.length;
  const length = file.length - begin;
  const { [METADATA]: metadata = {}, ...rest } = header;
  const found = Object.entries(rest).map(([name, value]) => readEntry(name, value, length, where));
  found.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const entry of found) {
    if (entry.begin !== at)
      broken(
        where,
        `tensor ${JSON.stringify(entry.name)} begins at byte ${entry.begin} of the data, ${entry.begin < at ? 'inside the one before it' : 'with a gap before it'}, which ends at ${at}`,
      );
    at = entry.end;
  }
  if (at !== length) broken(where, `the tensors have ${at} bytes, the file has ${length} after its header`);

  const tensors = new Map<string, StoredArray>();
  for (const { name, type, shape, begin: from, end } of found) {
    const label = `${where}: ${name}`;
    tensors.set(
      name,
      new StoredArray(label, { dtype: type, shape }, slice(file, label, begin + from, begin + end)),
    );
  }
  return { metadata: readMetadata(metadata, where), tensors };
}

/** A tensor to be written. */
export interface TensorToWrite {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly values: Values;
}

/** The texts and tensors as a file, the widest types first, as the reference implementation lays them: every tensor is then aligned. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<void> {
  const sorted = [...tensors].sort(
    ([a, { dtype: first }], [b, { dtype: second }]) =>
      DTYPES[second].bytes - DTYPES[first].bytes || (a < b ? -1 : 1),
  );
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  let at = 0;
  for (const [name, { dtype, shape, values }] of sorted) {
    const end = at + values.byteLength;
    header.push([name, { dtype: DTYPES[dtype].safetensors, shape, data_offsets: [at, end] }]);
    at = end;
  }
  // Pair by pair: an object would put names that are numbers first, and take `__proto__` for something else.
  const text = `{${header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const json = Buffer.from(text);
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  padded.set(json);
  const front = Buffer.alloc(8);
  front.writeBigUInt64LE(BigInt(padded.length));
  await replaceFile(
    path,
    async (sink) => {
      await sink.write(front);
      await sink.write(padded);
      for (const [, { values }] of sorted) await sink.write(bytesOf(values));
    },
    signal,
  );
}
