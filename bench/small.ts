// Small calls, where the boundary between JavaScript and C++ shows: benchmark.js, one call at a time.
import Benchmark from 'benchmark';
import { Dictionary, fold, type Matrix, ops, unfoldSync } from '../lib/index.js';
import { makeRandom } from '../test/reference/random.js';
import type { SmallCall } from './result.js';
import { unitRows } from './workloads.js';

const seed = 11;
const dims = 256;
const features = 1024;
const active = 8;
const batch = 16;
const lambda = 0.1;
const microsecondsPerSecond = 1e6;

/** `rows` sparse mixtures of unit norm. */
function mixtures(atoms: Matrix<Float32Array>, rows: number): Matrix<Float32Array> {
  const random = makeRandom(seed + 1);
  const data = new Float32Array(rows * dims);
  for (let i = 0; i < rows; i++) {
    for (const j of random.choose(active, features)) {
      for (let k = 0; k < dims; k++) {
        const at = i * dims + k;
        data[at] = (data[at] as number) + (atoms.data[j * dims + k] as number) / Math.sqrt(active);
      }
    }
  }
  return { data, shape: [rows, dims] };
}

export function runSmallCalls(secondsEach: number): SmallCall[] {
  const atoms: Matrix<Float32Array> = {
    data: unitRows(makeRandom(seed), features, dims),
    shape: [features, dims],
  };
  using dictionary = Dictionary.from(atoms);
  const one = mixtures(atoms, 1);
  // Two dims and two atoms: hardly any arithmetic, so what is left is what any call costs.
  using tiny = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const two = { data: Float32Array.of(3, 0.05), shape: [1, 2] as const };
  const many = mixtures(atoms, batch);
  const { codes } = unfoldSync(many, dictionary, { lambda, threads: 1 });
  const vector = new Float32Array(features).map((_, i) => Math.sin(i));
  const shrunk = new Float32Array(features);

  const suite = new Benchmark.Suite();
  const add = (name: string, call: () => void): void => {
    suite.add(name, call, { maxTime: secondsEach });
  };
  add('unfoldSync lasso, 2 × 2: the call itself', () => unfoldSync(two, tiny, { lambda, threads: 1 }));
  add('unfoldSync omp, 2 × 2: the call itself', () =>
    unfoldSync(two, tiny, { method: 'omp', sparsity: 1, threads: 1 }),
  );
  add('ops.topK, 2 × 2: the call itself', () => ops.topK(two, tiny, 1, { threads: 1 }));
  add('unfoldSync lasso, 1 sample', () => unfoldSync(one, dictionary, { lambda, threads: 1 }));
  add('unfoldSync omp, 1 sample', () =>
    unfoldSync(one, dictionary, { method: 'omp', sparsity: active, threads: 1 }),
  );
  add(`unfoldSync lasso, ${batch} samples`, () => unfoldSync(many, dictionary, { lambda, threads: 1 }));
  add(`unfoldSync omp, ${batch} samples`, () =>
    unfoldSync(many, dictionary, { method: 'omp', sparsity: active, threads: 1 }),
  );
  add(`fold, ${batch} samples`, () => fold(codes, dictionary));
  add('ops.topK of 8, 1 sample', () => ops.topK(one, dictionary, active, { threads: 1 }));
  add('ops.correlate, 1 sample', () => ops.correlate(one, dictionary, { threads: 1 }));
  add(`ops.softThreshold, ${features} entries`, () => ops.softThreshold(vector, lambda, { out: shrunk }));
  add('Dictionary.from and dispose', () => Dictionary.from(atoms).dispose());

  const calls: SmallCall[] = [];
  suite.on('cycle', ({ target }: { target: Benchmark }) => {
    if (target.error) throw target.error;
    calls.push({
      name: target.name ?? '',
      callsPerSecond: target.hz,
      microseconds: target.stats.mean * microsecondsPerSecond,
      marginPercent: target.stats.rme,
      runs: target.stats.sample.length,
    });
  });
  suite.run({ async: false });
  return calls;
}

export const smallCallsAre = `dims ${dims}, features ${features}, λ ${lambda}, one thread`;
