// Runs of training over a matrix, a stream or what a prior draws, from a checkpoint where there is one.
import { createHash } from 'node:crypto';
import { UnsuperposeError } from '../call/errors.js';
import type { NativeMatrix } from '../call/matrix.js';
import { warning } from '../call/notes.js';
import type { BatchSource } from '../data/batches.js';
import type { Resumable } from '../data/checkpoints.js';
import type { Dictionary } from '../data/dictionary.js';
import { Holdout } from '../data/holdout.js';
import { teachByPasses } from '../data/passes.js';
import { StreamRun } from '../data/stream-run.js';
import { runJob, throwIfAborted } from '../native/job.js';
import type {
  ListaTrainerHandle,
  NativeLista,
  NativeListaFigures,
  NativeListaOptions,
  NativeListaPrior,
} from '../native/lista.js';
import { binding, native } from '../native/runtime.js';
import type { NativeCheckpoint } from '../native/sae.js';
import type { NativeCodes } from '../native/values.js';
import { measure } from './held-out.js';
import { Lista } from './lista.js';
import type { Run } from './options.js';
import { checkFinite, type Samples, takeSamples } from './samples.js';
import { figuresOf, type KeptFigures, keep, notesOf, progressOf } from './training.js';

/** Reports of a call over a matrix or a prior, at most (layer-wise: of a stage). The cut is fixed, so that figures do not depend on who listens. */
const REPORTS = 50;

/** What checkpoints say of themselves. */
const KIND = 'unrolled networks';

/** What a run trains on besides its options. */
interface Ground {
  /** Another handle than the caller's, who may dispose it meanwhile. */
  readonly dictionary: Dictionary;
  readonly prior?: NativeListaPrior | undefined;
  /** Of a matrix. */
  readonly samples?: Samples | undefined;
  /** Of a matrix or a stream. */
  readonly validation?: Samples | undefined;
  /** Most steps: in all, layer-wise of each stage; 0: unknown. */
  readonly planned: number;
}

/** A native trainer, and how its state is kept. */
interface Trainer {
  readonly handle: ListaTrainerHandle;
  readonly state: Resumable;
}

const textOf = (values: object, prefix = ''): [string, string][] =>
  Object.entries(values).map(([name, value]) => [`${prefix}${name}`, String(value)]);

const digestOf = (...arrays: readonly NodeJS.ArrayBufferView[]): string => {
  const hash = createHash('sha256');
  for (const array of arrays) hash.update(array);
  return hash.digest('hex').slice(0, 16);
};

const digestOfCodes = ({ indptr, indices, values }: NativeCodes): string => digestOf(indptr, indices, values);

/** What must be alike in a run and in the one that it goes on from. The memory that steps keep changes no bit. */
function identityOf(
  { variant, validation }: Run,
  { memory: _, ridge, ...options }: NativeListaOptions,
  ground: Ground,
  atoms: NativeMatrix,
): Record<string, string> {
  const { prior, samples, validation: validated } = ground;
  return Object.fromEntries([
    ...textOf({ variant, ...options }),
    // Runs without a ridge say nothing of it, as those did that knew none.
    ...textOf(ridge > 0 ? { ridge } : {}),
    ...textOf(prior ?? {}, 'prior.'),
    ...textOf({ features: atoms.rows, dims: atoms.cols, dictionary: digestOf(atoms.data) }),
    ...textOf({ rows: samples?.rows ?? null, share: validation.share, validated: validated?.rows ?? null }),
    ...textOf({
      ...(samples?.codes && { codes: digestOfCodes(samples.codes) }),
      ...(validated && { 'validation.activations': digestOf(validated.activations.data) }),
      ...(validated?.codes && { 'validation.codes': digestOfCodes(validated.codes) }),
    }),
  ]);
}

function createTrainer(run: Run, ground: Ground): Trainer {
  const { dictionary, prior, samples, validation, planned } = ground;
  const { data, shape } = dictionary.toMatrix();
  const atoms = { data, rows: shape[0], cols: shape[1] };
  const validates = prior !== undefined || validation !== undefined;
  const { every, patience } = validates ? run.validation : { every: 0, patience: 0 };
  const options = { ...run.options, planned, validateEvery: every, patience };
  const handle = native((module) =>
    module.createListaTrainer(
      ...([atoms, options, prior, samples?.activations, samples?.codes] as const),
      validation?.activations,
      validation?.codes,
    ),
  );
  return {
    handle,
    state: {
      kind: KIND,
      save: (signal) =>
        runJob<NativeCheckpoint>(signal, (onSettled) =>
          binding.listaTrainerSave(handle, 1, undefined, onSettled),
        ),
      resume: (arrays) => native((module) => module.listaTrainerResume(handle, arrays)),
      identity: identityOf(run, options, ground, atoms),
    },
  };
}

/** Figures of what was held out, and that some of it was too large for the network. */
async function score(parameters: NativeLista, { validation, dictionary }: Ground, run: Run) {
  const measured = await measure(parameters, validation?.activations, dictionary, run);
  if (measured === undefined) return { scores: undefined, notes: [] };
  const { figures, overflowed } = measured;
  if (overflowed.length === 0) return { scores: figures, notes: [] };
  const message = `${overflowed.length} of ${figures.samples} samples that were held out (${overflowed[0]} is the first) overflow float32 in the layers of the network: their codes count as zeros in heldOut`;
  return { scores: figures, notes: [warning('NOTE_HELD_OUT_OVERFLOWED', message)] };
}

async function finish({ handle }: Trainer, last: KeptFigures, run: Run, ground: Ground): Promise<Lista> {
  const { variant, schedule, lambda, signal, options, validation } = run;
  const parameters = await runJob<NativeLista>(signal, (onSettled) =>
    binding.listaTrainerFinish(handle, run.threads, undefined, onSettled),
  );
  native((module) => module.disposeListaTrainer(handle));
  const figures = figuresOf(last);
  const { scores, notes } = await score(parameters, ground, run);
  const { steps, samples } = last;
  const reached = figures.best ?? figures.loss;
  return Lista.adopt(parameters, {
    ...{ variant, schedule, steps, samples, seed: options.seed, ...figures },
    ...(lambda !== undefined && { lambda }),
    ...(options.ridge > 0 && { ridge: options.ridge }),
    ...(scores && { heldOut: { ...scores, ...(figures.best !== undefined && { loss: figures.best }) } }),
    notes: [...notesOf(reached, lambda === undefined, validation.share > 0 && !ground.validation), ...notes],
  });
}

/** The most steps that progress can count to. */
function totalOf({ schedule }: Run, planned: number, stages: number): number | undefined {
  if (planned === 0) return undefined;
  return schedule === 'layerwise' ? planned * stages : planned;
}

/** On samples that the native trainer has, or draws. */
async function trainOnOwn(run: Run, ground: Ground): Promise<Lista> {
  const { threads, signal, onProgress, checkpoints, schedule } = run;
  const { planned } = ground;
  throwIfAborted(signal);
  const trainer = createTrainer(run, ground);
  const { handle, state } = trainer;
  const before = (await checkpoints.resume<KeptFigures>(state))?.figures;
  // Layer-wise, how many stages there are is for native code to say: it ends by itself.
  const steps = schedule === 'layerwise' ? Number.MAX_SAFE_INTEGER : planned;
  const stride = Math.ceil(planned / REPORTS);
  const made = await checkpoints.run<KeptFigures>(
    state,
    { done: before?.finished ? steps : (before?.steps ?? 0), steps },
    signal,
    async (chunk, stop) =>
      keep(
        await runJob<NativeListaFigures>(stop, (onSettled, guard) => {
          const report =
            onProgress &&
            guard((now: NativeListaFigures) =>
              onProgress(progressOf(keep(now), totalOf(run, planned, now.stages), now.searched)),
            );
          return binding.listaTrainerFit(handle, chunk, stride, threads, report, onSettled);
        }),
      ),
    (figures, done) => (done < steps ? { ...figures, steps: done } : figures),
    ({ finished }) => finished,
  );
  return finish(trainer, (made ?? before) as KeptFigures, run, ground);
}

export function trainOnPrior(prior: NativeListaPrior, dictionary: Dictionary, run: Run): Promise<Lista> {
  return trainOnOwn(run, { dictionary, prior, planned: run.steps as number });
}

export function trainOnMatrix(given: Samples, dictionary: Dictionary, run: Run): Promise<Lista> {
  if (given.rows === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      'activations must have at least one sample (row), got none',
      'activations',
    );
  checkFinite(given.activations, 'activations');
  const { share } = run.validation;
  const { seed, batchSize } = run.options;
  const { mask, held } = share > 0 ? new Holdout(share, seed).split(given.activations) : {};
  const counting = given.rows - (held?.length ?? 0);
  if (counting === 0)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `validation.share leaves no sample to learn from: all ${given.rows} samples are held out; give more samples, or a smaller share than ${share}`,
      'validation.share',
    );
  const learned = (own: Uint8Array): Samples =>
    takeSamples(
      given,
      Uint32Array.from(own.keys()).filter((i) => own[i] === 1),
    );
  const { steps, epochs } = run;
  return trainOnOwn(run, {
    dictionary,
    samples: mask === undefined || counting === given.rows ? given : learned(mask),
    validation: held?.length ? takeSamples(given, held) : undefined,
    planned: steps ?? Math.ceil(((epochs as number) * counting) / Math.min(batchSize, counting)),
  });
}

export function trainOnStream(
  batches: BatchSource<Samples>,
  dictionary: Dictionary,
  validation: Samples | undefined,
  run: Run,
): Promise<Lista> {
  const stream = new StreamRun<KeptFigures>(run.checkpoints, run.signal, (now) => now?.steps ?? 0);
  return stream.keep(async () => {
    await stream.locate(KIND);
    return trainOnPasses(batches, { dictionary, validation, planned: run.steps ?? 0 }, run, stream);
  });
}

async function trainOnPasses(
  batches: BatchSource<Samples>,
  ground: Ground,
  run: Run,
  stream: StreamRun<KeptFigures>,
): Promise<Lista> {
  const { threads, signal, onProgress, epochs, schedule } = run;
  const { planned } = ground;
  let trainer: Trainer | undefined;
  // Layer-wise training ends by itself.
  const steps = schedule === 'layerwise' ? Number.MAX_SAFE_INTEGER : run.steps;
  await teachByPasses<Samples, Samples, KeptFigures>(batches, { epochs, steps }, stream, signal, {
    create: () => {
      trainer = createTrainer(run, ground);
      return trainer.state;
    },
    look: (item) => item,
    feed: async ({ activations, codes }, most, stop) => {
      const { handle } = trainer as Trainer;
      const figures = await runJob<NativeListaFigures>(stop, (onSettled, guard) => {
        // What it publishes in the middle of an item.
        const report =
          onProgress &&
          guard((now: NativeListaFigures) => {
            if (now.searched > 0)
              onProgress(progressOf(keep(now), totalOf(run, planned, now.stages), now.searched));
          });
        return binding.listaTrainerObserve(handle, activations, codes, most, threads, report, onSettled);
      });
      return keep(figures);
    },
    over: ({ finished }) => finished,
    report: (now) => onProgress?.(progressOf(now, totalOf(run, planned, now.stages))),
  });
  return finish(trainer as Trainer, stream.last as KeptFigures, run, ground);
}
