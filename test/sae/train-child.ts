// Trains with checkpoints until it is done, or killed: the process that resume.test.ts starts.
import { existsSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [entry, path, done, kind] = process.argv.slice(2) as [string, string, string, string];
const { trainSparseAutoencoders } = (await import(
  pathToFileURL(entry).href
)) as typeof import('../../lib/index.js');

const DIMS = 24;
const SAMPLES = 2000;
let state = 12345;
const next = (): number => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return state / 2 ** 32;
};
const data = Float32Array.from({ length: SAMPLES * DIMS }, () => (next() < 0.1 ? next() : 0.05 * next()));
const rows = (first: number, count: number) => ({
  data: data.subarray(first * DIMS, (first + count) * DIMS),
  shape: [count, DIMS],
});
const stream = Array.from({ length: 20 }, (_, i) => rows(i * 100, 100));

const made = await trainSparseAutoencoders(kind === 'stream' ? stream : rows(0, SAMPLES), {
  learners: [
    { architecture: 'batchtopk', features: 64, sparsity: 3, deadAfter: 5 },
    { architecture: 'jumprelu', features: 48, targetL0: 3 },
  ],
  ...{ steps: 160, batchSize: 100, seed: 2 },
  checkpoint: { path, every: 3 },
  resume: existsSync(path) ? path : undefined,
});
const text = JSON.stringify(
  made.map((sae) => [sae.parameters(), sae.training]),
  (_, value) =>
    ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
      : value,
);
writeFileSync(done, text);
