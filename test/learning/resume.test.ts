// Checkpoints: training that was stopped at any moment, even killed, goes on to the same bits.
import { spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { files, learnDictionary, trainSparseAutoencoder } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-resume-'));
/** Compiled once: some fifty processes run it. */
const child = join(folder, 'resume-child.mjs');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly error: string;
}

/** Which checkpoint it is: each is another file, put in the place of the one before. */
const versionOf = (path: string): string => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return `${stat?.ino} ${stat?.mtimeMs}`;
};

/** Runs the child; it is killed so many milliseconds after the first checkpoint that it writes. */
function train(name: string, kind: string, path: string, killAfter?: number): Promise<Outcome> {
  const running = spawn(
    process.execPath,
    [child, join(ROOT, 'dist', 'index.js'), path, join(folder, name), kind],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let error = '';
  running.stderr.on('data', (text: Buffer) => {
    error += text.toString();
  });
  const ended = new Promise<Outcome>((resolve) => running.on('close', (code) => resolve({ code, error })));
  if (killAfter !== undefined)
    void (async () => {
      const before = versionOf(path);
      while (versionOf(path) === before && running.exitCode === null) await wait(2);
      await wait(killAfter);
      running.kill('SIGKILL');
    })();
  return ended;
}

beforeAll(async () => {
  const source = join(ROOT, 'test', 'learning', 'resume-child.ts');
  await build({ entryPoints: [source], outfile: child, format: 'esm', platform: 'node', target: 'node20' });
  const random = makeRandom(19);
  const data = Float32Array.from(
    { length: 2000 * 24 },
    () => random.normal() * Number(random.uniform() < 0.2),
  );
  await files.writeMatrix(join(folder, 'samples.npy'), { data, shape: [2000, 24] });
});

// Streams are read again from their start; of files, from where the checkpoint was.
describe.each([
  ['train-matrix', 4],
  ['train-files', 4],
  ['learn-matrix', 4],
  ['learn-stream', 4],
  ['mod-matrix', 2],
  ['ksvd-files', 2],
  ['lista-matrix', 3],
  ['lista-stream', 3],
  ['lista-prior', 3],
] as const)('a process that is killed again and again: %s, %i times', (kind, kills) => {
  it('ends with the bits of one that was not', async () => {
    const whole = await train(`${kind}-whole`, kind, join(folder, `${kind}-whole.safetensors`));
    expect(whole).toMatchObject({ code: 0 });
    const random = makeRandom(kind.length);
    const path = join(folder, `${kind}.safetensors`);
    let killed = 0;
    for (let attempt = 0; killed < kills; attempt++) {
      const { code, error } = await train(`${kind}-killed`, kind, path, 40 * random.uniform());
      if (code === 0) {
        // It was faster than its end: from the start again, until it was killed often enough.
        rmSync(path);
        rmSync(join(folder, `${kind}-killed`));
        continue;
      }
      expect(error).toBe('');
      killed += 1;
      expect(attempt).toBeLessThan(100);
    }
    expect(await train(`${kind}-killed`, kind, path)).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, `${kind}-killed`), 'utf8')).toBe(
      readFileSync(join(folder, `${kind}-whole`), 'utf8'),
    );
  }, 240_000);
});

describe('a checkpoint', () => {
  const data = Float32Array.from({ length: 600 }, (_, at) => Math.sin(at * at));
  const matrix = { data, shape: [100, 6] };
  const options = { architecture: 'topk', features: 9, sparsity: 2, steps: 20, batchSize: 30 } as const;
  const path = join(folder, 'one.safetensors');
  beforeAll(async () => {
    await trainSparseAutoencoder(matrix, { ...options, checkpoint: { path, every: 7 } });
  });
  const resume = (change: object, from = path, on: object = matrix) =>
    trainSparseAutoencoder(on as typeof matrix, { ...options, ...change, resume: from });

  it('of a run that ended gives what it gave', async () => {
    const straight = await trainSparseAutoencoder(matrix, options);
    const again = await resume({});
    expect(again.parameters()).toEqual(straight.parameters());
    expect(again.training).toEqual(straight.training);
  });

  it('of another run is refused by what differs', async () => {
    await expect(resume({ steps: 30 })).rejects.toThrow(
      /of another run: its learners\[0\]\.planned was 20, here it is 30/,
    );
    await expect(resume({ seed: 3 })).rejects.toThrow(/its seed was 0, here it is 3/);
    await expect(resume({ features: 10 })).rejects.toThrow(/features was 9, here it is 10/);
    await expect(resume({}, path, { data: data.slice(0, 540), shape: [90, 6] })).rejects.toThrow(
      /rows was 100, here it is 90/,
    );
  });

  it('of another learner, or of several runs in one call, is refused', async () => {
    const learning = { features: 9, lambda: 0.1, steps: 20 };
    await expect(learnDictionary(matrix, { ...learning, resume: path })).rejects.toThrow(
      /is a checkpoint of sparse autoencoders, not of online dictionary learning/,
    );
    await expect(learnDictionary(matrix, { ...learning, restarts: 2, checkpoint: { path } })).rejects.toThrow(
      /checkpoint is an option of calls without restarts, not of a call with restarts/,
    );
  });

  it('of another method, solver or start is refused by what it is of', async () => {
    const learning = { features: 9, sparsity: 2, steps: 8, batchSize: 30 } as const;
    const from = join(folder, 'method.safetensors');
    await learnDictionary(matrix, { ...learning, method: 'ksvd', checkpoint: { path: from } });
    const other = (change: object) =>
      learnDictionary(matrix, { ...learning, method: 'ksvd', ...change, resume: from });
    await expect(other({ method: 'mod' })).rejects.toThrow(
      /is a checkpoint of dictionary learning by K-SVD, not of dictionary learning by the method of optimal directions/,
    );
    await expect(other({ method: undefined })).rejects.toThrow(/K-SVD, not of online dictionary learning/);
    await expect(other({ solver: 'mp' })).rejects.toThrow(/its solver was omp, here it is mp/);
    await expect(other({ sparsity: 3 })).rejects.toThrow(/its sparsity was 2, here it is 3/);
    await expect(other({ start: 'kmeans++' })).rejects.toThrow(
      /its start was samples, here it is kmeans\+\+/,
    );
    await expect(other({})).resolves.toMatchObject({ steps: 8 });
  });

  it('that is no checkpoint, or damaged, is refused', async () => {
    await expect(resume({}, join(folder, 'none'))).rejects.toMatchObject({ code: 'ERR_FILE' });
    const other = join(folder, 'other.safetensors');
    writeFileSync(other, 'not one');
    await expect(resume({}, other)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
    const bytes = readFileSync(path);
    const wrong = Buffer.from(bytes);
    wrong[bytes.length - 5] = Number(wrong[bytes.length - 5]) ^ 1;
    writeFileSync(other, wrong);
    await expect(resume({}, other)).rejects.toThrow(/damaged/);
    writeFileSync(other, bytes);
    truncateSync(other, bytes.length - 8);
    await expect(resume({}, other)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
  });

  it('leaves nothing beside it, and nothing where it cannot be written', async () => {
    expect(readdirSync(folder).filter((name) => name.startsWith('one'))).toEqual(['one.safetensors']);
    await expect(
      trainSparseAutoencoder(matrix, { ...options, checkpoint: { path: join(folder, 'no', 'such', 'x') } }),
    ).rejects.toMatchObject({ code: 'ERR_FILE' });
  });
});

it.each([{ start: 'samples' }, { start: 'kmeans++' }] as const)(
  'checkpoints change no bit where there are fewer samples than features: %j',
  async (start) => {
    const random = makeRandom(77);
    const data = Float32Array.from({ length: 20 * 16 }, () => random.normal());
    const run = { ...start, features: 64, lambda: 0.1, batchSize: 5, steps: 60, seed: 2 };
    const learn = async (more: object) =>
      (await learnDictionary({ data, shape: [20, 16] }, { ...run, ...more })).dictionary.toMatrix().data;
    const plain = await learn({});
    for (const every of [1, 7, 1000])
      expect(await learn({ checkpoint: { path: join(folder, `few-${every}`), every } })).toEqual(plain);
  },
);
