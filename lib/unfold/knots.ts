// The LASSO path of every sample, knot by knot.
import { UnsuperposeError } from '../call/errors.js';
import type { Options } from '../call/options.js';
import type { AsyncOptions, Progress } from '../call/progress.js';
import { type OneOrEach, type PerSample, readPerSample } from '../call/samples.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativeKnots } from '../native/binding.js';
import { runCounted, runJob, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { PathHandle, Resources } from '../native/values.js';
import type { ConvexBaseOptions } from './convex.js';
import { type Besides, type PathUnfolding, toPathUnfolding } from './unfolding.js';

/** Options of `unfoldPath` by knots. Progress counts samples of the step that is being computed. */
export interface KnotOptions extends Omit<ConvexBaseOptions, 'method' | 'maxIterations'>, AsyncOptions {
  readonly method: 'homotopy';
  /** Every step is the next knot of each sample, with a λ of its own; see {@link unfoldPath}. */
  readonly knots: true;
  /** Where a sample's path ends, one number ≥ 0 or one a sample; 0: at least squares. Default: `ratio` · λ_max. */
  readonly lambda?: PerSample | undefined;
  /** The end relative to each sample's λ_max, 0 < ratio < 1. Default 0.01. */
  readonly ratio?: number | undefined;
  /** Most steps: ≥ 1. Default: until every sample has reached its end. */
  readonly maxKnots?: number | undefined;
  readonly lambdas?: undefined;
  readonly count?: undefined;
}

export const KNOT_NAMES = ['knots', 'lambda', 'maxKnots'] as const;

/** Where paths end: each sample's λ, or a share of its λ_max. */
export type KnotEnds = { readonly lambda: OneOrEach } | { readonly ratio: number };

export interface KnotSettings {
  readonly ends: KnotEnds;
  readonly most: number;
}

export function readKnots(options: Options, samples: number, ratio: number): KnotSettings {
  options.exclude(['lambdas', 'count'], 'paths over a grid of λ', 'a path by knots');
  options.exclude(['maxIterations'], 'paths over a grid of λ', 'a path by knots (see maxKnots)');
  if (options.has('lambda') && options.has('ratio'))
    throw new UnsuperposeError('ERR_OPTION', 'ratio is for paths without lambda: give one of them', 'ratio');
  return {
    ends: options.has('lambda')
      ? { lambda: readPerSample('lambda', options.get('lambda'), samples, { min: 0 }) }
      : { ratio: options.number('ratio', { above: 0, below: 1 }, ratio) },
    most: options.integer('maxKnots', { min: 1, max: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER),
  };
}

/** A path that is ready to be walked. */
export interface PathWalk {
  readonly dictionary: Dictionary;
  /** Keeps the activations, and what each step starts from. */
  readonly path: PathHandle;
  readonly rows: number;
  readonly given: Resources;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly besides: Besides;
}

/** λ_max of each sample. */
export function lambdaMaxOf({ path, given, signal }: PathWalk): Promise<Float64Array> {
  return runJob<Float64Array>(signal, (onSettled) =>
    binding.pathLambdaMax(path, given, undefined, onSettled),
  );
}

/** This share of each λ_max. A sample that no atom correlates with has λ_max 0, and zero codes for any λ. */
export function shareOf(largest: Float64Array, share: number): Float64Array {
  return largest.map((lambda) => (lambda > 0 ? lambda * share : 1));
}

async function endsOf(walk: PathWalk, ends: KnotEnds): Promise<OneOrEach> {
  return 'lambda' in ends ? ends.lambda : shareOf(await lambdaMaxOf(walk), ends.ratio);
}

export async function* walkKnots(
  walk: PathWalk,
  settings: KnotSettings,
): AsyncGenerator<PathUnfolding, void, void> {
  const { dictionary, path, rows, given, signal, onProgress } = walk;
  try {
    throwIfAborted(signal);
    const ends = await endsOf(walk, settings.ends);
    for (let step = 0; step < settings.most; step++) {
      throwIfAborted(signal);
      Dictionary.handleOf(dictionary);
      const result = await runCounted<NativeKnots>(signal, onProgress, (...rest) =>
        binding.pathKnot(path, ends, given, ...rest),
      );
      yield toPathUnfolding(result, rows, dictionary.features, { ...walk.besides, lambda: result.lambda });
      if (result.ended) return;
    }
  } finally {
    native((module) => module.disposePath(path));
  }
}
