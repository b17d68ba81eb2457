import { fileURLToPath } from 'node:url';

/** Words the dictionary is learned from: the most frequent ones. */
export const VOCABULARY = 30_000;
export const ATOMS = 2_000;

export interface LearningSettings {
  lambda: number;
  nonnegative: boolean;
  steps: number;
  batchSize: number;
  forgetting: number;
  seed: number;
}

/** λ leaves a word about five atoms; nonnegative codes make every atom of a word something that the word is. */
export const DEMO_LEARNING: LearningSettings = {
  lambda: 0.25,
  nonnegative: true,
  steps: 240,
  batchSize: 1024,
  forgetting: 0.99,
  seed: 2,
};

export const DEFAULT_WORDS = [
  ...['spring', 'bank', 'tie', 'light', 'cell', 'bass', 'crane', 'match', 'pitch', 'plant', 'bat', 'mouse'],
  ...['star', 'note', 'seal', 'jaguar', 'apple', 'java', 'python', 'mercury'],
];

export const OUTPUT_FOLDER = fileURLToPath(new URL('../output/', import.meta.url));

/** Of the duality gap relative to ½‖x‖²; a code within it is called converged. */
export const TOLERANCE = 1e-4;
