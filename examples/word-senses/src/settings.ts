import { fileURLToPath } from 'node:url';
import type { ListaDescending } from 'unsuperpose';

/** Words the dictionary is learned from: the most frequent ones. */
export const VOCABULARY = 30_000;
export const ATOMS = 2_000;
/** The next ones, which nothing is learned from: codes are compared on these. */
export const HELD_OUT = 2_000;

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

/** How codes are amortised, to be compared with exact ones. */
export interface AmortisedSettings {
  /** TopK; its decoder starts at the dictionary. */
  autoencoder: { sparsity: number; steps: number; learningRate: number };
  /** Unrolled networks, learned by the objective alone. The exact solver starts from the first one's codes. */
  networks: readonly (ListaDescending & {
    name: string;
    layers: number;
    steps: number;
    learningRate: number;
  })[];
  batchSize: number;
  seed: number;
  /** How often each is timed. */
  repeats: number;
}

/** As many atoms as the exact codes of these words have; short trainings, so that the demo stays one. */
export const DEMO_AMORTISED: AmortisedSettings = {
  autoencoder: { sparsity: 7, steps: 800, learningRate: 6e-3 },
  networks: [
    { name: 'LISTA-CP, 4 layers', variant: 'lista-cp', layers: 4, steps: 240, learningRate: 1e-3 },
    { name: 'LISTA-CP, 8 layers', variant: 'lista-cp', layers: 8, steps: 160, learningRate: 1e-3 },
    {
      ...{ name: 'ALISTA, 4 layers', variant: 'alista', selection: false },
      ...{ layers: 4, steps: 80, learningRate: 5e-3 },
    },
  ],
  batchSize: 128,
  seed: 2,
  repeats: 3,
};

export const DEFAULT_WORDS = [
  ...['spring', 'bank', 'tie', 'light', 'cell', 'bass', 'crane', 'match', 'pitch', 'plant', 'bat', 'mouse'],
  ...['star', 'note', 'seal', 'jaguar', 'apple', 'java', 'python', 'mercury'],
];

export const OUTPUT_FOLDER = fileURLToPath(new URL('../output/', import.meta.url));

/** Of the duality gap relative to ½‖x‖²; a code within it is called converged. */
export const TOLERANCE = 1e-4;
