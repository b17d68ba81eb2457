// What a learned dictionary makes of samples that it was not learned from.
import type { Device } from '../call/device.js';
import type { NativeMatrix } from '../call/matrix.js';
import { Dictionary } from '../data/dictionary.js';
import type { LearnerHandle } from '../native/values.js';
import { unfold } from '../unfold/unfold.js';
import { type Coding, unfoldOptions } from './coding.js';
import { freeze } from './freeze.js';

/** Figures of samples held out, of codes by the dictionary that was learned; see `holdout`. */
export interface HeldOutCodes {
  /** How many they are. */
  readonly samples: number;
  /** ½‖x − aD‖² + λ‖a‖₁, with a sparsity ½‖x − aD‖²: the mean a sample. */
  readonly objective: number;
  /** 1 − Σ‖x − aD‖² / Σ‖x − mean‖². */
  readonly explainedVariance: number;
  /** Mean number of active atoms a sample. */
  readonly l0: number;
  /** Atoms that none of these samples uses. */
  readonly dead: number;
}

interface How {
  readonly threads: number;
  readonly device: Device;
  readonly signal: AbortSignal | undefined;
}

/** Of the atoms that a learner has now. */
export async function heldOutNow(
  learner: LearnerHandle,
  held: NativeMatrix,
  coding: Coding,
  how: How,
): Promise<HeldOutCodes> {
  using dictionary = Dictionary.adopt((await freeze(learner, how.signal)).dictionary);
  return await heldOutCodes(held, dictionary, coding, how);
}

export async function heldOutCodes(
  { data, rows, cols }: NativeMatrix,
  dictionary: Dictionary,
  coding: Coding,
  how: How,
): Promise<HeldOutCodes> {
  const samples = { data, shape: [rows, cols] as const };
  const { codes, objective, residual, variance } = await unfold(samples, dictionary, {
    ...unfoldOptions(coding, coding.tolerance),
    ...how,
  });
  const left = residual.reduce((sum, norm) => sum + norm * norm, 0);
  return {
    samples: rows,
    objective: objective.reduce((sum, value) => sum + value, 0) / rows,
    explainedVariance: variance > 0 ? 1 - left / variance : 0,
    l0: codes.indices.length / rows,
    dead: dictionary.features - new Set(codes.indices).size,
  };
}
