// The phase transition of ℓ1 on one dictionary, by trying: how often codes of k active features are found again.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { checkInteger, describe, Options } from '../call/options.js';
import type { Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { SparseCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { throwIfAborted } from '../native/job.js';
import { QUESTION_NAMES, type QuestionOptions } from '../native/question.js';
import { native } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';
import { fold, lambdaMax } from '../unfold/fold.js';
import { unfold } from '../unfold/unfold.js';
import { logistic, type PhasePoint, wilson, Z } from './phase-curve.js';
import { phasePlot } from './phase-plot.js';
import { donohoTanner } from './recoverability.js';

/** Options of {@link phaseTransition}. */
export interface PhaseTransitionOptions extends QuestionOptions {
  /** Codes ≥ 0, solved for as such. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Codes tried for each number of active features, 1 to 10,000. Default 24. */
  readonly trials?: number | undefined;
  /** Numbers of active features to try, each 1 … dims. Default: chosen to bracket the transition. */
  readonly sparsities?: Uint32Array | readonly number[] | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
}

/** What {@link phaseTransition} answers. */
export interface PhaseTransition {
  /** By number of active features, ascending. */
  readonly points: readonly PhasePoint[];
  /** Active features at which half of the codes are found: of the logistic curve through the points. */
  readonly transition: number;
  /** 95 % interval of it. */
  readonly interval: readonly [low: number, high: number];
  /** The same as a fraction of dims: ρ. */
  readonly rho: number;
  /** What Donoho and Tanner's threshold says for a random dictionary of this shape, in active features; NaN where features ≤ dims. */
  readonly predicted: number;
  /** The points, the fitted curve and the prediction as an SVG picture. */
  readonly svg: string;
}

/** LASSO at this share of λ_max stands for basis pursuit: its bias is far below what a code is off that was not found. */
const SMALL_LAMBDA = 1e-4;
const TOLERANCE = 1e-8;
/** A code counts as found if ‖â − a‖ is at most this times ‖a‖. */
const FOUND = 0.05;
const DEFAULT_TRIALS = 24;
const MOST_TRIALS = 10_000;
const MOST_SEED = 2 ** 32 - 1;
/** More than there are active features, and so that all seeds are whole numbers below 2⁵³. */
const SEED_STRIDE = 2 ** 21;
/** The bracket is narrowed to this share of the transition. */
const NARROW = 0.04;
const STEP = 0.12;
const MOST_POINTS = 24;

function readSparsities(value: unknown, most: number): number[] | undefined {
  if (value === undefined) return undefined;
  if (!types.isUint32Array(value) && !Array.isArray(value))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `sparsities must be an array of integers, got ${describe(value)}`,
      'sparsities',
    );
  if (lengthOf(value) === 0)
    throw new UnsuperposeError('ERR_OPTION', 'sparsities must hold at least one number', 'sparsities');
  const range = { min: 1, max: most, note: 'dims or features, the smaller' };
  const all = mapEntries(value, (entry, i) => checkInteger(`sparsities[${i}]`, entry, range));
  return [...new Set(all)].sort((x, y) => x - y);
}

/**
 * The phase transition of ℓ1 on *this* dictionary, by trying. For each number k of active features, random supports with sizes uniform on
 * [0.5, 1.5] and random signs are folded into activations, without noise, and solved for (LASSO at 1e-4 λ_max, by `homotopy`); a code
 * counts as found if it comes back to within 5 %. Around the transition found, the rate of success falls from all to none, more sharply
 * the more dims there are.
 *
 * The same seed gives the same answer for any number of threads.
 *
 * Cost: some ten numbers of active features, `trials` solves each: milliseconds a solve at 200 dims, and growing as dims³.
 *
 * @param dictionary features × dims; atoms as they are
 * @throws UnsuperposeError (as a rejection) `ERR_DTYPE`, `ERR_OPTION`, `ERR_DISPOSED`; `signal.reason` once aborted
 * @see Donoho & Tanner, "Observed universality of phase transitions", 2009
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const basis = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const { points } = await geometry.phaseTransition(basis, { sparsities: [1], trials: 4 });
 * console.log(points[0].found); // → 4
 * ```
 */
export async function phaseTransition(
  dictionary: Dictionary,
  options?: PhaseTransitionOptions,
): Promise<PhaseTransition> {
  const names = ['nonnegative', 'trials', 'sparsities', 'seed', ...QUESTION_NAMES];
  const read = new Options(options, names, 'geometry.phaseTransition');
  const nonnegative = read.flag('nonnegative');
  const trials = read.integer('trials', { min: 1, max: MOST_TRIALS }, DEFAULT_TRIALS);
  const seed = read.integer('seed', { min: 0, max: MOST_SEED }, 0);
  const threads = readThreads(read);
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  // The caller may dispose of the dictionary before the last step.
  using own = Dictionary.share(dictionary);
  const { features, dims } = own;
  const most = Math.min(dims, features);
  const given = readSparsities(read.get('sparsities'), most);
  throwIfAborted(signal);

  const points = new Map<number, PhasePoint>();
  const attempt = async (active: number): Promise<number> => {
    const known = points.get(active);
    if (known) return known.found / known.trials;
    // A seed of its own for each k, so that points do not depend on the order in which they are tried.
    const parts: NativeCodes = native((module) =>
      module.plantedCodes(trials, features, active, nonnegative, seed * SEED_STRIDE + active),
    );
    const truth = SparseCodes.adopt(parts, trials, features);
    const activations = fold(truth, own, { device: 'cpu' });
    const largest = lambdaMax(activations, own, { nonnegative });
    const { codes } = await unfold(activations, own, {
      ...{ method: 'homotopy', nonnegative, threads, signal, tolerance: TOLERANCE },
      lambda: largest.map((value) => Math.max(SMALL_LAMBDA * value, Number.MIN_VALUE)),
    });
    const distances = native((module) => module.relativeDistances(codes, truth, trials, features));
    const found = distances.filter((distance) => distance <= FOUND).length;
    points.set(active, { active, trials, found, interval: wilson(found, trials) });
    onProgress?.({ done: points.size, total: given?.length ?? Math.max(points.size + 1, MOST_POINTS / 2) });
    throwIfAborted(signal);
    return found / trials;
  };

  const predicted = dims < features ? donohoTanner(dims / features, { nonnegative }) * dims : Number.NaN;
  if (given) for (const active of given) await attempt(active);
  else await bracket(attempt, Number.isNaN(predicted) ? most / 2 : predicted, most);
  const sorted = [...points.values()].sort((x, y) => x.active - y.active);
  const { middle, error, slope } = logistic(sorted);
  return {
    points: sorted,
    transition: middle,
    interval: [middle - Z * error, middle + Z * error],
    rho: middle / dims,
    predicted,
    svg: phasePlot(sorted, { middle, slope, predicted, features, dims }),
  };
}

/** Tries numbers of active features until the transition is known to a few of them, and some on both sides. */
async function bracket(attempt: (k: number) => Promise<number>, guess: number, most: number): Promise<void> {
  const clamp = (k: number): number => Math.max(1, Math.min(most, Math.round(k)));
  let low = clamp(guess);
  let high = low;
  for (let tries = 0; tries < MOST_POINTS && low > 1 && (await attempt(low)) <= 0.9; tries++)
    low = Math.min(low - 1, clamp(low * (1 - STEP)));
  for (let tries = 0; tries < MOST_POINTS && high < most && (await attempt(high)) >= 0.1; tries++)
    high = Math.max(high + 1, clamp(high * (1 + STEP)));
  await attempt(low);
  await attempt(high);
  while (high - low > Math.max(1, NARROW * high)) {
    const middle = Math.floor((low + high) / 2);
    if ((await attempt(middle)) >= 0.5) low = middle;
    else high = middle;
  }
}
