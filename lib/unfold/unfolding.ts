// What unfolding answers.
import { type CodeValues, SparseCodes } from '../data/codes.js';
import type { NativeUnfolding } from '../native/binding.js';
import { nativeInfo } from '../native/runtime.js';
import type { Isa } from '../native/values.js';

/** How a sample ended; the values of {@link Unfolding.status}. */
export const UnfoldStatus = {
  /** The tolerance (convex methods) or the stopping rule (pursuits) was met. */
  converged: 0,
  /** The limit of iterations came first. */
  iterationLimit: 1,
  /** float32 codes cannot come closer (convex methods), or no independent atom is left (pursuits). */
  stalled: 2,
  /** The iteration grew (amp, iht): the answer is the best code met. */
  diverged: 3,
  /** No code comes as close as `epsilon` (bpdn). */
  infeasible: 4,
} as const;

/** What unfolding answers; arrays have one entry a sample. */
export interface Unfolding<V extends CodeValues = Float32Array> {
  /** samples × features. */
  readonly codes: SparseCodes<V>;
  /**
   * The certificate: (objective − dual value) / ½‖x‖², in float64. NaN for pursuits, 0 for a zero sample. bpdn: relative to its own objective,
   * see `DenoisingOptions`.
   */
  readonly gap: Float64Array;
  /** P(a) in float64; pursuits: ½‖x − aD‖²; bpdn: Σ w_j|a_j|. */
  readonly objective: Float64Array;
  /** bpdn and amp only: the λ whose LASSO has this solution. */
  readonly lambda?: Float64Array;
  /** ‖x − aD‖. */
  readonly residual: Float32Array;
  /** {@link UnfoldStatus} values. */
  readonly status: Uint8Array;
  /** Whether every sample converged. */
  readonly converged: boolean;
  /** lasso: working-set solves (a scoring pass before each and one after the last); fista and ista: steps; omp: atoms tried; homotopy and bpdn: knots; mp, gradient-pursuit, iht, htp, cosamp, amp: rounds; reweighted: problems solved. */
  readonly iterations: Uint32Array;
  readonly device: 'cpu';
  readonly isa: Isa;
}

/** One step of a path. */
export interface PathUnfolding extends Unfolding {
  /** λ of this step, one a sample. */
  readonly lambda: Float64Array;
}

export function toUnfolding(result: NativeUnfolding, samples: number, features: number): Unfolding {
  const { gap, objective, residual, status, iterations } = result;
  return {
    codes: SparseCodes.adopt(result.codes, samples, features),
    gap,
    objective,
    residual,
    status,
    converged: status.every((outcome) => outcome === UnfoldStatus.converged),
    iterations,
    device: 'cpu',
    isa: nativeInfo.isa,
  };
}
