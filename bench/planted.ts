// Dictionary learning where the answer is known: planted atoms, and what it costs to find them again.
import type { NativeMatrix } from '../lib/call/matrix.js';
import { Dictionary, type Matrix, ops } from '../lib/index.js';
import { runJob } from '../lib/native/job.js';
import type { NativeLearnerOptions, NativeStatistics } from '../lib/native/learning.js';
import { binding, native } from '../lib/native/runtime.js';
import type { DictionaryHandle, LearnerHandle } from '../lib/native/values.js';
import type { RecoveryResult, RecoveryRun } from './result.js';
import { median, summarise } from './statistics.js';
import { makeWorkload, type Workload } from './workloads.js';

const size = { dims: 256, features: 1024, active: 8, samples: 20_000 };
const batch = 512;
/** of the samples of unit magnitudes; makeWorkload takes a tenth */
const lambdaMax = 1.5;
const wanted = { meanCosine: 0.995, found: 0.99, cosine: 0.9 };
/** Runs of so many steps, each anew, until one is good enough. */
const lengths = [60, 80, 100, 120, 160, 200, 300, 400];

export interface PlantedPlan {
  readonly seeds: readonly number[];
}

export const asMatrix = (data: Float32Array, dims: number): Matrix<Float32Array> => ({
  data,
  shape: [data.length / dims, dims],
});

/** Seconds of one product of a batch with the atoms, on one thread: our float32 one, which sgemm hardly differs from. */
function productSeconds({ samples, atoms }: Workload): number {
  const left = asMatrix(samples.subarray(0, batch * size.dims), size.dims);
  const right = asMatrix(atoms, size.dims);
  const seconds = Array.from({ length: 15 }, () => {
    const started = performance.now();
    ops.correlate(left, right, { threads: 1 });
    return (performance.now() - started) / 1000;
  });
  return median(seconds);
}

/** Each planted atom's largest |cosine| with a learned one. */
export function cosinesOf(planted: Matrix<Float32Array>, learned: Matrix<Float32Array>): Float64Array {
  using unit = Dictionary.from(learned, { normalize: true });
  const { data } = ops.correlate(planted, unit.toMatrix());
  const [features] = learned.shape;
  return Float64Array.from({ length: planted.shape[0] }, (_, j) =>
    data
      .subarray(j * features, (j + 1) * features)
      .reduce((most, cosine) => Math.max(most, Math.abs(cosine)), 0),
  );
}

/** A learner of these samples, as learnDictionary makes it, for a number of steps that is unknown unless it is said. */
export function createLearner(
  samples: NativeMatrix,
  options: Pick<NativeLearnerOptions, 'features' | 'seed'> & Partial<NativeLearnerOptions>,
): LearnerHandle {
  const all: NativeLearnerOptions = {
    ...{ lambda: 0, sparsity: 0, solver: 'lasso', method: 'online', start: 'samples', nonnegative: false },
    ...{ batchSize: batch, tolerance: 1e-3, forgetting: 0.98, planned: 0 },
    ...options,
  };
  return native((module) => module.createLearner(samples.cols, all, undefined, samples, undefined));
}

/** Its atoms so far. */
export async function learnedBy(learner: LearnerHandle): Promise<Matrix<Float32Array>> {
  const { dictionary } = await runJob<{ dictionary: DictionaryHandle }>(undefined, (onSettled) =>
    binding.learnerFinish(learner, 1, undefined, onSettled),
  );
  using learned = Dictionary.adopt(dictionary);
  return learned.toMatrix() as Matrix<Float32Array>;
}

/** What learnDictionary does on one thread, with the seconds that native code counts. */
async function learn({ samples, lambda, spec }: Workload, steps: number) {
  const { dims, features } = size;
  const matrix = { data: samples, rows: size.samples, cols: dims };
  const learner = createLearner(matrix, { features, lambda, seed: spec.seed, planned: steps });
  const started = performance.now();
  const { seconds: stages } = await runJob<NativeStatistics>(undefined, (onSettled) =>
    binding.learnerFit(learner, steps, steps, 1, undefined, onSettled),
  );
  const seconds = (performance.now() - started) / 1000;
  return { seconds, stages, atoms: await learnedBy(learner) };
}

async function recover(seed: number): Promise<RecoveryRun> {
  const work = makeWorkload({ name: 'recovery', ...size, seed }, () => Float64Array.of(lambdaMax));
  for (const steps of lengths) {
    const before = productSeconds(work);
    const { seconds, stages, atoms } = await learn(work, steps);
    const product = Math.min(before, productSeconds(work));
    const cosines = cosinesOf(asMatrix(work.atoms, size.dims), atoms);
    const meanCosine = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
    const found = cosines.filter((cosine) => cosine > wanted.cosine).length / cosines.length;
    const reached = meanCosine >= wanted.meanCosine && found >= wanted.found;
    if (reached || steps === lengths.at(-1))
      return { seed, steps, reached, seconds, products: seconds / product, meanCosine, found, stages };
  }
  throw new Error('no lengths to run');
}

/** The fewest steps that find the planted atoms, seed by seed. */
export async function runPlanted({ seeds }: PlantedPlan): Promise<RecoveryResult> {
  const runs: RecoveryRun[] = [];
  for (const seed of seeds) runs.push(await recover(seed));
  return {
    ...{ ...size, batch, lambda: lambdaMax / 10, wanted, runs },
    products: summarise(runs.map(({ products }) => products)),
  };
}
