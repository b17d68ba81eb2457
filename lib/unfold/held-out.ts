// Choosing λ by what was not looked at.
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { type Note, warning } from '../call/notes.js';
import { Options } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { type PerFeature, readWeights } from '../call/samples.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import { fold, lambdaMax } from './fold.js';
import { readLambdas, unfoldPath } from './path.js';
import { largestOf, SEARCHED_SAMPLES, spreadRows, takeColumns } from './rows.js';

/** Options of {@link lambdaByHeldOutDims}. Progress counts unfoldings, one a λ and fold. */
export interface HeldOutOptions extends AsyncOptions {
  /** λ to compare, strictly decreasing. Default: `count` of them, from the largest λ_max of all samples down to `ratio` times that. */
  readonly lambdas?: readonly number[] | Float64Array | Float32Array | undefined;
  /** Number of λ: ≥ 2. Default 25. */
  readonly count?: number | undefined;
  /** Where they end, 0 < ratio < 1. Default 0.003. */
  readonly ratio?: number | undefined;
  /** Parts that the dims are cut into, each held out once: 2 … dims. Default 10, or dims if there are fewer. */
  readonly folds?: number | undefined;
  /** Which dims go together: an integer, 0 … 2³² − 1. Default 0. */
  readonly seed?: number | undefined;
  /** Most samples to look at, evenly spread over the activations. Default 1000. */
  readonly samples?: number | undefined;
  /** As for `unfold`: β ≥ 0. Default 0. */
  readonly ridge?: number | undefined;
  /** As for `unfold`: one positive weight a feature. */
  readonly weights?: PerFeature | undefined;
  /** As for `unfold`. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** As for `unfold`. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** What {@link lambdaByHeldOutDims} answers. */
export interface HeldOutLambda {
  /** The λ of the least held-out error. */
  readonly lambda: number;
  /** The largest λ whose error is within one standard error of the least: sparser codes, no worse as far as one can tell. */
  readonly oneStandardError: number;
  /** What was compared, decreasing. */
  readonly lambdas: Float64Array;
  /** Of each λ: the mean squared error of an entry that was held out. */
  readonly error: Float64Array;
  /** Of each error, from the spread between folds. */
  readonly standardError: Float64Array;
  /** Samples looked at. */
  readonly samples: number;
  readonly notes: readonly Note[];
}

const PENALTY_NAMES = ['nonnegative', 'tolerance', 'threads'] as const;
const NAMES = [
  'lambdas',
  'count',
  'ratio',
  'folds',
  'seed',
  'samples',
  'ridge',
  'weights',
  ...PENALTY_NAMES,
  ...ASYNC_NAMES,
];
const DEFAULT_COUNT = 25;
const DEFAULT_RATIO = 0.003;
const DEFAULT_FOLDS = 10;

/** 0 … n − 1 in an order drawn from the seed: Fisher and Yates, with mulberry32. */
function shuffled(n: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = n - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    const j = Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += ((a[at] as number) - (b[at] as number)) ** 2;
  return sum;
}

/**
 * Chooses λ, one for all samples, by cross-validation over dims: some entries of every sample are held out, codes are found from the others, and
 * what the codes say of the held-out entries is compared with what they are. Each dim is held out once.
 *
 * It answers which λ predicts best, which is right for noise that is independent from dim to dim; noise that many dims share looks like signal to
 * it. This is what `cv.glmnet` does to one regression (there, dims are the observations), here with the errors of all samples
 * added up. As there, a fold's λ (and ridge) is that of the objective over the number of dims: λ times the share of dims that are left. A λ that predicts
 * best keeps more features than are true; `oneStandardError` is the usual remedy.
 *
 * It takes `folds` × `lambdas` unfoldings of the samples looked at, warm-started along λ, on the CPU (UNSUPERPOSE_DEVICE is for
 * calls that have the option `device`). Inputs are copied before this returns.
 *
 * @param activations samples × dims, finite, at least one sample
 * @param dictionary features × dims, at least two dims
 * @throws UnsuperposeError (as a rejection) as `unfold`; `signal.reason` once aborted
 * @see Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, §7.10
 *
 * @example
 * ```ts
 * import { Dictionary, lambdaByHeldOutDims } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(0.5, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, -0.5), shape: [2, 4] });
 * const x = { data: Float32Array.of(2.1, 1.9, 2, 2, 1, -1.1, 0.9, -1), shape: [2, 4] };
 * const { lambda, error } = await lambdaByHeldOutDims(x, dictionary, { lambdas: [4, 0.4, 0.04] });
 * console.log(lambda, error[2] < error[0]); // → 0.04 true
 * ```
 */
export async function lambdaByHeldOutDims(
  activations: MatrixLike,
  dictionary: Dictionary,
  options?: HeldOutOptions,
): Promise<HeldOutLambda> {
  const read = new Options(options, NAMES, 'lambdaByHeldOutDims');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const most = read.integer('samples', { min: 1, max: 2 ** 32 - 1 }, SEARCHED_SAMPLES);
  const seed = read.integer('seed', { min: 0, max: 2 ** 32 - 1 }, 0);
  const ridge = read.number('ridge', { min: 0 }, 0);
  const penalty = Object.fromEntries(PENALTY_NAMES.map((name) => [name, read.get(name)]));
  const given = read.has('lambdas') ? Float64Array.from(readLambdas(read.get('lambdas'))) : undefined;
  if (given !== undefined) read.exclude(['count', 'ratio'], 'a search without lambdas', 'one with lambdas');
  const count = read.integer('count', { min: 2, max: 2 ** 20 }, DEFAULT_COUNT);
  const ratio = read.number('ratio', { above: 0, below: 1 }, DEFAULT_RATIO);
  const samples = spreadRows(activations, most);
  Dictionary.handleOf(dictionary);
  const { dims } = dictionary;
  const [rows, cols] = samples.shape;
  checkDims({ data: samples.data, rows, cols }, dims);
  if (dims < 2)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations must have two dims at least to hold one out',
      'activations',
    );
  const folds = read.integer('folds', { min: 2, max: dims, note: 'dims' }, Math.min(DEFAULT_FOLDS, dims));
  const weights = readWeights(read.get('weights'), dictionary.features);
  const { nonnegative } = penalty as HeldOutOptions;
  const largest = largestOf(lambdaMax(samples, dictionary, { weights, nonnegative })) || 1;
  const lambdas =
    given ?? Float64Array.from({ length: count }, (_, t) => largest * ratio ** (t / (count - 1)));
  const atoms = dictionary.toMatrix();
  const order = shuffled(dims, seed);

  /** Squared errors of this fold's entries, at each λ. */
  const errorsOf = async (f: number): Promise<Float64Array> => {
    const held = order.filter((_, place) => place % folds === f);
    const left = order.filter((_, place) => place % folds !== f);
    const share = left.length / dims;
    const seen = Dictionary.from(takeColumns(atoms, left));
    const hidden = Dictionary.from(takeColumns(atoms, held));
    const truth = takeColumns(samples, held).data;
    const errors = new Float64Array(lambdas.length);
    try {
      const path = unfoldPath(takeColumns(samples, left), seen, {
        ...penalty,
        weights,
        ridge: ridge * share,
        lambdas: lambdas.map((lambda) => lambda * share),
        device: 'cpu',
        signal,
      });
      let t = 0;
      for await (const { codes } of path) {
        errors[t++] =
          squaredDistance(fold(codes, hidden, { device: 'cpu' }).data, truth) / (rows * held.length);
        onProgress?.({ done: f * lambdas.length + t, total: folds * lambdas.length });
      }
    } finally {
      seen.dispose();
      hidden.dispose();
    }
    return errors;
  };

  const found: { readonly share: number; readonly errors: Float64Array }[] = [];
  for (let f = 0; f < folds; f++)
    found.push({ share: Math.ceil((dims - f) / folds) / dims, errors: await errorsOf(f) });
  // Every entry counts alike, as for cv.glmnet: a fold by how many dims it holds out.
  const meanOf = (value: (errors: Float64Array) => number): number =>
    found.reduce((sum, { share, errors }) => sum + share * value(errors), 0);
  const error = lambdas.map((_, t) => meanOf((errors) => errors[t] as number));
  const standardError = error.map((mean, t) =>
    Math.sqrt(meanOf((errors) => ((errors[t] as number) - mean) ** 2) / (folds - 1)),
  );
  const best = error.indexOf(error.reduce((least, value) => Math.min(least, value)));
  const limit = (error[best] as number) + (standardError[best] as number);
  const notes =
    best === lambdas.length - 1
      ? [
          warning(
            'NOTE_LAMBDA_AT_END',
            `the smallest λ that was compared, ${lambdas[best]}, is the best: compare smaller ones (ratio, or lambdas)`,
          ),
        ]
      : [];
  return {
    lambda: lambdas[best] as number,
    oneStandardError: lambdas[error.findIndex((value) => value <= limit)] as number,
    lambdas,
    error,
    standardError,
    samples: rows,
    notes,
  };
}
