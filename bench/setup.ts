// What a dictionary costs before it answers: Dictionary.from, its packed copies, its Gram matrix in bytes; and after how many samples
// the Gram has paid for itself in omp. Other calls of the benchmark leave these costs out, since a dictionary is made once.
import { Dictionary, info, type Matrix, ops, type UnfoldSyncOptions, unfoldSync } from '../lib/index.js';
import { matrix, timed } from './contenders.js';
import type { SetUpResult } from './result.js';
import { median } from './statistics.js';
import { makeSynthetic, type WorkloadSpec } from './workloads.js';

export interface SetUpPlan {
  readonly specs: readonly WorkloadSpec[];
  /** omp's with a Gram and without one: so many, of so many samples each */
  readonly calls: number;
  readonly samplesACall: number;
  readonly repeats: number;
}

const one = { threads: 1 } as const;
const millisecondsPerSecond = 1000;

/** Of the first call, less that of the second: what is kept from one call to the next. */
function first(call: () => void): number {
  const whole = timed(call);
  return Math.max(0, whole - timed(call));
}

/**
 * The number of calls after which all calls so far have taken no longer `withGram` than `without`, and it stays so to the last one;
 * undefined where that does not happen.
 */
export function breakEven(withGram: readonly number[], without: readonly number[]): number | undefined {
  let saved = 0;
  let since: number | undefined;
  for (const [i, seconds] of withGram.entries()) {
    saved += (without[i] ?? Number.NaN) - seconds;
    if (!(saved >= 0)) since = undefined;
    else since ??= i + 1;
  }
  return since;
}

/**
 * As many samples, over and over, as want every row of the Gram matrix so often on average that all of them are made at once: a call makes them where
 * that is as often as scoring a residual goes into a row's cost, which is 5 at most.
 */
function enough(samples: Float32Array, dims: number, features: number, active: number): Matrix<Float32Array> {
  const size = Math.ceil((8 * features) / (active - 1)) * dims;
  return matrix(
    Float32Array.from({ length: size }, (_, i) => samples[i % samples.length] as number),
    dims,
  );
}

/** Milliseconds and bytes of a new dictionary's packed copies, and its Dictionary.from. */
function packing(atoms: Matrix<Float32Array>, sample: Matrix<Float32Array>) {
  let made: Dictionary | undefined;
  const from = timed(() => {
    made = Dictionary.from(atoms);
  });
  using dictionary = made as unknown as Dictionary;
  const copies = info().precisions.map((precision) => {
    const before = dictionary.bytes;
    const seconds = first(() => {
      ops.estimate(sample, dictionary, { ...one, precision });
    });
    return { precision, seconds, bytes: dictionary.bytes - before };
  });
  return { from, copies };
}

function setUpOf(spec: WorkloadSpec, { calls, samplesACall, repeats }: SetUpPlan): SetUpResult {
  const { name, dims, features, active } = spec;
  const work = makeSynthetic({ ...spec, samples: Math.max(spec.samples, calls * samplesACall) });
  const atoms = matrix(work.atoms, dims);
  const rows = (from: number, count: number): Matrix<Float32Array> =>
    matrix(work.samples.subarray(from * dims, (from + count) * dims), dims);
  const all = rows(0, spec.samples);
  const tried = Array.from({ length: repeats }, () => packing(atoms, rows(0, 1)));
  const milliseconds = (seconds: readonly number[]): number => millisecondsPerSecond * median(seconds);

  const without: UnfoldSyncOptions = { method: 'omp', sparsity: active, gramBudget: 0, ...one };
  const withGram: UnfoldSyncOptions = { method: 'omp', sparsity: active, ...one };
  const packed = (): Dictionary => {
    const dictionary = Dictionary.from(atoms);
    unfoldSync(rows(0, 1), dictionary, without);
    return dictionary;
  };
  using known = packed();
  const out = matrix(new Float32Array(spec.samples * features), features);
  const products = Array.from({ length: repeats + 1 }, () =>
    timed(() => ops.correlate(all, known, { out, ...one })),
  );
  const before = known.bytes;
  const many = enough(work.samples, dims, features, active);
  const gramSeconds = first(() => unfoldSync(many, known, withGram));
  if (known.bytes - before < features ** 2) throw new Error(`${name}: the Gram matrix was not made`);

  using growing = packed();
  const times = Array.from({ length: calls }, (_, i) => {
    const batch = rows(i * samplesACall, samplesACall);
    return {
      without: timed(() => unfoldSync(batch, growing, without)),
      withGram: timed(() => unfoldSync(batch, growing, withGram)),
      afterwards: timed(() => unfoldSync(batch, known, withGram)),
    };
  });
  const of = (key: 'without' | 'withGram' | 'afterwards'): number[] => times.map((time) => time[key]);
  const reached = breakEven(of('withGram'), of('without'));
  return {
    ...{ workload: name, dims, features, active },
    productSamples: spec.samples,
    productMilliseconds: milliseconds(products.slice(1)),
    fromMilliseconds: milliseconds(tried.map(({ from }) => from)),
    packing: info().precisions.map((precision, i) => ({
      precision,
      milliseconds: milliseconds(tried.map(({ copies }) => copies[i]?.seconds ?? Number.NaN)),
      bytes: tried[0]?.copies[i]?.bytes ?? 0,
    })),
    gram: { milliseconds: millisecondsPerSecond * gramSeconds, bytes: known.bytes - before },
    omp: {
      samplesACall,
      ...(reached === undefined ? {} : { breakEvenCalls: reached }),
      withoutMilliseconds: of('without').map((seconds) => millisecondsPerSecond * seconds),
      withMilliseconds: of('withGram').map((seconds) => millisecondsPerSecond * seconds),
      afterwardsMilliseconds: milliseconds(of('afterwards')),
    },
  };
}

export function runSetUp(plan: SetUpPlan): SetUpResult[] {
  return plan.specs.map((spec) => setUpOf(spec, plan));
}
