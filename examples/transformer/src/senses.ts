// Does a representation of a word tell its senses apart? Three sentences with the word, two of them in one sense: which two are alike?
import type { Matrix, SparseCodes } from 'unsuperpose';
import type { Marked } from './activations.js';
import { randomNumbers } from './random.js';

/** What counts as one sense: WordNet's own, which are fine, or those of one topic taken together. */
export type Grain = 'synset' | 'topic';

export interface Occurrence {
  /** Of the representations. */
  row: number;
  sense: string;
}

export interface Word {
  lemma: string;
  part: string;
  /** Of at least two senses, at least two of each. */
  occurrences: Occurrence[];
}

export function wordsOf(marked: readonly Marked[], grain: Grain): Word[] {
  const words = new Map<string, Word>();
  for (const [row, mark] of marked.entries()) {
    if (mark.rows.length === 0) continue;
    const { lemma, part } = mark;
    const word = words.get(`${lemma} ${part}`) ?? { lemma, part, occurrences: [] };
    word.occurrences.push({ row, sense: mark[grain] });
    words.set(`${lemma} ${part}`, word);
  }
  return [...words.values()].flatMap(({ occurrences, ...word }) => {
    const kept = occurrences.filter(
      ({ sense }) => occurrences.filter((one) => one.sense === sense).length >= 2,
    );
    return new Set(kept.map(({ sense }) => sense)).size >= 2 ? [{ ...word, occurrences: kept }] : [];
  });
}

/** Rows of unit length as lists of entries, so that a dot product is a cosine; rows of zeros have none. */
export interface Vectors {
  width: number;
  rows: { indices: Uint32Array; values: Float32Array }[];
}

/**
 * Unit rows of which the `most` strongest entries (by size) are kept.
 * @param data rows × width
 */
export function unitRows(data: Float32Array, width: number, most = width): Vectors {
  const rows: Vectors['rows'] = [];
  const sizes = new Float32Array(width);
  for (let begin = 0; begin < data.length; begin += width) {
    let active = 0;
    for (let k = 0; k < width; k++) if (data[begin + k] !== 0) sizes[active++] = Math.abs(data[begin + k]);
    const limit = active > most ? sizes.subarray(0, active).sort()[active - most] : 0;
    const indices = new Uint32Array(active);
    let kept = 0;
    let squares = 0;
    for (let k = 0; k < width; k++) {
      const value = data[begin + k];
      if (value === 0 || Math.abs(value) < limit) continue;
      indices[kept++] = k;
      squares += value * value;
    }
    const norm = Math.sqrt(squares);
    const values = new Float32Array(kept);
    for (let at = 0; at < kept; at++) values[at] = data[begin + indices[at]] / norm;
    rows.push({ indices: indices.subarray(0, kept), values });
  }
  return { width, rows };
}

/** A word's codes in each sentence: the mean over its tokens, words × features. */
export function wordCodes(codes: SparseCodes, marked: readonly Marked[]): Float32Array {
  const [, width] = codes.shape;
  const data = new Float32Array(marked.length * width);
  for (const [row, { rows }] of marked.entries())
    for (const token of rows) {
      const { indices, values } = codes.row(token);
      for (const [at, feature] of indices.entries()) data[row * width + feature] += values[at] / rows.length;
    }
  return data;
}

/** The same of activations: words × dims. */
export function wordActivations(activations: Matrix, marked: readonly Marked[]): Float32Array {
  const [, width] = activations.shape;
  const data = new Float32Array(marked.length * width);
  for (const [row, { rows }] of marked.entries())
    for (const token of rows)
      for (let k = 0; k < width; k++)
        data[row * width + k] += activations.data[token * width + k] / rows.length;
  return data;
}

/** Cosines of all pairs of a word's sentences. */
export function cosines({ occurrences }: Word, { width, rows }: Vectors): Float64Array[] {
  const spread = new Float32Array(width);
  return occurrences.map((anchor) => {
    const { indices, values } = rows[anchor.row];
    for (let at = 0; at < indices.length; at++) spread[indices[at]] = values[at];
    const alike = Float64Array.from(occurrences, ({ row }) => {
      let sum = 0;
      const other = rows[row];
      for (let at = 0; at < other.indices.length; at++) sum += other.values[at] * spread[other.indices[at]];
      return sum;
    });
    for (const k of indices) spread[k] = 0;
    return alike;
  });
}

/**
 * Over all triplets of a word (a sentence, another one in the same sense, one in another sense), the share in which the one in the same
 * sense is more like the first; ties count half. 0.5 is chance.
 */
export function tripletAccuracy(word: Word, vectors: Vectors): number {
  const { occurrences } = word;
  let right = 0;
  let triplets = 0;
  const alike = cosines(word, vectors);
  for (const [a, anchor] of occurrences.entries())
    for (const [b, same] of occurrences.entries()) {
      if (a === b || same.sense !== anchor.sense) continue;
      for (const [c, other] of occurrences.entries()) {
        if (other.sense === anchor.sense) continue;
        triplets++;
        right += alike[a][b] > alike[a][c] ? 1 : alike[a][b] === alike[a][c] ? 0.5 : 0;
      }
    }
  return right / triplets;
}

/** A mean over words, and the 95% interval that drawing the words anew would give (percentile bootstrap). */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

const DRAWS = 2000;

export function estimate(values: readonly number[], seed = 1): Estimate {
  const next = randomNumbers(seed);
  const mean = (of: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += of(i);
    return sum / values.length;
  };
  const means = Float64Array.from({ length: DRAWS }, () =>
    mean(() => values[Math.floor(next() * values.length)]),
  ).sort();
  return {
    mean: mean((i) => values[i]),
    low: means[Math.floor(0.025 * DRAWS)],
    high: means[Math.ceil(0.975 * DRAWS) - 1],
  };
}
