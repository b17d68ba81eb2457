// Which sentences the features are learned from, and which ones they are judged by.
import { normalised } from '../model/tokenizer.js';
import { hash, shuffled } from '../random.js';
import { occurrence } from './occurrence.js';
import type { Part, Synset } from './wordnet.js';

/** A word in a sentence, and the sense that it has there. */
export interface SensedWord {
  lemma: string;
  part: Part;
  synset: string;
  topic: string;
  definition: string;
  start: number;
  end: number;
}

export interface Sentence {
  text: string;
  /** Of the sense that it is an example of, or defines; empty for text that is not WordNet's. */
  topic: string;
  /** Only in sentences that judge senses. */
  words?: SensedWord[];
}

/** Words are halved: settings were chosen on the one half, figures are of the other. */
export type Half = 'dev' | 'test';
export const halfOf = (lemma: string): Half => (hash(lemma) % 2 === 0 ? 'dev' : 'test');

export interface Corpus {
  /** Example sentences, of words other than those that senses are judged by. */
  learning: Sentence[];
  heldOut: Sentence[];
  /** Example sentences of ambiguous words. */
  senses: Sentence[];
  /** WordNet's definitions. */
  definitions: Sentence[];
  /** The held-out sentences again, their words in random order. */
  shuffled: Sentence[];
  code: Sentence[];
}

export interface Sizes {
  learning: number;
  heldOut: number;
  definitions: number;
  code: number;
}

/** A word is judged if each of at least two senses has so many sentences. */
const SENTENCES_A_SENSE = 2;
/** Sentences of fewer words have hardly any context; longer ones than the second the model would cut. */
const WORDS = { least: 4, most: 40 };

const long = (text: string) => {
  const words = text.split(' ').length;
  return words >= WORDS.least && words <= WORDS.most;
};

/** Example sentences that stand under one sense only, with the words of that sense that were found in them. */
function examples(synsets: readonly Synset[]): Sentence[] {
  const found = new Map<string, Sentence | undefined>();
  for (const { id, part, topic, lemmas, definition, examples } of synsets)
    for (const text of examples.map(normalised)) {
      if (found.has(text)) {
        found.set(text, undefined); // of two senses: it judges neither, and need not be learned twice
        continue;
      }
      const words = lemmas.flatMap((lemma) => {
        const place = occurrence(text, lemma, part);
        return place ? [{ lemma, part, synset: id, topic, definition, ...place }] : [];
      });
      found.set(text, { text, topic, words });
    }
  return [...found.values()].flatMap((sentence) => sentence ?? []);
}

/** Words with at least two senses that have at least two sentences each. */
export function ambiguousWords(sentences: readonly Sentence[]): Set<string> {
  const counts = new Map<string, Map<string, number>>();
  for (const { words } of sentences)
    for (const { lemma, part, synset } of words ?? []) {
      const senses = counts.get(`${lemma} ${part}`) ?? new Map<string, number>();
      counts.set(`${lemma} ${part}`, senses.set(synset, (senses.get(synset) ?? 0) + 1));
    }
  return new Set(
    [...counts].flatMap(([word, senses]) =>
      [...senses.values()].filter((count) => count >= SENTENCES_A_SENSE).length >= 2 ? [word] : [],
    ),
  );
}

export function makeCorpus(
  synsets: readonly Synset[],
  lines: readonly string[],
  sizes: Sizes,
  half: Half,
  seed: number,
): Corpus {
  const all = examples(synsets);
  const ambiguous = ambiguousWords(all);
  const judged = ({ lemma, part }: SensedWord) => ambiguous.has(`${lemma} ${part}`);
  const senses: Sentence[] = [];
  const others: Sentence[] = [];
  for (const { words = [], ...sentence } of all) {
    const judging = words.filter(judged);
    const ofHalf = judging.filter(({ lemma }) => halfOf(lemma) === half);
    if (ofHalf.length > 0) senses.push({ ...sentence, words: ofHalf });
    else if (judging.length === 0 && long(sentence.text)) others.push(sentence);
  }
  const order = shuffled(others, seed);
  const heldOut = order.slice(0, sizes.heldOut);
  const definitions = synsets.flatMap(({ definition, topic }) => {
    const text = normalised(definition);
    return long(text) ? [{ text, topic }] : [];
  });
  const code = [...new Set(lines.map(normalised))].filter(long).map((text) => ({ text, topic: '' }));
  return {
    heldOut,
    learning: order.slice(sizes.heldOut, sizes.heldOut + sizes.learning),
    senses,
    definitions: shuffled(definitions, seed + 1).slice(0, sizes.definitions),
    shuffled: heldOut.map(({ text, topic }, i) => ({
      text: shuffled(text.split(' '), seed + 2 + i).join(' '),
      topic,
    })),
    code: shuffled(code, seed + 1).slice(0, sizes.code),
  };
}
