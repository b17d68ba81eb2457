// What `train` writes and reads besides a file and a matrix: folders, targets and masks.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, numbers } from '../files/fixtures.js';
import { run, withActivations } from './cli.js';

const place = withActivations();
const TRAIN = ['train', 'activations.npy', '--architecture', 'topk', '--features', '8', '--sparsity', '2'];
const FAST = ['--steps', '3', '--quiet'];

it('a folder for saelens may end in a slash, and be new', () => {
  const words = ['--out-format', 'saelens', '--out', 'new/', '--checkpoint-every', '1'];
  const { status, err } = run(place, ...TRAIN, ...FAST, ...words);
  expect([status, err]).toEqual([0, '']);
  expect(readdirSync(join(place, 'new')).sort()).toEqual(['cfg.json', 'sae_weights.safetensors']);
  expect(existsSync(join(place, 'new.checkpoint'))).toBe(false);
});

it.each(['--stream', '--no-stream'])(
  'with %s, --columns are of the activations, not of targets and mask',
  (way) => {
    const mask = Array.from({ length: 600 }, (_, i) => Number(i % 3 > 0));
    writeFileSync(join(place, 'mask.npy'), npy('<f4', '(600, 1)', numbers('f4', mask)));
    const beside = ['--columns', '2-5', '--targets', 'activations.npy', '--mask', 'mask.npy'];
    const { status, out, err } = run(
      place,
      ...TRAIN,
      ...FAST,
      ...beside,
      '--out',
      't.safetensors',
      '--json',
      way,
    );
    expect([status, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ dims: 4, outputDims: 16 });
  },
);
