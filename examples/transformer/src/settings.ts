import { fileURLToPath } from 'node:url';
import type { Sizes } from './text/corpus.js';

export interface Settings {
  seed: number;
}

/** Sentences of each kind; those that judge senses are as many as there are. */
export const SIZES: Sizes = { learning: 9_000, heldOut: 2_000, definitions: 1_000, code: 1_000 };

/** Features a layer: four times as many as it has dims. */
export const FEATURES = 2048;

/** Features that are active at a token, on average. */
export const ACTIVE = 24;

/** Of activations whose mean square is 1: about ACTIVE atoms are active then. */
export const DICTIONARY = { lambda: 0.075, nonnegative: true, steps: 350, batchSize: 512 } as const;

export const AUTOENCODER = { steps: 500, batchSize: 1024, learningRate: 1e-3 } as const;

/** Of the tests of sentences that are flagged though ordinary: what the reader is told to expect. */
export const FALSE_ALARMS = 0.05;

export const OUTPUT_FOLDER = fileURLToPath(new URL('../output/', import.meta.url));

/** Cards of features, of each of the two choices. */
export const CARDS = 12;
/** Cards of words: those on which features did best and worst. */
export const WORD_CARDS = { best: 6, worst: 2 };
