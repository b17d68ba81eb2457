// Three ways to find features of one layer, and a dictionary that knows nothing to compare them with.
import {
  Dictionary,
  type Evaluation,
  evaluate,
  lambdaForL0,
  learnDictionary,
  type Matrix,
  type SparseAutoencoder,
  type SparseCodes,
  trainSparseAutoencoders,
  unfold,
} from 'unsuperpose';
import type { Report } from './progress.js';
import { randomNumbers } from './random.js';
import { ACTIVE, AUTOENCODER, DICTIONARY, FEATURES } from './settings.js';

export type SetName = 'dictionary' | 'batchtopk' | 'matryoshka' | 'random';

/** Features, however they were found. */
export interface FeatureSet {
  name: SetName;
  dictionary: Dictionary;
  /** λ of the codes; autoencoders have none. */
  lambda?: number;
  encode(activations: Matrix): Promise<SparseCodes>;
  autoencoder?: SparseAutoencoder;
}

/** Features, and their codes of the held-out sentences. */
export interface CodedSet extends FeatureSet {
  codes: SparseCodes;
}

export const TITLES: Record<SetName, string> = {
  dictionary: 'dictionary learning',
  batchtopk: 'BatchTopK autoencoder',
  matryoshka: 'Matryoshka autoencoder',
  random: 'random directions',
};

/** Activations are unfolded over the dictionary by nonnegative LASSO. */
export function unfolding(name: SetName, dictionary: Dictionary, lambda: number): FeatureSet {
  const options = { lambda, nonnegative: true };
  return {
    name,
    dictionary,
    lambda,
    encode: async (activations) => (await unfold(activations, dictionary, options)).codes,
  };
}

const encoding = (name: SetName, autoencoder: SparseAutoencoder): FeatureSet => ({
  name,
  dictionary: autoencoder.dictionary(),
  encode: (activations) => autoencoder.encode(activations),
  autoencoder,
});

export async function learnByCoding(activations: Matrix, seed: number, report: Report): Promise<FeatureSet> {
  const { lambda } = DICTIONARY;
  const { dictionary } = await learnDictionary(activations, {
    ...DICTIONARY,
    features: FEATURES,
    seed,
    onProgress: report,
  });
  return unfolding('dictionary', dictionary, lambda);
}

/** Both autoencoders, in one pass over the data. */
export async function trainBoth(activations: Matrix, seed: number, report: Report): Promise<FeatureSet[]> {
  const { learningRate, ...run } = AUTOENCODER;
  const names = ['batchtopk', 'matryoshka'] as const;
  const autoencoders = await trainSparseAutoencoders(activations, {
    ...run,
    seed,
    onProgress: report,
    learners: names.map((architecture) => ({
      architecture,
      features: FEATURES,
      sparsity: ACTIVE,
      learningRate,
    })),
  });
  return autoencoders.map((autoencoder, i) => encoding(names[i], autoencoder));
}

/** Random directions, coded as a learned dictionary is, with as many of them active. */
export async function randomDirections(activations: Matrix, seed: number): Promise<FeatureSet> {
  const [, dims] = activations.shape;
  const next = randomNumbers(seed);
  // Gaussian entries (Box and Muller) make directions that are spread evenly; unit rows are made of them.
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const data = Float32Array.from({ length: FEATURES * dims }, gaussian);
  const dictionary = Dictionary.from({ data, shape: [FEATURES, dims] }, { normalize: true });
  const { lambda } = await lambdaForL0(activations, dictionary, ACTIVE, { nonnegative: true });
  return unfolding('random', dictionary, lambda);
}

/** Scores on text that the features were not learned from. */
export function score(
  { autoencoder, dictionary, codes, lambda }: CodedSet,
  heldOut: Matrix,
): Promise<Evaluation> {
  if (autoencoder) return evaluate(autoencoder, heldOut);
  return evaluate({ codes, dictionary }, heldOut, {
    unfold: { lambda: lambda as number, nonnegative: true },
  });
}
