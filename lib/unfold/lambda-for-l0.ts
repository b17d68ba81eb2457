// The λ whose codes have as many active features as one wants.
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { checkNumber, Options } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { type PerFeature, readWeights } from '../call/samples.js';
import type { SparseCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { lambdaMax } from './fold.js';
import { largestOf, SEARCHED_SAMPLES, spreadRows } from './rows.js';
import { unfold } from './unfold.js';

/** Options of {@link lambdaForL0}. Progress counts the unfoldings that the search may take. */
export interface LambdaForL0Options extends AsyncOptions {
  /** Most samples to look at, evenly spread over the activations. Default 1000. */
  readonly samples?: number | undefined;
  /** Done once the mean is this near to the target, relatively. Default 0.01. */
  readonly accuracy?: number | undefined;
  /** As for `unfold`: β ≥ 0. Default 0. */
  readonly ridge?: number | undefined;
  /** As for `unfold`: one positive weight a feature. */
  readonly weights?: PerFeature | undefined;
  /** As for `unfold`. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** As for `unfold`: the gap of the codes that are counted. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** What {@link lambdaForL0} answers. */
export interface LambdaForL0 {
  readonly lambda: number;
  /** Active features a sample at this λ, in the samples looked at. */
  readonly l0: {
    readonly mean: number;
    readonly minimum: number;
    readonly median: number;
    readonly maximum: number;
    /** Standard deviation between samples. */
    readonly deviation: number;
    /** Of the mean, as an estimate for all activations: deviation / √samples. */
    readonly standardError: number;
  };
  /** Whether the mean came within `accuracy` of the target: it moves in steps of 1/samples, and may jump over it. */
  readonly reached: boolean;
  /** Samples looked at. */
  readonly samples: number;
}

const PENALTY_NAMES = ['ridge', 'nonnegative', 'tolerance', 'threads'] as const;
const NAMES = ['samples', 'accuracy', 'weights', ...PENALTY_NAMES, ...ASYNC_NAMES];
const DEFAULT_ACCURACY = 0.01;
/** Unfoldings in all: 30 halvings from λ_max down, 30 to close in. */
const MOST_STEPS = 60;
/** Below this share of λ_max there is nothing but rounding to be had. */
const SMALLEST_SHARE = 2 ** -30;
/** A bracket so narrow holds one step of the mean. */
const NARROWEST = 1 + 1e-7;

interface Trial {
  readonly lambda: number;
  readonly mean: number;
  readonly codes: SparseCodes | undefined;
}

const countsOf = (codes: SparseCodes): Uint32Array =>
  Uint32Array.from({ length: codes.shape[0] }, (_, i) => codes.row(i).indices.length).sort();

function spread(counts: Uint32Array): LambdaForL0['l0'] {
  const { length } = counts;
  const at = (i: number): number => counts[i] ?? Number.NaN;
  const mean = counts.reduce((sum, count) => sum + count, 0) / length;
  const squares = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, length - 1));
  return {
    mean,
    minimum: at(0),
    median: (at((length - 1) >> 1) + at(length >> 1)) / 2,
    maximum: at(length - 1),
    deviation,
    standardError: deviation / Math.sqrt(length),
  };
}

/**
 * Where to try next between two trials: where the line through (log λ, log mean) meets the target, kept away from both ends; every
 * third time the middle, so that the bracket shrinks whatever the curve.
 */
function between(few: Trial, many: Trial, target: number, step: number): number {
  const [high, low] = [Math.log(few.lambda), Math.log(many.lambda)];
  const middle = (high + low) / 2;
  if (few.mean === 0 || step % 3 === 2) return Math.exp(middle);
  const share = Math.log(target / few.mean) / Math.log(many.mean / few.mean);
  return Math.exp(high + Math.min(0.95, Math.max(0.05, share)) * (low - high));
}

/**
 * The λ, one for all samples, at which codes have `target` active features on average. The mean falls as λ grows (nearly: atoms also leave when λ
 * shrinks), so the search brackets the target from λ_max down and closes in, each unfolding (lasso) warm-started from the last. It takes some
 * ten unfoldings of the samples looked at. The last one starts afresh, so that `unfold` with this λ gives the codes that were
 * counted. Deterministic. It runs on the CPU, whatever UNSUPERPOSE_DEVICE says.
 *
 * Inputs are copied before this returns.
 *
 * @param activations samples × dims, finite, at least one sample
 * @param dictionary features × dims
 * @param target mean number of active features a sample: > 0, at most min(dims, features)
 * @throws UnsuperposeError (as a rejection) as `unfold`; `ERR_OPTION` for a target that no λ reaches; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { Dictionary, lambdaForL0 } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(4, 1, 3, 1.5, 2, 0.5), shape: [3, 2] as const };
 * const { lambda, l0, reached } = await lambdaForL0(x, dictionary, 1);
 * console.log(reached, l0.mean, lambda >= 1.5 && lambda < 2); // → true 1 true
 * ```
 */
export async function lambdaForL0(
  activations: MatrixLike,
  dictionary: Dictionary,
  target: number,
  options?: LambdaForL0Options,
): Promise<LambdaForL0> {
  const read = new Options(options, NAMES, 'lambdaForL0');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const most = read.integer('samples', { min: 1, max: 2 ** 32 - 1 }, SEARCHED_SAMPLES);
  const accuracy = read.number('accuracy', { above: 0, below: 1 }, DEFAULT_ACCURACY);
  const penalty = Object.fromEntries(PENALTY_NAMES.map((name) => [name, read.get(name)]));
  const samples = spreadRows(activations, most);
  Dictionary.handleOf(dictionary);
  const { dims, features } = dictionary;
  checkNumber('target', target, { above: 0, max: Math.min(dims, features), note: 'min(dims, features)' });
  // Ours, whatever happens to the caller's while the search goes on.
  const weights = readWeights(read.get('weights'), features);
  const { nonnegative } = penalty as LambdaForL0Options;
  const largest = largestOf(lambdaMax(samples, dictionary, { weights, nonnegative }));
  const refuse = (most: number): never => {
    throw new UnsuperposeError(
      'ERR_OPTION',
      `target: no λ gives ${target} active features on average; the smallest tried gives ${most}`,
      'target',
    );
  };
  if (largest === 0) refuse(0);
  let steps = 0;
  const codesAt = async (lambda: number, warmStart?: SparseCodes): Promise<SparseCodes> => {
    const { codes } = await unfold(samples, dictionary, {
      ...penalty,
      ...{ weights, lambda, warmStart, signal, device: 'cpu' },
    });
    steps = Math.min(MOST_STEPS, steps + 1);
    onProgress?.({ done: steps, total: MOST_STEPS });
    return codes;
  };
  const attempt = async (lambda: number, from: Trial): Promise<Trial> => {
    const codes = await codesAt(lambda, from.codes);
    return { lambda, codes, mean: codes.indices.length / samples.shape[0] };
  };

  let few: Trial = { lambda: largest, mean: 0, codes: undefined };
  let many = few;
  while (many.mean < target) {
    few = many;
    if (few.lambda < largest * SMALLEST_SHARE) refuse(few.mean);
    many = await attempt(few.lambda / 2, few);
  }
  const off = ({ mean }: Trial): number => Math.abs(mean - target);
  const nearer = (): Trial => (off(many) < off(few) ? many : few);
  for (let step = 0; steps < MOST_STEPS && few.lambda / many.lambda > NARROWEST; step++) {
    if (off(nearer()) <= accuracy * target) break;
    const next = await attempt(between(few, many, target, step), few);
    if (next.mean < target) few = next;
    else many = next;
  }
  const { lambda } = nearer();
  const l0 = spread(countsOf(await codesAt(lambda)));
  onProgress?.({ done: MOST_STEPS, total: MOST_STEPS });
  return {
    lambda,
    l0,
    reached: Math.abs(l0.mean - target) <= accuracy * target,
    samples: samples.shape[0],
  };
}
