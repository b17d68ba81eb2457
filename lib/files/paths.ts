// Which files a caller means: paths, and patterns with wildcards.
import type { Dirent, Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UnsuperposeError } from '../call/errors.js';
import { isList, mapEntries } from '../call/memory.js';
import { describe } from '../call/options.js';
import { FileBytes } from './bytes.js';
import { decodeText, isRecord, parseJSON } from './json.js';
import { broken, fileError, type Path, readPath } from './refuse.js';

/** Some paths or patterns, in the caller's order. */
export function readPaths(value: unknown): readonly string[] {
  const name = 'paths';
  if (!isList(value)) return [readPath(value, name)];
  const paths = mapEntries(value, (path, i) => readPath(path, `${name}[${i}]`));
  if (paths.length > 0) return paths;
  throw new UnsuperposeError(
    'ERR_OPTION',
    `${name} must name at least one file, got ${describe(value)}`,
    name,
  );
}

async function found(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fileError(path, 'read', error);
  }
}

/** Numbers in names count as numbers: shard-2 stands before shard-10. Otherwise by code unit, whatever the machine's language is. */
export function naturally(a: string, b: string): number {
  const parts = (text: string): readonly string[] => text.match(/\d+|\D+/g) ?? [];
  const [first, second] = [parts(a), parts(b)];
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    const [x = '', y = ''] = [first[i], second[i]];
    if (x === y) continue;
    const numbers = /^\d/.test(x) && /^\d/.test(y);
    const [m, n] = numbers ? [x.replace(/^0+/, ''), y.replace(/^0+/, '')] : [x, y];
    if (numbers && m.length !== n.length) return m.length - n.length;
    if (m !== n) return m < n ? -1 : 1;
  }
  return first.length - second.length || (a < b ? -1 : a > b ? 1 : 0);
}

const WILD = /[*?[{]/;

/** {a,b} written out: one pattern for each. */
function alternatives(pattern: string): string[] {
  const open = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(pattern);
  if (open === null) return [pattern];
  const [, before = '', inside = '', after = ''] = open;
  return inside.split(',').flatMap((part) => alternatives(`${before}${part}${after}`));
}

/** One part of a path, as a regular expression: `*`, `?` and `[a-z]` or `[!a-z]`. */
function matcher(part: string): RegExp {
  const source = part.replace(/\[(!?)([^\]]+)\]|[*?]|[\\^$.|+(){}[\]]/g, (token, not, set) => {
    if (token === '*') return '.*';
    if (token === '?') return '.';
    return set === undefined
      ? `\\${token}`
      : `[${not === '!' ? '^' : ''}${set.replace(/[\\^[\]]/g, '\\$&')}]`;
  });
  return new RegExp(`^${source}$`, 'su');
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder === '' ? '.' : folder, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw fileError(folder, 'read', error);
  }
}

/** The paths below `folder` that the parts match. `**` is any number of folders, links not followed. */
async function walk(folder: string, parts: readonly string[]): Promise<string[]> {
  const [part, ...rest] = parts;
  if (part === undefined) return [];
  const below = (name: string): string => (folder === '' ? name : join(folder, name));
  if (part === '**') {
    const deeper: string[] = await walk(folder, rest);
    for (const entry of await list(folder))
      if (entry.isDirectory() && !entry.name.startsWith('.'))
        deeper.push(...(await walk(below(entry.name), parts)));
    return deeper;
  }
  const pattern = WILD.test(part) ? matcher(part) : undefined;
  const names =
    pattern === undefined
      ? [part]
      : (await list(folder))
          .map(({ name }) => name)
          .filter((name) => pattern.test(name) && name.startsWith('.') === part.startsWith('.'));
  const matches: string[] = [];
  for (const name of names) {
    const path = below(name);
    if (rest.length > 0) matches.push(...(await walk(path, rest)));
    else if ((await found(path))?.isFile()) matches.push(path);
  }
  return matches;
}

/** What a folder that `save_to_disk` of Hugging Face's datasets wrote says of itself. */
const STATE = 'state.json';
/** Ten thousand shards have less. */
const MOST_STATE_BYTES = 4 * 2 ** 20;

/** The Arrow files of a dataset's folder, in its order. */
async function datasetFiles(folder: string): Promise<string[]> {
  const path = join(folder, STATE);
  if ((await found(path)) === undefined)
    throw new UnsuperposeError(
      'ERR_FILE',
      `${folder} is a folder, and no dataset as it has no ${STATE}: give its files by a pattern, such as ${join(folder, '*.npy')}`,
      'paths',
    );
  const file = await FileBytes.of(path);
  if (file.length > MOST_STATE_BYTES)
    broken(path, `has ${file.length} bytes, too many for the state of a dataset`);
  const bytes = new Uint8Array(file.length);
  await file.read(0, bytes);
  const state = parseJSON(decodeText(bytes, path, 'the file'), path, 'the file');
  const { _data_files: files, _indices_data_files: indices } = isRecord(state) ? state : {};
  if (!Array.isArray(files) || files.length === 0) return broken(path, 'lists no _data_files');
  if (Array.isArray(indices) && indices.length > 0)
    broken(
      path,
      'is of a dataset that shows its rows by a list of indices: save it again after flatten_indices()',
    );
  return files.map((entry: unknown, i) => {
    const name = isRecord(entry) ? entry.filename : undefined;
    if (typeof name === 'string' && /^[^/\\\0]+\.arrow$/.test(name)) return join(folder, name);
    return broken(
      path,
      `_data_files[${i}] does not name an .arrow file of this folder, but ${describe(name)}`,
    );
  });
}

async function expandOne(path: string): Promise<string[]> {
  // A file whose name has such a sign is that file.
  const there = await found(path);
  if (there?.isDirectory()) return datasetFiles(path);
  if (!WILD.test(path) || there !== undefined) return [path];
  const matches = new Set<string>();
  for (const pattern of alternatives(path)) {
    const parts = pattern.split('/');
    const absolute = parts[0] === '' && parts.length > 1;
    const walked = parts.slice(absolute ? 1 : 0).filter((part) => part !== '' && part !== '.');
    for (const match of await walk(absolute ? '/' : '', walked)) matches.add(match);
  }
  if (matches.size > 0) return [...matches].sort(naturally);
  throw new UnsuperposeError('ERR_FILE', `no file matches ${path}`, 'paths');
}

/**
 * The files that paths and patterns stand for: those of a pattern in natural order, otherwise in the order in which they were given.
 * @throws UnsuperposeError `ERR_FILE` for a pattern that nothing matches
 */
export async function expand(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) files.push(...(await expandOne(path)));
  return files;
}

/** One path or pattern, or several. */
export type Paths = Path | readonly Path[];
