// Where a checkpoint lies: a folder of files, or one of its files.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileBytes } from '../../files/bytes.js';
import { decodeText, isRecord, parseJSON } from '../../files/json.js';
import { readNpz } from '../../files/npz.js';
import { broken, fileError } from '../../files/refuse.js';
import { readSafetensors } from '../../files/safetensors.js';
import { Settings } from './settings.js';
import { Tensors } from './tensors.js';

/** The only folder below the checkpoint's own that a format has files in. */
const BELOW = 'checkpoints';
/** Configurations are a few kilobytes. */
const MOST_TEXT_BYTES = 2 ** 24;

export class Place {
  /** As it was given. */
  readonly path: string;
  readonly folder: string;
  /** The name of the file, where the path is one. */
  readonly file: string | undefined;
  /** The files of the folder, by their path from there. */
  readonly names: ReadonlySet<string>;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    path: string,
    file: string | undefined,
    names: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ) {
    this.path = path;
    this.file = file;
    this.folder = file === undefined ? path : dirname(path);
    this.names = names;
    this.#signal = signal;
  }

  /** @throws UnsuperposeError `ERR_FILE` */
  static async of(path: string, signal: AbortSignal | undefined): Promise<Place> {
    try {
      const isFolder = (await stat(path)).isDirectory();
      const folder = isFolder ? path : dirname(path);
      const names = await readdir(folder);
      const below = (await readdir(join(folder, BELOW)).catch(() => [])).map((name) => `${BELOW}/${name}`);
      return new Place(path, isFolder ? undefined : basename(path), new Set([...names, ...below]), signal);
    } catch (error) {
      throw fileError(path, 'read', error);
    }
  }

  /** Whether these files are there; if the path is a file, it must be one of them. */
  has(...names: readonly string[]): boolean {
    return (
      names.every((name) => this.names.has(name)) && (this.file === undefined || names.includes(this.file))
    );
  }

  /** Files with this ending: of a path that is a file, that one. */
  ending(ending: string): string[] {
    if (this.file?.endsWith(ending)) return [this.file];
    return [...this.names].filter(
      (name) => name.endsWith(ending) && !name.includes('/') && !name.startsWith('.'),
    );
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  async text(name: string): Promise<string> {
    const where = this.at(name);
    const file = await FileBytes.of(where);
    if (file.length > MOST_TEXT_BYTES)
      broken(where, `has ${file.length} bytes; a configuration has at most ${MOST_TEXT_BYTES}`);
    const bytes = new Uint8Array(file.length);
    await file.read(0, bytes);
    return decodeText(bytes, where, 'the file');
  }

  async json(name: string): Promise<Settings> {
    const where = this.at(name);
    const value = parseJSON(await this.text(name), where, 'the file');
    return isRecord(value) ? new Settings(where, value) : broken(where, 'must be a JSON object');
  }

  async safetensors(name: string): Promise<Tensors> {
    const where = this.at(name);
    return new Tensors(where, (await readSafetensors(where)).tensors, this.#signal);
  }

  async npz(name: string): Promise<Tensors> {
    const where = this.at(name);
    return new Tensors(where, await readNpz(where), this.#signal);
  }
}
