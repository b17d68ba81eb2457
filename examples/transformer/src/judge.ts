// How well features tell senses apart, beside neurons, random directions, and the activations themselves.
import type { Matrix } from 'unsuperpose';
import type { Marked } from './activations.js';
import { type FeatureSet, TITLES } from './features.js';
import { NEURONS, WIDTH } from './model/graph.js';
import type { Report } from './progress.js';
import {
  type Estimate,
  estimate,
  tripletAccuracy,
  unitRows,
  type Vectors,
  type Word,
  wordActivations,
  wordCodes,
  wordsOf,
} from './senses.js';

/** A way to represent a word in a sentence. */
interface Representation {
  name: string;
  title: string;
  data: Float32Array;
  width: number;
}

export interface Judged {
  name: string;
  title: string;
  /** By how many of the strongest units are read. */
  points: (Estimate & { units: number })[];
  /** With all of them. */
  all: Estimate;
  /** The same word by word. */
  accuracies: number[];
}

export interface Senses {
  words: Word[];
  sentences: number;
  triplets: number;
  judged: Judged[];
  /** The main learner's codes of the words. */
  vectors: Vectors;
}

export const UNITS = [1, 2, 4, 8, 16, 32, 64] as const;

export async function judgeSenses(
  marked: readonly Marked[],
  activations: Matrix,
  neurons: Matrix,
  sets: readonly FeatureSet[],
  report: Report,
): Promise<Senses> {
  const representations: Representation[] = [];
  for (const set of sets) {
    const codes = await set.encode(activations);
    const data = wordCodes(codes, marked);
    representations.push({ name: set.name, title: TITLES[set.name], data, width: codes.shape[1] });
  }
  representations.push({
    name: 'neurons',
    title: 'neurons',
    data: neurons.data as Float32Array,
    width: NEURONS,
  });
  const residual = wordActivations(activations, marked);
  representations.push({ name: 'residual', title: 'dims of the stream', data: residual, width: WIDTH });
  const words = wordsOf(marked, 'synset');
  let done = 0;
  const accuracies = new Map<string, number[][]>();
  for (const { name, data, width } of representations) {
    const each = [...UNITS, Number.MAX_SAFE_INTEGER].map((units) => {
      const vectors = unitRows(data, width, units);
      report({ done: ++done, total: representations.length * (UNITS.length + 1) });
      return words.map((word) => tripletAccuracy(word, vectors));
    });
    accuracies.set(name, each);
  }
  const judged = representations.map(({ name, title }) => {
    const each = accuracies.get(name) as number[][];
    return {
      name,
      title,
      points: UNITS.map((units, u) => ({ units, ...estimate(each[u]) })),
      all: estimate(each[UNITS.length]),
      accuracies: each[UNITS.length],
    };
  });
  return {
    words,
    judged,
    sentences: words.reduce((sum, { occurrences }) => sum + occurrences.length, 0),
    triplets: words.reduce((sum, word) => sum + tripletsOf(word), 0),
    vectors: unitRows(representations[0].data, representations[0].width),
  };
}

function tripletsOf({ occurrences }: Word): number {
  let triplets = 0;
  for (const { sense } of occurrences) {
    const same = occurrences.filter((other) => other.sense === sense).length;
    triplets += (same - 1) * (occurrences.length - same);
  }
  return triplets;
}
