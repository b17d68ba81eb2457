// The one way in which the package writes a file: whole, or not at all.
import { randomBytes } from 'node:crypto';
import { fsync } from 'node:fs';
import { type FileHandle, open, readdir, realpath, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { throwIfAborted } from '../native/job.js';
import { PIECE } from './bytes.js';
import { fileError } from './refuse.js';

/** A file that is being written. */
export interface Sink {
  /** Where the next bytes go. */
  readonly at: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Writes over what was written before. */
  writeAt(at: number, bytes: Uint8Array): Promise<void>;
}

class FileSink implements Sink {
  readonly #file: FileHandle;
  readonly #signal: AbortSignal | undefined;
  #at = 0;

  constructor(file: FileHandle, signal: AbortSignal | undefined) {
    this.#file = file;
    this.#signal = signal;
  }

  get at(): number {
    return this.#at;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.writeAt(this.#at, bytes);
    this.#at += bytes.length;
  }

  async writeAt(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      throwIfAborted(this.#signal);
      const piece = Math.min(PIECE, bytes.length - done);
      const { bytesWritten } = await this.#file.write(bytes, done, piece, at + done);
      done += bytesWritten;
    }
  }
}

/** The file that a path leads to, links followed: a link stays a link, and what it points to is replaced. */
async function target(path: string): Promise<{ path: string; mode?: number }> {
  try {
    const real = await realpath(path);
    const { mode } = await stat(real);
    return { path: real, mode: mode & 0o777 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { path };
    throw error;
  }
}

const dead = (pid: number): boolean => {
  try {
    process.kill(pid, 0); // asks, and does nothing
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
};

/** What a temporary file of this name begins with: it says whose it is. */
const ownBeginning = (name: string): string => `.${name}.${hostname()}.`;

/** Removes temporary files of the same name whose process on this machine was killed: checkpoints are large, and a job may be killed often. */
async function sweep(folder: string, name: string): Promise<void> {
  const beginning = ownBeginning(name);
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(beginning)) continue;
    const [, pid] = /^(\d+)-[0-9a-f]{12}\.tmp$/.exec(entry.slice(beginning.length)) ?? [];
    if (pid !== undefined && dead(Number(pid))) await unlink(join(folder, entry)).catch(() => undefined);
  }
}

/** Puts what was written on the disk. By the file's number: the handles that Yarn's Plug'n'Play gives have no `sync`. */
const toDisk = promisify(fsync);

/** Makes the folder's new entry last. Where folders cannot be opened or synced there is nothing to be done. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await toDisk(folder.fd);
  } catch {
  } finally {
    await folder?.close();
  }
}

/**
 * Writes a file by `write`, into a temporary file beside it (`.NAME.….tmp`), which takes its name once all of it is on the disk. Whatever
 * fails, a full disk or a signal, the temporary file goes and what was there before stays whole. A process that is killed leaves its
 * temporary file, which the next write of the same name removes; never half a file under the real name.
 * @throws UnsuperposeError `ERR_FILE`; `signal.reason` once aborted; whatever `write` throws
 */
export async function replaceFile(
  path: string,
  write: (sink: Sink) => Promise<void>,
  signal?: AbortSignal | undefined,
): Promise<void> {
  let temporary: string | undefined;
  try {
    throwIfAborted(signal);
    const { path: real, mode } = await target(path);
    const folder = dirname(real);
    await sweep(folder, basename(real));
    const name = join(
      folder,
      `${ownBeginning(basename(real))}${process.pid}-${randomBytes(6).toString('hex')}.tmp`,
    );
    const file = await open(name, 'wx');
    temporary = name;
    try {
      if (mode !== undefined) await file.chmod(mode);
      await write(new FileSink(file, signal));
      throwIfAborted(signal);
      await toDisk(file.fd);
    } finally {
      await file.close();
    }
    await rename(name, real);
    temporary = undefined;
    await syncFolder(folder);
  } catch (error) {
    if (temporary !== undefined) await unlink(temporary).catch(() => undefined);
    throw fileError(path, 'written', error);
  }
}
