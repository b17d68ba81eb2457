// `convert` refuses what it would have to ignore.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SparseAutoencoder, SparseCodes } from '../../lib/index.js';
import { run, withActivations } from './cli.js';

const place = withActivations();
await SparseAutoencoder.from({
  encoder: { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] },
  decoder: { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] },
  encoderBias: new Float32Array(3),
  decoderBias: new Float32Array(2),
  activation: 'relu',
}).save(join(place, 'sae.safetensors'));
await SparseCodes.from({
  indptr: Uint32Array.of(0, 1),
  indices: Uint32Array.of(1),
  values: Float32Array.of(2),
  shape: [1, 3],
}).save(join(place, 'codes.npz'));

const only = (kinds: string, from: string, kind: string): string =>
  `is for ${kinds}, and ${from} is read as ${kind} (--as says otherwise)`;
it.each([
  [
    'codes.npz',
    ['--out-dtype', 'float16'],
    `--out-dtype ${only('autoencoders and matrices', 'codes.npz', 'codes')}`,
  ],
  ['codes.npz', ['--as', 'codes', '--columns', '0'], `--columns ${only('matrices', 'codes.npz', 'codes')}`],
  ['codes.npz', ['--layer', '1'], `--layer ${only('autoencoders', 'codes.npz', 'codes')}`],
  [
    'sae.safetensors',
    ['--as', 'sae', '--shape', '-1,2'],
    `--shape ${only('matrices', 'sae.safetensors', 'an autoencoder')}`,
  ],
  [
    'sae.safetensors',
    ['--positions', '2'],
    `--positions ${only('codes', 'sae.safetensors', 'an autoencoder')}`,
  ],
  [
    'activations.npy',
    ['--input-scale', '2'],
    `--input-scale ${only('autoencoders', 'activations.npy', 'a matrix')}`,
  ],
  [
    'activations.npy',
    ['--probe', 'other.npy'],
    `--probe ${only('autoencoders', 'activations.npy', 'a matrix')}`,
  ],
  [
    'sae.safetensors#decoder',
    ['--as', 'sae'],
    'sae.safetensors#decoder names an array, which --as sae does not read: leave #decoder out',
  ],
  [
    'sae.safetensors#decoder',
    ['--name', 'encoder'],
    '#decoder and --name are two ways to name an array: give one of them',
  ],
])('%s with %j', (from, words, message) => {
  const { status, out, err } = run(place, 'convert', from, 'x.safetensors', ...words);
  expect(err).toBe(`unsuperpose convert: ${message}\n(unsuperpose convert --help explains it)\n`);
  expect([status, out]).toEqual([2, '']);
});
