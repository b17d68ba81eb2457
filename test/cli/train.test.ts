// What `train` writes and reads besides a file and a matrix: folders, targets and masks.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, numbers } from '../files/fixtures.js';
import { run, type, withActivations } from './cli.js';

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

it('--device says where learn and train run, and their documents where they ran', () => {
  const learn = ['learn', 'activations.npy', '--features', '8', '--lambda', '0.2', '--steps', '3', '--quiet'];
  for (const words of [
    [...TRAIN, ...FAST, '--out', 'where.safetensors'],
    [...learn, '--out', 'where.npy'],
  ]) {
    const { status, out, err } = run(place, ...words, '--device', 'cpu', '--json');
    expect([status, err]).toEqual([0, '']);
    expect(JSON.parse(out).device).toBe('cpu');
    const wrong = run(place, ...words, '--device', 'gpu');
    expect(wrong.status).not.toBe(0);
    expect(wrong.err).toContain("device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got \"gpu\"");
  }
});

it('a GPU that only the environment names is not for an architecture that trains on the CPU', () => {
  const words =
    'activations.npy --architecture relu --features 8 --lambda 0.1 --steps 3 --quiet --out relu.safetensors';
  const set = 'UNSUPERPOSE_DEVICE=cuda; export UNSUPERPOSE_DEVICE';
  const { status, err } = type(place, `${set}; unsuperpose train ${words}`);
  expect([status, err]).toEqual([0, '']);
  const asked = type(place, `unsuperpose train ${words} --device cuda`);
  expect(asked.status).not.toBe(0);
  expect(asked.err).toContain('architecture relu runs on the CPU only');
});
