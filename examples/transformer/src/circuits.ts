// Which features of layer 0 feed which ones of layer 1 through its feed-forward network: read off the weights, then tried on the model.
import { claims, type Dictionary, type Matrix, ops, type SparseCodes } from 'unsuperpose';
import type { Recorded } from './activations.js';
import { type Encoder, packed } from './model/encoder.js';
import { type FeedForward, NEURONS, NODES, WIDTH } from './model/graph.js';
import { averageJacobian, type Usage } from './model/jacobian.js';
import type { Report } from './progress.js';
import { shuffled } from './random.js';

/** Neurons and norm of layer 1 in use, over some sentences. */
export async function measureUsage(
  encoder: Encoder,
  { sentences }: Recorded,
  report: Report,
): Promise<Usage> {
  const open = new Float64Array(NEURONS);
  let inverse = 0;
  let tokens = 0;
  for (let begin = 0; begin < sentences.length; begin += BATCH) {
    const batch = sentences.slice(begin, begin + BATCH).filter(({ tokens }) => tokens.length > 0);
    const ids = batch.map(({ tokens }) => tokens.map(({ id }) => id));
    const lengths = ids.map(({ length }) => length);
    const [neurons, middle] = await encoder.run(ids, [NODES.neurons(1), NODES.middle(1)]);
    for (let at = 0; at < neurons.data.length; at++) if (neurons.data[at] > 0) open[at % NEURONS]++;
    const rows = packed(middle, lengths);
    for (let at = 0; at < rows.length; at += WIDTH) inverse += 1 / deviation(rows.subarray(at, at + WIDTH));
    tokens += rows.length / WIDTH;
    report({ done: begin + batch.length, total: sentences.length });
  }
  return { open: open.map((count) => count / tokens), inverseDeviation: inverse / tokens };
}

const BATCH = 64;
/** What the model's own norm adds to the variance. */
const VARIANCE_FLOOR = 1e-6;

function deviation(row: Float32Array): number {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  return Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length + VARIANCE_FLOOR);
}

export interface Pair {
  from: number;
  to: number;
  /** What `from`, as strong as it is on average, adds to `to`, by the weights. */
  predicted: number;
  /** What the network adds less of it when the feature is taken out of the model, the mean over tokens. */
  measured: number;
  /** Of the strongest pairs, or drawn at random. */
  strongest: boolean;
}

export interface Circuits {
  pairs: Pair[];
  /** Proved: no pair of all of them is stronger. */
  bound: number;
  all: number;
  /** How many pairs have which |strength|. */
  histogram: claims.PairHistogram;
  correlation: number;
}

/** Pairs that are shown and tried; as many at random. */
const PAIRS = 40;
/** Pairs that they are taken from. */
const CANDIDATES = 20_000;
/** Tokens at which a feature is taken out: those where it is strongest. */
const TOKENS = 6;

/** Features that this many tokens have, at least: less tells nothing. */
const LEAST_TOKENS = 20;

export interface Side {
  dictionary: Dictionary;
  /** Its atoms, features × WIDTH. */
  atoms: Float32Array;
  /** Codes of the held-out sentences. */
  codes: SparseCodes;
  /** Activations are multiplied by it before they are coded. */
  scale: number;
}

const atom = ({ atoms }: Side, i: number) => atoms.subarray(i * WIDTH, (i + 1) * WIDTH);

export async function findCircuits(
  encoder: Encoder,
  network: FeedForward,
  usage: Usage,
  from: Side,
  to: Side,
  recorded: Recorded,
  residual: Matrix,
  seed: number,
  report: Report,
): Promise<Circuits> {
  const uses = from.codes.byFeature();
  const targets = to.codes.byFeature();
  const [samples] = from.codes.shape;
  const frequent = (density: number) => density * samples >= LEAST_TOKENS;
  // In the units of the activations themselves: a code counts in prepared ones.
  const fromScale = uses.mean.map((mean, i) => (frequent(uses.density[i]) ? mean / from.scale : 0));
  const toScale = Float64Array.from(targets.density, (density) => (frequent(density) ? 1 : 0));
  using weights = claims.virtualWeights(from.dictionary, averageJacobian(network, usage), to.dictionary, {
    fromScale,
    toScale,
  });
  const { bound } = await weights.maximum();
  const histogram = await weights.histogram({ bins: 60 });
  const strongest = await weights.strongest(CANDIDATES);
  const pairs: Omit<Pair, 'measured'>[] = [];
  const seen = { from: new Map<number, number>(), to: new Map<number, number>() };
  // A few features of either layer have most of the strong pairs: two of each are enough to see.
  for (const [at, i] of strongest.from.entries()) {
    const j = strongest.to[at];
    const [before, after] = [seen.from.get(i) ?? 0, seen.to.get(j) ?? 0];
    if (pairs.length === PAIRS || before >= 2 || after >= 2) continue;
    seen.from.set(i, before + 1);
    seen.to.set(j, after + 1);
    pairs.push({ from: i, to: j, predicted: strongest.value[at], strongest: true });
  }
  pairs.push(...randomPairs(fromScale, toScale, averageJacobian(network, usage), from, to, seed));
  const measured = await removeFeatures(encoder, pairs, from, to, uses, recorded, residual, report);
  const all =
    [...fromScale].filter((scale) => scale > 0).length * [...toScale].filter((scale) => scale > 0).length;
  const tried = pairs.map((pair, p) => ({ ...pair, measured: measured[p] }));
  return { pairs: tried, bound, all, histogram, correlation: correlation(tried) };
}

function randomPairs(
  fromScale: Float64Array,
  toScale: Float64Array,
  jacobian: [Matrix, Matrix],
  from: Side,
  to: Side,
  seed: number,
): Omit<Pair, 'measured'>[] {
  const alive = (scale: Float64Array, salt: number) =>
    shuffled(
      [...scale.keys()].filter((i) => scale[i] > 0),
      seed + salt,
    ).slice(0, PAIRS);
  const froms = alive(fromScale, 11);
  const tos = alive(toScale, 12);
  return froms.map((i, p) => {
    const e = { data: atom(from, i), shape: [1, WIDTH] as const };
    const d = { data: atom(to, tos[p]), shape: [1, WIDTH] as const };
    const hidden = ops.correlate(e, jacobian[1]);
    const written = ops.correlate(hidden, jacobian[0]);
    return {
      from: i,
      to: tos[p],
      predicted: fromScale[i] * ops.correlate(written, d).data[0],
      strongest: false,
    };
  });
}

/**
 * Takes each pair's feature out of the residual stream after layer 0, at the tokens where it is strongest, runs layer 1, and answers how much
 * less its network adds to the other feature there. In proportion to the feature's mean strength, as predictions are.
 */
async function removeFeatures(
  encoder: Encoder,
  pairs: readonly Omit<Pair, 'measured'>[],
  from: Side,
  to: Side,
  uses: ReturnType<SparseCodes['byFeature']>,
  recorded: Recorded,
  residual: Matrix,
  report: Report,
): Promise<Float64Array> {
  const measured = new Float64Array(pairs.length);
  const sentenceOf = new Int32Array(recorded.tokens);
  for (const [i, { first, tokens }] of recorded.sentences.entries())
    sentenceOf.fill(i, first, first + tokens.length);
  const features = [...new Set(pairs.map(({ from }) => from))];
  for (const [done, feature] of features.entries()) {
    const { samples, values, mean } = uses.feature(feature, { top: TOKENS });
    const direction = atom(from, feature);
    const batch = Array.from(samples, (token) => recorded.sentences[sentenceOf[token]]);
    const ids = batch.map(({ tokens }) => tokens.map(({ id }) => id));
    const lengths = ids.map(({ length }) => length);
    const longest = Math.max(...lengths);
    const places = batch.map(({ first }, b) => samples[b] - first);
    const stream = new Float32Array(batch.length * longest * WIDTH);
    for (const [b, { first }] of batch.entries())
      stream.set(
        residual.data.subarray(first * WIDTH, (first + lengths[b]) * WIDTH) as Float32Array,
        b * longest * WIDTH,
      );
    const added = async () => {
      const fed = { [NODES.residual(0)]: { data: stream, shape: [batch.length, longest, WIDTH] } };
      const [after, middle] = await encoder.run(ids, [NODES.residual(1), NODES.middle(1)], fed);
      return places.map((place, b) => {
        const begin = (b * longest + place) * WIDTH;
        return after.data.subarray(begin, begin + WIDTH).map((value, k) => value - middle.data[begin + k]);
      });
    };
    const before = await added();
    for (const [b, place] of places.entries())
      for (let k = 0; k < WIDTH; k++)
        stream[(b * longest + place) * WIDTH + k] -= (values[b] / from.scale) * direction[k];
    const after = await added();
    for (const [p, pair] of pairs.entries()) {
      if (pair.from !== feature) continue;
      const target = atom(to, pair.to);
      for (let b = 0; b < places.length; b++) {
        let change = 0;
        for (let k = 0; k < WIDTH; k++) change += target[k] * (before[b][k] - after[b][k]);
        measured[p] += ((change / values[b]) * mean) / places.length;
      }
    }
    report({ done: done + 1, total: features.length });
  }
  return measured;
}

function correlation(pairs: readonly Pair[]): number {
  const mean = (of: (pair: Pair) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  const x = mean(({ predicted }) => predicted);
  const y = mean(({ measured }) => measured);
  const covariance = mean(({ predicted, measured }) => (predicted - x) * (measured - y));
  const spread = (of: (pair: Pair) => number, center: number) =>
    Math.sqrt(mean((pair) => (of(pair) - center) ** 2));
  return covariance / (spread(({ predicted }) => predicted, x) * spread(({ measured }) => measured, y));
}
