// Writing zip archives, as far as .npz files are ones.
import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { PIECE } from './bytes.js';
import type { Sink } from './replace.js';
import { CENTRAL, ELSEWHERE, END, END64, FLAGS, LOCAL, LOCATOR, METHODS, ZIP64_FIELD } from './zip.js';

/** Of zip64 archives. */
const VERSION = { plain: 20, zip64: 45 };
/** 1 January 1980: the same content is the same file, whenever it is written. */
const DATE = 0x21;
/** From here on sizes are written in 64 bits: deflate may add some bytes to what it cannot compress. */
const WIDE = 0xf0000000;

interface Written {
  readonly name: Buffer;
  readonly method: number;
  readonly at: number;
  readonly wide: boolean;
  crc: number;
  compressed: number;
  size: number;
}

function* piecesOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += PIECE) yield part.subarray(at, at + PIECE);
}

const longs = (values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 8 * values.length);
  bytes.writeUInt16LE(ZIP64_FIELD, 0);
  bytes.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return bytes;
};

function localHeader({ name, method, wide, crc, compressed, size }: Written): Buffer {
  const extra = wide ? longs([size, compressed]) : Buffer.alloc(0);
  const header = Buffer.alloc(LOCAL.bytes);
  header.writeUInt32LE(LOCAL.signature, 0);
  header.writeUInt16LE(wide ? VERSION.zip64 : VERSION.plain, 4);
  header.writeUInt16LE(FLAGS.utf8, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(wide ? ELSEWHERE.long : compressed, 18);
  header.writeUInt32LE(wide ? ELSEWHERE.long : size, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function centralHeader({ name, method, at, crc, compressed, size }: Written): Buffer {
  const narrow = (value: number): number => Math.min(value, ELSEWHERE.long);
  const wide = [size, compressed, at].filter((value) => value >= ELSEWHERE.long);
  const extra = wide.length > 0 ? longs(wide) : Buffer.alloc(0);
  const header = Buffer.alloc(CENTRAL.bytes);
  header.writeUInt32LE(CENTRAL.signature, 0);
  header.writeUInt16LE(wide.length > 0 ? VERSION.zip64 : VERSION.plain, 4);
  header.writeUInt16LE(wide.length > 0 ? VERSION.zip64 : VERSION.plain, 6);
  header.writeUInt16LE(FLAGS.utf8, 8);
  header.writeUInt16LE(method, 10);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(narrow(compressed), 20);
  header.writeUInt32LE(narrow(size), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(narrow(at), 42);
  return Buffer.concat([header, name, extra]);
}

/** The records at the end of an archive. */
function ending(count: number, bytes: number, at: number): Buffer {
  const narrow = Buffer.alloc(END.bytes);
  narrow.writeUInt32LE(END.signature, 0);
  for (const place of [8, 10]) narrow.writeUInt16LE(Math.min(count, ELSEWHERE.short), place);
  narrow.writeUInt32LE(Math.min(bytes, ELSEWHERE.long), 12);
  narrow.writeUInt32LE(Math.min(at, ELSEWHERE.long), 16);
  if (count < ELSEWHERE.short && bytes < ELSEWHERE.long && at < ELSEWHERE.long) return narrow;
  const wide = Buffer.alloc(END64.bytes);
  wide.writeUInt32LE(END64.signature, 0);
  wide.writeBigUInt64LE(BigInt(END64.bytes - 12), 4);
  wide.writeUInt16LE(VERSION.zip64, 12);
  wide.writeUInt16LE(VERSION.zip64, 14);
  for (const [place, value] of [
    [24, count],
    [32, count],
    [40, bytes],
    [48, at],
  ] as const)
    wide.writeBigUInt64LE(BigInt(value), place);
  const locator = Buffer.alloc(LOCATOR.bytes);
  locator.writeUInt32LE(LOCATOR.signature, 0);
  locator.writeBigUInt64LE(BigInt(at + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([wide, locator, narrow]);
}

/** Writes archives entry by entry. Give `finish` last. */
export class ZipWriter {
  readonly #sink: Sink;
  readonly #written: Written[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** An entry whose content is these bytes, one after the other. */
  async add(name: string, parts: readonly Uint8Array[], compress: boolean): Promise<void> {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const entry: Written = {
      name: Buffer.from(name),
      method: compress ? METHODS.deflated : METHODS.stored,
      at: this.#sink.at,
      wide: size >= WIDE,
      crc: 0,
      compressed: 0,
      size,
    };
    await this.#sink.write(localHeader(entry));
    const begin = this.#sink.at;
    const crcOf = function* (): Generator<Uint8Array> {
      for (const piece of piecesOf(parts)) {
        entry.crc = zlib.crc32(piece, entry.crc);
        yield piece;
      }
    };
    const pieces = compress
      ? Readable.from(crcOf(), { objectMode: false }).pipe(zlib.createDeflateRaw())
      : crcOf();
    for await (const piece of pieces) await this.#sink.write(piece as Uint8Array);
    entry.compressed = this.#sink.at - begin;
    await this.#sink.writeAt(entry.at, localHeader(entry)); // now that its sizes are known
    this.#written.push(entry);
  }

  async finish(): Promise<void> {
    const at = this.#sink.at;
    for (const entry of this.#written) await this.#sink.write(centralHeader(entry));
    await this.#sink.write(ending(this.#written.length, this.#sink.at - at, at));
  }
}
