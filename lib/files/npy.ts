// The npy format as NumPy defines it (NEP 1, versions 1.0 to 3.0). The header is a literal of Python: it is read by a grammar of exactly what
// NumPy writes, and never evaluated.
import { Buffer } from 'node:buffer';
import { type Described, StoredArray } from './arrays.js';
import type { Bytes } from './bytes.js';
import { bytesOf, DTYPES, type Dtype, entries, ofNumpy, type Values } from './dtypes.js';
import { decodeText } from './json.js';
import { broken } from './refuse.js';
import type { Sink } from './replace.js';

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59); // \x93NUMPY
/** NumPy refuses longer headers too: an array of numbers has none of a hundredth of that. */
const MOST_HEADER_BYTES = 10_000;
/** Entries begin at a multiple of it. */
const ALIGNMENT = 64;

/** One word of the header: text in quotes, True or False, a whole number, or a sign. */
const WORD = /[ \t]*(?:'([^'\\\n]*)'|"([^"\\\n]*)"|(True|False)\b|(\d+)L?|([{}()[\],:]))/y;

type Value = string | boolean | readonly number[];

class HeaderReader {
  readonly #text: string;
  readonly #where: string;
  #at = 0;

  constructor(text: string, where: string) {
    this.#text = text;
    this.#where = where;
  }

  refuse(what: string): never {
    const near = JSON.stringify(this.#text.slice(this.#at, this.#at + 20));
    return broken(
      this.#where,
      `the header of the array is malformed at character ${this.#at} (${near}): ${what}`,
    );
  }

  #next(): { text?: string; flag?: boolean; number?: number; sign?: string } {
    WORD.lastIndex = this.#at;
    const match = WORD.exec(this.#text);
    if (match === null) return {};
    this.#at = WORD.lastIndex;
    const [, single, double, flag, number, sign] = match;
    if (flag !== undefined) return { flag: flag === 'True' };
    if (number !== undefined) return { number: Number(number) };
    return sign === undefined ? { text: (single ?? double) as string } : { sign };
  }

  /** Goes past this sign if it is the next one. */
  #sign(wanted: string): boolean {
    const before = this.#at;
    if (this.#next().sign === wanted) return true;
    this.#at = before;
    return false;
  }

  #numbers(): readonly number[] {
    const sizes: number[] = [];
    let comma = true;
    while (!this.#sign(')')) {
      if (!comma) this.refuse('expected , or )');
      const { number } = this.#next();
      if (number === undefined || !Number.isSafeInteger(number))
        this.refuse('sizes of the shape must be whole numbers ≥ 0');
      sizes.push(number as number);
      comma = this.#sign(',');
    }
    if (sizes.length === 1 && !comma) this.refuse('(n) is no shape, (n,) is');
    return sizes;
  }

  #value(): Value {
    if (this.#sign('(')) return this.#numbers();
    if (this.#sign('['))
      return broken(this.#where, 'has fields of several types (a structured array): save one plain array');
    const { text, flag } = this.#next();
    return text ?? flag ?? this.refuse('expected text in quotes, True, False or a shape in ( )');
  }

  /** The keys and values of the one dict that the header is. */
  dict(): Map<string, Value> {
    const found = new Map<string, Value>();
    if (!this.#sign('{')) this.refuse('expected {');
    let comma = true;
    while (!this.#sign('}')) {
      if (!comma) this.refuse('expected , or }');
      const key = this.#next().text;
      if (key === undefined) this.refuse('expected a key in quotes');
      if (found.has(key as string)) this.refuse(`the key ${key} stands twice`);
      if (!this.#sign(':')) this.refuse('expected :');
      found.set(key as string, this.#value());
      comma = this.#sign(',');
    }
    if (!/^ *\n$/.test(this.#text.slice(this.#at))) this.refuse('only spaces and one line end may follow');
    return found;
  }
}

/** What `descr` says: '<f4' is little-endian float32. */
function readType(descr: string, where: string): Pick<Described, 'dtype' | 'bigEndian'> {
  const [, order = '', name = ''] = /^([<>|=]?)([a-z]\d+)$/.exec(descr) ?? [];
  const dtype = ofNumpy(name);
  if (dtype === undefined) {
    const pickled = /^\|?O/.test(descr) ? ' (Python objects, a pickle)' : '';
    return { dtype: `${descr}${pickled}` };
  }
  const single = DTYPES[dtype].bytes === 1;
  if (order === '' || (order === '|' && !single))
    broken(where, `the type ${JSON.stringify(descr)} does not say the order of its bytes`);
  return { dtype, bigEndian: order === '>' };
}

function describe(text: string, where: string): Described {
  const found = new HeaderReader(text, where).dict();
  const descr = found.get('descr');
  const fortranOrder = found.get('fortran_order');
  const shape = found.get('shape');
  if (
    found.size !== 3 ||
    typeof descr !== 'string' ||
    typeof fortranOrder !== 'boolean' ||
    !Array.isArray(shape)
  )
    return broken(
      where,
      `the header must have descr, fortran_order and shape and nothing else, has ${[...found.keys()].join(', ') || 'nothing'}`,
    );
  return { ...readType(descr, where), shape, fortranOrder };
}

/** Reads the header; refuses an array of any other length than the header says. `name` is the array's, in an archive. */
export async function openNpy(bytes: Bytes): Promise<StoredArray> {
  const { where, length } = bytes;
  const stream = bytes.stream();
  try {
    const take = async (count: number, what: string): Promise<Uint8Array> => {
      if (count > length) broken(where, `is no whole npy array: ${length} bytes, too few for ${what}`);
      const taken = new Uint8Array(count);
      await stream.read(taken);
      return taken;
    };
    const front = await take(8, 'its first bytes');
    if (!MAGIC.every((byte, i) => front[i] === byte)) broken(where, 'is no npy array: it begins otherwise');
    const [major = 0, minor = 0] = front.subarray(6);
    if (major < 1 || major > 3 || minor !== 0)
      broken(where, `is npy of version ${major}.${minor}; 1.0, 2.0 and 3.0 are read`);
    const width = major === 1 ? 2 : 4;
    const size = Buffer.from(await take(width, 'the length of its header')).readUIntLE(0, width);
    const begin = 8 + width + size;
    if (size > MOST_HEADER_BYTES)
      broken(where, `says that its header has ${size} bytes; ${MOST_HEADER_BYTES} are read at most`);
    if (begin > length)
      broken(
        where,
        `is cut short: it says that its header has ${size} bytes, and ends after ${length - 8 - width} of them`,
      );
    const header = await take(size, 'its header');
    const text =
      major === 3 ? decodeText(header, where, 'the header') : Buffer.from(header).toString('latin1');
    const described = describe(text, where);
    const count = entries(described.shape);
    if (count === undefined)
      broken(where, `the shape (${described.shape.join(', ')}) is larger than any array`);
    const array = new StoredArray(where, described, bytes, begin);
    if (!Object.hasOwn(DTYPES, described.dtype)) return array; // refused by its type when it is read
    const needed = (count as number) * DTYPES[array.known].bytes;
    if (needed !== length - begin)
      broken(
        where,
        `the shape (${described.shape.join(', ')}) of ${described.dtype} needs ${needed} bytes, there are ${length - begin}`,
      );
    return array;
  } finally {
    await stream.close();
  }
}

/** An array to be written. Text of one entry (NumPy's `S`) is written for what expects a word. */
export interface ArrayToWrite {
  readonly dtype: Dtype | 'text';
  readonly shape: readonly number[];
  readonly values: Values;
}

/** The header of version 1.0, padded so that entries begin at a multiple of 64 bytes. */
export function npyHeader({ dtype, shape, values }: ArrayToWrite): Uint8Array {
  const name = dtype === 'text' ? `S${values.byteLength}` : DTYPES[dtype].numpy;
  const order = dtype === 'text' || DTYPES[dtype].bytes === 1 ? '|' : '<';
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${order}${name}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const padded = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(padded, ' ');
  header.set(MAGIC);
  header.set([1, 0], 6);
  header.writeUInt16LE(padded - 10, 8);
  header.write(dict, 10, 'latin1');
  header.write('\n', padded - 1);
  return header;
}

export async function writeNpy(sink: Sink, array: ArrayToWrite): Promise<void> {
  await sink.write(npyHeader(array));
  await sink.write(bytesOf(array.values));
}
