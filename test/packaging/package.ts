// The package as npm would publish it, with a prebuild for this machine, unpacked nowhere yet.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Run {
  status: number | null;
  out: string;
  err: string;
}

export function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env): Run {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  return { status, out: stdout ?? '', err: `${stderr ?? ''}${error?.message ?? ''}` };
}

export function runOrThrow(command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  const { status, out, err } = run(command, args, cwd, env);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${out}\n${err}`);
  return out;
}

/** The path of a program on the PATH, or undefined. */
export function which(name: string): string | undefined {
  const { status, out } = run('sh', ['-c', `command -v ${name}`], ROOT);
  return status === 0 ? out.trim() : undefined;
}

/** An environment whose PATH has these programs and no others. Absent ones are left out. */
export function onlyPrograms(folder: string, names: string[]): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of names) {
    const path = name === 'node' ? process.execPath : which(name);
    if (path) symlinkSync(path, join(bin, name));
  }
  return { PATH: bin, HOME: folder, npm_config_cache: join(folder, 'npm-cache'), npm_config_offline: 'true' };
}

export interface Packed {
  /** The tarball. */
  tarball: string;
  /** Paths in it, without the leading `package/`. */
  files: string[];
  /** A temporary folder that holds it. */
  folder: string;
}

/**
 * Builds the prebuild of this machine and packs. Works on a copy of what npm would publish: the checkout's own build and
 * `prebuilds/` are left as they are.
 */
export function pack(): Packed {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-package-'));
  return packFiles(folder, (copy) => {
    runOrThrow(process.execPath, [join(ROOT, 'scripts', 'prebuilds.mjs'), '--out', copy], ROOT);
  });
}

/** The same without a prebuild, unless `prepare` makes one in the copy. */
export function packFiles(folder: string, prepare?: (copy: string) => void): Packed {
  const copy = join(folder, 'checkout');
  mkdirSync(copy);
  for (const name of [
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'binding.gyp',
    'CMakeLists.txt',
  ])
    cpSync(join(ROOT, name), join(copy, name));
  for (const name of ['dist', 'native', 'scripts'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  prepare?.(copy);
  const report = runOrThrow(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    copy,
  );
  const [{ filename, files }] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, filename), files: files.map(({ path }) => path), folder };
}
