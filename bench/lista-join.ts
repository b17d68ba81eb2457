// The lasso that starts from a network's proposal, beside the lasso that starts from nothing and the one that starts from the solution:
// when does a network pay? It was trained without codes, on other samples of the same workload, at the workload's λ.
import {
  certifySync,
  Dictionary,
  type Lista,
  type Matrix,
  type SparseCodes,
  type TrainListaOptions,
  trainLista,
  type Unfolding,
  unfoldSync,
} from '../lib/index.js';
import { matrix, timed } from './contenders.js';
import type { ListaJoin, ListaJoinRow } from './result-lista.js';
import { summarise } from './statistics.js';
import { makeWordSenses } from './word-senses.js';
import { makeSynthetic, type Workload, type WorkloadSpec } from './workloads.js';

export interface ListaJoinPlan {
  readonly specs: readonly WorkloadSpec[];
  /** solved; the first of a workload's */
  readonly samples: number;
  /** to train on, beside these */
  readonly trainedOn: number;
  /** word vectors too, where they are installed */
  readonly words: boolean;
  readonly layers: readonly number[];
  readonly training: Omit<TrainListaOptions, 'lambda' | 'layers' | 'codes' | 'nonnegative'>;
  readonly repeats: number;
}

const TOLERANCE = 1e-5;

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

interface Work {
  readonly x: Matrix<Float32Array>;
  readonly dictionary: Dictionary;
  readonly lambda: number;
  readonly nonnegative: boolean;
}

/** The lasso from a start, one thread. */
function lassoFrom({ x, dictionary, ...penalty }: Work, warmStart: SparseCodes | undefined, repeats: number) {
  const solve = (): Unfolding =>
    unfoldSync(x, dictionary, {
      ...{ ...penalty, tolerance: TOLERANCE, threads: 1 },
      ...(warmStart === undefined ? {} : { warmStart }),
    });
  const made = solve();
  return {
    codes: made.codes,
    lassoSeconds: summarise(Array.from({ length: repeats }, () => timed(() => void solve()))),
    iterations: mean(made.iterations),
    maxGap: made.gap.reduce((most, gap) => Math.max(most, gap), 0),
  };
}

function gapOf({ x, dictionary, lambda, nonnegative }: Work, codes: SparseCodes): number {
  return mean(certifySync(x, codes, dictionary, { lambda, nonnegative, threads: 1 }).gap);
}

/** The first `samples` are solved; the network sees the others. */
async function joinOne(
  { spec, atoms, samples: data, lambda }: Workload,
  samples: number,
  plan: ListaJoinPlan,
  add: (row: ListaJoinRow) => void,
) {
  const { name: workload, dims, features, nonnegative = false } = spec;
  using dictionary = Dictionary.from({ data: atoms, shape: [features, dims] });
  const x = matrix(data.subarray(0, samples * dims), dims);
  const others = matrix(data.subarray(samples * dims), dims);
  const work = { x, dictionary, lambda, nonnegative };
  const { codes: solution, ...alone } = lassoFrom(work, undefined, plan.repeats);
  add({ workload, start: 'nothing', layers: 0, ...alone });
  for (const layers of plan.layers) {
    const started = performance.now();
    const options = { ...plan.training, lambda, nonnegative, layers } as TrainListaOptions;
    using lista: Lista = await trainLista(others, dictionary, options);
    const trainingSeconds = (performance.now() - started) / 1000;
    const propose = (): SparseCodes => lista.unfoldSync(x, { threads: 1 }).codes;
    const proposed = propose();
    const { codes: _, ...joined } = lassoFrom(work, proposed, plan.repeats);
    add({
      ...{ workload, start: 'network', layers, trainingSeconds, ...joined },
      networkSeconds: summarise(Array.from({ length: plan.repeats }, () => timed(() => void propose()))),
      proposalGap: gapOf(work, proposed),
    });
  }
  const { codes: _, ...again } = lassoFrom(work, solution, plan.repeats);
  add({ workload, start: 'the solution', layers: 0, ...again, proposalGap: gapOf(work, solution) });
}

export async function runListaJoin(plan: ListaJoinPlan, log: (line: string) => void): Promise<ListaJoin> {
  const rows: ListaJoinRow[] = [];
  const add = (row: ListaJoinRow): void => {
    rows.push(row);
    log(
      `  ${row.workload} from ${row.start}, ${row.layers} layers: ${(1e3 * row.lassoSeconds.median).toFixed(1)} ms, ` +
        `${row.iterations.toFixed(2)} solves`,
    );
  };
  const { trainedOn, samples } = plan;
  for (const spec of plan.specs)
    await joinOne(makeSynthetic({ ...spec, samples: samples + trainedOn }), samples, plan, add);
  const words = plan.words ? await makeWordSenses(log) : undefined;
  if (typeof words === 'string') log(`SKIPPED: ${words}`);
  else if (words) await joinOne(words, samples, plan, add);
  return {
    ...{ samples, tolerance: TOLERANCE, rows },
    skipped: typeof words === 'string' ? [words] : [],
  };
}
