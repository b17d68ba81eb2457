// Where in a sentence a word stands, in any of its regular forms.
import type { Part } from './wordnet.js';

/** WordNet's rules of detachment (morphy(7WN)): an ending, and what stands in its place in the lemma. Irregular forms are not found. */
const ENDINGS: Record<Part, readonly (readonly [ending: string, lemma: string])[]> = {
  noun: [
    ...([
      ['s', ''],
      ['ses', 's'],
      ['xes', 'x'],
      ['zes', 'z'],
    ] as const),
    ...([
      ['ches', 'ch'],
      ['shes', 'sh'],
      ['men', 'man'],
      ['ies', 'y'],
    ] as const),
  ],
  verb: [
    ...([
      ['s', ''],
      ['ies', 'y'],
      ['es', 'e'],
      ['es', ''],
    ] as const),
    ...([
      ['ed', 'e'],
      ['ed', ''],
      ['ing', 'e'],
      ['ing', ''],
      ['ied', 'y'],
    ] as const),
  ],
  adj: [
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ],
  adv: [],
};

function isFormOf(word: string, lemma: string, part: Part): boolean {
  if (word === lemma) return true;
  for (const [ending, replaced] of ENDINGS[part]) {
    if (!word.endsWith(ending)) continue;
    const stem = word.slice(0, -ending.length);
    if (stem + replaced === lemma) return true;
    // running, hottest
    if (part !== 'noun' && replaced === '' && stem.at(-1) === stem.at(-2) && stem.slice(0, -1) === lemma)
      return true;
  }
  return false;
}

/** Where the lemma stands in the text, if it does exactly once. */
export function occurrence(
  text: string,
  lemma: string,
  part: Part,
): { start: number; end: number } | undefined {
  const found = [...text.matchAll(/[\p{L}]+(?:['’-][\p{L}]+)*/gu)].filter(([word]) =>
    isFormOf(word.toLowerCase(), lemma, part),
  );
  if (found.length !== 1) return undefined;
  const [match] = found;
  return { start: match.index, end: match.index + match[0].length };
}
