// One output for each file of activations, in a folder: any number of processes may work on it, and each file is done once.
import { createHash } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';
import { listArrays } from '../files/index.js';
import { isRecord } from '../files/json.js';
import { fileError } from '../files/refuse.js';
import { type Flag, Misuse } from './flags.js';

export const SHARDING: readonly Flag[] = [
  {
    name: 'shard',
    kind: 'text',
    value: 'i/n',
    about: 'of the files take every n-th only, from the i-th on, 1 ≤ i ≤ n: a job of n',
  },
];

/** A file of activations, and where its codes go. */
export interface Shard {
  readonly input: string;
  readonly rows: number;
  readonly output: string;
}

export function readShard(text: string | undefined): { i: number; n: number } | undefined {
  if (text === undefined) return undefined;
  const [, first, second] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [i, n] = [Number(first), Number(second)];
  if (first === undefined || !(n >= 1) || !(i >= 1) || i > n)
    throw new Misuse(`--shard must be i/n with 1 ≤ i ≤ n, such as 1/8, got ${describe(text)}`);
  return { i, n };
}

/** The folder that all paths have in common. */
function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] as string).split(sep);
  for (const path of paths) {
    const parts = dirname(path).split(sep);
    const same = common.findIndex((part, i) => part !== parts[i]);
    if (same >= 0) common = common.slice(0, same);
  }
  return common.join(sep) || sep;
}

/** Outputs are called as the inputs are, from the folder on that all inputs share. */
export function shardsOf(
  files: readonly { readonly path: string; readonly rows: number }[],
  folder: string,
  nameOf: (stem: string) => string,
): Shard[] {
  const paths = files.map(({ path }) => resolve(path));
  const common = commonFolder(paths);
  const inputs = new Set(paths);
  const by = new Map<string, string>();
  return files.map(({ path, rows }, i) => {
    const inner = relative(common, paths[i] as string);
    const output = join(folder, nameOf(inner.slice(0, inner.length - extname(inner).length)));
    const other = by.get(output);
    if (other !== undefined)
      throw new UnsuperposeError(
        'ERR_FILE',
        other === path
          ? `${path} stands twice among the activations`
          : `the codes of ${path} and of ${other} would both be ${output}: give them in two calls with a folder each`,
      );
    if (inputs.has(resolve(output)))
      throw new Misuse(`the codes of ${path} would replace ${output}, which is read: choose another --out`);
    by.set(output, path);
    return { input: path, rows, output };
  });
}

/** The shards of one job: each belongs to exactly one of the n. */
export const ofJob = (
  shards: readonly Shard[],
  job: { i: number; n: number } | undefined,
): readonly Shard[] => (job === undefined ? shards : shards.filter((_, at) => at % job.n === job.i - 1));

/** Is its output there, and whole? Outputs take their name when they are, so what is not was damaged by other hands, and is made again. */
export async function isFinished({ output }: Shard): Promise<'yes' | 'no' | 'broken'> {
  if ((await stat(output).catch(() => undefined)) === undefined) return 'no';
  return listArrays(output).then(
    () => 'yes' as const,
    () => 'broken' as const,
  );
}

/** How the codes of a folder were made: plain JSON with texts and numbers. */
export type Recipe = Readonly<Record<string, unknown>>;

const RECORD = 'unsuperpose.json';

/** All that a recipe says, by path: 'options.lambda' → '0.1'. */
function flat(value: unknown, name = ''): Record<string, string> {
  if (!isRecord(value)) return { [name]: JSON.stringify(value) };
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, each]) => flat(each, name === '' ? key : `${name}.${key}`)),
  );
}

/** Writes the recipe into a folder that has none; refuses a folder whose codes were made by another. */
export async function claimFolder(folder: string, recipe: Recipe): Promise<void> {
  const path = join(folder, RECORD);
  const text = `${JSON.stringify(recipe, undefined, 2)}\n`;
  const temporary = join(folder, `.${RECORD}.${process.pid}-${Date.now()}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, text);
    // Takes its name only where there is none yet: of jobs that begin together one is first.
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw fileError(path, 'written', error);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  const found = await readFile(path, 'utf8');
  if (found === text) return;
  let before: Record<string, string>;
  try {
    before = flat(JSON.parse(found));
  } catch {
    throw new UnsuperposeError(
      'ERR_FORMAT',
      `${path}: is not JSON, so how the codes of ${folder} were made is not known: choose another folder with --out`,
    );
  }
  const now = flat(recipe);
  const name = [...new Set([...Object.keys(before), ...Object.keys(now)])].find(
    (key) => before[key] !== now[key],
  );
  if (name === undefined) return;
  const said = (value: string | undefined): string => (value === undefined ? 'not given' : value);
  throw new UnsuperposeError(
    'ERR_OPTION',
    `the codes in ${folder} were made otherwise: ${name} was ${said(before[name])}, here it is ${said(now[name])} (by ${path}). Choose another folder with --out`,
  );
}

/** A hash of numbers, for recipes. */
export function fingerprintOf(arrays: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256');
  for (const array of arrays) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return hash.digest('hex').slice(0, 32);
}

/** Makes the folders that an output lies in. */
export const makeFolderOf = (output: string): Promise<unknown> => mkdir(dirname(output), { recursive: true });

export const nameOfShard = ({ output }: Shard): string => basename(output);
