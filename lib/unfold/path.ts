// Unfolding along a path of λ, each solution the start of the next.
import { COMMON_NAMES, readMethod } from '../call/common.js';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, readMatrix } from '../call/matrix.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { checkNumber, Options, refuseOption } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { isNumbers } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import { checkPreparation, preparationOf } from '../data/prepared.js';
import { runJob, throwIfAborted } from '../native/job.js';
import { resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type { NativeUnfolding } from '../native/unfolding.js';
import { CONVEX_NAMES, type ConvexBaseOptions, readFloat64, readPenalty } from './convex.js';
import { deviceOf } from './device.js';
import {
  KNOT_NAMES,
  type KnotOptions,
  lambdaMaxOf,
  type PathWalk,
  readKnots,
  shareOf,
  walkKnots,
} from './knots.js';
import { notesOf } from './notes.js';
import { type PathUnfolding, toPathUnfolding } from './unfolding.js';

interface GivenLambdas {
  /** λ of each step, strictly decreasing, the same for all samples; the last may be 0 (lasso and homotopy): least squares. */
  readonly lambdas: readonly number[] | Float64Array | Float32Array;
  readonly count?: undefined;
  readonly ratio?: undefined;
}

interface CountedLambdas {
  readonly lambdas?: undefined;
  /** Number of steps, ≥ 2: each sample gets its own geometric grid from its λ_max down to `ratio` · λ_max. */
  readonly count: number;
  /** Where the grid ends, 0 < ratio < 1. Default 0.01. */
  readonly ratio?: number | undefined;
}

/** Options of {@link unfoldPath}. Progress counts samples over all steps. */
export type UnfoldPathOptions =
  | ((GivenLambdas | CountedLambdas) &
      ConvexBaseOptions &
      AsyncOptions & { readonly knots?: false | undefined })
  | KnotOptions;

type OfFloat64<T> = T extends unknown
  ? Omit<T, 'precision' | 'method'> & {
      readonly precision: 'float64';
      readonly method?: 'lasso' | 'homotopy' | undefined;
    }
  : never;
/** Options of {@link unfoldPath} in float64; see `Float64Options`. */
export type Float64PathOptions = OfFloat64<UnfoldPathOptions>;

const CONVEX = ['lasso', 'fista', 'ista', 'homotopy'] as const;
const GRID_NAMES = ['lambdas', 'count', 'ratio'] as const;
const NAMES = [...GRID_NAMES, ...KNOT_NAMES, ...COMMON_NAMES, 'nonnegative', ...CONVEX_NAMES, ...ASYNC_NAMES];
const DEFAULT_RATIO = 0.01;
const MOST_STEPS = 2 ** 20;

type Grid = { readonly lambdas: readonly number[] } | { readonly count: number; readonly ratio: number };

/** A given grid of λ; it may end at 0 with the methods that end there. */
export function readLambdas(value: unknown, method = 'fista'): readonly number[] {
  const ends = method === 'lasso' || method === 'homotopy';
  const expected = `a strictly decreasing list of finite numbers ${ends ? '≥' : '>'} 0`;
  if (!isNumbers(value)) refuseOption('lambdas', expected, value);
  if (lengthOf(value) === 0)
    throw new UnsuperposeError('ERR_OPTION', `lambdas must be ${expected}, got an empty one`, 'lambdas');
  let previous = Number.POSITIVE_INFINITY;
  return mapEntries(value, (entry, i) => {
    const lambda = checkNumber(`lambdas[${i}]`, entry, ends ? { min: 0 } : { above: 0 });
    if (lambda >= previous)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `lambdas must decrease: lambdas[${i}] is ${lambda}, after ${previous}`,
        'lambdas',
      );
    previous = lambda;
    return lambda;
  });
}

/** Is it a path by knots? */
function readFlag(options: Options, method: string): boolean {
  if (options.flag('knots')) {
    if (method === 'homotopy') return true;
    throw new UnsuperposeError('ERR_OPTION', `knots needs method homotopy, got ${method}`, 'knots');
  }
  options.exclude(['lambda', 'maxKnots'], 'paths by knots', 'a path over a grid of λ');
  return false;
}

function readGrid(options: Options, method: string): Grid {
  if (options.has('lambdas')) {
    options.exclude(['count', 'ratio'], 'paths without lambdas', 'a path with lambdas');
    return { lambdas: readLambdas(options.get('lambdas'), method) };
  }
  if (!options.has('count'))
    throw new UnsuperposeError('ERR_OPTION', 'unfoldPath needs lambdas or count, or knots', 'lambdas');
  return {
    count: options.requiredInteger('count', { min: 2, max: MOST_STEPS }),
    ratio: options.number('ratio', { above: 0, below: 1 }, DEFAULT_RATIO),
  };
}

async function lambdasOf(walk: PathWalk, grid: Grid): Promise<(step: number) => Float64Array> {
  if ('lambdas' in grid) return (step) => new Float64Array(walk.rows).fill(grid.lambdas[step] ?? 0);
  const largest = await lambdaMaxOf(walk);
  return (step) => shareOf(largest, grid.ratio ** (step / (grid.count - 1)));
}

async function* walkGrid(walk: PathWalk, grid: Grid): AsyncGenerator<PathUnfolding, void, void> {
  const { dictionary, path, rows, given, signal, onProgress } = walk;
  const steps = 'lambdas' in grid ? grid.lambdas.length : grid.count;
  try {
    throwIfAborted(signal);
    const lambdaAt = await lambdasOf(walk, grid);
    for (let step = 0; step < steps; step++) {
      throwIfAborted(signal);
      Dictionary.handleOf(dictionary);
      const lambda = lambdaAt(step);
      const result = await runJob<NativeUnfolding>(signal, (onSettled, guard) => {
        const report =
          onProgress &&
          guard((done: number) => onProgress({ done: step * rows + done, total: steps * rows }));
        return binding.pathStep(path, lambda, given, report, onSettled);
      });
      yield toPathUnfolding(result, rows, dictionary.features, { ...walk.besides, lambda });
    }
  } finally {
    native((module) => module.disposePath(path));
  }
}

/**
 * Unfolds the same activations for a decreasing sequence of λ, each solution starting from the last one (a regularisation
 * path: Friedman, Hastie, Tibshirani 2010, §2.5). The objective is that of {@link unfold}. Arguments are checked and inputs copied when
 * this is called; each step is computed when it is asked for. On a GPU (`device`; method `'lasso'`) steps start from zero, which costs less there than
 * starting elsewhere spares.
 *
 * With method `'homotopy'` and `knots: true` the steps are the knots of the LASSO path instead (Osborne, Presnell, Turlach 2000; Efron et al. 2004):
 * each step takes every sample to its own next λ at which an atom joins or leaves its support, starting with λ_max and zero codes, until
 * it reaches `lambda` (default `ratio` · λ_max); after that it repeats its last step. Between two knots codes are linear in λ, so
 * the steps together are all solutions.
 *
 * @param activations samples × dims, finite
 * @param dictionary features × dims
 * @returns an async iterable with one unfolding a step, from the largest λ to the smallest
 * @throws UnsuperposeError as {@link unfold}; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldPath } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 2), shape: [1, 2] as const };
 * const active = [];
 * for await (const { codes } of unfoldPath(x, dictionary, { lambdas: [4, 2.5, 1] })) active.push(codes.indices.length);
 * console.log(active.join(' ')); // → 0 1 2
 *
 * const knots = [];
 * for await (const { lambda } of unfoldPath(x, dictionary, { method: 'homotopy', knots: true, lambda: 1 })) knots.push(lambda[0]);
 * console.log(knots.join(' ')); // → 3 2 1
 * ```
 */
export function unfoldPath(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: Float64PathOptions,
): AsyncGenerator<PathUnfolding<Float64Array>, void, void>;
export function unfoldPath(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldPathOptions,
): AsyncGenerator<PathUnfolding, void, void>;
export function unfoldPath(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: UnfoldPathOptions | Float64PathOptions,
): AsyncGenerator<PathUnfolding | PathUnfolding<Float64Array>, void, void> {
  const read = new Options(options, NAMES, 'unfoldPath');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const method = readMethod(read, CONVEX, 'lasso');
  const wanted = deviceOf(read, method, ['lasso']);
  const float64 = readFloat64(read, method);
  const knots = readFlag(read, method);
  const threads = readThreads(read);
  const preparation = preparationOf(activations);
  const matrix = readMatrix(activations, 'activations', { exact: float64 });
  const handle = Dictionary.handleOf(dictionary);
  checkDims(matrix, dictionary.dims);
  checkPreparation(preparation, dictionary.dims);
  const { features } = dictionary;
  const { rows } = matrix;
  const convex = readPenalty(read, method, features);
  const settings = knots ? readKnots(read, rows, DEFAULT_RATIO) : undefined;
  const grid = settings === undefined ? readGrid(read, method) : undefined;
  const path = native((module) =>
    module.createPath(handle, matrix, {
      ...convex,
      float64,
      lambda: new Float64Array(0),
      warmStart: undefined,
    }),
  );
  const given = resources(threads, wanted, rows * matrix.cols * features);
  const besides = { notes: notesOf(dictionary, method, read), preparation, given };
  const walk: PathWalk = { dictionary, path, rows, given, signal, onProgress, besides };
  return settings !== undefined ? walkKnots(walk, settings) : walkGrid(walk, grid as Grid);
}
