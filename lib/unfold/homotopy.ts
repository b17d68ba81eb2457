// Options of the methods that follow the LASSO path.
import type { CommonOptions } from '../call/common.js';
import type { Options } from '../call/options.js';
import { type OneOrEach, type PerFeature, type PerSample, readPerSample } from '../call/samples.js';
import type {
  NativeConvexOptions,
  NativeDenoisingOptions,
  NativeReweightedOptions,
} from '../native/methods.js';
import type { ObservedOption } from './observed.js';

/**
 * Options of basis pursuit denoising, `'bpdn'`: the code of least ℓ1 norm that comes within `epsilon` of the sample,
 *
 *   min Σ_j w_j |a_j|   subject to   ‖x − aD‖ ≤ ε     (with `nonnegative`: over a ≥ 0)
 *
 * found on the LASSO path, where ‖x − aD‖² is quadratic in λ between two knots (Osborne, Presnell, Turlach 2000). `objective` is
 * Σ w_j|a_j|; `gap` is that of this problem, (objective − dual value) / objective, by the dual max y·x − ε‖y‖ over |d_j·y| ≤ w_j;
 * `lambda` is the λ whose LASSO has the same solution (near 0 where ε asks for an exact fit, λ_max where ε ≥ ‖x‖). The residual is ε
 * to the rounding of float32 codes, 1e-6‖x‖; an ε below 1e-7‖x‖ counts as an exact fit. A sample that no code reaches has status `infeasible`, gap Infinity, and its closest code.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 0.5), shape: [1, 2] as const };
 * const { codes, residual, lambda } = unfoldSync(x, dictionary, { method: 'bpdn', epsilon: 0.5 });
 * console.log(codes.row(0).values[0].toFixed(3), residual[0].toFixed(3), lambda?.[0].toFixed(3)); // → 2.646 0.500 0.354
 * ```
 */
export interface DenoisingOptions extends CommonOptions, ObservedOption {
  readonly method: 'bpdn';
  /** ε ≥ 0, in the units of the activations: one number or one a sample. */
  readonly epsilon: PerSample;
  /** w, one weight a feature: 0 leaves it unpenalised (not with `nonnegative`), Infinity excludes it. Default 1. */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** A sample has converged if its gap is at most this. The path is exact whatever it is. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Most knots of a path. Default: 32 · min(dims, features) + 1000. */
  readonly maxIterations?: number | undefined;
}

/**
 * Options of iteratively reweighted ℓ1 (Candès, Wakin, Boyd 2008): after the LASSO at `lambda`, more of them with weights
 *
 *   w_j = ε / (|a_j| + ε)
 *
 * from the codes before, which majorise and so never raise F(a) = ½‖x − aD‖² + λε Σ_j log(1 + |a_j|/ε). Large codes shrink less,
 * small ones more. The paper's weights are 1/(|a_j| + ε); with the factor ε a feature that is not active has weight 1, and λ means what it
 * means for lasso. `objective` and `gap` are those of the last weighted LASSO (each is solved exactly, and `status` speaks for all),
 * `iterations` the number of LASSOs solved.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 0.5), shape: [1, 2] as const };
 * const { codes } = unfoldSync(x, dictionary, { method: 'reweighted', lambda: 0.4, epsilon: 0.1 });
 * console.log([...codes.values].map((v) => v.toFixed(2)).join(' ')); // → 2.99
 * ```
 */
export interface ReweightedOptions extends CommonOptions, ObservedOption {
  readonly method: 'reweighted';
  /** λ > 0, one number or one a sample. */
  readonly lambda: PerSample;
  /** LASSOs after the first: 0 … 1000. Default 4. */
  readonly reweightings?: number | undefined;
  /** ε > 0, in the units of the codes: one number or one a sample. Default: a tenth of the sample's largest code in the first LASSO. */
  readonly epsilon?: PerSample | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /** A sample has converged if the gap of each of its LASSOs is at most this. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Most knots of a path. Default: 32 · min(dims, features) + 1000. */
  readonly maxIterations?: number | undefined;
}

export type PathMethod = 'bpdn' | 'reweighted';
/** The options that only these methods have. */
export const PATH_ONLY = ['epsilon', 'reweightings'] as const;

const MOST_REWEIGHTINGS = 1000;
const DEFAULT_REWEIGHTINGS = 4;

export function isPathMethod(method: string): method is PathMethod {
  return method === 'bpdn' || method === 'reweighted';
}

/** Refuses what belongs to other methods. */
export function excludeFromPath(options: Options, method: PathMethod): void {
  const choice = `method ${method}`;
  options.exclude(['ridge', 'warmStart'], 'the methods that solve one LASSO', choice);
  if (method === 'bpdn') {
    options.exclude(['lambda'], 'the methods with a λ', choice);
    options.exclude(['reweightings'], 'method reweighted', choice);
  } else {
    options.exclude(['weights'], 'methods that make no weights of their own', choice);
  }
}

/** `convex` are the options that all convex methods share. */
export function readPathMethod(
  options: Options,
  method: PathMethod,
  convex: NativeConvexOptions,
  samples: number,
): NativeDenoisingOptions | NativeReweightedOptions {
  const read = (name: string, range: { min?: number; above?: number }): OneOrEach =>
    readPerSample(name, options.get(name), samples, range);
  if (method === 'bpdn') return { ...convex, method, epsilon: read('epsilon', { min: 0 }) };
  return {
    ...convex,
    method,
    lambda: read('lambda', { above: 0 }),
    epsilon: options.has('epsilon') ? read('epsilon', { above: 0 }) : new Float64Array(0),
    reweightings: options.integer('reweightings', { min: 0, max: MOST_REWEIGHTINGS }, DEFAULT_REWEIGHTINGS),
  };
}
