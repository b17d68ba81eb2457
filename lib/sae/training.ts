// What training tells, while it runs and afterwards.
import { UnsuperposeError } from '../call/errors.js';
import type { Note } from '../call/notes.js';
import { warning } from '../call/notes.js';
import type { HeldOutFigures } from '../data/held-out-scores.js';
import { nothingHeldOut } from '../data/holdout.js';
import type { RanOn } from '../native/resources.js';
import type { NativeTrainingFigures } from '../native/sae.js';

/** Figures of the steps since the last report (of the stream's last matrix): means over their samples. */
export interface TrainingFigures {
  /** What is minimised, the mean a sample; see {@link trainSparseAutoencoder}. */
  readonly objective: number;
  /** 1 − Σ‖y − ŷ‖² / Σ‖y − mean‖². */
  readonly explainedVariance: number;
  /** Mean number of active features a sample. */
  readonly l0: number;
  /** Norm of the gradient before clipping, where the objective is relative to ½E‖y − median‖²: what `clip` bounds. */
  readonly gradientNorm: number;
  /** Features that no sample has used in the last `deadAfter` steps. */
  readonly dead: number;
}

/** What a progress report says of one that is trained. */
export interface ReportedFigures extends TrainingFigures {
  /**
   * With `holdout`: of 1,024 of the samples held out so far at most, evenly spread over them, by what the parameters are now. Over a matrix in every report;
   * of a stream once another 16,384 samples were seen, and in one more report at the end of each pass.
   */
  readonly heldOut?: HeldOutFigures | undefined;
}

/** How far training has come, in steps; `total` is unknown for streams without `steps`. */
export interface TrainingProgress extends ReportedFigures {
  readonly done: number;
  readonly total?: number;
  /** One for each that is trained, in their order; the figures beside this are the first one's. */
  readonly learners: readonly ReportedFigures[];
}

/** How an autoencoder was trained. Its figures are those of the last report. */
export interface TrainingSummary extends TrainingFigures {
  readonly architecture: Architecture;
  readonly steps: number;
  /** Samples seen, over all steps. */
  readonly samples: number;
  /** How many samples used each feature, over all steps: one count a feature. */
  readonly usage: Float64Array;
  readonly seed: number;
  /**
   * Where its last steps ran; `'cpu'` where the call made none, as a checkpoint had them all. Undefined for files of before this was kept.
   */
  readonly device?: RanOn | undefined;
  /** Of the samples held out, with `holdout`; undefined where there were none. */
  readonly heldOut?: HeldOutFigures | undefined;
  /** What is worth knowing besides: `NOTE_DEAD_FEATURES`, `NOTE_NOTHING_HELD_OUT`. */
  readonly notes: readonly Note[];
}

/** What {@link trainSparseAutoencoder} can train. */
export type Architecture =
  | 'relu'
  | 'topk'
  | 'batchtopk'
  | 'matryoshka'
  | 'jumprelu'
  | 'gated'
  | 'matching-pursuit';

export function figuresOf(native: NativeTrainingFigures): TrainingFigures {
  const { objective, explainedVariance, l0, gradientNorm, dead } = native;
  return { objective, explainedVariance, l0, gradientNorm, dead };
}

export function notesOf(
  { dead, explainedVariance }: Pick<NativeTrainingFigures, 'dead' | 'explainedVariance'>,
  features: number,
  noneHeldOut: boolean,
): Note[] {
  const notes: Note[] = [];
  if (explainedVariance < 0) {
    const message = `what the autoencoder makes of the last samples is further from them than their mean is (explained variance ${explainedVariance.toPrecision(3)}): more steps, or a smaller learningRate where it was larger before`;
    notes.push(warning('NOTE_NOTHING_LEARNED', message));
  }
  if (dead > 0) {
    const message = `${dead} of ${features} features were used by no sample at the end of training: fewer features, more active ones (sparsity, or a smaller lambda), or more steps leave fewer of them`;
    notes.push(warning('NOTE_DEAD_FEATURES', message));
  }
  if (noneHeldOut) notes.push(nothingHeldOut());
  return notes;
}

/** What training has made is taken by `make`, unless its parameters are too large for float32 in the units of what was given. */
export function ofTraining<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (
      !(cause instanceof UnsuperposeError) ||
      (cause.code !== 'ERR_NOT_FINITE' && cause.code !== 'ERR_OPTION')
    )
      throw cause;
    throw new UnsuperposeError(
      'ERR_OPTION',
      `training made parameters that are too large for float32 in the units of the activations (${cause.message}): try a smaller learningRate, or scale activations and targets to norms near 1`,
      'learningRate',
      { cause },
    );
  }
}
