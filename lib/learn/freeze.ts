// What a learner has learned so far; it may go on.
import { runJob } from '../native/job.js';
import { binding } from '../native/runtime.js';
import type { DictionaryHandle, LearnerHandle } from '../native/values.js';

interface Frozen {
  readonly dictionary: DictionaryHandle;
  readonly usage: Float64Array;
  /** Atoms that no sample has used. */
  readonly dead: Uint32Array;
}

export function freeze(learner: LearnerHandle, signal: AbortSignal | undefined): Promise<Frozen> {
  return runJob<Frozen>(signal, (onSettled) => binding.learnerFinish(learner, 1, undefined, onSettled));
}
