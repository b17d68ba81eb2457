// Trains with checkpoints until it is done, or killed: the process that resume.test.ts starts.
import { existsSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [entry, path, done, kind] = process.argv.slice(2) as [string, string, string, string];
const { Dictionary, learnDictionary, trainLista, trainSparseAutoencoders } = (await import(
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

const source = kind.endsWith('stream') ? stream : rows(0, SAMPLES);
const kept = { checkpoint: { path, every: 3 }, resume: existsSync(path) ? path : undefined };

async function autoencoders(): Promise<unknown> {
  const made = await trainSparseAutoencoders(source, {
    learners: [
      { architecture: 'batchtopk', features: 64, sparsity: 3, deadAfter: 5 },
      { architecture: 'jumprelu', features: 48, targetL0: 3 },
    ],
    ...{ steps: 160, batchSize: 100, seed: 2 },
    ...kept,
  });
  return made.map((sae) => [sae.parameters(), sae.training]);
}

async function dictionary(): Promise<unknown> {
  const options = { features: 40, lambda: 0.3, batchSize: 100, epochs: 6, seed: 2, ...kept };
  const { dictionary: atoms, ...figures } = Array.isArray(source)
    ? await learnDictionary(source, options)
    : await learnDictionary(source, options);
  return [atoms.toMatrix(), figures];
}

async function network(): Promise<unknown> {
  const atoms = Dictionary.from(rows(0, 40), { normalize: true });
  const options = { variant: 'lista-cpss', layers: 3, batchSize: 100, steps: 90, seed: 2, ...kept } as const;
  const unsupervised = { ...options, lambda: 0.1 };
  const lista = kind.endsWith('prior')
    ? await trainLista({ active: 3 }, atoms, { ...options, steps: 12, schedule: 'layerwise' })
    : Array.isArray(source)
      ? await trainLista(source, atoms, unsupervised)
      : await trainLista(source, atoms, unsupervised);
  return [lista.parameters(), lista.training];
}

const learners = { learn: dictionary, train: autoencoders, lista: network };
const answer = await learners[kind.split('-')[0] as keyof typeof learners]();
const text = JSON.stringify(answer, (_, value) =>
  ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    : value,
);
writeFileSync(done, text);
