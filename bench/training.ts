// What a training step of a sparse autoencoder costs, and encoding with one, in products X·Wᵀ of the batch with all features (sgemm, same
// run, one thread). Steps of a trainer that has come to its usual number of active features: it starts from the directions that the samples
// are made of, and settles in small batches, which are not timed.
import { Options } from '../lib/call/options.js';
import { defaultThreads } from '../lib/call/threads.js';
import { runJob } from '../lib/native/job.js';
import { binding, native } from '../lib/native/runtime.js';
import type { NativeAutoencoder, NativeTrainingFigures, TrainerHandle } from '../lib/native/sae.js';
import { SparseAutoencoder } from '../lib/sae/autoencoder.js';
import { LEARNER_NAMES, type LearnerOptions, readLearner } from '../lib/sae/options.js';
import { showParameters } from '../lib/sae/parameters.js';
import { matrix, type Peers, timed, writeArray } from './contenders.js';
import type { TrainingResult, TrainingRow, TrainingShape } from './result.js';
import { median, summarise } from './statistics.js';
import { makeWorkload } from './workloads.js';

export interface TrainingPlan {
  readonly shapes: readonly TrainingShape[];
  /** timed runs, and steps in each */
  readonly runs: number;
  readonly steps: number;
  /** samples that there are, in batches */
  readonly batches: number;
  /** the small batches before */
  readonly settling: { readonly batch: number; readonly steps: number };
  readonly folder: string;
  /** of the peers */
  readonly wanted: (peer: string) => boolean;
  readonly log: (line: string) => void;
}

/** of samples whose active features have magnitudes of 0.5 … 1.5: about 30 active features are left at dims 512, relu */
const lambda = 0.3;
const shared = { learningRate: 2e-3, warmUp: 20 };
const penalised = { ...shared, lambda, sparsityWarmUp: 1 };
/** Most sgemms, set before the code was written. */
const encodeTarget = 0.6;

interface Timed {
  readonly options: (features: number, active: number) => LearnerOptions;
  /** most sgemms a step */
  readonly target?: number;
}
const learners: readonly Timed[] = [
  {
    options: (features, sparsity) => ({ architecture: 'topk', features, sparsity, ...shared }),
    target: 1.5,
  },
  {
    options: (features, sparsity) => ({ architecture: 'batchtopk', features, sparsity, ...shared }),
    target: 2.5,
  },
  {
    options: (features, sparsity) => ({ architecture: 'matryoshka', features, sparsity, ...shared }),
    target: 2.5,
  },
  {
    options: (features, targetL0) => ({
      ...{ architecture: 'jumprelu', features, targetL0, threshold: 1, sparsityWarmUp: 1 },
      ...shared,
    }),
    target: 2.5,
  },
  { options: (features) => ({ architecture: 'relu', features, ...penalised }), target: 3.5 },
  { options: (features) => ({ architecture: 'gated', features, ...penalised }) },
  { options: (features, sparsity) => ({ architecture: 'matching-pursuit', features, sparsity, ...shared }) },
];

const peerLearners = [
  { name: 'torch topk step', architecture: 'topk' },
  { name: 'torch relu step', architecture: 'relu' },
];

function makeData({ batch, dims, features, active }: TrainingShape, batches: number) {
  const spec = { name: 'training', dims, features, active, samples: batches * batch, seed: 41 };
  return makeWorkload({ ...spec, nonnegative: true }, () => Float64Array.of(1));
}

/** A trainer on these samples, as trainSparseAutoencoder makes it for a run of unknown length. */
class Trainer {
  readonly #handle: TrainerHandle;

  constructor(
    options: LearnerOptions,
    private readonly shape: TrainingShape,
    private readonly samples: Float32Array,
    initial: Float32Array,
  ) {
    const { batch, dims } = shape;
    const { plan } = readLearner(new Options(options, LEARNER_NAMES, 'training'), 1);
    const native_ = plan({ inputs: dims, outputs: dims, transcoder: false, steps: 0 });
    const rows = (data: Float32Array) => ({ data, rows: data.length / dims, cols: dims });
    const sizes = [dims, dims, [native_], batch, 1] as const;
    this.#handle = native((module) =>
      module.createTrainer(...sizes, rows(initial), rows(samples), undefined, undefined),
    );
  }

  /** Steps on small batches, on all threads. */
  async settle({ batch, steps }: TrainingPlan['settling']): Promise<void> {
    const { dims } = this.shape;
    const places = Math.floor(this.samples.length / (batch * dims));
    for (let step = 0; step < steps; step++) {
      const from = (step % places) * batch * dims;
      const given = { data: this.samples.subarray(from, from + batch * dims), rows: batch, cols: dims };
      await runJob<readonly NativeTrainingFigures[]>(undefined, (onSettled) =>
        binding.trainerObserve(
          ...([this.#handle, given, undefined, undefined, 1, defaultThreads(), undefined] as const),
          onSettled,
        ),
      );
    }
  }

  /** Steps on one thread; seconds a step, and figures. Drawing the batches counts. */
  async run(steps: number) {
    const started = performance.now();
    const [figures] = await runJob<readonly NativeTrainingFigures[]>(undefined, (onSettled) =>
      binding.trainerFit(this.#handle, steps, steps, 1, undefined, onSettled),
    );
    const seconds = (performance.now() - started) / 1000 / steps;
    return { seconds, figures: figures as NativeTrainingFigures };
  }

  async finish(): Promise<NativeAutoencoder> {
    const [made] = await runJob<readonly { parameters: NativeAutoencoder }[]>(undefined, (onSettled) =>
      binding.trainerFinish(this.#handle, 1, undefined, onSettled),
    );
    return (made as { parameters: NativeAutoencoder }).parameters;
  }

  dispose(): void {
    native((module) => module.disposeTrainer(this.#handle));
  }
}

/** Times `call` as often as the plan says, an sgemm before each. */
async function measure(runs: number, call: () => Promise<number> | number, peers: Peers | undefined) {
  const seconds: number[] = [];
  const units: number[] = [];
  for (let i = 0; i < runs; i++) {
    if (peers) units.push((await peers.process.ask<{ seconds: number }>('sgemm')).seconds);
    seconds.push(await call());
  }
  return {
    seconds: summarise(seconds),
    ...(peers ? { sgemm: summarise(units), sgemms: median(seconds) / median(units) } : {}),
  };
}

async function timeLearner(
  { options, target }: Timed,
  shape: TrainingShape,
  work: { readonly samples: Float32Array; readonly atoms: Float32Array },
  plan: TrainingPlan,
  peers?: Peers,
): Promise<TrainingRow[]> {
  const { features, active, batch, dims } = shape;
  const given = options(features, active);
  const { architecture } = given;
  const trainer = new Trainer(given, shape, work.samples, work.atoms);
  try {
    await trainer.settle(plan.settling);
    await trainer.run(1);
    const seen: NativeTrainingFigures[] = [];
    const times = await measure(
      plan.runs,
      async () => {
        const { seconds, figures } = await trainer.run(plan.steps);
        seen.push(figures);
        return seconds;
      },
      peers,
    );
    const last = seen.at(-1) as NativeTrainingFigures;
    const step: TrainingRow = {
      ...{ name: `${architecture} step`, by: 'unsuperpose', ...times },
      ...{ l0: median(seen.map(({ l0 }) => l0)), explainedVariance: last.explainedVariance, dead: last.dead },
      ...(target === undefined ? {} : { target }),
    };
    using sae = SparseAutoencoder.from(showParameters(await trainer.finish()));
    const rows = matrix(work.samples.subarray(0, batch * dims), dims);
    const { values } = sae.encodeSync(rows, { threads: 1 });
    const encode = await measure(plan.runs, () => timed(() => sae.encodeSync(rows, { threads: 1 })), peers);
    const encoding: TrainingRow = {
      ...{ name: `encode, ${architecture}`, by: 'unsuperpose', ...encode },
      l0: values.length / batch,
      // What has to score all features again at each step cannot meet it.
      ...(architecture === 'matching-pursuit' ? {} : { target: encodeTarget }),
    };
    return [step, encoding];
  } finally {
    trainer.dispose();
  }
}

async function timePeers(
  { batch, active }: TrainingShape,
  samples: Float32Array,
  plan: TrainingPlan,
  peers: Peers,
): Promise<TrainingRow[]> {
  const given = {
    ...{ batch, k: active, lambda, learningRate: shared.learningRate },
    samples: writeArray(plan.folder, 'samples.f32', samples),
  };
  const rows: TrainingRow[] = [];
  for (const { name, architecture } of peerLearners) {
    if (!plan.wanted(name)) continue;
    plan.log(`  ${name} …`);
    const { variant } = await peers.process.ask<{ variant: string }>('prepare_training', {
      ...{ architecture, ...given },
    });
    const step = async () =>
      (await peers.process.ask<{ seconds: number }>('train', { steps: plan.steps })).seconds;
    rows.push({ name, by: 'peer', variant, ...(await measure(plan.runs, step, peers)) });
  }
  return rows;
}

async function runShape(shape: TrainingShape, plan: TrainingPlan, peers?: Peers): Promise<TrainingResult> {
  const work = makeData(shape, plan.batches);
  const { batch, dims, features, active } = shape;
  plan.log(`  batch ${batch}, dims ${dims}, features ${features} …`);
  const torch = peers?.hello.missing.torch === undefined;
  if (peers) {
    await peers.process.ask('load', {
      ...{ dims, features, active, top: active, lambda, tolerance: 1, nonnegative: true },
      atoms: writeArray(plan.folder, 'directions.f32', work.atoms),
      samples: writeArray(plan.folder, 'batch.f32', work.samples.subarray(0, batch * dims)),
    });
  }
  const rows: TrainingRow[] = [];
  for (const learner of learners) {
    plan.log(`  ${learner.options(features, active).architecture} …`);
    rows.push(...(await timeLearner(learner, shape, work, plan, peers)));
  }
  if (peers && torch) rows.push(...(await timePeers(shape, work.samples, plan, peers)));
  return { ...shape, floor: floorOf(shape), rows };
}

/** What a topk step cannot do without: operations, and bytes of memory, each array read or written once. */
export function floorOf({ batch, dims, features, active }: TrainingShape): TrainingResult['floor'] {
  const entries = batch * active;
  const parameters = 2 * features * dims;
  return {
    selectMultiplyAdds: batch * dims * features,
    // decisions and values in float64, the residual, dL/da, the gradients of decoder and encoder
    entryMultiplyAdds: 5 * entries * dims,
    // parameter and two moments read and written, the gradient read
    adamBytes: 28 * parameters,
    // the encoder read, its copy in 16 bits written and read
    packingBytes: (4 + 2 + 2) * features * dims,
  };
}

/** Every shape of the plan. */
export async function runTraining(plan: TrainingPlan, peers?: Peers): Promise<TrainingResult[]> {
  const results: TrainingResult[] = [];
  for (const shape of plan.shapes) results.push(await runShape(shape, plan, peers));
  return results;
}
