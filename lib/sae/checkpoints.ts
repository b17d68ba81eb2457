// Checkpoints of training: what is written, and when a file fits the call that goes on from it.
import { UnsuperposeError } from '../call/errors.js';
import { describe, Options } from '../call/options.js';
import { readCheckpoint, type StateArray, writeCheckpoint } from '../files/checkpoint.js';
import { type Path, readPath } from '../files/refuse.js';
import { runJob } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type {
  NativeCheckpoint,
  NativeTrainerOptions,
  NativeTrainingFigures,
  TrainerHandle,
} from '../native/sae.js';

/** Where and how often the state of training is written. */
export interface CheckpointOptions {
  /** A safetensors file. It is replaced as a whole: what was there before stays until the new one is written and synced. */
  readonly path: Path;
  /** Steps between two of them; in a stream at the end of the item that reaches it. Default 1,000. One more is written at the end. */
  readonly every?: number | undefined;
}

/** Options of calls that can be interrupted. */
export interface ResumableOptions {
  /** Write the state of training now and then. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /**
   * Go on from this checkpoint, to the same bits as without interruption: give the same data and options. A stream is read from its start, and what
   * was learned already is passed over.
   */
  readonly resume?: Path | undefined;
}

export const RESUMABLE_NAMES = ['checkpoint', 'resume'] as const;
const KIND = 'sparse autoencoders';
const EVERY = 1000;

/** How far a stream was read: its passes, and items of the running one. */
export interface StreamPlace {
  readonly epoch: number;
  readonly items: number;
}

/** What a run must have in common with the one that it goes on from, by name. */
export type Identity = Readonly<Record<string, string>>;

interface Metadata extends StreamPlace {
  readonly run: Identity;
  readonly figures: readonly NativeTrainingFigures[];
}

/** `rows` of a matrix; null for streams. */
export function identityOf(
  options: readonly NativeTrainerOptions[],
  sizes: Readonly<Record<'batchSize' | 'seed' | 'inputs' | 'outputs', number>> & {
    readonly rows: number | null;
  },
): Identity {
  const learners = options.flatMap((one, i) =>
    Object.entries(one).map(([name, value]) => [`learners[${i}].${name}`, String(value)] as const),
  );
  return Object.fromEntries([
    ...Object.entries(sizes).map(([name, value]) => [name, String(value)]),
    ...learners,
  ]);
}

export class Checkpoints {
  readonly #path: string | undefined;
  /** Steps between two; Infinity where none is written. */
  readonly every: number;
  readonly #resume: string | undefined;

  constructor(read: Options) {
    const given = read.get('checkpoint');
    if (given === undefined) {
      this.every = Number.POSITIVE_INFINITY;
    } else {
      if (typeof given !== 'object' || given === null)
        throw new UnsuperposeError(
          'ERR_OPTION',
          `checkpoint must be { path, every }, got ${describe(given)}`,
          'checkpoint',
        );
      const own = new Options(given, ['path', 'every'], 'checkpoint');
      this.#path = readPath(own.get('path'), 'checkpoint.path');
      this.every = own.integer('every', { min: 1, max: Number.MAX_SAFE_INTEGER }, EVERY);
    }
    if (read.has('resume')) this.#resume = readPath(read.get('resume'), 'resume');
  }

  /** Takes the trainer to where the checkpoint was; undefined where there is none to go on from. */
  async resume(
    trainer: TrainerHandle,
    identity: Identity,
  ): Promise<(StreamPlace & { readonly figures: readonly NativeTrainingFigures[] }) | undefined> {
    if (this.#resume === undefined) return undefined;
    const { arrays, metadata } = await readCheckpoint(this.#resume, KIND);
    const { run, figures, epoch, items } = metadata as unknown as Metadata;
    const other = Object.keys({ ...run, ...identity }).find((name) => run[name] !== identity[name]);
    if (other !== undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `resume: ${this.#resume} is of another run: its ${other} was ${run[other]}, here it is ${identity[other]}`,
        'resume',
      );
    native((module) => module.trainerResume(trainer, Object.fromEntries(arrays)));
    return { epoch, items, figures };
  }

  /** Writes one, if any are to be written. */
  async write(
    trainer: TrainerHandle,
    identity: Identity,
    figures: readonly NativeTrainingFigures[],
    place: StreamPlace,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#path === undefined) return;
    const saved = await runJob<NativeCheckpoint>(signal, (onSettled) =>
      binding.trainerSave(trainer, 1, undefined, onSettled),
    );
    const arrays = new Map<string, StateArray>(Object.entries(saved));
    const metadata: Metadata = { run: identity, figures, ...place };
    await writeCheckpoint(this.#path, KIND, { arrays, metadata: { ...metadata } }, signal);
  }
}
