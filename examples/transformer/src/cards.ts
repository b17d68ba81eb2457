// What a feature responds to: the tokens at which it is strongest, and how many different words they are.
import { type Matrix, ops, type SparseCodes } from 'unsuperpose';
import type { Recorded, Tokenized } from './activations.js';

export interface Example {
  sentence: Tokenized;
  token: number;
  /** As a share of the strongest. */
  share: number;
}

export interface Card {
  feature: number;
  /** Share of the tokens at which it is active, and their number. */
  density: number;
  tokens: number;
  examples: Example[];
  /** Different tokens among the strongest TOP. */
  different: number;
  /** The words that they are in, the most frequent first. */
  words: string[];
  /** The topic that most of the examples' senses have, and in how many of them. */
  topic: string;
  ofTopic: number;
  neighbours: { feature: number; cosine: number; words: string[] }[];
}

/** Tokens that a feature is told by, one a sentence. */
export const TOP = 10;
/** Features that are active at fewer tokens are not told by anything. */
export const LEAST_TOKENS = 20;
const NEIGHBOURS = 3;

/** The word that a token is part of, lower case. */
export function wordAt({ text, tokens }: Tokenized, token: number): string {
  const { start, end } = tokens[token];
  const solid = start + (text[start] === ' ' ? 1 : 0);
  const before = text.lastIndexOf(' ', solid) + 1;
  const after = text.indexOf(' ', Math.max(solid, end - 1));
  const word = text.slice(before, after < 0 ? undefined : after).toLowerCase();
  return word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '') || word;
}

function tally(items: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** Cards of all features that are active often enough, without their neighbours. */
export function makeCards(codes: SparseCodes, { sentences, tokens }: Recorded): Card[] {
  const sentenceOf = new Int32Array(tokens);
  for (const [i, { first, tokens: pieces }] of sentences.entries())
    sentenceOf.fill(i, first, first + pieces.length);
  const uses = codes.byFeature();
  const cards: Card[] = [];
  for (let feature = 0; feature < codes.shape[1]; feature++) {
    const active = uses.indptr[feature + 1] - uses.indptr[feature];
    if (active < LEAST_TOKENS) continue;
    const { samples, values } = uses.feature(feature, { top: 4 * TOP });
    const seen = new Set<number>();
    const examples: Example[] = [];
    for (const [at, row] of samples.entries()) {
      const sentence = sentences[sentenceOf[row]];
      if (examples.length === TOP || seen.has(sentenceOf[row])) continue;
      seen.add(sentenceOf[row]);
      examples.push({ sentence, token: row - sentence.first, share: values[at] / values[0] });
    }
    const words = tally(examples.map(({ sentence, token }) => wordAt(sentence, token)));
    const pieces = new Set(
      examples.map(({ sentence: { text, tokens }, token }) =>
        text.slice(tokens[token].start, tokens[token].end).trim().toLowerCase(),
      ),
    );
    const [[topic, ofTopic]] = tally(examples.map(({ sentence }) => sentence.topic));
    cards.push({
      ...{ feature, examples, topic, ofTopic, neighbours: [] },
      density: uses.density[feature],
      tokens: active,
      different: pieces.size,
      words: words.map(([word]) => word),
    });
  }
  return cards;
}

/** The features that point most nearly the same way as each of these. */
export function addNeighbours(shown: readonly Card[], all: readonly Card[], atoms: Matrix): void {
  const [, dims] = atoms.shape;
  const named = new Map(all.map((card) => [card.feature, card]));
  for (const card of shown) {
    const atom = atoms.data.subarray(card.feature * dims, (card.feature + 1) * dims) as Float32Array;
    const cosines = ops.correlate({ data: atom, shape: [1, dims] }, atoms).data;
    card.neighbours = [...named.keys()]
      .filter((feature) => feature !== card.feature)
      .sort((a, b) => cosines[b] - cosines[a])
      .slice(0, NEIGHBOURS)
      .map((feature) => ({ feature, cosine: cosines[feature], words: named.get(feature)?.words ?? [] }));
  }
}

/** Features from the most used to the least, at ranks that are evenly spaced: no one has chosen them. */
export function evenSample(cards: readonly Card[], count: number): Card[] {
  const ranked = [...cards].sort((a, b) => b.tokens - a.tokens || a.feature - b.feature);
  const most = Math.min(count, ranked.length);
  return Array.from({ length: most }, (_, i) => ranked[Math.floor(((i + 0.5) * ranked.length) / most)]);
}

/** Different tokens, at least, of a feature that says more than which token stands there. */
export const MANY = 8;

/** Features with many different tokens among their strongest tokens, in the order of how many of those sentences share one topic. */
export function aboutMeaning(cards: readonly Card[], count: number): Card[] {
  // Adjectives and adverbs have one topic for all of them, which says nothing.
  const telling = cards.filter(({ different, topic }) => different >= MANY && !/^ad[jv]/.test(topic));
  return telling
    .sort((a, b) => b.ofTopic - a.ofTopic || b.different - a.different || b.tokens - a.tokens)
    .slice(0, count);
}

/** What a way of finding features leads to. */
export interface Responses {
  /** Shares of the features that have 1–2, 3–7 and more different tokens among their strongest. */
  one: number;
  some: number;
  many: number;
  /** Of the last: in how many of the TOP sentences the commonest topic is that of the sense, on average. */
  agreement: number;
}

export function responses(cards: readonly Card[]): Responses {
  const between = (from: number, to: number) =>
    cards.filter(({ different }) => different >= from && different <= to);
  const share = (from: number, to: number) => between(from, to).length / Math.max(1, cards.length);
  const many = between(MANY, TOP);
  const agreement = many.reduce((sum, { ofTopic }) => sum + ofTopic, 0) / Math.max(1, many.length);
  return { one: share(1, 2), some: share(3, MANY - 1), many: share(MANY, TOP), agreement };
}
