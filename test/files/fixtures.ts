// Files written byte by byte from the formats' specifications: nothing of lib/files/ is used.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, expect } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** A path of its own. */
export const fresh = (name: string): string => join(folder, `${made++}-${name}`);

/** A file with these bytes. */
export function file(name: string, bytes: Uint8Array): string {
  const path = fresh(name);
  writeFileSync(path, bytes);
  return path;
}

export const concat = (...parts: (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

export function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16LE(value, 2 * i);
  });
  return bytes;
}
export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, 4 * i);
  });
  return bytes;
}
export function u64(...values: (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => {
    bytes.writeBigUInt64LE(BigInt(value), 8 * i);
  });
  return bytes;
}

export type Kind = 'f2' | 'f4' | 'f8' | 'bf16';

/** The 16 bits of a number that float16 has exactly. */
function bits16(value: number): number {
  if (value === 0) return Object.is(value, -0) ? 0x8000 : 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const sign = value < 0 ? 0x8000 : 0;
  return sign | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

/** Numbers as bytes, in either order. */
export function numbers(kind: Kind, values: readonly number[], big = false): Buffer {
  const size = kind === 'f8' ? 8 : kind === 'f4' ? 4 : 2;
  const bytes = Buffer.alloc(size * values.length);
  values.forEach((value, i) => {
    const at = size * i;
    if (kind === 'f8') big ? bytes.writeDoubleBE(value, at) : bytes.writeDoubleLE(value, at);
    else if (kind === 'f4') big ? bytes.writeFloatBE(value, at) : bytes.writeFloatLE(value, at);
    else {
      const upper = Buffer.alloc(4);
      upper.writeFloatBE(value);
      const bits = kind === 'f2' ? bits16(value) : upper.readUInt16BE(0);
      big ? bytes.writeUInt16BE(bits, at) : bytes.writeUInt16LE(bits, at);
    }
  });
  return bytes;
}

/** An npy file with this text as its header. */
export function npyWith(header: string | Uint8Array, data: Uint8Array, version = 1): Buffer {
  const text = typeof header === 'string' ? Buffer.from(header, version === 3 ? 'utf8' : 'latin1') : header;
  const length = version === 1 ? u16(text.length) : u32(text.length);
  return concat('\x93NUMPY', Uint8Array.of(version, 0), length, text, data);
}

/** The header that NumPy writes. */
export const npyText = (descr: string, shape: string, fortran = 'False'): string =>
  `${`{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`.padEnd(117)}\n`;

export const npy = (descr: string, shape: string, data: Uint8Array, fortran = 'False'): Buffer =>
  npyWith(npyText(descr, shape, fortran), data);

/** A safetensors file with this header. */
export function safetensors(header: unknown, data: Uint8Array): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  return concat(u64(text.length), text, data);
}

/** CRC-32 by its definition, bit by bit. */
export function crcOf(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** An entry of a zip archive; what is given in place of what is right. */
export interface Entry {
  readonly name: string | Uint8Array;
  readonly content: Uint8Array;
  readonly deflated?: boolean;
  /** the bytes that stand there */
  readonly raw?: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly compressed?: number;
  /** sizes follow the data, and are 0 in the entry's own header */
  readonly descriptor?: boolean;
  readonly zip64?: boolean;
  /** in the entry's own header */
  readonly localName?: string;
  readonly localMethod?: number;
  readonly localSize?: number;
  /** in the directory */
  readonly at?: number;
}

export interface Archive {
  readonly zip64?: boolean;
  readonly comment?: string;
  readonly count?: number;
  readonly directoryAt?: number;
  readonly directoryBytes?: number;
  readonly disk?: number;
  readonly before?: Uint8Array;
}

/** A zip archive, as APPNOTE has it. */
export function zip(entries: readonly Entry[], archive: Archive = {}): Buffer {
  const parts: Uint8Array[] = [archive.before ?? Buffer.alloc(0)];
  const central: Buffer[] = [];
  let at = parts[0]?.length ?? 0;
  for (const entry of entries) {
    const raw = entry.raw ?? (entry.deflated ? deflateRawSync(entry.content) : entry.content);
    const name = Buffer.from(entry.name);
    const method = entry.method ?? (entry.deflated ? 8 : 0);
    const flags = (entry.flags ?? 0) | (entry.descriptor ? 8 : 0);
    const crc = entry.crc ?? crcOf(entry.content);
    const size = entry.size ?? entry.content.length;
    const compressed = entry.compressed ?? raw.length;
    const extra = entry.zip64 ? concat(u16(1, 16), u64(size, compressed)) : Buffer.alloc(0);
    const localSizes = entry.descriptor
      ? u32(0, 0, 0)
      : entry.zip64
        ? u32(crc, 0xffffffff, 0xffffffff)
        : u32(crc, compressed, entry.localSize ?? size);
    const localName = Buffer.from(entry.localName ?? name);
    const local = concat(
      u32(0x04034b50),
      u16(20, flags, entry.localMethod ?? method, 0, 0x21),
      localSizes,
      u16(localName.length, entry.descriptor ? 0 : extra.length),
      localName,
      entry.descriptor ? Buffer.alloc(0) : extra,
      raw,
      entry.descriptor ? concat('PK\x07\x08', u32(crc, compressed, size)) : Buffer.alloc(0),
    );
    const place = entry.at ?? at;
    const wide = entry.zip64 ? concat(u16(1, 24), u64(size, compressed, place)) : Buffer.alloc(0);
    central.push(
      concat(
        u32(0x02014b50),
        u16(20, 20, flags, method, 0, 0x21),
        entry.zip64 ? u32(crc, 0xffffffff, 0xffffffff) : u32(crc, compressed, size),
        u16(name.length, wide.length, 0, 0, 0),
        u32(0, entry.zip64 ? 0xffffffff : place),
        name,
        wide,
      ),
    );
    parts.push(local);
    at += local.length;
  }
  const directory = concat(...central);
  const bytes = archive.directoryBytes ?? directory.length;
  const place = archive.directoryAt ?? at;
  const count = archive.count ?? entries.length;
  const comment = Buffer.from(archive.comment ?? '');
  const wide = archive.zip64
    ? concat(
        u32(0x06064b50),
        u64(44),
        u16(45, 45),
        u32(0, 0),
        u64(count, count, bytes, place),
        u32(0x07064b50, 0),
        u64(at + directory.length),
        u32(1),
      )
    : Buffer.alloc(0);
  const end = archive.zip64
    ? concat(u32(0x06054b50), u16(0, 0, 0xffff, 0xffff), u32(0xffffffff, 0xffffffff), u16(comment.length))
    : concat(
        u32(0x06054b50),
        u16(archive.disk ?? 0, 0, count, count),
        u32(bytes, place),
        u16(comment.length),
      );
  return concat(...parts, directory, wide, end, comment);
}

/** Expects a refusal with this code and words. */
export async function refused(work: () => Promise<unknown>, code: string, words: RegExp): Promise<void> {
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, String(words)).toMatchObject({
    name: 'UnsuperposeError',
    code,
    message: expect.stringMatching(words),
  });
}
