// Options of the methods that look for few atoms, or threshold, rather than minimise an objective.
import type { CommonOptions } from '../call/common.js';
import { UnsuperposeError } from '../call/errors.js';
import type { Options } from '../call/options.js';
import { type PerSample, readCounts, readPerSample } from '../call/samples.js';
import type { Dictionary } from '../data/dictionary.js';
import type { NativeUnfoldOptions } from '../native/methods.js';
import { GAP_TOLERANCE, MOST_ITERATIONS } from './convex.js';
import type { ObservedOption } from './observed.js';

/** Most atoms a sample: one number or one a sample. */
type Sparsity = number | readonly number[] | Uint32Array;

/** Options of orthogonal matching pursuit. At least one of `sparsity` and `residual` is required. */
export interface PursuitOptions extends CommonOptions, ObservedOption {
  readonly method: 'omp';
  /** Most atoms: 1 … min(dims, features), one number or one a sample. */
  readonly sparsity?: Sparsity | undefined;
  /** Stop once ‖x − aD‖ is at most this. */
  readonly residual?: number | undefined;
  /**
   * Most bytes for rows of the dictionary's Gram matrix, one byte an entry: those that pursuits read are made when they are first
   * wanted, and kept with the dictionary for later calls. Beyond it residuals are scored anew: slower, with the same codes.
   * 0: never. Default 512 MiB, all rows of 23,000 features, or 8,000 rows of 65,000.
   */
  readonly gramBudget?: number | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
}

/**
 * Options of matching pursuit, `'mp'` (Mallat, Zhang 1993), and of gradient pursuit (Blumensath, Davies 2008). Each round takes
 * the atom most correlated with the residual, as if all had norm 1; `'mp'` moves the code along it alone,
 * a_j += d_j·r/‖d_j‖², `'gradient-pursuit'` along the gradient of all atoms so far by the best step. A sample ends when one atom
 * more than `sparsity` would be needed, at `residual`, or when nothing correlates with what is left. At least one of `sparsity`
 * and `residual` is required.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const x = { data: Float32Array.of(1, 0.25), shape: [1, 2] as const };
 * const { codes } = unfoldSync(x, dictionary, { method: 'mp', sparsity: 1 });
 * console.log([...codes.indices], codes.values[0].toFixed(2)); // → [ 0 ] 1.00
 * ```
 */
export interface MatchingOptions extends CommonOptions {
  readonly method: 'mp' | 'gradient-pursuit';
  /** Most atoms: 1 … min(dims, features), one number or one a sample. */
  readonly sparsity?: Sparsity | undefined;
  /** Stop once ‖x − aD‖ is at most this. */
  readonly residual?: number | undefined;
  /** Rounds a sample. Default: 20 for each atom of `sparsity` (or of min(dims, features)). */
  readonly maxIterations?: number | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
}

/**
 * Options of the methods that keep the k = `sparsity` largest entries, H_k(v) being v with all others set to zero:
 * - `'iht'`: normalised iterative hard thresholding (Blumensath, Davies 2010), a ← H_k(a + μD(x − aD)) with the best μ on the support;
 * - `'htp'`: hard thresholding pursuit (Foucart 2011), from a = 0: the support S of H_k(a + μD(x − aD)) with the constant μ = `stepSize`,
 *   then the least squares code on S, until S stays. The method and its recovery results take atoms of unit norm (or near it, as
 *   columns of a Gaussian matrix with variance 1/dims have): atoms of norm c need μ = 1/c², or `Dictionary.from(…, { normalize: true })`;
 * - `'nhtp'`: the same with the μ of `'iht'` (Foucart's normalised variant), which makes up for the atoms' norms. Its supports settle
 *   more easily, and are the planted ones less often: in 200 dims, of 1,000 Gaussian atoms, it recovers half of the codes of 57
 *   Gaussian values or of 38 values ±1, `'htp'` of 63 and of 42;
 * - `'cosamp'` (Needell, Tropp 2009).
 *
 * All but `'iht'` answer the least squares code on the support they end with. Status `diverged` if the residual grew, `stalled` if
 * supports went round in circles: the answer is the best code met.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, -5), shape: [1, 2] as const };
 * for (const method of ['iht', 'htp', 'nhtp', 'cosamp'] as const)
 *   console.log([...unfoldSync(x, dictionary, { method, sparsity: 1 }).codes.indices], method); // → [ 1 ] iht
 * ```
 */
export interface ThresholdingOptions extends CommonOptions {
  readonly method: 'iht' | 'htp' | 'nhtp' | 'cosamp';
  /** k: 1 … min(dims, features), one number or one a sample. */
  readonly sparsity: Sparsity;
  /** Stop once ‖x − aD‖ is at most this. */
  readonly residual?: number | undefined;
  /** μ > 0 of `'htp'`. Default 1, as published; the other methods choose their own, or have none. */
  readonly stepSize?: number | undefined;
  /** A sample has converged once a round keeps its support, or rounds go in a circle, and aD moves by at most this times ‖x‖. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Rounds a sample. Default 500. */
  readonly maxIterations?: number | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
}

/**
 * Options of approximate message passing, `'amp'` (Donoho, Maleki, Montanari 2009), for dictionaries of unit atoms:
 *
 *   a ← soft(a + Dz, τ),   z ← x − aD + (‖a‖₀/dims) z
 *
 * with τ = α‖z‖/√dims for a `thresholdFactor` α, or τ = λ/(1 − ‖a‖₀/dims) for a given `lambda`; one of the two is required. Its fixed
 * points are LASSO solutions at λ = τ(1 − ‖a‖₀/dims), which the answer's `lambda` holds, and `objective` and `gap` are those of that
 * LASSO. It needs few rounds on dictionaries like random ones and may not settle on coherent ones: status `diverged`,
 * with the best code met.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), shape: [3, 3] });
 * const x = { data: Float32Array.of(3, 0.1, 0), shape: [1, 3] as const };
 * const { codes, converged } = unfoldSync(x, dictionary, { method: 'amp', lambda: 0.5 });
 * console.log(converged, codes.values[0].toFixed(2)); // → true 2.50
 * ```
 */
export interface MessagePassingOptions extends CommonOptions {
  readonly method: 'amp';
  /** λ > 0, one number or one a sample. */
  readonly lambda?: PerSample | undefined;
  /** α > 0: thresholds in standard deviations of the noise that z looks like. */
  readonly thresholdFactor?: number | undefined;
  /** Stop once the gap is at most this, relative to ½‖x‖². Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Rounds a sample. Default 500. */
  readonly maxIterations?: number | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
}

const ALLOWED = {
  omp: ['sparsity', 'residual', 'gramBudget'],
  mp: ['sparsity', 'residual', 'maxIterations'],
  'gradient-pursuit': ['sparsity', 'residual', 'maxIterations'],
  iht: ['sparsity', 'residual', 'tolerance', 'maxIterations'],
  htp: ['sparsity', 'residual', 'tolerance', 'maxIterations', 'stepSize'],
  nhtp: ['sparsity', 'residual', 'tolerance', 'maxIterations'],
  cosamp: ['sparsity', 'residual', 'tolerance', 'maxIterations'],
  amp: ['lambda', 'thresholdFactor', 'tolerance', 'maxIterations'],
} as const;

export type PursuitMethod = keyof typeof ALLOWED;
type PursuitSettings = Extract<NativeUnfoldOptions, { method: PursuitMethod }>;
export const PURSUIT_METHODS = Object.keys(ALLOWED) as PursuitMethod[];
/** The options that no convex method has. */
export const PURSUIT_ONLY = ['sparsity', 'residual', 'gramBudget', 'thresholdFactor', 'stepSize'] as const;

const DEFAULT_GRAM_BUDGET = 2 ** 29;
/** μ of hard thresholding pursuit as Foucart has it. */
const PUBLISHED_STEP = 1;
/** How far a thresholding method may still move aD in its last round, relative to ‖x‖. */
const MOVE_TOLERANCE = 1e-4;

export function isPursuit(method: string): method is PursuitMethod {
  return Object.hasOwn(ALLOWED, method);
}

/** Refuses options of other methods; `convex` are those of the convex ones. */
export function excludeFromPursuit(options: Options, method: PursuitMethod, convex: readonly string[]): void {
  const allowed: readonly string[] = ALLOWED[method];
  const foreign = (names: readonly string[]): string[] => names.filter((name) => !allowed.includes(name));
  options.exclude(foreign(convex), 'the convex methods', `method ${method}`);
  options.exclude(foreign(PURSUIT_ONLY), 'other pursuits', `method ${method}`);
}

/** The method's options as native code takes them. */
export function readPursuit(
  options: Options,
  method: PursuitMethod,
  samples: number,
  dictionary: Dictionary,
): PursuitSettings {
  const { dims, features } = dictionary;
  const refuse = (message: string, argument: string): never => {
    throw new UnsuperposeError('ERR_OPTION', `method ${method} needs ${message}`, argument);
  };
  const keeps = method === 'iht' || method === 'htp' || method === 'nhtp' || method === 'cosamp';
  if (method === 'amp') {
    if (options.has('lambda') === options.has('thresholdFactor'))
      refuse('lambda or thresholdFactor, and not both', 'lambda');
  } else if (!options.has('sparsity') && (keeps || !options.has('residual'))) {
    refuse(keeps ? 'sparsity' : 'sparsity or residual, or both', 'sparsity');
  }
  const range = { min: 1, max: Math.min(dims, features), note: dims <= features ? 'dims' : 'features' };
  const nonnegative = options.flag('nonnegative');
  const limited = (absent: number): { tolerance: number; maxIterations: number } => ({
    tolerance: options.number('tolerance', { above: 0 }, absent),
    maxIterations: options.integer('maxIterations', { min: 1, max: MOST_ITERATIONS }, 0),
  });
  if (method === 'amp')
    return {
      method,
      lambda: options.has('lambda')
        ? readPerSample('lambda', options.get('lambda'), samples, { above: 0 })
        : new Float64Array(0),
      thresholdFactor: options.number('thresholdFactor', { above: 0 }, 0),
      nonnegative,
      ...limited(GAP_TOLERANCE),
    };
  const greedy = {
    sparsity: options.has('sparsity')
      ? readCounts('sparsity', options.get('sparsity'), samples, range)
      : new Uint32Array(0),
    residual: options.number('residual', { min: 0 }, 0),
    nonnegative,
  };
  const budget = { min: 0, max: Number.MAX_SAFE_INTEGER };
  if (method === 'omp') {
    const { sparsity, residual } = greedy;
    const gramBudget = options.integer('gramBudget', budget, DEFAULT_GRAM_BUDGET);
    return { method, sparsity, residual, nonnegative, gramBudget };
  }
  const rounds = limited(MOVE_TOLERANCE);
  if (method === 'mp' || method === 'gradient-pursuit') return { method, ...greedy, ...rounds };
  return { method, ...greedy, ...rounds, stepSize: options.number('stepSize', { above: 0 }, PUBLISHED_STEP) };
}
