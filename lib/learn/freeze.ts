// What a learner has learned so far; it may go on.
import { runJob } from '../native/job.js';
import { binding } from '../native/runtime.js';
import type { DictionaryHandle, LearnerHandle } from '../native/values.js';

interface Frozen {
  readonly dictionary: DictionaryHandle;
  readonly usage: Float64Array;
  /** Atoms that no sample has used. */
  readonly dead: Uint32Array;
  /** Whether a GPU made codes of a step of this run. */
  readonly usedDevice: boolean;
  /** Whether one had no room for A and B. */
  readonly lackedRoom: boolean;
}

export function freeze(learner: LearnerHandle, signal: AbortSignal | undefined): Promise<Frozen> {
  return runJob<Frozen>(signal, (onSettled) => binding.learnerFinish(learner, 1, undefined, onSettled));
}
