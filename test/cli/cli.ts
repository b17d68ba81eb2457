// The command line as its users run it: a process in a folder of small files.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { npy } from '../files/fixtures.js';
import { makeRandom } from '../reference/random.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const ENV = { ...process.env, NO_COLOR: '1' };

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A folder of its own, which goes when the tests end. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'unsuperpose-cli-'));
  afterAll(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

export function run(cwd: string, ...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    cwd,
    encoding: 'utf8',
    env: ENV,
  });
  return { status, out: stdout, err: stderr };
}

/** A line as somebody types it. */
export function type(cwd: string, line: string): Ran {
  const script = `unsuperpose() { "${process.execPath}" "${MAIN}" "$@"; }\n${line}`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd, encoding: 'utf8', env: ENV });
  return { status, out: stdout, err: stderr };
}

/** Runs until this file is there, then sends the signal. */
export async function interrupt(
  cwd: string,
  signal: NodeJS.Signals,
  file: string,
  ...words: readonly string[]
): Promise<Ran> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...words], { cwd, env: ENV });
  let [out, err] = ['', ''];
  child.stdout?.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr?.on('data', (text: Buffer) => {
    err += text.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', (status) => resolve(status)));
  while (!existsSync(join(cwd, file)) && child.exitCode === null) await wait(1);
  child.kill(signal);
  return { status: await ended, out, err };
}

export const DIMS = 16;

/** Samples of a few directions each, as an npy file. */
export function samples(rows: number, seed: number): Buffer {
  const random = makeRandom(99);
  const directions = Array.from({ length: 32 }, () => {
    const entries = Array.from({ length: DIMS }, () => random.normal());
    const norm = Math.hypot(...entries);
    return entries.map((entry) => entry / norm);
  });
  const own = makeRandom(seed);
  const data = new Float32Array(rows * DIMS);
  for (let i = 0; i < rows; i++)
    for (let active = 0; active < 3; active++) {
      const direction = directions[Math.floor(32 * own.uniform())] as number[];
      const weight = 1 + own.uniform();
      for (let k = 0; k < DIMS; k++)
        data[i * DIMS + k] = (data[i * DIMS + k] as number) + weight * (direction[k] as number);
    }
  return npy('<f4', `(${rows}, ${DIMS})`, Buffer.from(data.buffer));
}

/** activations.npy, and the same rows in three shards. */
export function withActivations(): string {
  const made = folder();
  writeFileSync(join(made, 'activations.npy'), samples(600, 1));
  writeFileSync(join(made, 'other.npy'), samples(300, 2));
  mkdirSync(join(made, 'shards'));
  for (const shard of [1, 2, 10])
    writeFileSync(join(made, 'shards', `part-${shard}.npy`), samples(200, shard));
  return made;
}
