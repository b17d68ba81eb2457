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

it('what goes on from a checkpoint seeks in activations, targets and mask alike', () => {
  const mask = Array.from({ length: 600 }, (_, i) => Number(i % 5 > 0));
  writeFileSync(join(place, 'some.npy'), npy('<f4', '(600, 1)', numbers('f4', mask)));
  const beside = ['--stream', '--targets', 'activations.npy', '--mask', 'some.npy', '--batch-size', '100'];
  const words = [...TRAIN, ...beside, '--quiet', '--json', '--out', 'r.safetensors'];
  const kept = ['--checkpoint', 'kept.safetensors'];
  // As many steps as items have samples for: the second run has seen half of them.
  const half = run(place, ...words, ...kept, '--epochs', '1');
  expect([half.status, half.err]).toEqual([0, '']);
  const straight = run(place, ...words, '--epochs', '2');
  const resumed = run(place, ...words, '--epochs', '2', '--resume', 'kept.safetensors');
  expect([resumed.status, resumed.err]).toEqual([0, '']);
  const figures = ({ out }: { out: string }) => ({ ...JSON.parse(out), seconds: 0 });
  expect(figures(resumed)).toEqual(figures(straight));
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
