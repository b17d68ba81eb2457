// From training to proof: a model in superposition, its features found blind, its activations unfolded, and the larger model
// without superposition that computes the same.
import {
  certify,
  Dictionary,
  fold,
  geometry,
  learnDictionary,
  type Matrix,
  ops,
  type SparseCodes,
  toy,
  unfold,
} from 'unsuperpose';
import type { Report } from './progress.js';
import {
  ACTIVE,
  DRIVEN,
  FOUND,
  LAMBDA,
  LEARNING,
  REBUILD,
  RESTARTS,
  SAMPLES,
  type Settings,
  TRAINING,
} from './settings.js';

export type Model = toy.ToyModel;

/** Settings that give nothing to tell; the message is all the reader needs. */
export class StoryError extends Error {}

/** How a model was trained, for the comparison of the three. */
export type StrategyName = 'afterwards' | 'hybrid' | 'orthogonal';

/** Weight of the overlaps in the loss: enough that those that are not allowed vanish. */
const PENALTY = 0.1;

const STRATEGIES = (allowed: number): [StrategyName, toy.ToyStrategy][] => [
  ['afterwards', { strategy: 'afterwards' }],
  ['hybrid', { strategy: 'hybrid', penalty: PENALTY, allowedInterference: allowed }],
  ['orthogonal', { strategy: 'orthogonal', penalty: PENALTY }],
];

export async function train(settings: Settings, onProgress: Report): Promise<Map<StrategyName, Model>> {
  const { features, dims, density, allowed, seed } = settings;
  const models = new Map<StrategyName, Model>();
  const strategies = STRATEGIES(allowed);
  for (const [at, [name, strategy]] of strategies.entries()) {
    const [model] = await toy.trainToyModel({
      ...TRAINING,
      ...strategy,
      ...{ features, dims, density, seed },
      onProgress: ({ done, total }) =>
        onProgress({ done: at * total + done, total: strategies.length * total }),
    });
    models.set(name, model);
  }
  return models;
}

/** Features of a model as learned from its activations alone, beside the true ones. */
export interface Found {
  /** The true features that the model represents (norm ≥ ½), and the atom that each was matched with. */
  pairs: { feature: number; atom: number; cosine: number }[];
  /** How many pairs have a cosine of at least FOUND. */
  recovered: number;
  meanCosine: number;
  atoms: Matrix<Float32Array>;
}

function rowsOf(
  { data, shape: [, cols] }: Matrix<Float32Array>,
  rows: readonly number[],
): Matrix<Float32Array> {
  const out = new Float32Array(rows.length * cols);
  for (const [at, row] of rows.entries()) out.set(data.subarray(row * cols, (row + 1) * cols), at * cols);
  return { data: out, shape: [rows.length, cols] };
}

/** The larger half of what a feature needs to come through counts as represented. */
const REPRESENTED = 0.5;

export function represented(model: Model): number[] {
  const { norm } = toy.measureSuperposition(model.weights);
  return [...norm.keys()].filter((i) => norm[i] >= REPRESENTED);
}

/** The largest |cosine| of two features that the model represents. */
export async function coherence(model: Model): Promise<number> {
  using kept = Dictionary.from(rowsOf(model.weights, represented(model)));
  return (await geometry.coherence(kept)).value;
}

async function learn(
  hidden: Matrix<Float32Array>,
  features: number,
  seed: number,
  onProgress: Report,
): Promise<Matrix<Float32Array>> {
  let best = { objective: Number.POSITIVE_INFINITY, atoms: hidden };
  for (let start = 0; start < RESTARTS; start++) {
    const { dictionary, objective } = await learnDictionary(hidden, {
      ...LEARNING,
      features,
      seed: seed + start,
      onProgress: ({ done, total = done }) =>
        onProgress({ done: start * total + done, total: RESTARTS * total }),
    });
    using learned = dictionary;
    if (objective < best.objective) best = { objective, atoms: learned.toMatrix() };
  }
  return best.atoms;
}

/** Learns as many atoms as the model represents features from hidden activations: no truth goes in. */
export async function find(model: Model, settings: Settings, onProgress: Report): Promise<Found> {
  const { features, density, seed } = settings;
  const kept = represented(model);
  if (kept.length === 0)
    throw new StoryError(`the model represents no feature at density ${density}: try another`);
  const x = toy.sampleFeatures({
    ...{ samples: SAMPLES.learning, features, density, format: 'sparse' },
    seed: seed + 1,
  });
  const { hidden } = toy.applyToyModel(model, x);
  const atoms = await learn(hidden, kept.length, seed, onProgress);
  const match = await geometry.matchFeatures(atoms, rowsOf(model.weights, kept), { signed: true });
  const pairs = kept.map((feature, at) => ({ feature, atom: match.found[at], cosine: match.cosine[at] }));
  return {
    pairs,
    atoms,
    recovered: pairs.filter(({ cosine }) => cosine >= FOUND).length,
    meanCosine: match.mcc,
  };
}

/** Fresh activations unfolded over the learned atoms, beside the features that were active. */
export interface Unfolded {
  /** A sample of the true values and what was unfolded; 0 where it was missed. */
  points: { truth: number; value: number }[];
  /** Of the entries unfolded, those whose feature was active; of the active features, those unfolded. */
  precision: number;
  recall: number;
  /** Shares of the codes: proved to be the only optimum; within the tolerance. */
  exact: number;
  converged: number;
  l0: number;
}

const SHOWN_POINTS = 1500;

export async function unfoldFresh(model: Model, found: Found, settings: Settings): Promise<Unfolded> {
  const { features, density, seed } = settings;
  const x = toy.sampleFeatures({
    ...{ samples: SAMPLES.judging, features, density, format: 'sparse' },
    seed: seed + 2,
  });
  const { hidden } = toy.applyToyModel(model, x);
  using dictionary = Dictionary.from(found.atoms);
  const options = { lambda: LAMBDA, nonnegative: true };
  const { codes, status } = await unfold(hidden, dictionary, options);
  const { verdict } = await certify(hidden, codes, dictionary, options);
  const share = (hits: number, of: number) => hits / Math.max(1, of);
  return {
    ...compare(model, found, x, codes),
    exact: share(verdict.filter((each) => each === 'exact').length, verdict.length),
    converged: share(status.filter((each) => each === 0).length, status.length),
    l0: codes.values.length / SAMPLES.judging,
  };
}

/** Codes against the features that were active, each as long as it is in the hidden layer: x_i·‖W_i‖. */
function compare(model: Model, found: Found, x: SparseCodes, codes: SparseCodes) {
  const { norm } = toy.measureSuperposition(model.weights);
  const featureOf = new Map(found.pairs.map(({ atom, feature }) => [atom, feature]));
  const points: Unfolded['points'] = [];
  const tally = { active: 0, recalled: 0, unfolded: 0, right: 0 };
  for (let sample = 0; sample < SAMPLES.judging; sample++) {
    const active = x.row(sample);
    const code = codes.row(sample);
    const truth = new Map<number, number>();
    for (const [at, i] of active.indices.entries())
      if (norm[i] >= REPRESENTED) truth.set(i, active.values[at] * norm[i]);
    const values = new Map<number, number>();
    for (const [at, atom] of code.indices.entries())
      values.set(featureOf.get(atom) as number, code.values[at]);
    for (const feature of new Set([...truth.keys(), ...values.keys()])) {
      const point = { truth: truth.get(feature) ?? 0, value: values.get(feature) ?? 0 };
      if (points.length < SHOWN_POINTS) points.push(point);
      if (point.truth >= ACTIVE) {
        tally.active++;
        if (point.value > 0) tally.recalled++;
      }
      if (point.value >= ACTIVE) {
        tally.unfolded++;
        if (point.truth > 0) tally.right++;
      }
    }
  }
  return {
    points,
    recall: tally.recalled / Math.max(1, tally.active),
    precision: tally.right / Math.max(1, tally.unfolded),
  };
}

/** The model without superposition: x → a = x·C, one neuron an atom → relu(a·(D·Wᵀ) + b). */
export interface Larger {
  neurons: number;
  /** Of its first layer C: each feature's row over the neurons. */
  superposition: toy.Superposition;
  /** Mean number of neurons that a feature drives by at least DRIVEN, and the share of its row's energy on the largest. */
  neuronsAFeature: number;
  alignment: number;
  /** Of the outputs on fresh samples: the largest difference, the root of the mean squared one, and that of the outputs themselves. */
  largest: number;
  rms: number;
  outputRms: number;
  points: { original: number; larger: number }[];
  /** Absolute differences of outputs that are not 0 in both. */
  differences: number[];
}

export async function enlarge(model: Model, found: Found, settings: Settings): Promise<Larger> {
  const { features, density, seed } = settings;
  const { weights, bias } = model;
  using dictionary = Dictionary.from(found.atoms);
  const { norm } = toy.measureSuperposition(weights);
  // Each feature's row of W over the atoms, with the fewest ℓ1 that rebuilds it to REBUILD of its length.
  const { codes } = await unfold(weights, dictionary, {
    method: 'bpdn',
    nonnegative: true,
    epsilon: norm.map((length) => Math.max(length * REBUILD, Number.EPSILON)),
    tolerance: 1e-6,
  });
  const first = codes.toDense();
  const second = ops.correlate(weights, found.atoms); // (D·Wᵀ)ᵀ, features × neurons
  const x = toy.sampleFeatures({
    samples: SAMPLES.judging,
    features,
    density,
    format: 'sparse',
    seed: seed + 3,
  });
  const { output } = toy.applyToyModel(model, x);
  using layer = Dictionary.from(first);
  const sums = ops.correlate(fold(x, layer), second).data;
  let largest = 0;
  let squares = 0;
  let outputs = 0;
  const points: Larger['points'] = [];
  const differences: number[] = [];
  for (const [at, sum] of sums.entries()) {
    const larger = Math.max(0, sum + bias[at % features]);
    const original = output.data[at];
    const error = Math.abs(larger - original);
    largest = Math.max(largest, error);
    squares += error * error;
    outputs += original * original;
    if (original === 0 && larger === 0) continue;
    differences.push(error);
    if (points.length < SHOWN_POINTS) points.push({ original, larger });
  }
  const superposition = toy.measureSuperposition(first);
  const kept = represented(model);
  const driven = kept.reduce(
    (sum, i) => sum + codes.row(i).values.filter((value) => value >= DRIVEN * norm[i]).length,
    0,
  );
  return {
    neurons: found.atoms.shape[0],
    superposition,
    neuronsAFeature: driven / kept.length,
    alignment: kept.reduce((sum, i) => sum + superposition.alignment[i], 0) / kept.length,
    largest,
    rms: Math.sqrt(squares / sums.length),
    outputRms: Math.sqrt(outputs / sums.length),
    points,
    differences,
  };
}
