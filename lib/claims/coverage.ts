// What the features do not explain.
import { UnsuperposeError } from '../call/errors.js';
import { type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { type CodesLike, readCodes } from '../data/codes.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import type { NativeCoverage } from '../native/features.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { binding } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';
import { GAP_TOLERANCE } from '../unfold/convex.js';

/** What both ways of {@link coverage} share. */
export interface CoverageBaseOptions extends AsyncOptions {
  /** Samples that are known to be ordinary, held out from learning the dictionary: samples × dims. What they leave unexplained is the noise model. */
  readonly calibration: MatrixLike;
  /** α: ordinary samples are flagged with at most this probability. At least 1/(calibration samples + 1), below 1. Default 0.01. */
  readonly falseAlarmRate?: number | undefined;
  /** `'energy'` (default): ‖x − aD‖²; `'relative'`: ‖x − aD‖²/‖x‖², where scales differ from sample to sample. */
  readonly score?: 'energy' | 'relative' | undefined;
  /** The probability of claiming any direction where there is none. Default 0.01. */
  readonly significance?: number | undefined;
  /** Directions to look for, at most; 0: none. Default 16. */
  readonly mostDirections?: number | undefined;
  /** Codes, and directions, have a sign that matters. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** Threads to use: 1 … 1024. Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

/** Samples are unfolded by lasso. */
export interface UnfoldedCoverageOptions extends CoverageBaseOptions {
  /** λ > 0 of `unfold`, the same for all samples. */
  readonly lambda: number;
  /** β ≥ 0 of the elastic net. Default 0. */
  readonly ridge?: number | undefined;
  /** Relative duality gap. Default 1e-4. */
  readonly tolerance?: number | undefined;
}

/** The codes are given: those of a sparse autoencoder, say. */
export interface GivenCoverageOptions extends CoverageBaseOptions {
  /** samples × features */
  readonly codes: CodesLike;
  /** Of the calibration samples, made in the same way. */
  readonly calibrationCodes: CodesLike;
}

/** Options of {@link coverage}. */
export type CoverageOptions = UnfoldedCoverageOptions | GivenCoverageOptions;

/** What {@link coverage} answers. */
export interface Coverage {
  /** ‖x − aD‖², one a sample. */
  readonly energy: Float64Array;
  /** ‖x − aD‖²/‖x‖², one a sample; 0 for a zero sample. */
  readonly unexplained: Float64Array;
  /** (1 + #{calibration scores ≥ the sample's}) / (calibration samples + 1). */
  readonly pValue: Float64Array;
  /** 1 where the p-value is at most the false-alarm rate. */
  readonly flagged: Uint8Array;
  /** Scores above this are flagged. */
  readonly threshold: number;
  /** Directions that recur in what is unexplained, unit rows; none where none was proved. */
  readonly directions: Matrix<Float32Array>;
  /** Root mean square of a direction's contribution to the samples that have it. */
  readonly strength: Float64Array;
  /** In how many samples there is more of the direction than in practically all of the calibration samples. */
  readonly samples: Uint32Array;
  /** p-value of each direction. */
  readonly significance: Float64Array;
  /** The feature that is nearest to each direction, and the cosine with it: near ±1, the direction is not new. */
  readonly nearest: Uint32Array;
  readonly cosine: Float64Array;
}

const BASE = [
  ...['calibration', 'falseAlarmRate', 'score', 'significance', 'mostDirections', 'nonnegative'],
  ...['threads', ...ASYNC_NAMES],
];
const UNFOLDED = ['lambda', 'ridge', 'tolerance'];
const GIVEN = ['codes', 'calibrationCodes'];
const DEFAULT_RATE = 0.01;
const DEFAULT_SIGNIFICANCE = 0.01;
const DEFAULT_DIRECTIONS = 16;
const MOST_DIRECTIONS = 1024;

function readGiven(value: unknown, name: string, rows: number, features: number): NativeCodes {
  const { codes, samples, features: found } = readCodes(value, name, 'ERR_DTYPE');
  if (samples === rows && found === features) return codes;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${name} have the shape [${samples}, ${found}], expected [${rows}, ${features}]`,
    name,
  );
}

/**
 * Says what a dictionary's features leave unexplained, whether that is more than in ordinary samples, and which directions are missing.
 *
 * **Flags.** The score of a sample is what is left of it, ‖x − aD‖². Against the scores of n calibration samples its p-value is
 * (1 + #{scores ≥ its own})/(n + 1), and it is flagged if that is at most α. Whatever the distribution, a sample that is exchangeable
 * with the calibration samples is flagged with probability at most α (split conformal prediction; over calibration sets: for one
 * set of n the rate varies about α by some √(α(1 − α)/n)).
 *
 * **Directions.** Directions that many flagged samples share are learned as new features, beside the dictionary's (with `lambda`), or
 * found as directions that residuals lie along (with `codes`). They are learned from one half of the samples, and tested on the other
 * against calibration samples that they do not depend on, by an exact test of exchangeability; the first that fails, or is
 * a mixture of one that was claimed and features, ends the search. Where
 * the samples are like the calibration samples, no direction is claimed, except with probability `significance`. `cosine`
 * tells a new direction from a known feature that codes fall short of. With `lambda` a direction in superposition with the features comes out
 * as it is; with `codes` only as what the codes left of it.
 *
 * Costs the unfolding of all samples, and some fifteen more of the flagged ones and one of half of all for each direction.
 *
 * @param activations samples × dims, finite
 * @param dictionary features × dims
 * @throws UnsuperposeError (as a rejection) `ERR_OPTION` (also for calibration samples that are too few for the rate), `ERR_SHAPE`, `ERR_DTYPE`,
 *   `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE`; `signal.reason` once aborted
 * @see Vovk, Gammerman & Shafer, "Algorithmic learning in a random world", 2005, ch. 2; Lei et al., "Distribution-free predictive inference for
 *   regression", 2018, theorem 2.2; Mairal et al., "Online dictionary learning for sparse coding", 2009
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * // Eight directions, of which the dictionary knows seven; samples are one of them each, with noise.
 * const identity = Float32Array.from({ length: 7 * 8 }, (_, at) => (at % 9 === 0 ? 1 : 0));
 * const dictionary = Dictionary.from({ data: identity, shape: [7, 8] });
 * const make = (rows: number, known: number, shift: number) => ({
 *   data: Float32Array.from({ length: 8 * rows }, (_, at) => {
 *     const [i, k] = [Math.floor(at / 8), at % 8];
 *     return (i % known === k ? 1 : 0) + 0.1 * Math.sin((at + shift) ** 2);
 *   }),
 *   shape: [rows, 8] as const,
 * });
 * const calibration = make(210, 7, 0.5);
 * const found = await claims.coverage(make(160, 8, 0.25), dictionary, { calibration, lambda: 0.1, falseAlarmRate: 0.05 });
 * console.log(found.directions.shape[0], Math.abs(found.directions.data[7]).toFixed(1)); // → 1 1.0
 * ```
 */
export async function coverage(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: CoverageOptions,
): Promise<Coverage> {
  const read = new Options(options, [...BASE, ...UNFOLDED, ...GIVEN], 'claims.coverage');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const threads = readThreads(read);
  const given = read.has('codes') || read.has('calibrationCodes');
  if (given) read.exclude(UNFOLDED, 'coverage that unfolds', 'coverage with codes');
  const lambda = given ? 0 : read.requiredNumber('lambda', { above: 0 });
  const settings = {
    lambda,
    ridge: read.number('ridge', { min: 0 }, 0),
    nonnegative: read.flag('nonnegative'),
    tolerance: read.number('tolerance', { above: 0 }, GAP_TOLERANCE),
    falseAlarmRate: read.number('falseAlarmRate', { above: 0, below: 1 }, DEFAULT_RATE),
    relative: read.choice('score', ['energy', 'relative'], 'energy') === 'relative',
    significance: read.number('significance', { above: 0, below: 1 }, DEFAULT_SIGNIFICANCE),
    mostDirections: read.integer('mostDirections', { min: 0, max: MOST_DIRECTIONS }, DEFAULT_DIRECTIONS),
  };
  const samples = readMatrix(activations, 'activations');
  const calibration = readMatrix(read.get('calibration'), 'calibration');
  const handle = Dictionary.handleOf(dictionary);
  const { features, dims } = dictionary;
  checkDims(samples, dims);
  if (calibration.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `calibration has ${calibration.cols} dims, the dictionary has ${dims}`,
      'calibration',
    );
  const least = Math.ceil(1 / settings.falseAlarmRate) - 1;
  if (settings.falseAlarmRate * (calibration.rows + 1) < 1)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `falseAlarmRate ${settings.falseAlarmRate} needs at least ${least} calibration samples, got ${calibration.rows}`,
      'falseAlarmRate',
    );
  const codes = given ? readGiven(read.get('codes'), 'codes', samples.rows, features) : undefined;
  const calibrationCodes = given
    ? readGiven(read.get('calibrationCodes'), 'calibrationCodes', calibration.rows, features)
    : undefined;
  throwIfAborted(signal);
  const native = { ...settings, codes, calibrationCodes };
  const found = await runCounted<NativeCoverage>(signal, onProgress, (...rest) =>
    binding.coverage(handle, samples, calibration, native, threads, ...rest),
  );
  const { directions, ...rest } = found;
  return { ...rest, directions: { data: directions, shape: [found.strength.length, dims] } };
}
