// Checkpoints of versions before 1.0 that kept other sums for progress reports: training goes on from them to the same bits, and only the first report's
// figures begin anew.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readCheckpoint, writeCheckpoint } from '../../lib/files/checkpoint.js';
import { readSafetensors } from '../../lib/files/safetensors.js';
import { learnDictionary, trainSparseAutoencoder } from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-older-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { samples } = gaussian(5, { features: 12, dims: 6, samples: 80, active: 2, noise: 0.1 });

interface Run {
  readonly checkpoint?: { readonly path: string; readonly every: number };
  readonly resume?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number }) => void;
}

it.each([
  [
    'a dictionary',
    async (run: Run) =>
      (
        await learnDictionary(samples, {
          features: 12,
          lambda: 0.1,
          batchSize: 10,
          steps: 12,
          seed: 2,
          ...run,
        })
      ).dictionary.toMatrix().data,
  ],
  [
    'an autoencoder',
    async (run: Run) =>
      (
        await trainSparseAutoencoder(samples, {
          ...{ architecture: 'topk', features: 12, sparsity: 2, batchSize: 10, steps: 12, seed: 2, ...run },
        })
      ).parameters().decoder.data,
  ],
])('%s', async (name, learn) => {
  const path = join(folder, `${name}.safetensors`);
  const whole = await learn({});
  const stopping = new AbortController();
  const checkpoint = { path, every: 5 };
  const stopped = learn({
    checkpoint,
    signal: stopping.signal,
    onProgress: ({ done }) => done >= 6 && stopping.abort('enough'),
  });
  await expect(stopped).rejects.toBe('enough');
  const { kind } = JSON.parse((await readSafetensors(path)).metadata.unsuperpose as string);
  const { arrays, metadata } = await readCheckpoint(path, kind);
  const older = new Map([...arrays].map(([key, values]) => [key.replace(/figures$/, 'sums'), values]));
  expect(older).not.toEqual(arrays);
  await writeCheckpoint(path, kind, { arrays: older, metadata });
  expect(await learn({ checkpoint, resume: path })).toEqual(whole);
});
