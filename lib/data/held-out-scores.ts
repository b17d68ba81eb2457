// What codes make of samples that training has not seen.
import type { NativeMatrix } from '../call/matrix.js';
import { runJob } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { DictionaryHandle, NativeCodes } from '../native/values.js';

/** Figures of samples that training has not seen, by what came out of it; see `holdout`. */
export interface HeldOutFigures {
  /** How many they are. */
  readonly samples: number;
  /** 1 − Σ‖y − ŷ‖² / Σ‖y − mean‖². */
  readonly explainedVariance: number;
  /** Mean of ‖y − ŷ‖². */
  readonly squaredError: number;
  /** Mean number of active features a sample. */
  readonly l0: number;
  /** Features that none of these samples uses. */
  readonly dead: number;
}

/** Codes of some samples, and what they stand for: made already, or the dictionary that makes it. */
export interface Coded {
  readonly codes: NativeCodes;
  readonly made: NativeMatrix | DictionaryHandle;
}

/** Samples coded at a time. */
const AT_ONCE = 1024;

/** Some rows, not copied. */
export const rowsOf = ({ data, cols }: NativeMatrix, first: number, rows: number): NativeMatrix => ({
  data: data.subarray(first * cols, (first + rows) * cols),
  rows,
  cols,
});

/** Scores of `code`, which codes samples `first` to `first + rows`, of what it should make: `targets`. */
export async function scoreHeldOut(
  targets: NativeMatrix,
  features: number,
  code: (first: number, rows: number) => Promise<Coded>,
  { threads, signal }: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<HeldOutFigures> {
  const scores = native((module) => module.createScores(targets.cols, features, undefined, 0));
  for (let first = 0; first < targets.rows; first += AT_ONCE) {
    const rows = Math.min(AT_ONCE, targets.rows - first);
    const { codes, made } = await code(first, rows);
    const target = rowsOf(targets, first, rows);
    await runJob<undefined>(signal, (onSettled) =>
      binding.scoresObserve(scores, target, codes, made, undefined, threads, undefined, onSettled),
    );
  }
  const { samples, variance, residual, used } = native((module) => module.scoresFigures(scores));
  return {
    samples,
    explainedVariance: variance > 0 ? 1 - residual / variance : 0,
    squaredError: residual / samples,
    l0: used.reduce((sum, count) => sum + count, 0) / samples,
    dead: used.reduce((sum, count) => sum + Number(count === 0), 0),
  };
}
