// Zip archives, as far as .npz files are ones (PKWARE's APPNOTE 6.3): stored and deflated entries, zip64, data descriptors. Stricter than
// most readers, for archives can be written so that two readers see two things: the directory must lie where it says, entries must not overlap
// or have one name, each must say of itself what the directory says, and what is read whole must have its checksum.
import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { type ByteStream, type Bytes, type FileBytes, slice, streamOf } from './bytes.js';
import { decodeText } from './json.js';
import { broken } from './refuse.js';

/** An entry: what is in it, uncompressed. */
export interface ZipEntry extends Bytes {
  readonly name: string;
}

const END = { signature: 0x06054b50, bytes: 22, mostComment: 0xffff };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
/** A size, a number or a place that stands in the zip64 field. */
const ELSEWHERE = { short: 0xffff, long: 0xffffffff };
const ZIP64_FIELD = 1;
const FLAGS = {
  encrypted: 1,
  descriptor: 1 << 3,
  patch: 1 << 5,
  strong: 1 << 6,
  utf8: 1 << 11,
  masked: 1 << 13,
};
const METHODS = { stored: 0, deflated: 8 };
/** A directory has some 60 bytes an entry; nobody has so many arrays. */
const MOST_DIRECTORY_BYTES = 64 * 2 ** 20;
/** Deflate makes no more than 1032 bytes of one (a length of 258 in two bits), and some of nothing. */
const mostInflated = (bytes: number): number => 1032 * bytes + 1032;
/** How much is read of what is compressed at a time. */
const INPUT = 256 * 1024;

interface Listed {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** of its local header */
  readonly at: number;
}

/** 64 bits that must be an exact integer. */
function readLong(bytes: Buffer, at: number, where: string): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) broken(where, `says a size or a place of ${value} bytes`);
  return Number(value);
}

async function bytesAt(file: FileBytes, at: number, count: number): Promise<Buffer> {
  const bytes = Buffer.alloc(count);
  await file.read(at, bytes);
  return bytes;
}

/** Where the directory lies and how many entries it has. */
async function findDirectory(file: FileBytes): Promise<{ at: number; bytes: number; count: number }> {
  const { where, length } = file;
  if (length < END.bytes) broken(where, `is no zip archive: ${length} bytes are too few`);
  const tail = await bytesAt(
    file,
    Math.max(0, length - END.bytes - END.mostComment),
    Math.min(length, END.bytes + END.mostComment),
  );
  let place = tail.length - END.bytes;
  // The record whose comment ends where the file ends.
  while (
    place >= 0 &&
    !(
      tail.readUInt32LE(place) === END.signature &&
      place + END.bytes + tail.readUInt16LE(place + 20) === tail.length
    )
  )
    place--;
  if (place < 0) return broken(where, 'is no zip archive, or was cut off: the record at its end is missing');
  const end = length - tail.length + place;
  const disks = [tail.readUInt16LE(place + 4), tail.readUInt16LE(place + 6)];
  const listed = tail.readUInt16LE(place + 8);
  let count = tail.readUInt16LE(place + 10);
  let bytes = tail.readUInt32LE(place + 12);
  let at = tail.readUInt32LE(place + 16);
  let limit = end;
  if (count === ELSEWHERE.short || bytes === ELSEWHERE.long || at === ELSEWHERE.long) {
    if (end < LOCATOR.bytes + END64.bytes) broken(where, 'has no zip64 record where it says');
    const locator = await bytesAt(file, end - LOCATOR.bytes, LOCATOR.bytes);
    // Without a locator the values are what they are.
    if (locator.readUInt32LE(0) === LOCATOR.signature) {
      limit = readLong(locator, 8, where);
      if (limit > end - LOCATOR.bytes - END64.bytes) broken(where, 'has no zip64 record where it says');
      const wide = await bytesAt(file, limit, END64.bytes);
      if (wide.readUInt32LE(0) !== END64.signature) broken(where, 'has no zip64 record where it says');
      if (
        wide.readUInt32LE(16) !== 0 ||
        wide.readUInt32LE(20) !== 0 ||
        readLong(wide, 24, where) !== readLong(wide, 32, where)
      )
        broken(where, 'is one of several parts of an archive');
      count = readLong(wide, 32, where);
      bytes = readLong(wide, 40, where);
      at = readLong(wide, 48, where);
    }
  } else if (disks.some((disk) => disk !== 0) || listed !== count)
    broken(where, 'is one of several parts of an archive');
  if (at + bytes !== limit)
    broken(
      where,
      `says that its directory is at bytes ${at} to ${at + bytes}; it would have to end at ${limit}`,
    );
  if (bytes > MOST_DIRECTORY_BYTES || count * CENTRAL.bytes > bytes)
    broken(where, `says that its directory has ${count} entries in ${bytes} bytes`);
  return { at, bytes, count };
}

/** Replaces what stands in the zip64 field. */
function widen(values: number[], extra: Buffer, where: string): number[] {
  if (!values.includes(ELSEWHERE.long)) return values;
  for (let at = 0; at + 4 <= extra.length; ) {
    const size = extra.readUInt16LE(at + 2);
    if (at + 4 + size > extra.length) break;
    if (extra.readUInt16LE(at) === ZIP64_FIELD) {
      const field = extra.subarray(at + 4, at + 4 + size);
      let next = 0;
      return values.map((value) => {
        if (value !== ELSEWHERE.long) return value;
        if (next + 8 > field.length) return broken(where, 'has a zip64 field that is too short');
        next += 8;
        return readLong(field, next - 8, where);
      });
    }
    at += 4 + size;
  }
  return values;
}

function nameOf(bytes: Buffer, flags: number, where: string): string {
  if ((flags & FLAGS.utf8) === 0 && bytes.some((byte) => byte >= 0x80))
    return broken(where, 'has an entry whose name is neither ASCII nor said to be UTF-8');
  const name = decodeText(bytes, where, 'the name of an entry');
  return name.includes('\0') ? broken(where, 'has an entry with a NUL in its name') : name;
}

function readDirectory(bytes: Buffer, count: number, where: string): Listed[] {
  const found: Listed[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.bytes > bytes.length || bytes.readUInt32LE(at) !== CENTRAL.signature)
      broken(where, `has no entry ${i} in its directory of ${count}`);
    const flags = bytes.readUInt16LE(at + 8);
    const lengths = [28, 30, 32].map((place) => bytes.readUInt16LE(at + place));
    const [nameBytes = 0, extraBytes = 0] = lengths;
    const next = at + CENTRAL.bytes + lengths.reduce((sum, length) => sum + length, 0);
    if (next > bytes.length) broken(where, `has an entry ${i} that ends after the directory`);
    const text = at + CENTRAL.bytes;
    const name = nameOf(bytes.subarray(text, text + nameBytes), flags, where);
    const extra = bytes.subarray(text + nameBytes, text + nameBytes + extraBytes);
    const narrow = [24, 20, 42].map((place) => bytes.readUInt32LE(at + place));
    const [size = 0, compressed = 0, place = 0] = widen(narrow, extra, where);
    if (bytes.readUInt16LE(at + 34) !== 0) broken(where, 'is one of several parts of an archive');
    const method = bytes.readUInt16LE(at + 10);
    found.push({ name, flags, method, crc: bytes.readUInt32LE(at + 16), compressed, size, at: place });
    at = next;
  }
  if (at !== bytes.length) broken(where, 'has more in its directory than its entries');
  return found;
}

/** Refuses what the entry's own header says otherwise; gives where its bytes begin. */
async function checkLocal(file: FileBytes, entry: Listed, limit: number): Promise<number> {
  const where = `${file.where}: ${entry.name}`;
  if (entry.at + LOCAL.bytes > limit) broken(where, 'lies outside the archive or inside another entry');
  const local = await bytesAt(file, entry.at, LOCAL.bytes);
  if (local.readUInt32LE(0) !== LOCAL.signature) broken(where, 'has no header where the directory says');
  const [nameBytes, extraBytes] = [local.readUInt16LE(26), local.readUInt16LE(28)];
  const begin = entry.at + LOCAL.bytes + nameBytes + extraBytes;
  if (begin + entry.compressed > limit) broken(where, 'lies outside the archive or inside another entry');
  const rest = await bytesAt(file, entry.at + LOCAL.bytes, nameBytes + extraBytes);
  const flags = local.readUInt16LE(6);
  const differ = (what: string): never =>
    broken(where, `has another ${what} in its own header than in the directory`);
  if (nameOf(rest.subarray(0, nameBytes), flags, where) !== entry.name) differ('name');
  if (local.readUInt16LE(8) !== entry.method) differ('method');
  if (((flags ^ entry.flags) & FLAGS.descriptor) !== 0) differ('flag');
  const narrow = [local.readUInt32LE(22), local.readUInt32LE(18)];
  const [size, compressed] = widen(narrow, rest.subarray(nameBytes), where);
  // With a descriptor they stand after the data, and may be 0 here.
  const later = (flags & FLAGS.descriptor) !== 0;
  const says = (value: number | undefined, listed: number): boolean =>
    value === listed || (later && value === 0);
  if (!says(size, entry.size) || !says(compressed, entry.compressed)) differ('size');
  if (!says(local.readUInt32LE(14), entry.crc)) differ('checksum');
  return begin;
}

/** Reads in order, counts, and compares the checksum at the end. */
function checked(stream: ByteStream, entry: Listed, where: string): ByteStream {
  let crc = 0;
  let done = 0;
  let skipped = false;
  const take = async (into: Uint8Array): Promise<void> => {
    if (done + into.length > entry.size)
      broken(where, `ends at byte ${entry.size}, ${done + into.length - entry.size} too early`);
    await stream.read(into);
    crc = zlib.crc32(into, crc);
    done += into.length;
  };
  return {
    read: take,
    async skip(bytes) {
      // What is compressed has to be read anyway; so is a little of the rest, for the checksum's sake.
      if (entry.method === METHODS.stored && bytes > INPUT) {
        await stream.skip(bytes);
        done += bytes;
        skipped = true;
        return;
      }
      const into = new Uint8Array(Math.min(bytes, INPUT));
      for (let left = bytes; left > 0; left -= into.length)
        await take(into.subarray(0, Math.min(left, into.length)));
    },
    async end() {
      await stream.end();
      if (!skipped && crc !== entry.crc)
        broken(
          where,
          `has the checksum ${crc.toString(16)}, the archive says ${entry.crc.toString(16)}: it is damaged`,
        );
    },
    close: () => stream.close(),
  };
}

/** What deflate makes of the compressed bytes. Holds no more than a few pieces of it at any time. */
function inflate(compressed: Bytes & Required<Pick<Bytes, 'read'>>, size: number, where: string): ByteStream {
  const input = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < compressed.length; at += INPUT) {
      const piece = Buffer.allocUnsafe(Math.min(INPUT, compressed.length - at));
      await compressed.read(at, piece);
      yield piece;
    }
  };
  const source = Readable.from(input(), { objectMode: false, highWaterMark: INPUT });
  const inflater = zlib.createInflateRaw({ chunkSize: INPUT });
  source.on('error', (error) => inflater.destroy(error));
  // Heard by the iterator once it runs; before and after, an error must not fall through to the process.
  inflater.on('error', () => undefined);
  source.pipe(inflater);
  const pieces: AsyncIterator<Buffer> = inflater[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  let made = 0;
  const next = async (): Promise<boolean> => {
    let step: IteratorResult<Buffer>;
    try {
      step = await pieces.next();
    } catch (cause) {
      if (String((cause as NodeJS.ErrnoException).code).startsWith('Z_'))
        return broken(where, `cannot be inflated: ${(cause as Error).message}`, { cause });
      throw cause;
    }
    if (step.done === true) return false;
    piece = step.value;
    made += piece.length;
    if (made > size) broken(where, `inflates to more than the ${size} bytes that the archive says`);
    return true;
  };
  return {
    async read(into) {
      for (let done = 0; done < into.length; ) {
        if (piece.length === 0 && !(await next()))
          broken(where, `inflates to ${made} bytes, the archive says ${size}`);
        const count = Math.min(piece.length, into.length - done);
        into.set(piece.subarray(0, count), done);
        piece = piece.subarray(count);
        done += count;
      }
    },
    async skip() {
      throw new TypeError('inflated bytes are read');
    },
    async end() {
      if (piece.length > 0 || (await next())) broken(where, `inflates to more than was expected`);
      if (inflater.bytesWritten !== compressed.length)
        broken(
          where,
          `has ${compressed.length - inflater.bytesWritten} bytes after the end of what is compressed`,
        );
    },
    async close() {
      source.destroy();
      inflater.destroy();
    },
  };
}

function entryOf(file: FileBytes, entry: Listed, begin: number): ZipEntry {
  const where = `${file.where}: ${entry.name}`;
  const { name, size, compressed, method } = entry;
  const raw = slice(file, where, begin, begin + compressed);
  if (method === METHODS.stored) {
    const stream = (): ByteStream => checked(streamOf(where, size, raw.read), entry, where);
    return { name, where, length: size, read: raw.read, stream };
  }
  return { name, where, length: size, stream: () => checked(inflate(raw, size, where), entry, where) };
}

/**
 * The entries of an archive in the order of its directory. Headers are read, no contents.
 * @throws UnsuperposeError `ERR_FORMAT` for all that two readers might understand differently, and what is encrypted or otherwise compressed
 */
export async function readZip(file: FileBytes): Promise<ZipEntry[]> {
  const { where } = file;
  const directory = await findDirectory(file);
  const listed = readDirectory(await bytesAt(file, directory.at, directory.bytes), directory.count, where);
  const names = new Set<string>();
  for (const { name, flags, method, compressed, size } of listed) {
    const refuse = (what: string): never => broken(`${where}: ${name}`, what);
    if (names.has(name)) broken(where, `has two entries of the name ${name}`);
    names.add(name);
    if ((flags & (FLAGS.encrypted | FLAGS.strong | FLAGS.masked)) !== 0) refuse('is encrypted');
    if ((flags & FLAGS.patch) !== 0) refuse('is a patch');
    if (method === METHODS.stored ? size !== compressed : method !== METHODS.deflated)
      refuse(
        method === METHODS.stored
          ? `is stored, and yet has ${compressed} bytes for ${size}`
          : `is compressed by method ${method}; stored and deflated entries are read`,
      );
    if (size > mostInflated(compressed)) refuse(`says ${size} bytes, more than ${compressed} can inflate to`);
  }
  // Each ends before the next one begins, the last before the directory.
  const limits = new Map<Listed, number>();
  const inOrder = [...listed].sort((a, b) => a.at - b.at);
  for (const [i, entry] of inOrder.entries()) limits.set(entry, inOrder[i + 1]?.at ?? directory.at);
  const entries: ZipEntry[] = [];
  for (const entry of listed)
    entries.push(entryOf(file, entry, await checkLocal(file, entry, limits.get(entry) ?? directory.at)));
  return entries;
}

export { CENTRAL, ELSEWHERE, END, END64, FLAGS, LOCAL, LOCATOR, METHODS, ZIP64_FIELD };
