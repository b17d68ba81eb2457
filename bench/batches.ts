// The same dictionary, call after call with other samples, from the first one on: what a dictionary learns to know of itself (packed
// copies, Gram rows) has to pay for itself in calls that are small each.
import { Dictionary, type Matrix, type UnfoldSyncOptions, unfoldSync } from '../lib/index.js';
import type { BatchesResult } from './result.js';
import { makeSynthetic, type WorkloadSpec } from './workloads.js';

export interface BatchesPlan {
  readonly specs: readonly WorkloadSpec[];
  /** a call */
  readonly samples: number;
  readonly calls: number;
}

const milliseconds = (call: () => void): number => {
  const start = process.hrtime.bigint();
  call();
  return Number(process.hrtime.bigint() - start) * 1e-6;
};

export function runBatches({ specs, samples, calls }: BatchesPlan): BatchesResult[] {
  return specs.flatMap((spec) => {
    const { dims, features, active } = spec;
    const work = makeSynthetic({ ...spec, samples: samples * calls + spec.samples });
    const atoms: Matrix<Float32Array> = { data: work.atoms, shape: [features, dims] };
    const rows = (first: number, count: number): Matrix<Float32Array> => ({
      data: work.samples.subarray(first * dims, (first + count) * dims),
      shape: [count, dims],
    });
    const methods: readonly [string, UnfoldSyncOptions][] = [
      ['lasso', { lambda: work.lambda, threads: 1 }],
      ['omp', { method: 'omp', sparsity: active, threads: 1 }],
    ];
    return methods.map(([method, options]) => {
      let made: Dictionary | undefined;
      const setUp = milliseconds(() => {
        made = Dictionary.from(atoms);
      });
      using dictionary = made as unknown as Dictionary;
      const each = Array.from({ length: calls }, (_, call) =>
        milliseconds(() => unfoldSync(rows(call * samples, samples), dictionary, options)),
      );
      const large = rows(calls * samples, spec.samples);
      unfoldSync(large, dictionary, options);
      const known = Math.min(
        ...[0, 1, 2].map(() => milliseconds(() => unfoldSync(large, dictionary, options))),
      );
      return {
        ...{ workload: spec.name, dims, features, active, method, samples },
        ...{ setUpMilliseconds: setUp, callMilliseconds: each },
        largeSamples: spec.samples,
        largeMilliseconds: known,
      };
    });
  });
}
