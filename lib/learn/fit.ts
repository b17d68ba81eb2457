// Dictionary learning over a matrix or a stream, from a checkpoint where there is one.
import type { Device, Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import type { NativeMatrix } from '../call/matrix.js';
import { type Note, warning } from '../call/notes.js';
import { refuseOption } from '../call/options.js';
import type { BatchSource } from '../data/batches.js';
import type { Checkpoints, Resumable } from '../data/checkpoints.js';
import { Dictionary } from '../data/dictionary.js';
import { HeldOutRows, type Holdout, nothingHeldOut, scoresAgain } from '../data/holdout.js';
import { fitBetweenReports, strideOf } from '../data/reports.js';
import { StreamRun } from '../data/stream-run.js';
import type { StateArray } from '../files/checkpoint.js';
import { runJob, throwIfAborted } from '../native/job.js';
import type { NativeStatistics } from '../native/learning.js';
import { type RanOn, ranOn, resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type { LearnerHandle, Resources } from '../native/values.js';
import { freeze } from './freeze.js';
import { type HeldOutCodes, heldOutCodes, heldOutNow } from './held-out.js';

/** Figures of the steps since the last report (of the stream's last batch): means over their samples. */
export interface LearningFigures {
  /** ½‖x − aD‖² + λ‖a‖₁, with a sparsity ½‖x − aD‖²: the mean a sample. */
  readonly objective: number;
  /** 1 − Σ‖x − aD‖² / Σ‖x − mean‖². */
  readonly explainedVariance: number;
  /** Mean number of active atoms a sample. */
  readonly l0: number;
}

/** How far learning has come, in steps; `total` is unknown for streams. */
export interface LearningProgress extends LearningFigures {
  readonly done: number;
  readonly total?: number;
  /**
   * With `holdout`: of 1,024 of the samples held out so far at most, evenly spread over them, with the atoms there are now. Over a matrix in every
   * report; of a stream once another 16,384 samples were learned from, and in one more report at the end of each pass.
   */
  readonly heldOut?: HeldOutCodes | undefined;
}

/** What {@link learnDictionary} answers. Its figures are those of the last progress report. */
export interface LearnedDictionary extends LearningFigures {
  readonly dictionary: Dictionary;
  /** How many samples used each atom, over all steps: one count a feature. */
  readonly usage: Float64Array;
  readonly steps: number;
  /** Samples seen, over all steps. */
  readonly samples: number;
  /** Atoms that were replaced: unused ones by badly explained samples, and others by directions that explain more. */
  readonly replaced: number;
  /** How many atoms no sample has used since they were started or replaced: they are no features of the data. */
  readonly dead: number;
  /** Which: their indices, ascending. */
  readonly deadAtoms: Uint32Array;
  /** The seed it was learned with: of the best of several restarts. */
  readonly seed: number;
  /**
   * Where its steps ran, in part at least where it is a GPU (see the option; `NOTE_UPDATED_ON_CPU` says where its memory was short); `'cpu'` where this call
   * made none, as a checkpoint had them all. A step that fails on a GPU is an error of the call.
   */
  readonly device: RanOn;
  /** Of the samples held out, with `holdout`; undefined where there were none. */
  readonly heldOut?: HeldOutCodes | undefined;
  /** What is worth knowing besides: `NOTE_DEAD_ATOMS`, `NOTE_NOTHING_HELD_OUT`, `NOTE_UPDATED_ON_CPU`. */
  readonly notes: readonly Note[];
}

/** The options of a whole run, but for its length. */
export interface Learning {
  readonly options: Omit<Parameters<typeof binding.createLearner>[1], 'planned'>;
  readonly initial: NativeMatrix | undefined;
  readonly holdout: Holdout | undefined;
  readonly checkpoints: Checkpoints;
  readonly threads: number;
  /** Where steps are to run, and the same as an option of other calls. */
  readonly wanted: Wanted;
  readonly device: Device;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: LearningProgress) => void) | undefined;
}

/** What checkpoints say of themselves: none is taken for another method's. */
const KINDS = {
  online: 'online dictionary learning',
  mod: 'dictionary learning by the method of optimal directions',
  ksvd: 'dictionary learning by K-SVD',
} as const;

/** A native learner, and how its state is kept. */
interface Learner {
  readonly handle: LearnerHandle;
  readonly state: Resumable;
  /** What its steps run on. */
  readonly given: Resources;
}

/** `samples`: what it is to learn from; it keeps a copy. */
function createLearner(
  dims: number,
  { options, initial, holdout, threads, wanted }: Learning,
  planned: number,
  samples: NativeMatrix | undefined,
  mask?: Uint8Array,
): Learner {
  if (initial !== undefined && initial.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `initial has ${initial.cols} dims, activations have ${dims}`,
      'initial',
    );
  if (options.sparsity > dims)
    refuseOption('sparsity', `an integer between 1 and ${dims} (dims)`, options.sparsity);
  const together = Math.min(options.batchSize, samples?.rows ?? options.batchSize);
  const given = resources(threads, wanted, together * dims * options.features);
  const handle = native((module) =>
    module.createLearner(dims, { ...options, planned }, initial, samples, mask),
  );
  // Runs that hold nothing out say nothing of it.
  const shared = holdout === undefined ? {} : { holdout: holdout.share };
  const { features, lambda, sparsity, ...others } = options;
  const codes = sparsity > 0 ? { sparsity } : { lambda };
  const run = { features, ...codes, ...others, steps: planned };
  const alike = { ...shared, ...run, dims, rows: samples?.rows ?? null };
  const state: Resumable = {
    kind: KINDS[options.method],
    save: (signal) =>
      runJob<Record<string, StateArray>>(signal, (onSettled) =>
        binding.learnerSave(handle, 1, undefined, onSettled),
      ),
    resume: (arrays) => native((module) => module.learnerResume(handle, arrays)),
    identity: Object.fromEntries(Object.entries(alike).map(([name, value]) => [name, String(value)])),
  };
  return { handle, state, given };
}

function figures({ objective, explainedVariance, l0 }: NativeStatistics): LearningFigures {
  return { objective, explainedVariance, l0 };
}

function progressOf(now: NativeStatistics, total?: number, heldOut?: HeldOutCodes): LearningProgress {
  return {
    ...{ done: now.steps, ...(total !== undefined && { total }) },
    ...figures(now),
    ...(heldOut !== undefined && { heldOut }),
  };
}

/** What there is to say of atoms without samples. */
function notesOf(dead: number, { features, lambda, sparsity }: Learning['options']): Note[] {
  if (dead === 0) return [];
  const none =
    sparsity > 0
      ? 'every sample is zero'
      : `lambda ${lambda} leaves every code zero, or every sample is zero; a smaller lambda finds features (lambdaMax says from where on)`;
  const more = sparsity > 0 ? 'a larger sparsity' : 'a smaller lambda';
  const message =
    dead === features
      ? `no sample used any of the ${features} atoms: ${none}`
      : `${dead} of ${features} atoms were used by no sample: fewer features, ${more}, or more steps leave fewer of them (deadAtoms has their indices)`;
  return [warning('NOTE_DEAD_ATOMS', message)];
}

/** Of a GPU whose memory does not hold what the updates of the atoms take. */
const updatedHere = (device: RanOn): Note =>
  warning(
    'NOTE_UPDATED_ON_CPU',
    `${device} has no room for the sums that atoms are updated by (features × (features + dims) floats): the CPU updated them, and ${device} made the codes`,
  );

async function finish(
  { handle, given }: Learner,
  last: NativeStatistics,
  { options, signal }: Learning,
): Promise<LearnedDictionary> {
  const { dictionary, usage, dead, usedDevice, lackedRoom } = await freeze(handle, signal);
  native((module) => module.disposeLearner(handle));
  const { steps, samples, replaced } = last;
  return {
    dictionary: Dictionary.adopt(dictionary),
    usage,
    steps,
    samples,
    replaced,
    dead: dead.length,
    deadAtoms: dead,
    seed: options.seed,
    device: usedDevice ? ranOn(given) : 'cpu',
    notes: [...notesOf(dead.length, options), ...(lackedRoom ? [updatedHere(ranOn(given))] : [])],
    ...figures(last),
  };
}

/** `reported`: samples held out that progress reports score, where they are to. */
export async function learnOnce(
  matrix: NativeMatrix,
  steps: number,
  learning: Learning,
  mask: Uint8Array | undefined,
  reported: NativeMatrix | undefined,
): Promise<LearnedDictionary> {
  const { options, threads, device, signal, onProgress, checkpoints } = learning;
  throwIfAborted(signal);
  const learner = createLearner(matrix.cols, learning, steps, matrix, mask);
  const { handle, state, given } = learner;
  type Listener = (now: NativeStatistics) => void;
  const advance = (chunk: number, stop: AbortSignal | undefined, listener?: Listener) =>
    runJob<NativeStatistics>(stop, (onSettled, guard) =>
      binding.learnerFit(handle, chunk, strideOf(steps), given, listener && guard(listener), onSettled),
    );
  const before = (await checkpoints.resume<NativeStatistics>(state))?.figures;
  const made = await checkpoints.run<NativeStatistics>(
    state,
    { done: before?.steps ?? 0, steps },
    signal,
    (chunk, stop, done) => {
      if (onProgress === undefined) return advance(chunk, stop);
      if (reported === undefined) return advance(chunk, stop, (now) => onProgress(progressOf(now, steps)));
      return fitBetweenReports(
        { done, chunk, steps },
        (some) => advance(some, stop),
        async (now) => {
          if (signal?.aborted) return;
          const heldOut = await heldOutNow(handle, reported, options, { threads, device, signal: stop });
          onProgress(progressOf(now, steps, heldOut));
        },
      );
    },
    (now, done) => ({ ...now, steps: done }),
  );
  const last = made ?? before;
  return finish(learner, last as NativeStatistics, learning);
}

/** The answer with what its dictionary makes of what was held out; `held` is undefined where nothing was. */
export async function withHeldOut(
  learned: LearnedDictionary,
  held: NativeMatrix | undefined,
  { options, threads, device, signal, holdout }: Learning,
): Promise<LearnedDictionary> {
  if (holdout === undefined) return learned;
  if (held !== undefined)
    return {
      ...learned,
      heldOut: await heldOutCodes(held, learned.dictionary, options, { threads, device, signal }),
    };
  return { ...learned, notes: [...learned.notes, nothingHeldOut()] };
}

/** Why there is nothing to learn from. */
export function nothingLeft(rows: number, holdout: Holdout | undefined): string {
  return `holdout leaves no sample to learn from: all ${rows} samples are held out; give more samples, or a smaller share than ${holdout?.share}`;
}

/** Of a stream, with what of it is learned from. */
interface Item {
  readonly batch: NativeMatrix;
  readonly mask: Uint8Array | undefined;
  /** How many items of the pass there are up to it. */
  readonly items: number;
}

export function learnFromStream(
  batches: BatchSource,
  epochs: number,
  learning: Learning,
): Promise<LearnedDictionary> {
  const { checkpoints, signal } = learning;
  const run = new StreamRun<NativeStatistics>(checkpoints, signal, (now) => now?.steps ?? 0);
  return run.keep(async () => {
    await run.locate(KINDS[learning.options.method]);
    return learnFromPasses(batches, epochs, learning, run);
  });
}

async function learnFromPasses(
  batches: BatchSource,
  epochs: number,
  learning: Learning,
  run: StreamRun<NativeStatistics>,
): Promise<LearnedDictionary> {
  const { threads, device, signal, onProgress, holdout } = learning;
  let learner: Learner | undefined;
  let heldOut: HeldOutRows | undefined;
  /** Items that are held until atoms have a start, and how many samples more that takes. */
  const held: Item[] = [];
  let wants = learning.options.start === 'samples' || learning.initial !== undefined ? 0 : 1;
  const create = async (dims: number): Promise<Learner> => {
    const made = createLearner(dims, learning, 0, undefined);
    if (await run.begin(made.state)) wants = 0;
    return made;
  };
  /** Has anything been reported since held-out samples were scored last? */
  let unscored = false;
  const report = async (handle: LearnerHandle, scores: boolean): Promise<void> => {
    if (onProgress === undefined || run.last === undefined) return;
    const [few] = scores ? (heldOut?.takeReported() ?? []) : [];
    unscored = few === undefined;
    const now = few && (await heldOutNow(handle, few, learning.options, { threads, device, signal }));
    onProgress(progressOf(run.last, undefined, now));
  };
  run.checkPasses(epochs);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    /** Items of this pass so far, and up to the one that was read last. */
    let items = 0;
    let read = 0;
    /** Rows of this pass so far. */
    let rows = 0;
    /** Which of an item are learned from. */
    const maskOf = (batch: NativeMatrix): Uint8Array | undefined => {
      rows += batch.rows;
      if (holdout === undefined) return undefined;
      const { mask, held: out } = holdout.split(batch);
      if (epoch === 1) {
        heldOut ??= new HeldOutRows(holdout, batch.cols);
        heldOut.add([batch], out);
      }
      return mask;
    };
    const observe = async ({ handle, given }: Learner, { batch, mask, items: upTo }: Item): Promise<void> => {
      items = upTo;
      const place = { epoch, items };
      if (run.passed(place)) return;
      const before = run.last?.samples ?? 0;
      const taught = await run.feed(place, (stop) =>
        runJob<NativeStatistics>(stop, (onSettled) =>
          binding.learnerObserve(handle, batch, mask, given, undefined, onSettled),
        ),
      );
      if (taught) await report(handle, scoresAgain(before, run.last?.samples ?? 0));
      await run.save(place);
    };
    const reading = {
      again: epochs > 1,
      // What was held out is known from the first pass.
      skip: holdout !== undefined && epoch === 1 ? 0 : run.skippable(epoch),
      onSkipped: (skipped: number) => {
        items = skipped;
      },
      onItem: (item: number) => {
        read = item;
      },
    };
    for await (const batch of batches.read(signal, reading)) {
      learner ??= await create(batch.cols);
      const mask = maskOf(batch);
      if (wants === 0) {
        await observe(learner, { batch, mask, items: read });
        continue;
      }
      const { handle } = learner;
      // Its owner may write the next item over it.
      held.push({ batch: { ...batch, data: batch.data.slice() }, mask, items: read });
      wants = await runJob<number>(signal, (onSettled) =>
        binding.learnerStart(handle, batch, mask, threads, undefined, onSettled),
      );
      if (wants === 0) for (const one of held.splice(0)) await observe(learner, one);
    }
    if (items === Number.POSITIVE_INFINITY) continue;
    wants = 0;
    if (learner !== undefined) for (const one of held.splice(0)) await observe(learner, one);
    run.checkPassed({ epoch, items });
    if (epoch > 1 && items === 0)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `activations gave no samples in epoch ${epoch} of ${epochs}: for several epochs give what can be read again, an array or a function that makes a generator anew`,
        'activations',
      );
    if (run.last?.samples === 0)
      throw new UnsuperposeError('ERR_OPTION', nothingLeft(rows, holdout), 'holdout');
    if (learner === undefined || run.last === undefined)
      throw new UnsuperposeError('ERR_SHAPE', 'activations gave no samples to learn from', 'activations');
    if (unscored && (heldOut?.count ?? 0) > 0) await report(learner.handle, true);
    await run.save({ epoch, items }, 1);
  }
  const learned = await finish(learner as Learner, run.last as NativeStatistics, learning);
  return withHeldOut(learned, heldOut?.take()[0], learning);
}
