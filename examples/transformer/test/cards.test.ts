import { SparseCodes } from 'unsuperpose';
import { describe, expect, it } from 'vitest';
import type { Recorded, Tokenized } from '../src/activations.js';
import {
  aboutMeaning,
  type Card,
  evenSample,
  LEAST_TOKENS,
  makeCards,
  responses,
  wordAt,
} from '../src/cards.js';

/** A sentence, one token a word. */
function sentence(text: string, topic: string, first: number): Tokenized {
  const words = [...text.matchAll(/ ?[^ ]+/g)];
  const tokens = words.map(([word], id) => ({
    id,
    start: words[id].index,
    end: words[id].index + word.length,
  }));
  return { text, topic, first, tokens };
}

it('the word at a token is all of it, without punctuation', () => {
  const text = 'He (barely) ran';
  const tokens = [
    { id: 0, start: 0, end: 2 },
    { id: 1, start: 2, end: 6 },
    { id: 2, start: 6, end: 11 },
    { id: 3, start: 11, end: 15 },
  ];
  const words = tokens.map((_, t) => wordAt({ text, topic: '', first: 0, tokens }, t));
  expect(words).toEqual(['he', 'barely', 'barely', 'ran']);
});

describe('cards', () => {
  const sentences = Array.from({ length: 30 }, (_, i) =>
    sentence(`word${i % 3} eats`, i < 12 ? 'noun.food' : 'noun.act', 2 * i),
  );
  const recorded: Recorded = { kind: 'heldOut', sentences, tokens: 60, marked: [] };
  // Feature 0 marks the first word of each sentence, most strongly in the first ones; feature 1 too few tokens to tell.
  const indptr = Uint32Array.from({ length: 61 }, (_, row) => Math.ceil(row / 2) + (row > 1 ? 1 : 0));
  const indices = Uint32Array.from({ length: 31 }, (_, at) => (at === 1 ? 1 : 0));
  const values = Float32Array.from({ length: 31 }, (_, at) => 40 - at);
  const codes = SparseCodes.from({ indptr, indices, values, shape: [60, 2] });
  const cards = makeCards(codes, recorded);

  it('are made of features that enough tokens have', () => {
    expect(cards.map(({ feature, tokens }) => [feature, tokens])).toEqual([[0, 30]]);
    expect(LEAST_TOKENS).toBeLessThanOrEqual(30);
  });

  it('show the strongest tokens, of ten sentences, and count words and topics', () => {
    const [{ examples, different, words, topic, ofTopic, density }] = cards;
    expect(examples.map(({ sentence: { first }, token }) => first + token)).toEqual(
      Array.from({ length: 10 }, (_, i) => 2 * i),
    );
    expect(examples[0].share).toBe(1);
    expect(examples[1].share).toBeCloseTo(38 / 40, 6);
    expect([different, words, topic, ofTopic, density]).toEqual([
      3,
      ['word0', 'word1', 'word2'],
      'noun.food',
      10,
      0.5,
    ]);
    expect(responses(cards)).toEqual({ one: 0, some: 1, many: 0, agreement: 0 });
  });
});

describe('the choice of cards', () => {
  const card = (feature: number, tokens: number, different: number, topic: string, ofTopic: number) =>
    ({ feature, tokens, different, topic, ofTopic }) as Card;

  it('is even over ranks', () => {
    const cards = Array.from({ length: 100 }, (_, i) => card(i, 1000 - i, 1, '', 1));
    expect(evenSample(cards, 4).map(({ feature }) => feature)).toEqual([12, 37, 62, 87]);
    expect(evenSample(cards.slice(0, 2), 4).map(({ feature }) => feature)).toEqual([0, 1]);
  });

  it('or by topic, among those of many tokens; adjectives have none', () => {
    const cards = [
      card(0, 50, 2, 'noun.food', 10),
      card(1, 50, 9, 'noun.food', 6),
      card(2, 50, 8, 'verb.motion', 7),
      card(3, 50, 10, 'adj.all', 9),
    ];
    expect(aboutMeaning(cards, 2).map(({ feature }) => feature)).toEqual([2, 1]);
    expect(responses(cards)).toEqual({ one: 0.25, some: 0, many: 0.75, agreement: 22 / 3 });
  });
});
