// What unfolding answers.
import { printsAs } from '../call/inspect.js';
import type { Note } from '../call/notes.js';
import { type CodeValues, SparseCodes } from '../data/codes.js';
import type { Preparation } from '../data/prepared.js';
import { type RanOn, ranOn } from '../native/resources.js';
import { nativeInfo } from '../native/runtime.js';
import type { NativeUnfolding } from '../native/unfolding.js';
import type { Isa, Resources } from '../native/values.js';
import { UnfoldStatus } from './status.js';
import { summarise, summaryText, type UnfoldingSummary } from './summary.js';

/**
 * What unfolding answers; arrays have one entry a sample. `console.log` shows a summary of it.
 *
 * @example
 * ```ts
 * import { Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const unfolding = unfoldSync({ data: Float32Array.of(3, 0, 0, 4), shape: [2, 2] }, dictionary, { lambda: 0.5 });
 * console.log(unfolding); // → Unfolding 2 samples × 2 features
 * const { l0, explainedEnergy } = unfolding.summary();
 * console.log(l0.mean, explainedEnergy.toFixed(2)); // → 1 0.98
 * ```
 */
export interface Unfolding<V extends CodeValues = Float32Array> {
  /** samples × features. */
  readonly codes: SparseCodes<V>;
  /**
   * The certificate: (objective − dual value) / ½‖x‖², in float64. What float64 rounds in these sums is not in it (`certify` adds it). NaN for pursuits and
   * for a `Lista` without λ, 0 for a zero sample. bpdn: relative to its own objective, see `DenoisingOptions`.
   */
  readonly gap: Float64Array;
  /** P(a) in float64; pursuits, l1-ball and a `Lista` without λ: ½‖x − aD‖²; bpdn: Σ w_j|a_j|. */
  readonly objective: Float64Array;
  /** bpdn, l1-ball and amp only: the λ whose LASSO has this solution. */
  readonly lambda?: Float64Array;
  /** ‖x − aD‖; with `observed`, of the observed entries, as everywhere here. */
  readonly residual: Float32Array;
  /** ‖x‖. */
  readonly norm: Float64Array;
  /** Σ‖x − x̄‖² over all samples, x̄ their mean (of each entry, over the samples where it was observed): what there is to explain. */
  readonly variance: number;
  /** {@link UnfoldStatus} values. */
  readonly status: Uint8Array;
  /** Whether every sample converged. */
  readonly converged: boolean;
  /** lasso: working-set solves (a scoring pass before each and one after the last); fista and ista: steps; omp: atoms tried; homotopy, bpdn and l1-ball: knots; mp, gradient-pursuit, iht, htp, nhtp, cosamp, amp: rounds; reweighted: problems solved; `Lista`: layers. */
  readonly iterations: Uint32Array;
  /** Where it was computed, in part at least where it is a GPU: what the GPU left unfinished the CPU has finished. */
  readonly device: RanOn;
  readonly isa: Isa;
  /** What the answer is worth reading with: nothing is printed. Empty where all is as usual. */
  readonly notes: readonly Note[];
  /** Where it came from, if the activations were prepared: `fold(unfolding, dictionary)` takes it back. */
  readonly preparation?: Preparation;
  /** The answer in a few numbers. */
  summary(): UnfoldingSummary;
}

/** One step of a path. */
export interface PathUnfolding<V extends CodeValues = Float32Array> extends Unfolding<V> {
  /** λ of this step, one a sample. */
  readonly lambda: Float64Array;
}

function allConverged(status: Uint8Array): boolean {
  for (let i = 0; i < status.length; i++) if (status[i] !== UnfoldStatus.converged) return false;
  return true;
}

/** A class, so that the methods are not fields: what is cloned or spread is data. */
class Answer implements Unfolding {
  readonly codes: SparseCodes;
  readonly gap: Float64Array;
  readonly objective: Float64Array;
  declare readonly lambda?: Float64Array;
  readonly residual: Float32Array;
  readonly norm: Float64Array;
  readonly variance: number;
  readonly status: Uint8Array;
  readonly converged: boolean;
  readonly iterations: Uint32Array;
  readonly device: RanOn;
  readonly isa = nativeInfo.isa;
  readonly notes: readonly Note[];
  declare readonly preparation?: Preparation;

  constructor(
    codes: SparseCodes,
    figures: NativeUnfolding,
    { notes, preparation, lambda, given = 1 }: Besides,
  ) {
    this.codes = codes;
    this.gap = figures.gap;
    this.objective = figures.objective;
    if (lambda !== undefined) this.lambda = lambda;
    this.residual = figures.residual;
    this.norm = figures.norm;
    this.variance = figures.variance;
    this.status = figures.status;
    this.converged = allConverged(figures.status);
    this.iterations = figures.iterations;
    this.device = figures.usedDevice ? ranOn(given) : 'cpu';
    this.notes = notes;
    if (preparation !== undefined) this.preparation = preparation;
  }

  summary(): UnfoldingSummary {
    return summarise(this);
  }
}

printsAs(Answer.prototype, 'Unfolding', summaryText);

/** What lib/ knows of an answer besides what native code says. */
export interface Besides {
  readonly notes: readonly Note[];
  readonly preparation: Preparation | undefined;
  /** Where λ is part of the answer. */
  readonly lambda?: Float64Array | undefined;
  /** What the call got to run on. Default: one thread. */
  readonly given?: Resources;
}

export function toUnfolding(
  result: NativeUnfolding,
  samples: number,
  features: number,
  besides: Besides,
): Unfolding {
  return new Answer(SparseCodes.adopt(result.codes, samples, features), result, besides);
}

/** One step of a path, with its λ. */
export function toPathUnfolding(
  result: NativeUnfolding,
  samples: number,
  features: number,
  besides: Besides & { readonly lambda: Float64Array },
): PathUnfolding {
  return toUnfolding(result, samples, features, besides) as PathUnfolding;
}
