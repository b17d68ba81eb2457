// Checkpoints of learners: what is written, and when a file fits the call that goes on from it.
import { UnsuperposeError } from '../call/errors.js';
import { describe, Options } from '../call/options.js';
import { readCheckpoint, type StateArray, writeCheckpoint } from '../files/checkpoint.js';
import { type Path, readPath } from '../files/refuse.js';
import { throwIfAborted } from '../native/job.js';

/** Where and how often the state of training is written. */
export interface CheckpointOptions {
  /** A safetensors file. It is replaced as a whole: what was there before stays until the new one is written and synced. */
  readonly path: Path;
  /**
   * Steps between two of them; in a stream at the end of the item that reaches it. Default 1,000. One more is written at the end, and one when
   * the call is aborted: then it rejects once the steps of the moment are done (some 0.1 s, or one step, or a stream's item, if these take longer) and
   * written, so that none is lost.
   */
  readonly every?: number | undefined;
}

/** Options of calls that can be interrupted. */
export interface ResumableOptions {
  /** Write the state of training now and then. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /**
   * Go on from this checkpoint, to the same bits as without interruption: give the same data and options. A stream that can begin later
   * ({@link SeekableStream}, as `files.readMatrices` gives it) is read from about where the checkpoint was; but with `holdout` its first pass is read
   * again, for what is held out. Others are read from their start, and what was learned already is passed over.
   */
  readonly resume?: Path | undefined;
}

export const RESUMABLE_NAMES = ['checkpoint', 'resume'] as const;
const EVERY = 1000;
/** Milliseconds of steps that an abort waits for. */
const PATIENCE = 100;

/** How far a stream was read: its passes, and items of the running one. */
export interface StreamPlace {
  readonly epoch: number;
  readonly items: number;
}

/** A native learner, as far as checkpoints know it. */
export interface Resumable {
  /** What it is, in the file: no other learner takes it for its own. */
  readonly kind: string;
  readonly save: (signal: AbortSignal | undefined) => Promise<Record<string, StateArray>>;
  readonly resume: (arrays: Record<string, StateArray>) => void;
  /** What a run must have in common with the one that it goes on from, by name. */
  readonly identity: Identity;
}

export type Identity = Readonly<Record<string, string>>;

/** What a checkpoint would hold now. */
export interface Reached<Figures> {
  readonly learner: Resumable;
  readonly figures: Figures;
  readonly place: StreamPlace;
}

interface Metadata<Figures> extends StreamPlace {
  readonly run: Identity;
  readonly figures: Figures;
}

/** What a file holds that is gone on from. */
interface Found<Figures> {
  readonly arrays: ReadonlyMap<string, StateArray>;
  readonly metadata: Metadata<Figures>;
}

export class Checkpoints {
  readonly #path: string | undefined;
  /** Steps between two; Infinity where none is written. */
  readonly every: number;
  readonly #resume: string | undefined;
  /** Read already, for a learner that is not made yet. */
  #found: Found<unknown> | undefined;

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

  async #find(path: string, kind: string): Promise<Found<unknown>> {
    const { arrays, metadata } = await readCheckpoint(path, kind);
    return { arrays, metadata: metadata as unknown as Metadata<unknown> };
  }

  /** How far the stream was read that a learner of this kind is to go on with; undefined where there is none. */
  async place(kind: string): Promise<StreamPlace | undefined> {
    if (this.#resume === undefined) return undefined;
    this.#found = await this.#find(this.#resume, kind);
    const { epoch, items } = this.#found.metadata;
    return { epoch, items };
  }

  /** Takes the learner to where the checkpoint was, and gives the figures that stood in it; undefined where there is none to go on from. */
  async resume<Figures>(
    learner: Resumable,
  ): Promise<(StreamPlace & { readonly figures: Figures }) | undefined> {
    if (this.#resume === undefined) return undefined;
    const { arrays, metadata } = (this.#found ??
      (await this.#find(this.#resume, learner.kind))) as Found<Figures>;
    this.#found = undefined;
    const { run, figures, epoch, items } = metadata;
    const { identity } = learner;
    const other = Object.keys({ ...run, ...identity }).find((name) => run[name] !== identity[name]);
    if (other !== undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `resume: ${this.#resume} is of another run: its ${other} was ${run[other] ?? 'left out'}, here it is ${identity[other] ?? 'left out'}`,
        'resume',
      );
    learner.resume(Object.fromEntries(arrays));
    return { epoch, items, figures };
  }

  /** Writes one, if any are to be written. */
  async write<Figures>(
    learner: Resumable,
    figures: Figures,
    place: StreamPlace,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#path === undefined) return;
    const arrays = new Map(Object.entries(await learner.save(signal)));
    const metadata: Metadata<Figures> = { run: learner.identity, figures, ...place };
    await writeCheckpoint(this.#path, learner.kind, { arrays, metadata: { ...metadata } }, signal);
  }

  /** The signal of calls that change the learner: those that are to be resumed are not stopped half-way, which would spoil it. */
  whole(signal: AbortSignal | undefined): AbortSignal | undefined {
    return this.#path === undefined ? signal : undefined;
  }

  /**
   * Steps `done` to `steps` over a matrix, by calls of `take`, some of them each, after those
   * that are done. Where checkpoints are written, calls are short: once the
   * signal is aborted, the last one is let finish, and where it ended is written. What is `over` before makes no more steps.
   */
  async run<Figures>(
    learner: Resumable,
    { done: first, steps }: { readonly done: number; readonly steps: number },
    signal: AbortSignal | undefined,
    take: (steps: number, signal: AbortSignal | undefined, done: number) => Promise<Figures>,
    figuresAt: (figures: Figures, done: number) => Figures,
    over: (figures: Figures) => boolean = () => false,
  ): Promise<Figures | undefined> {
    let figures: Figures | undefined;
    let saved = first;
    let most = this.#path === undefined ? Number.POSITIVE_INFINITY : 1;
    for (let done = first; done < steps; ) {
      const chunk = Math.min(most, steps - done, saved + this.every - done);
      const began = performance.now();
      figures = await take(chunk, this.whole(signal), done);
      const took = performance.now() - began;
      done = over(figures) ? steps : done + chunk;
      if (chunk === most)
        most = took < PATIENCE / 2 ? 2 * most : Math.max(1, took > PATIENCE ? most >> 1 : most);
      const stopped = signal?.aborted === true;
      if (done - saved >= this.every || done === steps || stopped) {
        saved = done;
        await this.write(learner, figuresAt(figures, done), { epoch: 0, items: 0 }, undefined);
      }
      throwIfAborted(signal);
    }
    return figures;
  }

  /** `work`, and once it is aborted a checkpoint of what was `reached`, if anything was. */
  async keeping<Figures, T>(
    signal: AbortSignal | undefined,
    reached: () => Reached<Figures> | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const last = signal?.aborted === true ? reached() : undefined;
      if (last !== undefined) await this.write(last.learner, last.figures, last.place, undefined);
      throw error;
    }
  }
}
