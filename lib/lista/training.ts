// What training of unrolled networks tells, while it runs and afterwards.
import { type Note, warning } from '../call/notes.js';
import type { HeldOutFigures } from '../data/held-out-scores.js';
import type { NativeListaFigures } from '../native/lista.js';
import type { ListaSchedule, ListaVariant } from './variants.js';

/**
 * Figures of training. With true codes a*, a figure is the normalised error of codes a, 10·log₁₀(Σ‖a − a*‖² / Σ‖a*‖²) in dB: 0 for no codes at all, the
 * lower the better. With `lambda` it is the mean of ½‖x − aD‖² + λ‖a‖₁ relative to that of ½‖x‖²: 1 for no codes at all, the lower the
 * better. Codes count times the norms of their atoms. Where there is nothing to compare with, as all samples are zero or all true codes, a figure is NaN.
 */
export interface ListaFigures {
  /** The figure after the last trained layer, of the batches since the last report (of the stream's last item). */
  readonly loss: number;
  /** Mean norm of their gradients before clipping; 0 for `hyperlista`, which has none. */
  readonly gradientNorm: number;
  /** Of the same batches, the figure after each trained layer. */
  readonly layers: Float64Array;
  /** Of the last validation, the figure after each trained layer; undefined before the first, and where there is nothing to validate on. */
  readonly validated?: Float64Array | undefined;
  /** The best validation of the running stage, after the last trained layer. */
  readonly best?: number | undefined;
}

/** How far training has come, in steps. `total` is the most there will be, unknown for streams without `steps`. */
export interface ListaProgress extends ListaFigures {
  readonly done: number;
  readonly total?: number;
  /** Of layer-wise training: which stage runs, counted from 0, and how many there are. */
  readonly stage: number;
  readonly stages: number;
  /**
   * `hyperlista`: how many points of its grid it has looked at, while it searches that in its first step; undefined before and after. `done` is 0 meanwhile, and `loss` and
   * `layers` are those of the best point so far, on the first samples.
   */
  readonly searched?: number | undefined;
}

/** Figures of samples that nothing was learned from. */
export interface ListaHeldOut extends HeldOutFigures {
  /** The figure after the last layer; see {@link ListaFigures}. Undefined where training was too short for a validation. */
  readonly loss?: number | undefined;
}

/** How a network was trained. Its figures are those of the last report. */
export interface ListaTraining extends ListaFigures {
  readonly variant: ListaVariant;
  readonly schedule: ListaSchedule;
  /** λ of the objective; undefined where true codes were learned from. */
  readonly lambda?: number | undefined;
  /** α of the analytic weights that it began with; undefined where it was 0. */
  readonly ridge?: number | undefined;
  readonly steps: number;
  /** Samples seen, over all steps. */
  readonly samples: number;
  readonly seed: number;
  /**
   * Of the samples that it was validated on, unless a prior has drawn them. They chose which parameters were kept and when to stop, so these figures
   * are a little better than those of samples that nobody has looked at.
   */
  readonly heldOut?: ListaHeldOut | undefined;
  /** What is worth knowing besides: `NOTE_NOTHING_LEARNED`, `NOTE_NOTHING_HELD_OUT`, `NOTE_HELD_OUT_OVERFLOWED`. */
  readonly notes: readonly Note[];
}

/** Figures as checkpoints keep them: JSON has neither typed arrays nor Infinity. */
export interface KeptFigures {
  readonly steps: number;
  readonly samples: number;
  readonly stage: number;
  readonly stages: number;
  readonly finished: boolean;
  readonly loss: string;
  readonly gradientNorm: string;
  readonly best: string;
  readonly layers: readonly string[];
  readonly validated: readonly string[];
}

export function keep(native: NativeListaFigures): KeptFigures {
  const { steps, samples, stage, stages, finished, loss, gradientNorm, best, layers, validated } = native;
  return {
    ...{ steps, samples, stage, stages, finished },
    ...{ loss: String(loss), gradientNorm: String(gradientNorm), best: String(best) },
    layers: Array.from(layers, String),
    validated: Array.from(validated, String),
  };
}

export function figuresOf({ loss, gradientNorm, best, layers, validated }: KeptFigures): ListaFigures {
  return {
    loss: Number(loss),
    gradientNorm: Number(gradientNorm),
    layers: Float64Array.from(layers, Number),
    ...(validated.length > 0 && { validated: Float64Array.from(validated, Number), best: Number(best) }),
  };
}

export function progressOf(kept: KeptFigures, total: number | undefined, searched = 0): ListaProgress {
  const { steps, stage, stages } = kept;
  return {
    ...{ done: steps, ...(total !== undefined && { total }), stage, stages },
    ...(searched > 0 && { searched }),
    ...figuresOf(kept),
  };
}

/** Figures of no codes at all, but for rounding. */
const NOTHING = { supervised: -1e-3, unsupervised: 1 - 1e-6 } as const;

/** What there is to say of a run whose codes have this figure in the end. */
export function notesOf(last: number, supervised: boolean, nothingHeldOut: boolean): Note[] {
  const notes: Note[] = [];
  if (!(last < NOTHING[supervised ? 'supervised' : 'unsupervised'])) {
    const none = !Number.isFinite(last)
      ? `the ${supervised ? 'true codes' : 'samples'} are all zero, so there is nothing to compare codes with`
      : supervised
        ? `the codes are no nearer to the true ones than no codes at all (${last.toFixed(2)} dB)`
        : `the codes have no smaller objective than no codes at all (${last.toFixed(4)} of it)`;
    const what = supervised
      ? 'are they codes over this dictionary?'
      : 'does lambda leave any (lambdaMax says up to where)?';
    notes.push(
      warning(
        'NOTE_NOTHING_LEARNED',
        `${none}: more steps or another learningRate may help where there is something to learn; ${what}`,
      ),
    );
  }
  if (nothingHeldOut)
    notes.push(
      warning(
        'NOTE_NOTHING_HELD_OUT',
        'validation.share chose none of the samples, as there are few of them: give more samples, or a larger share',
      ),
    );
  return notes;
}
