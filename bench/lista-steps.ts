// What a training step of an unrolled network costs, in the products that it must do: a layer's two (the residual and W r) forward, and
// backward those through both again and the gradient of the weights. Of what is not learned there is no gradient.
import { ops, type TrainListaPriorOptions } from '../lib/index.js';
import { readOptions, readRun } from '../lib/lista/options.js';
import { readPrior } from '../lib/lista/prior.js';
import { runJob } from '../lib/native/job.js';
import type { ListaTrainerHandle, NativeListaFigures } from '../lib/native/lista.js';
import { binding, native } from '../lib/native/runtime.js';
import { matrix, type Peers, timed, writeArray } from './contenders.js';
import { drawKnown, type ListaProblem, type ListaShape, makeProblem } from './lista-problem.js';
import type { ListaStepRow, ListaSteps } from './result-lista.js';
import { median, summarise } from './statistics.js';

type Variant = NonNullable<TrainListaPriorOptions['variant']>;

export interface ListaStepsPlan {
  readonly shape: ListaShape;
  readonly layers: number;
  readonly batch: number;
  /** steps before, on all threads, and timed ones */
  readonly settling: number;
  readonly runs: number;
  readonly variants: readonly { readonly variant: Variant; readonly selection?: false }[];
  readonly folder: string;
}

const SNR = 40;
const TARGET = 1.5;
const NO_PLAN = 2 ** 31;

/** X·Dᵀ of a batch that a step with `layers` layers must do. */
export function productsOf(variant: string, layers: number, { dims, features }: ListaShape): number {
  // V x, and U a: features × features. Backward their gradients, and the way back through U.
  if (variant === 'lista') return layers * (1 + features / dims + (1 + (2 * features) / dims));
  const learned = ['lista-cp', 'lista-cpss', 'tilista'].includes(variant);
  return layers * (2 + (learned ? 4 : 2));
}

/** A trainer as trainLista makes it, without validation. */
class Trainer {
  readonly #handle: ListaTrainerHandle;

  constructor({ dictionary, density, features }: ListaProblem, options: TrainListaPriorOptions) {
    const run = readRun(readOptions(options), 'prior', false);
    const { data, shape } = dictionary.toMatrix();
    const prior = readPrior({ density, snr: SNR }, features, false);
    this.#handle = native((module) =>
      module.createListaTrainer(
        { data: data as Float32Array, rows: shape[0], cols: shape[1] },
        { ...run.options, planned: NO_PLAN, validateEvery: 0, patience: 0 },
        ...([prior, undefined, undefined, undefined, undefined] as const),
      ),
    );
  }

  run(steps: number, threads: number): Promise<NativeListaFigures> {
    return runJob<NativeListaFigures>(undefined, (onSettled) =>
      binding.listaTrainerFit(this.#handle, steps, steps, threads, undefined, onSettled),
    );
  }

  dispose(): void {
    native((module) => module.disposeListaTrainer(this.#handle));
  }
}

/** Seconds of one X·Dᵀ of the batch on one thread. */
type Product = () => Promise<number>;

async function productOf(problem: ListaProblem, plan: ListaStepsPlan, peers?: Peers): Promise<Product> {
  const { dims, features } = problem;
  const { x } = drawKnown(problem, plan.batch, SNR, 1);
  if (peers === undefined) {
    const out = matrix(new Float32Array(plan.batch * features), features);
    return async () => timed(() => ops.correlate(x, problem.dictionary, { out, threads: 1 }));
  }
  await peers.process.ask('load', {
    ...{ dims, features, active: 1, top: 1, lambda: 1, tolerance: 1, nonnegative: false },
    atoms: writeArray(plan.folder, 'directions.f32', problem.atoms),
    samples: writeArray(plan.folder, 'batch.f32', x.data),
  });
  return async () => (await peers.process.ask<{ seconds: number }>('sgemm')).seconds;
}

async function timeVariant(
  { variant, selection }: ListaStepsPlan['variants'][number],
  problem: ListaProblem,
  plan: ListaStepsPlan,
  product: Product,
): Promise<ListaStepRow> {
  const { layers, batch } = plan;
  const trainer = new Trainer(problem, {
    ...{ variant, layers, batchSize: batch },
    ...(selection === undefined ? {} : { selection }),
  } as TrainListaPriorOptions);
  try {
    if (plan.settling > 0) await trainer.run(plan.settling, 2);
    await trainer.run(1, 1);
    const seconds: number[] = [];
    const units: number[] = [];
    for (let i = 0; i < plan.runs; i++) {
      units.push(await product());
      const started = performance.now();
      await trainer.run(1, 1);
      seconds.push((performance.now() - started) / 1000);
    }
    const products = productsOf(variant, layers, plan.shape);
    return {
      ...{
        variant,
        selection: variant !== 'lista' && variant !== 'lista-cp' && selection !== false,
        products,
      },
      ...{ seconds: summarise(seconds), sgemm: summarise(units) },
      ratio: median(seconds) / (products * median(units)),
    };
  } finally {
    trainer.dispose();
  }
}

export async function runListaSteps(plan: ListaStepsPlan, peers?: Peers): Promise<ListaSteps> {
  const problem = makeProblem(plan.shape, 1);
  using _ = problem.dictionary;
  const product = await productOf(problem, plan, peers);
  const rows: ListaStepRow[] = [];
  for (const variant of plan.variants) rows.push(await timeVariant(variant, problem, plan, product));
  const { batch, layers } = plan;
  return { batch, layers, target: TARGET, by: peers ? 'sgemm' : 'our float32 product', rows };
}
