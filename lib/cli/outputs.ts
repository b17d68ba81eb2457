// What commands write: refused before the work where it could not be written, or would be written over what is read.
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { UnsuperposeError } from '../call/errors.js';
import { expand } from '../files/paths.js';
import { type Flag, flagOf, Misuse, type Values } from './flags.js';
import { place } from './inputs.js';

export const MATRIX_ENDINGS = ['.safetensors', '.npy', '.npz', '.bin'] as const;

/** Flags of what is written, and the path of it where no flag has it. */
const WRITTEN = ['out', 'report', 'checkpoint', '<to>'];

/** <to> stands for itself. */
const calledOf = (name: string): string => (name.startsWith('<') ? name : flagOf(name));

/** Refuses an ending that does not say what is to be written. */
export function checkEnding(path: string, endings: readonly string[], name = 'out'): void {
  if (!endings.includes(extname(path).toLowerCase()))
    throw new Misuse(
      `${calledOf(name)} must end in ${endings.join(', ')}, which says how it is written, got ${JSON.stringify(path)}`,
    );
}

async function checkFolder(path: string, called: string): Promise<void> {
  const folder = dirname(resolve(path));
  const known = await stat(folder).catch(() => undefined);
  if (known === undefined || !known.isDirectory())
    throw new UnsuperposeError(
      'ERR_FILE',
      `${called} ${path} cannot be written: there is no folder ${folder}`,
    );
  await access(folder, constants.W_OK).catch(() => {
    throw new UnsuperposeError(
      'ERR_FILE',
      `${called} ${path} cannot be written: nothing may be made in ${folder}`,
    );
  });
}

/** Refuses before the work what could not be written after it. */
export async function checkWritable(values: Values, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = values[name];
    if (typeof path !== 'string') continue;
    await checkFolder(path, calledOf(name));
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory())
      throw new Misuse(`${calledOf(name)} ${path} is a folder, and a file is written: give a file in it`);
  }
}

/** The same of a folder, which may be there. */
export async function checkWritableFolder(values: Values, name: string): Promise<void> {
  const path = values[name] as string;
  await checkFolder(path, calledOf(name));
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !there.isDirectory())
    throw new Misuse(`${calledOf(name)} ${path} is a file, and a folder is written: choose another name`);
}

/** The one name of a file or folder, whether it is there or not yet, links followed. */
async function trueName(path: string): Promise<string> {
  const whole = resolve(path);
  const above = async (): Promise<string> =>
    join(await realpath(dirname(whole)).catch(() => dirname(whole)), basename(whole));
  return realpath(whole).catch(above);
}

/** What a command reads, by true names: the flag that names it, if one does. */
async function readsOf(
  paths: readonly string[],
  values: Values,
  flags: readonly Flag[],
): Promise<Map<string, string | undefined>> {
  const given: (readonly [string | undefined, string])[] = [
    ...paths.map((text) => [undefined, text] as const),
    ...flags
      .filter(({ name, kind }) => (kind === 'file' || kind === 'files') && !WRITTEN.includes(name))
      .flatMap(({ name }) => {
        const value = values[name];
        const texts = Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
        return texts.map((text: string) => [name, text] as const);
      }),
  ];
  const reads = new Map<string, string | undefined>();
  for (const [flag, text] of given) {
    const { path } = await place(text);
    // What cannot be found is told when it is read.
    const files = await expand([path]).catch(() => []);
    for (const file of [path, ...files]) {
      const name = await trueName(file);
      if (!reads.has(name)) reads.set(name, flag);
    }
  }
  return reads;
}

/** Refuses outputs that would replace each other, or what the command reads. */
export async function checkApart(
  paths: readonly string[],
  values: Values,
  flags: readonly Flag[],
): Promise<void> {
  const outputs = WRITTEN.flatMap((name) => {
    const path = values[name];
    return typeof path === 'string' ? [{ name, path }] : [];
  });
  if (outputs.length === 0) return;
  const reads = await readsOf(paths, values, flags);
  const writes = new Map<string, string>();
  for (const { name, path } of outputs) {
    const at = await trueName(path);
    const other = writes.get(at);
    if (other !== undefined)
      throw new Misuse(`${calledOf(other)} and ${calledOf(name)} are both ${path}: give each its own name`);
    writes.set(at, name);
    const reader = reads.get(at);
    // A run that goes on keeps its state where it was.
    if (!reads.has(at) || (name === 'checkpoint' && reader === 'resume')) continue;
    const also = reader === undefined ? 'one of the paths that are read' : `also ${flagOf(reader)}`;
    throw new Misuse(`${calledOf(name)} ${path} is ${also}, which it would replace: choose another name`);
  }
}
