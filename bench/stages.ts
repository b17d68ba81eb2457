// Where the lasso's time goes: native code tells when asked to, in builds that can.
import { Options } from '../lib/call/options.js';
import { Dictionary } from '../lib/data/dictionary.js';
import type { NativePenaltyOptions } from '../lib/native/methods.js';
import { native } from '../lib/native/runtime.js';
import { CONVEX_NAMES, readPenalty } from '../lib/unfold/convex.js';
import { type Stages, stageNames } from './result.js';
import type { Workload } from './workloads.js';

const runs = 3;

const total = (stages: Stages): number => stageNames.reduce((sum, name) => sum + stages[name], 0);

/** Seconds a stage on one thread, of the run of median length; undefined where the build does not say. */
export function lassoStages(work: Workload, dictionary: Dictionary, tolerance: number): Stages | undefined {
  const { spec, samples, lambda } = work;
  const { dims, features, nonnegative = false } = spec;
  const read = new Options({ tolerance, nonnegative }, [...CONVEX_NAMES, 'nonnegative'], 'unfoldSync');
  const options: NativePenaltyOptions = {
    ...readPenalty(read, 'lasso', features),
    float64: false,
    lambda: Float64Array.of(lambda),
    warmStart: undefined,
    profile: true,
  };
  const handle = Dictionary.handleOf(dictionary);
  const matrix = { data: samples, rows: samples.length / dims, cols: dims };
  const measured: Stages[] = [];
  for (let run = 0; run < runs; run++) {
    const stages = native((module) => module.unfoldSync(handle, matrix, options, undefined, 1))?.stages;
    if (stages === undefined) return undefined;
    measured.push(stages);
  }
  return measured.sort((a, b) => total(a) - total(b))[runs >> 1];
}
