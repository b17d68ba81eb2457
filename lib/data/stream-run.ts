// A run of a learner over the items of a stream, pass after pass: what a checkpoint has seen already is passed over, and what was learned
// since the last one is known when the run is aborted.
import { UnsuperposeError } from '../call/errors.js';
import type { Checkpoints, Reached, Resumable, StreamPlace } from './checkpoints.js';

export class StreamRun<Figures> {
  readonly #checkpoints: Checkpoints;
  readonly #signal: AbortSignal | undefined;
  readonly #stepsOf: (figures: Figures | undefined) => number;
  #learner: Resumable | undefined;
  #last: Figures | undefined;
  /** What the checkpoint that the run goes on from has seen. */
  #passed: StreamPlace = { epoch: 1, items: 0 };
  /** Steps of the last checkpoint. */
  #saved = 0;
  /** What a checkpoint would hold now, if it would be another than the last. */
  #reached: Reached<Figures> | undefined;

  constructor(
    checkpoints: Checkpoints,
    signal: AbortSignal | undefined,
    stepsOf: (figures: Figures | undefined) => number,
  ) {
    this.#checkpoints = checkpoints;
    this.#signal = signal;
    this.#stepsOf = stepsOf;
  }

  /** Figures after the last item that taught something. */
  get last(): Figures | undefined {
    return this.#last;
  }

  get steps(): number {
    return this.#stepsOf(this.#last);
  }

  /** The run; once it is aborted, what it has learned is written. */
  keep<T>(run: () => Promise<T>): Promise<T> {
    return this.#checkpoints.keeping(this.#signal, () => this.#reached, run);
  }

  /** Looks how far the checkpoint was, before there is a learner of this kind. */
  async locate(kind: string): Promise<void> {
    this.#passed = (await this.#checkpoints.place(kind)) ?? this.#passed;
  }

  /** Refuses a run that ends before the pass that the checkpoint is of. */
  checkPasses(passes: number): void {
    if (this.#passed.epoch <= passes) return;
    throw new UnsuperposeError(
      'ERR_OPTION',
      `resume: the checkpoint is of pass ${this.#passed.epoch} over the activations, epochs is ${passes}: give the same options`,
      'resume',
    );
  }

  /** Items of a pass that nobody has to look at: but the last that the checkpoint has seen, which tells the learner its dims. */
  skippable(epoch: number): number {
    if (epoch < this.#passed.epoch) return Number.POSITIVE_INFINITY;
    return epoch > this.#passed.epoch ? 0 : Math.max(0, this.#passed.items - 1);
  }

  /** At the end of a pass. */
  checkPassed({ epoch, items }: StreamPlace): void {
    if (epoch !== this.#passed.epoch || items >= this.#passed.items) return;
    throw new UnsuperposeError(
      'ERR_OPTION',
      `resume: the checkpoint is of ${this.#passed.items} items of pass ${epoch} over the activations, which have no more than ${items} now: give the same data`,
      'resume',
    );
  }

  /** Takes a new learner to where the checkpoint was. False where there is none to go on from. */
  async begin(learner: Resumable): Promise<boolean> {
    this.#learner = learner;
    const before = await this.#checkpoints.resume<Figures>(learner);
    if (before === undefined) return false;
    this.#passed = before;
    this.#last = before.figures;
    this.#saved = this.steps;
    return true;
  }

  /** Has the checkpoint seen this item? `place` counts it. */
  passed({ epoch, items }: StreamPlace): boolean {
    return epoch < this.#passed.epoch || (epoch === this.#passed.epoch && items <= this.#passed.items);
  }

  /** Has the checkpoint seen anything of this pass? */
  begunBefore(epoch: number): boolean {
    return epoch < this.#passed.epoch || (epoch === this.#passed.epoch && this.#passed.items > 0);
  }

  /** Feeds an item to the learner by `feed`, which is not stopped half-way where that would spoil it. Answers whether it taught anything. */
  async feed(
    place: StreamPlace,
    feed: (signal: AbortSignal | undefined) => Promise<Figures>,
  ): Promise<boolean> {
    const before = this.#reached;
    this.#reached = undefined;
    const now = await feed(this.#checkpoints.whole(this.#signal));
    // A learner that has only been resumed knows no figures yet.
    if (this.#last !== undefined && this.#stepsOf(now) <= this.steps) {
      this.#reached = before && { ...before, place };
      return false;
    }
    this.#last = now;
    this.#reached = { learner: this.#learner as Resumable, figures: now, place };
    return true;
  }

  /** Writes a checkpoint once `least` steps were made since the last. */
  async save(place: StreamPlace, least = this.#checkpoints.every): Promise<void> {
    if (this.#last === undefined || this.steps - this.#saved < least) return;
    this.#saved = this.steps;
    await this.#checkpoints.write(this.#learner as Resumable, this.#last, place, undefined);
    this.#reached = undefined;
  }
}
