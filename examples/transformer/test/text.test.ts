import { describe, expect, it } from 'vitest';
import { ambiguousWords, halfOf, makeCorpus } from '../src/text/corpus.js';
import { occurrence } from '../src/text/occurrence.js';
import { readSynset, type Synset } from '../src/text/wordnet.js';

describe('a synset', () => {
  it('is read from its line', () => {
    const line =
      '09236472 17 n 02 bank 0 Bank_side 0 001 @ 09236472 n 0000 | sloping land (beside water); "they pulled the canoe up on the bank"; "he sat on the bank"  ';
    expect(readSynset(line, 'noun')).toEqual({
      id: 'noun09236472',
      part: 'noun',
      topic: 'noun.object',
      lemmas: ['bank', 'bank_side'],
      definition: 'sloping land (beside water)',
      examples: ['they pulled the canoe up on the bank', 'he sat on the bank'],
    });
  });

  it('has no examples where the gloss quotes none, and lemmas without marks', () => {
    const line = '00014358 00 a 01 galore(ip) 0 000 | existing in abundance';
    expect(readSynset(line, 'adj')).toMatchObject({
      lemmas: ['galore'],
      definition: 'existing in abundance',
      examples: [],
    });
  });

  it('is not made of the licence', () => {
    expect(readSynset('  1 This software | and database', 'noun')).toBeUndefined();
  });
});

describe('a word in a sentence', () => {
  it.each([
    ['the banks of the river', 'bank', 'noun', 'banks'],
    ['She was running late', 'run', 'verb', 'running'],
    ['he tried again', 'try', 'verb', 'tried'],
    ['a hotter day', 'hot', 'adj', 'hotter'],
    ['making bread', 'make', 'verb', 'making'],
    ['three firemen came', 'fireman', 'noun', 'firemen'],
  ] as const)('%s: %s', (text, lemma, part, word) => {
    const place = occurrence(text, lemma, part);
    expect(text.slice(place?.start, place?.end)).toBe(word);
  });

  it('is not found twice, in parts of others, or in forms of another part of speech', () => {
    expect(occurrence('bank after bank', 'bank', 'noun')).toBeUndefined();
    expect(occurrence('the riverbank', 'bank', 'noun')).toBeUndefined();
    expect(occurrence('the red car', 'car', 'adv')).toEqual({ start: 8, end: 11 });
    expect(occurrence('the cars', 'car', 'adv')).toBeUndefined();
  });
});

/** Synsets of one lemma, with so many examples each. */
function synsets(lemma: string, counts: readonly number[]): Synset[] {
  return counts.map((count, s) => ({
    id: `noun-${lemma}-${s}`,
    part: 'noun',
    topic: `noun.topic${s}`,
    lemmas: [lemma],
    definition: `the sense of number ${s} of ${lemma}`,
    examples: Array.from({ length: count }, (_, i) => `sentence ${i} about sense ${s} of ${lemma}`),
  }));
}

describe('the corpus', () => {
  const sizes = { learning: 100, heldOut: 2, definitions: 3, code: 1 };
  const judging = ['bank', 'plant', 'spring', 'club', 'bat', 'seal'];
  const all = [
    ...judging.flatMap((lemma) => synsets(lemma, [2, 3])),
    ...synsets('table', [2, 1]),
    ...synsets('river', [4]),
    { ...synsets('lake', [0])[0], examples: ['sentence 0 about sense 0 of river'] },
  ];

  it('judges words that have two sentences in each of two senses', () => {
    const sentences = [...synsets('bank', [2, 2]), ...synsets('table', [3, 1])].flatMap(
      ({ id, examples, lemmas: [lemma] }) =>
        examples.map((text) => ({
          text,
          topic: '',
          words: [{ lemma, part: 'noun' as const, synset: id, topic: '', definition: '', start: 0, end: 1 }],
        })),
    );
    expect([...ambiguousWords(sentences)]).toEqual(['bank noun']);
  });

  it.each(['dev', 'test'] as const)('keeps what judges out of what is learned (%s)', (half) => {
    const corpus = makeCorpus(all, ['const answer = 6 * 7;', '}'], sizes, half, 1);
    const words = corpus.senses.flatMap(({ words = [] }) => words.map(({ lemma }) => lemma));
    expect(new Set(words)).toEqual(new Set(judging.filter((lemma) => halfOf(lemma) === half)));
    const learned = [...corpus.learning, ...corpus.heldOut].map(({ text }) => text);
    for (const lemma of judging) expect(learned.filter((text) => text.endsWith(lemma))).toEqual([]);
    // One of river's four sentences stands under another sense too.
    expect(learned.filter((text) => text.endsWith('river')).length).toBe(3);
    expect(new Set(learned).size).toBe(6);
    expect(corpus.heldOut.length).toBe(2);
    expect(corpus.code.map(({ text }) => text)).toEqual(['const answer = 6 * 7;']);
    const sorted = (text: string) => text.split(' ').sort();
    expect(corpus.shuffled.map(({ text }) => sorted(text))).toEqual(
      corpus.heldOut.map(({ text }) => sorted(text)),
    );
  });

  it('is the same for the same seed, and another for another', () => {
    const texts = (seed: number) => makeCorpus(all, [], sizes, 'test', seed).learning.map(({ text }) => text);
    expect(texts(3)).toEqual(texts(3));
    expect(texts(3)).not.toEqual(texts(4));
  });
});
