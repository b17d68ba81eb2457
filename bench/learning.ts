// Dictionary learning at the size of the word-senses example, from the same first atoms, by the same number of
// batches: time of a batch, and the objective reached.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dictionary, learnDictionary, type Matrix, unfoldSync } from '../lib/index.js';
import type { PeerProcess } from './peer-process.js';
import type { LearningResult } from './result.js';
import { summarise } from './statistics.js';
import { makeWorkload, type WorkloadSpec } from './workloads.js';

const spec: WorkloadSpec = {
  name: 'learning',
  dims: 100,
  features: 2000,
  active: 5,
  samples: 8192,
  seed: 21,
};
const batch = 512;
/** unit magnitudes mixed by fives: a tenth of the largest correlation, as in the workloads */
const typicalLambdaMax = 2;

export interface LearningPlan {
  readonly steps: number;
  readonly repeats: number;
  readonly folder: string;
}

function problem() {
  const { samples, lambda } = makeWorkload(spec, () => Float64Array.of(typicalLambdaMax));
  const { dims, features } = spec;
  const initial = samples.slice(0, features * dims);
  for (let j = 0; j < features; j++) {
    const atom = initial.subarray(j * dims, (j + 1) * dims);
    const norm = Math.sqrt(atom.reduce((energy, value) => energy + value * value, 0));
    for (let k = 0; k < dims; k++) atom[k] = (atom[k] as number) / norm;
  }
  const asMatrix = (data: Float32Array): Matrix<Float32Array> => ({
    data,
    shape: [data.length / dims, dims],
  });
  return { samples: asMatrix(samples), initial: asMatrix(initial), lambda };
}

function meanObjective(samples: Matrix<Float32Array>, dictionary: Dictionary, lambda: number): number {
  const { objective } = unfoldSync(samples, dictionary, { lambda });
  return objective.reduce((sum, value) => sum + value, 0) / objective.length;
}

export async function runLearning(plan: LearningPlan, peer?: PeerProcess): Promise<LearningResult[]> {
  const { samples, initial, lambda } = problem();
  const { dims, features } = spec;
  const { steps, repeats, folder } = plan;
  const shared = { dims, features, batch, steps };
  const results: LearningResult[] = [];
  for (const threads of [1, 2]) {
    const seconds: number[] = [];
    let objective = Number.NaN;
    for (let i = 0; i < repeats; i++) {
      const started = process.hrtime.bigint();
      const learned = await learnDictionary(samples, {
        features,
        lambda,
        batchSize: batch,
        steps,
        threads,
        initial,
      });
      seconds.push((Number(process.hrtime.bigint() - started) * 1e-9) / steps);
      using dictionary = learned.dictionary;
      objective = meanObjective(samples, dictionary, lambda);
    }
    results.push({ ...shared, by: 'unsuperpose', threads, objective, secondsPerBatch: summarise(seconds) });
  }
  if (!peer) return results;
  const path = (name: string, { data }: Matrix<Float32Array>): string => {
    const file = join(folder, name);
    writeFileSync(file, data);
    return file;
  };
  const { seconds, atoms } = await peer.ask<{ seconds: number; atoms: number[] }>('learn', {
    ...{ ...shared, lambda, samples: path('rows.f32', samples), initial: path('initial.f32', initial) },
  });
  using dictionary = Dictionary.from({ data: Float32Array.from(atoms), shape: [features, dims] });
  const objective = meanObjective(samples, dictionary, lambda);
  const secondsPerBatch = summarise([seconds / steps]);
  results.push({
    ...shared,
    by: 'sklearn MiniBatchDictionaryLearning',
    threads: 1,
    objective,
    secondsPerBatch,
  });
  return results;
}
