import { type Dictionary, type Matrix, ops, type Unfolding, UnfoldStatus, unfold } from 'unsuperpose';
import { TOLERANCE } from './settings.js';

/** One atom of a word's code, with the words that point most nearly in its direction. */
export interface Sense {
  atom: number;
  weight: number;
  words: string[];
}

export interface UnfoldedWord {
  word: string;
  /** The heaviest first. */
  senses: Sense[];
  /** Duality gap relative to ½‖x‖²: the code's objective is at most this far above the smallest one there is. */
  gap: number;
  status: keyof typeof UnfoldStatus;
  /** Share of the vector's squared length that its atoms rebuild. */
  rebuilt: number;
}

export interface Vocabulary {
  words: readonly string[];
  /** Unit rows, one for each of the first words. */
  vectors: Matrix<Float32Array>;
}

const NEAREST = 9;

export interface UnfoldSettings {
  lambda: number;
  nonnegative: boolean;
}

/** Unfolds unit vectors and names every atom by its nearest words of the vocabulary. */
export async function unfoldWords(
  asked: ReadonlyMap<string, Float32Array>,
  dictionary: Dictionary,
  vocabulary: Vocabulary,
  { lambda, nonnegative }: UnfoldSettings,
): Promise<UnfoldedWord[]> {
  const words = [...asked.keys()];
  const data = new Float32Array(words.length * dictionary.dims);
  for (const [i, vector] of [...asked.values()].entries()) data.set(vector, i * dictionary.dims);
  const activations: Matrix<Float32Array> = { data, shape: [words.length, dictionary.dims] };
  const unfolding = await unfold(activations, dictionary, { lambda, nonnegative, tolerance: TOLERANCE });
  const nearest = nearestWords(unfolding, dictionary, vocabulary);
  return words.map((word, i) => ({
    word,
    senses: sensesOf(word, unfolding.codes.row(i), nearest),
    gap: unfolding.gap[i],
    status: statusName(unfolding.status[i]),
    rebuilt: 1 - unfolding.residual[i] ** 2,
  }));
}

function sensesOf(
  word: string,
  { indices, values }: { indices: Uint32Array; values: Float32Array },
  nearest: ReadonlyMap<number, string[]>,
): Sense[] {
  return [...indices]
    .map((atom, k) => ({
      atom,
      weight: values[k],
      words: (nearest.get(atom) ?? []).filter((near) => near !== word).slice(0, NEAREST - 1),
    }))
    .sort((a, b) => b.weight - a.weight);
}

/** For each atom in use, the vocabulary's words with the largest cosine to it. */
function nearestWords(
  { codes }: Unfolding,
  dictionary: Dictionary,
  { words, vectors }: Vocabulary,
): Map<number, string[]> {
  const atoms = [...new Set(codes.indices)];
  const { data, shape } = dictionary.toMatrix();
  const dims = shape[1];
  const used = new Float32Array(atoms.length * dims);
  for (const [i, atom] of atoms.entries()) used.set(data.subarray(atom * dims, (atom + 1) * dims), i * dims);
  const strongest = ops.topK({ data: used, shape: [atoms.length, dims] }, vectors, NEAREST);
  return new Map(
    atoms.map((atom, i) => {
      const ranks = strongest.indices.subarray(i * NEAREST, (i + 1) * NEAREST);
      return [atom, [...ranks].map((rank) => words[rank])];
    }),
  );
}

function statusName(status: number): keyof typeof UnfoldStatus {
  const names = Object.keys(UnfoldStatus) as (keyof typeof UnfoldStatus)[];
  return names.find((name) => UnfoldStatus[name] === status) ?? 'stalled';
}

/** What unfolding a whole vocabulary says about the dictionary. */
export interface Survey {
  atomsPerWord: number[];
  gaps: number[];
  meanAtoms: number;
  /** 1 − Σ‖x − aD‖² / Σ‖x − mean‖². */
  explainedVariance: number;
  converged: boolean;
}

export async function survey(
  vectors: Matrix<Float32Array>,
  dictionary: Dictionary,
  { lambda, nonnegative }: UnfoldSettings,
  report: (done: number, total: number) => void = () => {},
): Promise<Survey> {
  const onProgress = ({ done, total }: { done: number; total: number }) => report(done, total);
  const options = { lambda, nonnegative, tolerance: TOLERANCE, onProgress };
  const unfolding = await unfold(vectors, dictionary, options);
  const { indptr } = unfolding.codes;
  const atomsPerWord = Array.from(unfolding.gap, (_, i) => indptr[i + 1] - indptr[i]);
  const lost = unfolding.residual.reduce((sum, residual) => sum + residual ** 2, 0);
  return {
    atomsPerWord,
    gaps: [...unfolding.gap],
    meanAtoms: indptr[indptr.length - 1] / atomsPerWord.length,
    explainedVariance: 1 - lost / spread(vectors),
    converged: unfolding.converged,
  };
}

/** Σ‖x − mean‖² over the rows. */
export function spread({ data, shape: [rows, dims] }: Matrix<Float32Array>): number {
  const sums = new Float64Array(dims);
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    sums[i % dims] += data[i];
    squares += data[i] ** 2;
  }
  return squares - sums.reduce((total, sum) => total + sum ** 2, 0) / rows;
}
