// Runs of training over a matrix or a stream, from a checkpoint where there is one.
import type { Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { type NativeMatrix, readMatrix } from '../call/matrix.js';
import type { Options } from '../call/options.js';
import { readThreads } from '../call/threads.js';
import type { BatchSource } from '../data/batches.js';
import { Checkpoints, type Resumable } from '../data/checkpoints.js';
import type { HeldOutFigures } from '../data/held-out-scores.js';
import { HeldOutRows, Holdout, reported, scoresAgain, takeRows } from '../data/holdout.js';
import { teachByPasses } from '../data/passes.js';
import { fitBetweenReports, strideOf } from '../data/reports.js';
import { StreamRun } from '../data/stream-run.js';
import { runJob, throwIfAborted } from '../native/job.js';
import { ranOn } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type {
  NativeAutoencoder,
  NativeCheckpoint,
  NativeTrainerOptions,
  NativeTrainingFigures,
  TrainerHandle,
} from '../native/sae.js';
import type { Resources } from '../native/values.js';
import { SparseAutoencoder } from './autoencoder.js';
import { readTrainingDevice, trainingResources } from './device.js';
import { measure } from './held-out.js';
import type { Learner, Planned } from './options.js';
import type { Samples } from './samples.js';
import { figuresOf, notesOf, type TrainingProgress } from './training.js';

type Figures = readonly NativeTrainingFigures[];

/** The options of a whole run. */
export interface Run {
  readonly learners: readonly Learner[];
  readonly batchSize: number;
  readonly seed: number;
  readonly epochs: number | undefined;
  readonly steps: number | undefined;
  readonly initial: NativeMatrix | undefined;
  readonly holdout: Holdout | undefined;
  readonly checkpoints: Checkpoints;
  readonly threads: number;
  readonly wanted: Wanted;
  /** The option `device` as it was given. */
  readonly asked: unknown;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: TrainingProgress) => void) | undefined;
}

const MOST_BATCH = 2 ** 31 - 1;
const DEFAULT_BATCH = 1024;
const DEFAULT_EPOCHS = 10;

export function readRun(read: Options, learners: readonly Learner[], seed: number): Run {
  const signal = read.signal();
  const onProgress = read.callback<TrainingProgress>('onProgress');
  if (read.has('steps'))
    read.exclude(['epochs'], 'calls without steps', 'a call with steps (give one of the two)');
  const count = { min: 1, max: Number.MAX_SAFE_INTEGER };
  return {
    learners,
    seed,
    batchSize: read.integer('batchSize', { min: 1, max: MOST_BATCH }, DEFAULT_BATCH),
    epochs: read.integer('epochs', { min: 1, max: MOST_BATCH }, undefined),
    steps: read.integer('steps', count, undefined),
    initial: read.has('initial') ? readMatrix(read.get('initial'), 'initial', { copy: true }) : undefined,
    holdout: Holdout.read(read, seed),
    checkpoints: new Checkpoints(read),
    threads: readThreads(read),
    wanted: readTrainingDevice(read, learners),
    asked: read.get('device'),
    signal,
    onProgress,
  };
}

/** Native learners for data of these dims, and how their state is kept. */
interface Trainer {
  readonly handle: TrainerHandle;
  readonly state: Resumable;
  /** What its steps run on. */
  readonly on: Resources;
}

/** What checkpoints say of themselves. */
const KIND = 'sparse autoencoders';

/** What must be alike in a run and in the one that it goes on from. `rows` of a matrix; null for streams. */
function stateOf(
  handle: TrainerHandle,
  options: readonly NativeTrainerOptions[],
  sizes: Readonly<Record<string, number | null>>,
): Resumable {
  const learners = options.flatMap((one, i) =>
    Object.entries(one).map(([name, value]) => [`learners[${i}].${name}`, String(value)] as const),
  );
  const own = Object.entries(sizes).map(([name, value]) => [name, String(value)] as const);
  return {
    kind: KIND,
    save: (signal) =>
      runJob<NativeCheckpoint>(signal, (onSettled) => binding.trainerSave(handle, 1, undefined, onSettled)),
    resume: (arrays) => native((module) => module.trainerResume(handle, arrays)),
    identity: Object.fromEntries([...own, ...learners]),
  };
}

function createTrainer(run: Run, first: Samples, planned: number, keep: boolean): Trainer {
  const { initial, learners, batchSize, seed } = run;
  const { activations, targets } = first;
  const inputs = activations.cols;
  const outputs = targets?.cols ?? inputs;
  if (inputs === 0 || outputs === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations and targets must have at least one dim',
      'activations',
    );
  for (const { features } of learners)
    if (initial !== undefined && (initial.rows !== features || initial.cols !== outputs))
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `initial must be features × dims of the output, [${features}, ${outputs}], got [${initial.rows}, ${initial.cols}]`,
        'initial',
      );
  const known: Planned = { inputs, outputs, transcoder: targets !== undefined, steps: planned };
  const options = learners.map(({ plan }) => plan(known));
  const on = trainingResources(options, run, { samples: Math.max(1, planned) * batchSize, inputs, outputs });
  const kept = keep ? first : undefined;
  const handle = native((module) =>
    module.createTrainer(
      ...([inputs, outputs, options, batchSize, seed, initial] as const),
      ...([kept?.activations, kept?.targets, kept?.mask] as const),
    ),
  );
  const rows = keep ? first.rows : null;
  // Runs that hold nothing out say nothing of it, as those did that knew no holdout.
  const held = run.holdout === undefined ? {} : { holdout: run.holdout.share };
  const state = stateOf(handle, options, { batchSize, seed, inputs, outputs, rows, ...held });
  return { handle, state, on };
}

function progressOf(
  figures: Figures,
  total: number | undefined,
  heldOut?: readonly (HeldOutFigures | undefined)[],
): TrainingProgress {
  const learners = figures.map((one, i) => ({
    ...figuresOf(one),
    ...(heldOut?.[i] !== undefined && { heldOut: heldOut[i] }),
  }));
  const [first] = learners as [(typeof learners)[number]];
  return { done: stepsOf(figures), ...(total !== undefined && { total }), ...first, learners };
}

/** What each learner has made so far. */
function freeze({ handle }: Trainer, signal: AbortSignal | undefined) {
  return runJob<readonly { parameters: NativeAutoencoder; usage: Float64Array; onDevice: boolean }[]>(
    signal,
    (onSettled) => binding.trainerFinish(handle, 1, undefined, onSettled),
  );
}

/** What it makes of samples held out, one for each learner. */
async function measureNow(
  trainer: Trainer,
  held: readonly NativeMatrix[],
  how: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<(HeldOutFigures | undefined)[]> {
  const figures: (HeldOutFigures | undefined)[] = [];
  for (const { parameters } of await freeze(trainer, how.signal))
    figures.push(await measure(parameters, held, how));
  return figures;
}

/** `held`: activations, and targets where there are any, that training has not seen; no matrices where nothing was held out. */
async function finish(
  trainer: Trainer,
  last: Figures,
  run: Run,
  held: readonly NativeMatrix[],
): Promise<SparseAutoencoder[]> {
  const { signal, threads, holdout } = run;
  const made = await freeze(trainer, signal);
  native((module) => module.disposeTrainer(trainer.handle));
  const all: SparseAutoencoder[] = [];
  for (const [i, { parameters, usage, onDevice }] of made.entries()) {
    const { architecture, features, seed } = run.learners[i] as Learner;
    const figures = last[i] as NativeTrainingFigures;
    const device = onDevice ? ranOn(trainer.on) : 'cpu';
    const { steps, samples } = figures;
    const heldOut = await measure(parameters, held, { threads, signal });
    const notes = notesOf(figures, features, holdout !== undefined && heldOut === undefined);
    all.push(
      SparseAutoencoder.adopt(parameters, {
        ...{ architecture, steps, samples, usage, seed, device, notes },
        ...figuresOf(figures),
        ...(heldOut !== undefined && { heldOut }),
      }),
    );
  }
  return all;
}

const stepsOf = (figures: Figures | undefined): number => figures?.[0]?.steps ?? 0;

const samplesOf = (figures: Figures | undefined): number => figures?.[0]?.samples ?? 0;

/** Activations, and targets where there are any. */
const partsOf = ({ activations, targets }: Samples): [NativeMatrix, ...NativeMatrix[]] =>
  targets === undefined ? [activations] : [activations, targets];

export async function trainOnMatrix(given: Samples, run: Run): Promise<SparseAutoencoder[]> {
  if (given.rows === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations must have at least one sample (row), got none',
      'activations',
    );
  const { threads, signal, onProgress, batchSize, checkpoints, holdout } = run;
  const split = holdout?.split(given.activations, given.mask);
  const samples = split === undefined ? given : { ...given, mask: split.mask };
  const held = split?.held.length ? partsOf(given).map((part) => takeRows(part, split.held)) : [];
  const few =
    onProgress && split?.held.length
      ? partsOf(given).map((part) => takeRows(part, reported(split.held)))
      : [];
  // Masked samples are not drawn.
  const { mask, rows } = samples;
  const counting = mask === undefined ? rows : mask.reduce((sum, one) => sum + Number(one !== 0), 0);
  const epochs = run.epochs ?? DEFAULT_EPOCHS;
  if (holdout !== undefined && counting === 0)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `holdout leaves no sample to learn from: all ${rows} samples are held out or hidden by mask; give more samples, or a smaller share than ${holdout.share}`,
      'holdout',
    );
  const drawn = Math.max(1, Math.min(batchSize, counting));
  const steps = run.steps ?? Math.max(1, Math.ceil((epochs * counting) / drawn));
  throwIfAborted(signal);
  const trainer = createTrainer(run, samples, steps, true);
  const { handle, state, on } = trainer;
  const advance = (chunk: number, stop: AbortSignal | undefined, listener?: (now: Figures) => void) =>
    runJob<Figures>(stop, (onSettled, guard) =>
      binding.trainerFit(handle, chunk, strideOf(steps), on, listener && guard(listener), onSettled),
    );
  const before = await checkpoints.resume<Figures>(state);
  const made = await checkpoints.run<Figures>(
    state,
    { done: stepsOf(before?.figures), steps },
    signal,
    (chunk, stop, done) => {
      if (onProgress === undefined) return advance(chunk, stop);
      if (few.length === 0) return advance(chunk, stop, (now) => onProgress(progressOf(now, steps)));
      return fitBetweenReports(
        { done, chunk, steps },
        (some) => advance(some, stop),
        async (now) => {
          if (signal?.aborted) return;
          onProgress(progressOf(now, steps, await measureNow(trainer, few, { threads, signal: stop })));
        },
      );
    },
    (figures, done) => (done < steps ? figures.map((each) => ({ ...each, steps: done })) : figures),
  );
  const last = made ?? before?.figures;
  return finish(trainer, last as Figures, run, held);
}

export function trainOnStream(batches: BatchSource<Samples>, run: Run): Promise<SparseAutoencoder[]> {
  const stream = new StreamRun<Figures>(run.checkpoints, run.signal, stepsOf);
  return stream.keep(async () => {
    await stream.locate(KIND);
    return trainOnPasses(batches, run, stream);
  });
}

async function trainOnPasses(
  batches: BatchSource<Samples>,
  run: Run,
  stream: StreamRun<Figures>,
): Promise<SparseAutoencoder[]> {
  const { threads, signal, onProgress, steps, holdout } = run;
  let trainer: Trainer | undefined;
  let withTargets = false;
  let held: HeldOutRows | undefined;
  /** Has anything been reported since held-out samples were scored last? */
  let unscored = false;
  const report = async (figures: Figures, scores: boolean): Promise<void> => {
    if (onProgress === undefined) return;
    const few = scores ? (held?.takeReported() ?? []) : [];
    unscored = few.length === 0;
    const heldOut = unscored ? undefined : await measureNow(trainer as Trainer, few, { threads, signal });
    onProgress(progressOf(figures, steps, heldOut));
  };
  await teachByPasses<Samples, Samples, Figures>(batches, run, stream, signal, {
    create: (first) => {
      withTargets = first.targets !== undefined;
      trainer = createTrainer(run, first, steps ?? 0, false);
      return trainer.state;
    },
    // What was held out is known from the first pass.
    looksAt: (epoch) => holdout !== undefined && epoch === 1,
    look: (batch, epoch) => {
      const split = holdout?.split(batch.activations, batch.mask);
      if (holdout === undefined || split === undefined) return batch;
      if (epoch === 1) {
        held ??= new HeldOutRows(holdout, batch.cols);
        held.add(partsOf(batch), split.held);
      }
      return { ...batch, mask: split.mask };
    },
    feed: ({ activations, targets, mask }, most, stop) => {
      if (withTargets !== (targets !== undefined))
        throw new UnsuperposeError(
          'ERR_SHAPE',
          'either all batches of activations have targets or none',
          'activations',
        );
      const { handle, on } = trainer as Trainer;
      return runJob<Figures>(stop, (onSettled) =>
        binding.trainerObserve(handle, activations, targets, mask, most, on, undefined, onSettled),
      );
    },
    report: (figures, before) => report(figures, scoresAgain(samplesOf(before), samplesOf(figures))),
    atEnd: async (figures) => {
      if (unscored && (held?.count ?? 0) > 0) await report(figures, true);
    },
  });
  return finish(trainer as Trainer, stream.last as Figures, run, held?.take() ?? []);
}
