// Single words: which sentences the features call alike, and by which features the senses differ.
import type { Marked } from './activations.js';
import { cosines, type Vectors, type Word } from './senses.js';

export interface SenseOfCard {
  definition: string;
  sentences: Marked[];
  /** Features that are stronger in this sense than in the others of the word, the most telling first. */
  features: { feature: number; share: number; elsewhere: number }[];
}

export interface WordCard {
  lemma: string;
  part: string;
  accuracy: number;
  /** Sense after sense. */
  senses: SenseOfCard[];
  /** Cosines of the codes, in that order. */
  alike: Float64Array[];
  order: string[];
}

const FEATURES = 2;

export function makeWordCard(
  word: Word,
  accuracy: number,
  vectors: Vectors,
  marked: readonly Marked[],
): WordCard {
  const ids = [...new Set(word.occurrences.map(({ sense }) => sense))];
  const occurrences = ids.flatMap((id) => word.occurrences.filter(({ sense }) => sense === id));
  const active = (row: number) => new Set(vectors.rows[row].indices);
  const senses = ids.map((id) => {
    const own = occurrences.filter(({ sense }) => sense === id).map(({ row }) => row);
    const others = occurrences.filter(({ sense }) => sense !== id).map(({ row }) => row);
    const share = (rows: number[], feature: number) =>
      rows.filter((row) => active(row).has(feature)).length / rows.length;
    const candidates = new Set(own.flatMap((row) => [...vectors.rows[row].indices]));
    const features = [...candidates]
      .map((feature) => ({ feature, share: share(own, feature), elsewhere: share(others, feature) }))
      .filter(({ share, elsewhere }) => share > elsewhere)
      .sort((a, b) => b.share - b.elsewhere - (a.share - a.elsewhere) || a.feature - b.feature)
      .slice(0, FEATURES);
    return { definition: marked[own[0]].definition, sentences: own.map((row) => marked[row]), features };
  });
  return {
    lemma: word.lemma,
    part: word.part,
    accuracy,
    senses,
    alike: cosines({ ...word, occurrences }, vectors),
    order: occurrences.map(({ sense }) => sense),
  };
}

/** Sentences, at least, of a word that gets a card. */
const LEAST_SENTENCES = 8;
/** Senses, at most: more do not fit on a card. */
const MOST_SENSES = 3;

/** The words with enough sentences on which features did best, and those on which they did worst. */
export function chooseWords(
  words: readonly Word[],
  accuracies: readonly number[],
  best: number,
  worst: number,
): { word: Word; accuracy: number; best: boolean }[] {
  const fitting = words
    .map((word, i) => ({ word, accuracy: accuracies[i] }))
    .filter(({ word: { occurrences } }) => {
      const senses = new Set(occurrences.map(({ sense }) => sense)).size;
      return occurrences.length >= LEAST_SENTENCES && senses <= MOST_SENSES;
    })
    .sort((a, b) => b.accuracy - a.accuracy || a.word.lemma.localeCompare(b.word.lemma));
  return [
    ...fitting.slice(0, best).map((each) => ({ ...each, best: true })),
    ...fitting.slice(Math.max(best, fitting.length - worst)).map((each) => ({ ...each, best: false })),
  ];
}
