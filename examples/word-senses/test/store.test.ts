import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recallMatrix, storeMatrix } from '../src/store.js';

const MATRIX = {
  key: 'λ',
  shape: [2, 2] as [number, number],
  data: Float32Array.of(1, -2, 0.5, 3),
  notes: [1, 2],
};

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'word-senses-'));
  path = join(folder, 'matrix.bin');
  await storeMatrix(path, MATRIX);
});
afterEach(() => rm(folder, { recursive: true }));

it('gives back what was stored, and leaves no other file', async () => {
  expect(await recallMatrix(path, 'λ')).toEqual(MATRIX);
  expect(await readdir(folder)).toEqual(['matrix.bin']);
});

it('knows nothing of another key or another file', async () => {
  expect(await recallMatrix(path, 'other')).toBeUndefined();
  expect(await recallMatrix(join(folder, 'absent'), 'λ')).toBeUndefined();
});

it('refuses a file with any byte changed or cut off', async () => {
  const bytes = await readFile(path);
  for (let i = 0; i < bytes.length; i++) {
    const changed = Uint8Array.from(bytes);
    changed[i] ^= 1;
    await writeFile(path, changed);
    expect(await recallMatrix(path, 'λ')).toBeUndefined();
    await writeFile(path, bytes.subarray(0, i));
    expect(await recallMatrix(path, 'λ')).toBeUndefined();
  }
});
