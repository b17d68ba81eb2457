// Calls that are aborted in the middle: what they had learned is written, and nothing of it is lost.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  Dictionary,
  type Lista,
  learnDictionary,
  trainLista,
  trainSparseAutoencoder,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-interrupt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DIMS = 12;
const random = makeRandom(5);
const data = Float32Array.from({ length: 1200 * DIMS }, () => (random.uniform() < 0.2 ? random.normal() : 0));
const rows = (first: number, count: number) => ({
  data: data.subarray(first * DIMS, (first + count) * DIMS),
  shape: [count, DIMS] as const,
});
const matrix = rows(0, 1200);
const stream = Array.from({ length: 24 }, (_, i) => rows(50 * i, 50));

interface Extra {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number }) => void;
  readonly checkpoint?: { readonly path: string; readonly every: number };
  readonly resume?: string;
}

const runs: Record<string, (extra: Extra) => Promise<unknown>> = {
  'an autoencoder from a matrix': async (extra) => {
    const sae = await trainSparseAutoencoder(matrix, { ...sparse, steps: 120, ...extra });
    return [sae.parameters(), sae.training];
  },
  'an autoencoder from a stream': async (extra) => {
    const sae = await trainSparseAutoencoder(stream, { ...sparse, steps: 40, ...extra });
    return [sae.parameters(), sae.training];
  },
  'a dictionary from a matrix': async (extra) => {
    const { dictionary, ...figures } = await learnDictionary(matrix, { ...coding, epochs: 4, ...extra });
    return [dictionary.toMatrix(), figures];
  },
  'a dictionary from a stream': async (extra) => {
    const { dictionary, ...figures } = await learnDictionary(stream, { ...coding, epochs: 2, ...extra });
    return [dictionary.toMatrix(), figures];
  },
  'a network from a matrix': async (extra) =>
    networkOf(await trainLista(matrix, dictionary, { ...unrolled, ...extra })),
  'a network from a stream': async (extra) =>
    networkOf(await trainLista(stream, dictionary, { ...unrolled, ...extra })),
  'a network from a prior': async (extra) =>
    networkOf(await trainLista({ active: 2 }, dictionary, { ...unrolled, ...prior, ...extra })),
  'a network layer after layer': async (extra) =>
    networkOf(await trainLista({ active: 2 }, dictionary, { ...unrolled, ...prior, ...layerwise, ...extra })),
};
const dictionary = Dictionary.from(rows(0, 20), { normalize: true });
const unrolled = { variant: 'tilista', layers: 3, batchSize: 50, steps: 60, seed: 4, lambda: 0.1 } as const;
const prior = { lambda: undefined, validation: { every: 7 } };
const layerwise = { schedule: 'layerwise', steps: 9 } as const;
const networkOf = (lista: Lista): unknown => [lista.parameters(), lista.training];
const sparse = { architecture: 'topk', features: 20, sparsity: 3, batchSize: 50, seed: 4 } as const;
const coding = { features: 20, lambda: 0.2, batchSize: 50, seed: 4 };

describe.each(Object.keys(runs))('%s', (name) => {
  const run = runs[name] as (typeof runs)[string];
  const path = join(folder, `${name.replaceAll(' ', '-')}.safetensors`);
  // No checkpoint is due before the end: what is found was written because of the abort.
  const checkpoint = { path, every: 1_000_000 };

  it('goes on from where it was aborted, to the same bits', async () => {
    const whole = await run({});
    const controller = new AbortController();
    const reason = new Error('enough');
    let seen = 0;
    const aborted = run({
      checkpoint,
      signal: controller.signal,
      onProgress: ({ done }) => {
        seen = done;
        if (done >= 10) controller.abort(reason);
      },
    });
    await expect(aborted).rejects.toBe(reason);
    expect(existsSync(path)).toBe(true);
    const steps: number[] = [];
    const again = await run({ resume: path, onProgress: ({ done }) => steps.push(done) });
    expect(again).toEqual(whole);
    expect(Math.min(...steps)).toBeGreaterThan(seen); // no step was made twice
  });

  it('writes nothing where it had not begun, or where nothing was asked for', async () => {
    rmSync(path, { force: true });
    const signal = AbortSignal.abort(new Error('before'));
    await expect(run({ checkpoint, signal })).rejects.toThrow('before');
    expect(existsSync(path)).toBe(false);
  });

  it('says so where that cannot be written', async () => {
    const controller = new AbortController();
    const nowhere = { path: join(folder, 'no', 'such', 'folder', 'x'), every: 1_000_000 };
    const aborted = run({
      checkpoint: nowhere,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_FILE' });
  });
});
