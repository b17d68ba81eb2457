// The methods of dictionary learning beside each other: planted atoms found in the same time, with codes of the lasso and of omp.
import { runJob } from '../lib/native/job.js';
import type { NativeStatistics } from '../lib/native/learning.js';
import { binding, native } from '../lib/native/runtime.js';
import { asMatrix, cosinesOf, createLearner, learnedBy } from './planted.js';
import type { MethodRow, MethodsResult } from './result.js';
import { makeSynthetic } from './workloads.js';

/** As many samples a step as atoms: the default of all three methods. */
const size = { dims: 128, features: 512, active: 5, samples: 20_000, batch: 512 };
const cosine = 0.95;
const methods = ['online', 'mod', 'ksvd'] as const;
const solvers = ['lasso', 'omp'] as const;

export interface MethodsPlan {
  readonly seeds: readonly number[];
  /** of learning, ascending: when what was found is counted */
  readonly seconds: readonly number[];
}

interface Asked {
  readonly method: (typeof methods)[number];
  readonly solver: (typeof solvers)[number];
}
type Run = Pick<MethodRow['runs'][number], 'steps' | 'found'>;

/** Steps on one thread until the time is over; what was found is counted in between, which is not timed. */
async function run({ method, solver }: Asked, seed: number, times: readonly number[]): Promise<Run> {
  const { dims, features, active, samples: rows, batch } = size;
  const { samples, atoms, lambda } = makeSynthetic({ name: 'methods', ...size, seed });
  const codes = solver === 'lasso' ? { lambda } : { sparsity: active };
  const learner = createLearner(
    { data: samples, rows, cols: dims },
    { ...{ features, method, solver, batchSize: batch, seed }, ...codes },
  );
  let seconds = 0;
  let steps = 0;
  const found: number[] = [];
  for (const time of times) {
    while (seconds < time) {
      const started = performance.now();
      const now = await runJob<NativeStatistics>(undefined, (onSettled) =>
        binding.learnerFit(learner, 1, 1, 1, undefined, onSettled),
      );
      seconds += (performance.now() - started) / 1000;
      steps = now.steps;
    }
    const cosines = cosinesOf(asMatrix(atoms, dims), await learnedBy(learner));
    found.push(cosines.filter((one) => one > cosine).length / features);
  }
  native((module) => module.disposeLearner(learner));
  return { steps, found };
}

/** Each method with each solver, seed by seed: what else the machine does then hits all alike. */
export async function runMethods({ seeds, seconds }: MethodsPlan): Promise<MethodsResult> {
  const asked: Asked[] = methods.flatMap((method) => solvers.map((solver) => ({ method, solver })));
  const runs = asked.map((): MethodRow['runs'][number][] => []);
  for (const seed of seeds)
    for (const [i, one] of asked.entries()) runs[i]?.push({ seed, ...(await run(one, seed, seconds)) });
  const rows = asked.map((one, i) => ({ ...one, runs: runs[i] ?? [] }));
  return { ...size, cosine, seconds, rows };
}
