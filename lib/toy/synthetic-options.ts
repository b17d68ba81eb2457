// The options of synthetic activations, read.
import { UnsuperposeError } from '../call/errors.js';
import { checkInteger, checkNumber, Options, refuseOption } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { isNumbers, type PerFeature, readPerFeature } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import type { NativeSyntheticOptions } from '../native/synthetic.js';

/**
 * Probabilities that fall with a feature's rank r = i + 1: minimum + (maximum − minimum)·(q − q_n)/(q_1 − q_n) with q = r^−zipf, q_n that of the
 * last feature.
 */
export interface ProbabilitiesByRank {
  readonly zipf: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Trees of features: the first `roots` features are their roots, the others follow level by level, in the order of their parents. */
export interface FeatureHierarchy {
  readonly roots: number;
  /** Children of each feature above the last level. */
  readonly branching: number;
  /** Levels below the roots. Trees end early where features run out; what is left over stands alone. */
  readonly depth: number;
  /** Is at most one of siblings active? Default true. */
  readonly exclusive?: boolean | undefined;
}

/** Magnitudes N(m, s), what is not positive cut off: m goes evenly from `first` to `last` over the features, s = |N(deviation, spread)| for each. */
export interface MagnitudesByRank {
  readonly first: number;
  readonly last: number;
  /** Default 0. */
  readonly deviation?: number | undefined;
  /** Default 0. */
  readonly spread?: number | undefined;
}

/** Options of {@link syntheticFeatures}. */
export interface SyntheticOptions extends AsyncOptions {
  readonly features: number;
  readonly dims: number;
  /** How often a feature is active: one number, one a feature, or by rank. Default `{ zipf: 0.5, minimum: 5e-4, maximum: 0.4 }`. */
  readonly probability?: number | PerFeature | ProbabilitiesByRank | undefined;
  /** Default: none. */
  readonly hierarchy?: FeatureHierarchy | undefined;
  /** Of the Gaussian copula: entries of its factors are `scale`·N(0, 1), all made smaller where a feature's would exceed its variance. Default: none. */
  readonly correlation?: { readonly rank: number; readonly scale?: number | undefined } | undefined;
  /** Default `{ first: 1, last: 1 }`. */
  readonly magnitude?: MagnitudesByRank | undefined;
  /** Steps of Adam that make the dictionary nearly orthogonal, 0 for random directions, and their size. Default `{ steps: 100, learningRate: 3e-4 }`. */
  readonly orthogonal?: { readonly steps: number; readonly learningRate?: number | undefined } | undefined;
  /** Norm of b, whose direction is random. Default 0. */
  readonly bias?: number | undefined;
  /** Integer, 0 … 2⁵³ − 1. Default 0. */
  readonly seed?: number | undefined;
  /** Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

const NAMES = [
  'features',
  'dims',
  'probability',
  'hierarchy',
  'correlation',
  'magnitude',
  'orthogonal',
  'bias',
  'seed',
  'threads',
  ...ASYNC_NAMES,
];
const MOST_FEATURES = 2 ** 20;
const MOST_DIMS = 2 ** 16;
const MOST_STEPS = 100_000;
const MOST_RANK = 4096;
/** Of magnitudes, deviations and the bias: sums of them stay within float32. */
const LARGEST = 1e12;
const SHARE = { min: 0, max: 1 };
const SIZE = { min: 0, max: LARGEST };
const DEFAULT_PROBABILITY: ProbabilitiesByRank = { zipf: 0.5, minimum: 5e-4, maximum: 0.4 };
const DEFAULT_STEPS = 100;
const DEFAULT_RATE = 3e-4;
const DEFAULT_SCALE = 0.1;

function readProbability(value: unknown, features: number): Float64Array {
  const name = 'probability';
  if (isNumbers(value)) return readPerFeature(name, value, features, SHARE);
  if (typeof value !== 'object' || value === null)
    return new Float64Array(features).fill(
      checkNumber(name, value, SHARE, ', one a feature, or { zipf, minimum, maximum }'),
    );
  const read = new Options(value, ['zipf', 'minimum', 'maximum'], name);
  const zipf = checkNumber(`${name}.zipf`, read.get('zipf'), { above: 0, max: 100 });
  const minimum = checkNumber(`${name}.minimum`, read.get('minimum'), SHARE);
  const maximum = checkNumber(`${name}.maximum`, read.get('maximum'), { min: minimum, max: 1 });
  const last = features ** -zipf;
  return Float64Array.from({ length: features }, (_, i) =>
    last === 1 ? maximum : minimum + ((maximum - minimum) * ((i + 1) ** -zipf - last)) / (1 - last),
  );
}

interface Trees {
  readonly roots: number;
  readonly branching: number;
  readonly depth: number;
  readonly exclusive: boolean;
}

function readTrees(value: unknown, features: number): Trees {
  if (value === undefined) return { roots: 0, branching: 0, depth: 0, exclusive: false };
  const name = 'hierarchy';
  if (typeof value !== 'object') refuseOption(name, '{ roots, branching, depth }', value);
  const read = new Options(value, ['roots', 'branching', 'depth', 'exclusive'], name);
  return {
    roots: checkInteger(`${name}.roots`, read.get('roots'), { min: 1, max: features, note: 'features' }),
    branching: checkInteger(`${name}.branching`, read.get('branching'), { min: 1, max: MOST_FEATURES }),
    depth: checkInteger(`${name}.depth`, read.get('depth'), { min: 0, max: MOST_FEATURES }),
    exclusive: read.has('exclusive') ? read.flag('exclusive') : true,
  };
}

/** The parent of each feature, as native/learning/synthetic.cpp numbers them. */
function parentsOf({ roots, branching, depth }: Trees, features: number): (number | null)[] {
  const parents = new Array<number | null>(features).fill(null);
  let [first, level] = [0, roots];
  let next = roots;
  for (let at = 0; at < depth && level > 0; at++) {
    const begin = next;
    for (let parent = first; parent < first + level; parent++)
      for (let child = 0; child < branching && next < features; child++) parents[next++] = parent;
    [first, level] = [begin, next - begin];
  }
  return parents;
}

/** How often a child fires below an active parent, so that it comes near its own probability; all others as they are. */
function conditional(
  probability: Float64Array,
  parents: readonly (number | null)[],
  exclusive: boolean,
): Float64Array {
  const siblings = new Map<number, number>(); // of a parent: its children's probabilities in all
  parents.forEach((parent, i) => {
    if (parent !== null) siblings.set(parent, (siblings.get(parent) ?? 0) + (probability[i] as number));
  });
  return probability.map((p, i) => {
    const parent = parents[i] ?? null;
    if (parent === null) return p;
    const above = probability[parent] as number;
    if (above === 0) return 0;
    const others = exclusive ? Math.max(0, (siblings.get(parent) as number) - p) : 0;
    return Math.min(1, (p / above) * (1 + others / above));
  });
}

function readMagnitude(
  value: unknown,
  features: number,
): Pick<NativeSyntheticOptions, 'mean' | 'deviation' | 'spread'> {
  const name = 'magnitude';
  if (value !== undefined && typeof value !== 'object') refuseOption(name, '{ first, last }', value);
  const read = new Options(value ?? { first: 1, last: 1 }, ['first', 'last', 'deviation', 'spread'], name);
  const first = checkNumber(`${name}.first`, read.get('first'), SIZE);
  const last = checkNumber(`${name}.last`, read.get('last'), SIZE);
  return {
    mean: Float64Array.from({ length: features }, (_, i) =>
      features === 1 ? first : first + ((last - first) * i) / (features - 1),
    ),
    deviation: checkNumber(`${name}.deviation`, read.get('deviation') ?? 0, SIZE),
    spread: checkNumber(`${name}.spread`, read.get('spread') ?? 0, SIZE),
  };
}

export interface SyntheticSettings {
  readonly settings: NativeSyntheticOptions;
  readonly probability: Float64Array;
  readonly parents: readonly (number | null)[];
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

export function readSynthetic(options: unknown): SyntheticSettings {
  const read = new Options(options, NAMES, 'syntheticFeatures');
  const features = read.requiredInteger('features', { min: 1, max: MOST_FEATURES });
  const dims = read.requiredInteger('dims', { min: 1, max: MOST_DIMS });
  const probability = readProbability(read.get('probability') ?? DEFAULT_PROBABILITY, features);
  const trees = readTrees(read.get('hierarchy'), features);
  const parents = parentsOf(trees, features);
  const correlation = new Options(read.get('correlation') ?? { rank: 0 }, ['rank', 'scale'], 'correlation');
  const orthogonal = new Options(
    read.get('orthogonal') ?? { steps: DEFAULT_STEPS },
    ['steps', 'learningRate'],
    'orthogonal',
  );
  const rank = checkInteger('correlation.rank', correlation.get('rank'), { min: 0, max: MOST_RANK });
  if (rank * features > 2 ** 30)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `correlation.rank ${rank} needs ${rank} × ${features} factors: more than 2³⁰`,
      'correlation',
    );
  const settings: NativeSyntheticOptions = {
    features,
    dims,
    probability: conditional(probability, parents, trees.exclusive),
    ...readMagnitude(read.get('magnitude'), features),
    ...trees,
    rank,
    correlation: checkNumber('correlation.scale', correlation.get('scale') ?? DEFAULT_SCALE, {
      min: 0,
      max: LARGEST,
    }),
    bias: read.number('bias', SIZE, 0),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
    steps: checkInteger('orthogonal.steps', orthogonal.get('steps'), { min: 0, max: MOST_STEPS }),
    rate: checkNumber('orthogonal.learningRate', orthogonal.get('learningRate') ?? DEFAULT_RATE, {
      above: 0,
      max: 1,
    }),
  };
  return {
    settings,
    probability,
    parents,
    threads: readThreads(read),
    signal: read.signal(),
    onProgress: read.callback<Progress>('onProgress'),
  };
}
