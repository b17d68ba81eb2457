// What `train` writes and reads besides a file and a matrix.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
