// Bytes of files. Nothing is read that the file does not have, and nothing is allocated for it before that is known.
import { type FileHandle, open, stat } from 'node:fs/promises';
import { UnsuperposeError } from '../call/errors.js';
import { broken, fileError } from './refuse.js';

/** Reads in order. Whoever opens one closes it. */
export interface ByteStream {
  /** Fills `into` with the next bytes; refuses where there are not so many. */
  read(into: Uint8Array): Promise<void>;
  /** Passes over this many. */
  skip(bytes: number): Promise<void>;
  /** After the last byte: refuses what is left over, or does not have its checksum. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** So many bytes of a file, or of an entry of an archive. */
export interface Bytes {
  /** The file, and what it is in it: for messages. */
  readonly where: string;
  readonly length: number;
  /** Fills `into` with the bytes from `at` on. Only where they can be had in any order: not from what is compressed. */
  readonly read?: (at: number, into: Uint8Array) => Promise<void>;
  stream(): ByteStream;
}

/** The largest piece that one call of the system reads or writes: so signals are looked at in between. */
export const PIECE = 8 * 2 ** 20;

/** Reads in order what can be read in any order. */
export function streamOf(where: string, length: number, read: NonNullable<Bytes['read']>): ByteStream {
  let at = 0;
  return {
    async read(into) {
      if (into.length > length - at)
        broken(where, `ends at byte ${length}, ${into.length - (length - at)} too early`);
      await read(at, into);
      at += into.length;
    },
    async skip(bytes) {
      if (bytes > length - at) broken(where, `ends at byte ${length}, ${bytes - (length - at)} too early`);
      at += bytes;
    },
    async end() {
      if (at !== length) broken(where, `has ${length - at} bytes too many`);
    },
    async close() {},
  };
}

/**
 * A file. It is opened for each read and closed after it, so that nobody has to close anything; a file that another process changes
 * meanwhile is refused.
 */
export class FileBytes implements Bytes {
  readonly where: string;
  readonly length: number;
  readonly #changed: number;

  private constructor(path: string, length: number, changed: number) {
    this.where = path;
    this.length = length;
    this.#changed = changed;
  }

  static async of(path: string): Promise<FileBytes> {
    try {
      const found = await stat(path);
      // Asked before it is opened: opening a pipe would wait for its other end.
      if (!found.isFile())
        throw new UnsuperposeError(
          'ERR_FILE',
          `${path} cannot be read: it is ${found.isDirectory() ? 'a folder' : 'no regular file'}`,
        );
      return new FileBytes(path, found.size, found.mtimeMs);
    } catch (error) {
      throw fileError(path, 'read', error);
    }
  }

  readonly read = async (at: number, into: Uint8Array): Promise<void> => {
    if (at + into.length > this.length)
      broken(this.where, `ends at byte ${this.length}; bytes ${at} to ${at + into.length} were to be read`);
    if (into.length === 0) return;
    let file: FileHandle | undefined;
    try {
      file = await open(this.where, 'r');
      const { size, mtimeMs } = await file.stat();
      if (size !== this.length || mtimeMs !== this.#changed)
        broken(this.where, 'was changed while it was read');
      for (let done = 0; done < into.length; ) {
        const piece = Math.min(PIECE, into.length - done);
        const { bytesRead } = await file.read(into, done, piece, at + done);
        if (bytesRead === 0) broken(this.where, 'was cut off while it was read');
        done += bytesRead;
      }
    } catch (error) {
      throw fileError(this.where, 'read', error);
    } finally {
      await file?.close();
    }
  };

  stream(): ByteStream {
    return streamOf(this.where, this.length, this.read);
  }
}

/** Bytes `begin` to `end` of others that can be read in any order. */
export function slice(
  of: FileBytes,
  where: string,
  begin: number,
  end: number,
): Bytes & Required<Pick<Bytes, 'read'>> {
  const length = end - begin;
  const read = async (at: number, into: Uint8Array): Promise<void> => {
    if (at + into.length > length)
      broken(where, `has ${length} bytes; ${at} to ${at + into.length} were to be read`);
    await of.read(begin + at, into);
  };
  return { where, length, read, stream: () => streamOf(where, length, read) };
}
