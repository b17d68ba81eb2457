import { fileURLToPath } from 'node:url';

/** The model that the story is about. Another seed is another model and other data. */
export interface Settings {
  features: number;
  dims: number;
  /** Share of samples in which a feature is active. */
  density: number;
  /** Overlap |W_i·W_j| that the hybrid strategy lets pass. */
  allowed: number;
  seed: number;
}

export const DEFAULTS: Settings = { features: 48, dims: 20, density: 0.03, allowed: 0.3, seed: 1 };

export const TRAINING = { steps: 4000, learningRate: 3e-3, schedule: 'cosine' } as const;

/** Activations that the dictionary is learned from, and fresh ones that everything is judged by. */
export const SAMPLES = { learning: 40_000, judging: 4_000 };

/** Small enough to rebuild activations to about a hundredth; their features are about 1 long and 0.5 active. */
export const LEARNING = {
  lambda: 0.02,
  nonnegative: true,
  steps: 1500,
  batchSize: 512,
  forgetting: 0.99,
} as const;
/** Learning may end in a dictionary that merges two features: of several, the one with the smallest objective counts. */
export const RESTARTS = 4;
export const LAMBDA = 0.005;

/** A code's entry counts as an active feature from here on. */
export const ACTIVE = 0.05;

/** A learned atom counts as the feature it is matched with from this cosine on. */
export const FOUND = 0.95;

/** The larger model's weights rebuild the original's to this share of their length. */
export const REBUILD = 1e-4;

/** A neuron counts as driven by a feature from this share of the feature's row on. */
export const DRIVEN = 0.01;

export const OUTPUT_FOLDER = fileURLToPath(new URL('../output/', import.meta.url));
