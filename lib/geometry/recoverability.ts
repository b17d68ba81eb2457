// Whether ℓ1 can find a code at all: conditions on the dictionary and the support, known before anything is solved.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { checkInteger, checkNumber, describe, Options } from '../call/options.js';
import { type CodesLike, readCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativeRecoverability } from '../native/features.js';
import { askNative, QUESTION_NAMES, type QuestionOptions } from '../native/question.js';
import { binding, native } from '../native/runtime.js';
import { checkPairs } from './overlap.js';
import { judge, proofOf, type RecoveryProof, type RecoveryVerdict } from './verdict.js';

/** One support, with the signs of its code: ±1 each, or absent for a nonnegative code. */
export interface SignedSupport {
  readonly support: Uint32Array | readonly number[];
  readonly signs?: ArrayLike<number> | undefined;
}

/** Options of {@link recoverability}. */
export interface RecoverabilityOptions extends QuestionOptions {
  /** Codes ≥ 0, solved for as such: Fuchs's number without the absolute value. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** The λ that the code will be solved with: the margins are for it. Default: for the best λ. */
  readonly lambda?: number | undefined;
  /** Within this of 1, Fuchs's number is called on the edge. Default 0.05. */
  readonly edge?: number | undefined;
  /**
   * Atoms taken in or let go, for one code, in the search for what proves or disproves basis pursuit where Fuchs's number does not. Default
   * 2,000. 0: no search.
   */
  readonly maxIterations?: number | undefined;
}

/** What {@link recoverability} says. One entry a sample in every array. */
export interface Recoverability {
  readonly verdict: readonly RecoveryVerdict[];
  /** Proved: whether LASSO's code has exactly this support and these signs for all small λ > 0. That is whether Fuchs's number is below 1. */
  readonly lasso: readonly RecoveryProof[];
  /**
   * Proved: whether the code is the only one of its ℓ1 norm, or less, with the same activation, so that basis pursuit returns it without
   * noise. Needs some y with d_i · y = s_i on the support and |d_j · y| < 1 off it; Fuchs's number is that of the shortest such y.
   */
  readonly basisPursuit: readonly RecoveryProof[];
  /** Each verdict in a sentence. */
  readonly reason: readonly string[];
  /** Fuchs's number: below 1, LASSO finds the support and the signs for all small λ; above, for none. Basis pursuit may all the same. NaN for dependent atoms. */
  readonly fuchs: Float64Array;
  /** The feature off the support that attains it; 2³² − 1 for none. */
  readonly fuchsFeature: Uint32Array;
  /** Tropp's exact recovery coefficient: below 1, ℓ1 and OMP find the support whatever the signs. NaN for dependent atoms. */
  readonly erc: Float64Array;
  readonly ercFeature: Uint32Array;
  /** A proved lower bound of the smallest eigenvalue of D_I D_Iᵀ; 0 where the atoms are dependent, or nearly. */
  readonly eigenvalue: Float64Array;
  /** LASSO keeps all signs, without noise, for λ below this. */
  readonly lambdaLimit: Float64Array;
  /** LASSO shrinks no entry of the code by more than this times λ. */
  readonly bias: Float64Array;
  /**
   * Noise ε with ‖ε‖ below this changes neither support nor signs, at `lambda` or at the best λ: from λ(1 − F) > max‖d‖‖ε‖ and
   * min|a_I| > ‖ε‖/σ + λ · bias, σ² the eigenvalue. It holds for the worst noise; random noise may be √dims larger. 0 where F ≥ 1.
   */
  readonly noiseMargin: Float64Array;
}

const DEFAULT_EDGE = 0.05;
const DEFAULT_ITERATIONS = 2000;
const MOST_ITERATIONS = 2 ** 31;

function oneSupport({ support, signs }: { support?: unknown; signs?: unknown }, features: number) {
  if (!types.isUint32Array(support) && !Array.isArray(support))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `support must be a Uint32Array or an array of indices, got ${describe(support)}`,
      'support',
    );
  const given = typeof signs === 'object' && signs !== null ? (signs as ArrayLike<unknown>) : undefined;
  const count: unknown = given === undefined ? undefined : lengthOf(given);
  if (signs !== undefined && typeof count !== 'number')
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `signs must be an array of 1 and -1, got ${describe(signs)}`,
      'signs',
    );
  if (given !== undefined && count !== lengthOf(support))
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `signs must be one a feature of the support (${lengthOf(support)}), got ${count}`,
      'signs',
    );
  const range = { min: 0, max: features - 1, note: 'features − 1' };
  const entries = mapEntries(support, (entry, k): [number, number] => {
    const sign = given === undefined ? 1 : given[k];
    if (sign !== 1 && sign !== -1)
      throw new UnsuperposeError('ERR_OPTION', `signs[${k}] must be 1 or -1, got ${describe(sign)}`, 'signs');
    return [checkInteger(`support[${k}]`, entry, range), sign];
  }).sort(([a], [b]) => a - b);
  const twice = entries.find(([j], k) => k > 0 && entries[k - 1]?.[0] === j);
  if (twice !== undefined)
    throw new UnsuperposeError('ERR_OPTION', `support names feature ${twice[0]} twice`, 'support');
  return {
    codes: {
      indptr: Uint32Array.of(0, entries.length),
      indices: Uint32Array.from(entries, ([j]) => j),
      values: Float32Array.from(entries, ([, sign]) => sign),
    },
    samples: 1,
    features,
  };
}

/** Largest ‖ε‖ that leaves support and signs as they are; see {@link Recoverability.noiseMargin}. */
function noiseMargin(
  {
    fuchs,
    smallest,
    eigenvalue,
    bias,
  }: { fuchs: number; smallest: number; eigenvalue: number; bias: number },
  largestNorm: number,
  lambda: number | undefined,
): number {
  if (!(fuchs < 1) || !(eigenvalue > 0)) return Number.isFinite(smallest) ? 0 : Number.POSITIVE_INFINITY;
  const sigma = Math.sqrt(eigenvalue);
  if (lambda === undefined) return smallest / (1 / sigma + (largestNorm * bias) / (1 - fuchs));
  return Math.max(0, Math.min((lambda * (1 - fuchs)) / largestNorm, (smallest - lambda * bias) * sigma));
}

/**
 * Can ℓ1 find these codes over this dictionary? For each support I with signs s, before anything is solved:
 *
 * - Fuchs's number F = max_{j∉I} |d_j · D_I⁺s| (nonnegative: without | |): below 1 ⇔ LASSO's code has exactly this support and these
 *   signs for all small enough λ, and is unique; above 1 it rules out LASSO, for every λ, and decides nothing else;
 * - Tropp's ERC = max_{j∉I} ‖D_I⁺ᵀd_j‖₁: below 1 ⇒ the same for all signs, and for OMP;
 * - how much noise, and how large a λ, changes nothing.
 *
 * Atoms count as they are: normalise the dictionary for the usual statements. `geometry.donohoTanner` says where random dictionaries have
 * their limit, `geometry.phaseTransition` where this one has.
 *
 * Cost a sample: as many products of an activation with the dictionary as there are active features, in float32; what its error
 * bound leaves open is computed in float64. Where F ≥ 1, the search takes up to some dims products more, and some dims³ operations: a second a code
 * at 512 dims near and beyond the transition, a few milliseconds far below it. `maxIterations` bounds it. Samples are done together, on all threads.
 *
 * @param dictionary features × dims
 * @param codes samples × features, of which supports, signs and sizes count; or one support with signs (of size 1)
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`; `signal.reason` once aborted
 * @see Fuchs, "On sparse representations in arbitrary redundant bases", 2004; Tropp, "Greed is good", 2004; Zhang, Yin & Cheng, "Necessary
 *   and sufficient conditions of solution uniqueness in 1-norm minimization", 2015; Goldfarb & Idnani, "A numerically stable dual method
 *   for solving strictly convex quadratic programs", 1983 (the search)
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const same = await geometry.recoverability(dictionary, { support: [0, 1], signs: [1, 1] });
 * console.log(same.verdict[0], same.fuchs[0].toFixed(2)); // → not recoverable 1.40
 * const opposed = await geometry.recoverability(dictionary, { support: [0, 1], signs: [1, -1] });
 * console.log(opposed.verdict[0], opposed.fuchs[0].toFixed(2)); // → recoverable 0.20
 * ```
 */
export async function recoverability(
  dictionary: Dictionary,
  codes: CodesLike | SignedSupport,
  options?: RecoverabilityOptions,
): Promise<Recoverability> {
  const read = new Options(
    options,
    ['nonnegative', 'lambda', 'edge', 'maxIterations', ...QUESTION_NAMES],
    'geometry.recoverability',
  );
  const nonnegative = read.flag('nonnegative');
  const lambda = read.number('lambda', { above: 0 }, undefined);
  const edge = read.number('edge', { min: 0, below: 1 }, DEFAULT_EDGE);
  const most = read.integer('maxIterations', { min: 0, max: MOST_ITERATIONS }, DEFAULT_ITERATIONS);
  const handle = Dictionary.handleOf(dictionary);
  const { features } = dictionary;
  const parts =
    typeof codes === 'object' && codes !== null && 'support' in codes
      ? oneSupport(codes, features)
      : readCodes(codes, 'codes', 'ERR_DTYPE');
  if (parts.features !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `codes have ${parts.features} features, the dictionary has ${features}`,
      'codes',
    );
  const { maxNorm } = native((module) => module.dictionaryInfo(handle));
  const found = await askNative<NativeRecoverability>(read, (...rest) =>
    binding.recoverability(handle, parts.codes, parts.samples, nonnegative, most, ...rest),
  );
  const { fuchs, erc, fuchsFeature, ercFeature, eigenvalue, bias, smallest, limit } = found;
  const at = (values: ArrayLike<number>, i: number): number => values[i] ?? Number.NaN;
  const margins = fuchs.map((_, i) =>
    noiseMargin(
      { fuchs: at(fuchs, i), smallest: at(smallest, i), eigenvalue: at(eigenvalue, i), bias: at(bias, i) },
      maxNorm,
      lambda,
    ),
  );
  const lasso = Array.from(found.lasso, proofOf);
  const basisPursuit = Array.from(found.basisPursuit, proofOf);
  const judged = Array.from(fuchs, (_, i) =>
    judge(
      {
        ...{ fuchs: at(fuchs, i), feature: at(fuchsFeature, i), erc: at(erc, i), noise: at(margins, i) },
        ...{ lasso: lasso[i] as RecoveryProof, basisPursuit: basisPursuit[i] as RecoveryProof },
        active: at(found.active, i),
      },
      edge,
    ),
  );
  return {
    verdict: judged.map(([verdict]) => verdict),
    reason: judged.map(([, reason]) => reason),
    ...{ lasso, basisPursuit },
    ...{ fuchs, fuchsFeature, erc, ercFeature, eigenvalue, bias },
    lambdaLimit: limit,
    noiseMargin: margins,
  };
}

/** Whether a number of active features is within the guarantees for all supports of that size; see {@link guarantees}. */
export interface Guarantees {
  /** k < ½(1 + 1/μ): the code is the only one so sparse, and ℓ1 and OMP find it. */
  readonly coherence: boolean;
  /** μ₁(k − 1) + μ₁(k) < 1: the same, by the Babel function, which is never weaker. */
  readonly babel: boolean;
  /** δ = dims/features and ρ = k/dims. */
  readonly delta: number;
  readonly rho: number;
  /** Donoho–Tanner's threshold at δ: typical supports of random dictionaries are found below it. 1 for δ ≥ 1. */
  readonly threshold: number;
}

/**
 * What holds for all codes with `active` features over this dictionary, and where they stand beside Donoho and Tanner's threshold for
 * random dictionaries.
 *
 * @param active 1 … features − 1
 * @throws UnsuperposeError (as a rejection) as {@link recoverability}
 *
 * @example
 * ```ts
 * import { Dictionary, geometry } from 'unsuperpose';
 *
 * const basis = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * console.log((await geometry.guarantees(basis, 1)).babel); // → true
 * ```
 */
export async function guarantees(
  dictionary: Dictionary,
  active: number,
  options?: QuestionOptions & { readonly nonnegative?: boolean | undefined },
): Promise<Guarantees> {
  const read = new Options(options, ['nonnegative', ...QUESTION_NAMES], 'geometry.guarantees');
  const nonnegative = read.flag('nonnegative');
  const handle = Dictionary.handleOf(dictionary);
  const { features, dims } = dictionary;
  checkPairs(dictionary, 'guarantees');
  checkInteger('active', active, { min: 1, max: features - 1, note: 'features − 1' });
  const { value, error } = await askNative<{ value: Float64Array; error: number }>(read, (...rest) =>
    binding.babel(handle, active, ...rest),
  );
  const sum = (m: number): number => (m === 0 ? 0 : (value[m - 1] ?? 0) + m * error);
  const delta = dims / features;
  return {
    // At coherence 0 every k is below the bound.
    coherence: (2 * active - 1) * sum(1) < 1,
    babel: sum(active - 1) + sum(active) < 1,
    ...{ delta, rho: active / dims },
    threshold: delta < 1 ? donohoTanner(delta, { nonnegative }) : 1,
  };
}

/** Φ(−z), z ≥ 0: a series for small z, a continued fraction beyond (Abramowitz & Stegun 26.2.11, 26.2.14). */
function normalTail(z: number): number {
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const enough = 3;
  if (z < enough) {
    let term = z;
    let sum = z;
    for (let n = 3; term > sum * Number.EPSILON; n += 2) {
      term *= (z * z) / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  const steps = 60;
  let fraction = z;
  for (let n = steps; n > 0; n--) fraction = z + n / fraction;
  return density / fraction;
}

/**
 * Donoho and Tanner's weak threshold ρ(δ): over a random dictionary of dims = δ · features, ℓ1 finds typical codes with fewer than
 * ρ · dims active features, and not those with more, ever more sharply as dims grow.
 *
 * ρ(δ) = max_{z ≥ 0} (1 − (κ/δ) q(z)) / (1 + z² − κ q(z)),  q(z) = (1 + z²)Φ(−z) − zφ(z),  κ = 2, or 1 for nonnegative codes.
 *
 * @param delta dims/features, in (0, 1)
 * @throws UnsuperposeError `ERR_OPTION`
 * @see Donoho & Tanner, "Observed universality of phase transitions", 2009; Donoho, Maleki & Montanari, "Message-passing algorithms for
 *   compressed sensing", 2009 (the formula)
 *
 * @example
 * ```ts
 * import { geometry } from 'unsuperpose';
 *
 * console.log(geometry.donohoTanner(0.5).toFixed(4)); // → 0.3857
 * ```
 */
export function donohoTanner(
  delta: number,
  options?: { readonly nonnegative?: boolean | undefined },
): number {
  const kappa = new Options(options, ['nonnegative'], 'geometry.donohoTanner').flag('nonnegative') ? 1 : 2;
  checkNumber('delta', delta, { above: 0, below: 1 });
  const density = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const value = (z: number): number => {
    const q = (1 + z * z) * normalTail(z) - z * density(z);
    return (1 - (kappa / delta) * q) / (1 + z * z - kappa * q);
  };
  // Unimodal: ternary search.
  let [low, high] = [0, 40];
  const steps = 200;
  for (let step = 0; step < steps; step++) {
    const third = (high - low) / 3;
    if (value(low + third) < value(high - third)) low += third;
    else high -= third;
  }
  return value(low);
}
