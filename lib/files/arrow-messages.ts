// What Arrow's messages say (Message.fbs and Schema.fbs of its format), as far as lists of floats need it. They are flatbuffers: tables of
// offsets. Every offset and every length is checked against the message's bytes, and no more is visited than a schema can have: a general
// decoder believes lengths, and one wrong bit makes it ask for all the memory there is.

import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { isUnsuperposeError, messageOf } from '../call/errors.js';
import type { FileBytes } from './bytes.js';
import { broken } from './refuse.js';

/** A column, or a part of one. */
export interface ArrowField {
  readonly name: string;
  /** of the union `Type` */
  readonly type: number;
  /** of floats */
  readonly precision: number;
  /** of lists of a fixed size */
  readonly listSize: number;
  /** Whether its values stand in a dictionary. */
  readonly encoded: boolean;
  readonly children: readonly ArrowField[];
}

export interface ArrowBatch {
  readonly compressed: boolean;
  readonly nodes: readonly { readonly length: number; readonly nulls: number }[];
  readonly buffers: readonly { readonly offset: number; readonly length: number }[];
}

export interface ArrowMessage {
  readonly schema?: readonly ArrowField[];
  readonly batch?: ArrowBatch;
  /** where its body begins in the file */
  readonly body: number;
  readonly bodyLength: number;
}

/** Members of the union `Type`, by their numbers there. */
export const TYPE = {
  null: 1,
  float: 3,
  binary: 4,
  utf8: 5,
  list: 12,
  struct: 13,
  union: 14,
  fixedList: 16,
  largeBinary: 19,
  largeUtf8: 20,
  map: 17,
  largeList: 21,
} as const;
const HEADER = { schema: 1, batch: 3 };

const CONTINUATION = 0xffffffff;
const FILE_MAGIC = Buffer.from('ARROW1\0\0', 'latin1');
/** Schemas of thousands of columns have less. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_FIELDS = 100_000;
const DEEPEST = 32;

/** One table of a flatbuffer. Reading outside of it is a RangeError of DataView, or of ours. */
class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  /** Where the field stands, or undefined for its default. */
  #place(id: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * id;
    if (entry + 2 > this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + entry, true);
    return offset === 0 ? undefined : this.#at + offset;
  }

  byte(id: number): number {
    const place = this.#place(id);
    return place === undefined ? 0 : this.#view.getUint8(place);
  }

  short(id: number): number {
    const place = this.#place(id);
    return place === undefined ? 0 : this.#view.getInt16(place, true);
  }

  int(id: number): number {
    const place = this.#place(id);
    return place === undefined ? 0 : this.#view.getInt32(place, true);
  }

  long(id: number): number {
    const place = this.#place(id);
    return place === undefined ? 0 : exact(this.#view.getBigInt64(place, true));
  }

  table(id: number): FlatTable | undefined {
    const place = this.#place(id);
    return place === undefined
      ? undefined
      : new FlatTable(this.#view, place + this.#view.getUint32(place, true));
  }

  /** Where the entries of a vector begin, and how many there are: no more than have their bytes. */
  #vector(id: number, bytes: number): { at: number; count: number } {
    const place = this.#place(id);
    if (place === undefined) return { at: 0, count: 0 };
    const at = place + this.#view.getUint32(place, true);
    const count = this.#view.getUint32(at, true);
    if (count * bytes > this.#view.byteLength - at - 4) throw new RangeError(`a list of ${count} entries`);
    return { at: at + 4, count };
  }

  text(id: number): string {
    const { at, count } = this.#vector(id, 1);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, count);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  }

  tables(id: number): FlatTable[] {
    const { at, count } = this.#vector(id, 4);
    if (count > MOST_FIELDS) throw new RangeError(`a list of ${count} tables`);
    return Array.from({ length: count }, (_, i) => {
      const place = at + 4 * i;
      return new FlatTable(this.#view, place + this.#view.getUint32(place, true));
    });
  }

  /** Structs of two longs. */
  pairs(id: number): (readonly [number, number])[] {
    const { at, count } = this.#vector(id, 16);
    const long = (place: number): number => exact(this.#view.getBigInt64(place, true));
    return Array.from({ length: count }, (_, i) => [long(at + 16 * i), long(at + 16 * i + 8)] as const);
  }
}

function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`a length of ${value}`);
  return number;
}

/** Fields may be shared by several parents: so they are counted, not only bounded by the bytes. */
function readField(table: FlatTable, left: { fields: number }, depth: number): ArrowField {
  if (--left.fields < 0 || depth > DEEPEST) throw new RangeError('more columns than any table has');
  const type = table.byte(2);
  const details = table.table(3);
  return {
    name: table.text(0),
    type,
    precision: type === TYPE.float ? (details?.short(0) ?? 0) : 0,
    listSize: type === TYPE.fixedList ? (details?.int(0) ?? 0) : 0,
    encoded: table.table(4) !== undefined,
    children: table.tables(5).map((child) => readField(child, left, depth + 1)),
  };
}

function decode(bytes: Uint8Array): Omit<ArrowMessage, 'body'> {
  const message = FlatTable.root(bytes);
  const kind = message.byte(1);
  const header = message.table(2);
  const bodyLength = message.long(3);
  if (header === undefined || (kind !== HEADER.schema && kind !== HEADER.batch)) return { bodyLength };
  if (kind === HEADER.schema) {
    if (header.short(0) !== 0) throw new RangeError('big-endian values');
    const left = { fields: MOST_FIELDS };
    return { bodyLength, schema: header.tables(1).map((field) => readField(field, left, 0)) };
  }
  const batch = {
    compressed: header.table(3) !== undefined,
    nodes: header.pairs(1).map(([length, nulls]) => ({ length, nulls })),
    buffers: header.pairs(2).map(([offset, length]) => ({ offset, length })),
  };
  return { bodyLength, batch };
}

/** The messages of a stream, each length checked against the file. */
export async function* arrowMessages(file: FileBytes): AsyncGenerator<ArrowMessage> {
  const { where, length } = file;
  const front = Buffer.alloc(8);
  for (let at = 0; at + 8 <= length; ) {
    await file.read(at, front);
    if (at === 0 && front.equals(FILE_MAGIC))
      broken(where, 'is in the Arrow format with a directory (Feather): datasets are saved as streams');
    if (front.readUInt32LE(0) !== CONTINUATION)
      broken(where, `is no Arrow stream: no message begins at byte ${at}`);
    const size = front.readInt32LE(4);
    if (size === 0) return; // the end of the stream
    const begin = at + 8;
    if (size < 0 || size > Math.min(MOST_BYTES, length - begin))
      broken(where, `says that the message at byte ${at} has ${size} bytes`);
    const bytes = new Uint8Array(size);
    await file.read(begin, bytes);
    let message: Omit<ArrowMessage, 'body'>;
    try {
      message = decode(bytes);
    } catch (cause) {
      if (isUnsuperposeError(cause)) throw cause;
      return broken(where, `has a malformed message at byte ${at}: ${messageOf(cause)}`, { cause });
    }
    const body = begin + size;
    if (message.bodyLength > length - body)
      broken(
        where,
        `says that the body of the message at byte ${at} has ${message.bodyLength} bytes, ${length - body} are there`,
      );
    yield { ...message, body };
    at = body + message.bodyLength;
  }
}
