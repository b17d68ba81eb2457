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
import { makeSynthetic, type WorkloadSpec } from './workloads.js';

export interface ListaJoinPlan {
  readonly specs: readonly WorkloadSpec[];
  /** to train on, beside those of the workload */
  readonly trainedOn: number;
  readonly layers: readonly number[];
  readonly training: Omit<TrainListaOptions, 'lambda' | 'layers' | 'codes'>;
  readonly repeats: number;
}

const TOLERANCE = 1e-5;

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

interface Work {
  readonly name: string;
  readonly x: Matrix<Float32Array>;
  readonly dictionary: Dictionary;
  readonly lambda: number;
}

/** The lasso from a start, one thread. */
function lassoFrom(work: Work, warmStart: SparseCodes | undefined, repeats: number) {
  const { x, dictionary, lambda } = work;
  const solve = (): Unfolding =>
    unfoldSync(x, dictionary, {
      ...{ lambda, tolerance: TOLERANCE, threads: 1 },
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

const gapOf = ({ x, dictionary, lambda }: Work, codes: SparseCodes): number =>
  mean(certifySync(x, codes, dictionary, { lambda, threads: 1 }).gap);

async function joinOne(spec: WorkloadSpec, plan: ListaJoinPlan, add: (row: ListaJoinRow) => void) {
  const { dims, features, samples } = spec;
  const { atoms, samples: data, lambda } = makeSynthetic({ ...spec, samples: samples + plan.trainedOn });
  using dictionary = Dictionary.from({ data: atoms, shape: [features, dims] });
  const x = matrix(data.subarray(0, samples * dims), dims);
  const others = matrix(data.subarray(samples * dims), dims);
  const work = { name: spec.name, x, dictionary, lambda };
  const { codes: solution, ...alone } = lassoFrom(work, undefined, plan.repeats);
  add({ workload: spec.name, start: 'nothing', layers: 0, ...alone });
  for (const layers of plan.layers) {
    const started = performance.now();
    using lista: Lista = await trainLista(others, dictionary, { ...plan.training, lambda, layers });
    const trainingSeconds = (performance.now() - started) / 1000;
    const propose = (): SparseCodes => lista.unfoldSync(x, { threads: 1 });
    const proposed = propose();
    const { codes: _, ...joined } = lassoFrom(work, proposed, plan.repeats);
    add({
      ...{ workload: spec.name, start: 'network', layers, trainingSeconds, ...joined },
      networkSeconds: summarise(Array.from({ length: plan.repeats }, () => timed(() => void propose()))),
      proposalGap: gapOf(work, proposed),
    });
  }
  const { codes: _, ...again } = lassoFrom(work, solution, plan.repeats);
  add({
    workload: spec.name,
    start: 'the solution',
    layers: 0,
    ...again,
    proposalGap: gapOf(work, solution),
  });
}

export async function runListaJoin(plan: ListaJoinPlan, log: (line: string) => void): Promise<ListaJoin> {
  const rows: ListaJoinRow[] = [];
  for (const spec of plan.specs)
    await joinOne(spec, plan, (row) => {
      rows.push(row);
      log(
        `  ${row.workload} from ${row.start}, ${row.layers} layers: ${(1e3 * row.lassoSeconds.median).toFixed(1)} ms, ${row.iterations.toFixed(2)} solves`,
      );
    });
  return { samples: plan.specs[0]?.samples ?? 0, tolerance: TOLERANCE, rows };
}
