import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A matrix with the settings it came from, and whatever else should be kept beside it. */
export interface StoredMatrix<Notes> {
  key: string;
  shape: [rows: number, cols: number];
  data: Float32Array;
  notes: Notes;
}

/*
 * File: magic, header length (u32, little-endian), header as JSON (key, shape, notes; padded with spaces to four bytes), data
 * (float32, little-endian), SHA-256 of all before it.
 */
const MAGIC = Buffer.from('SENSES1\n', 'latin1');
const LENGTH_BYTES = 4;
const HASH_BYTES = 32;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

/** Writes beside the target and renames, so that a reader sees the old file or the new one, never a part. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export async function storeMatrix<Notes>(
  path: string,
  { key, shape, data, notes }: StoredMatrix<Notes>,
): Promise<void> {
  const json = Buffer.from(JSON.stringify({ key, shape, notes }), 'utf8');
  const header = Buffer.alloc(Math.ceil(json.length / 4) * 4, ' ');
  json.copy(header);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  const body = Buffer.concat([
    MAGIC,
    length,
    header,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
  await writeAtomically(path, Buffer.concat([body, digest(body)]));
}

/** The matrix kept under `key`, or undefined: no file, another key, or a file that does not match its own checksum. */
export async function recallMatrix<Notes>(
  path: string,
  key: string,
): Promise<StoredMatrix<Notes> | undefined> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch {
    return undefined;
  }
  const headerStart = MAGIC.length + LENGTH_BYTES;
  if (file.length < headerStart + HASH_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC))
    return undefined;
  const body = file.subarray(0, file.length - HASH_BYTES);
  if (!digest(body).equals(file.subarray(body.length))) return undefined;

  const dataStart = headerStart + body.readUInt32LE(MAGIC.length);
  const header = JSON.parse(body.toString('utf8', headerStart, dataStart)) as Omit<
    StoredMatrix<Notes>,
    'data'
  >;
  if (header.key !== key) return undefined;
  const data = new Float32Array(Uint8Array.from(body.subarray(dataStart)).buffer);
  return { ...header, data };
}
