// Where learners get their batches from: one reader for all that can give matrices one after the other.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type NativeMatrix, readMatrix } from '../call/matrix.js';
import { describe } from '../call/options.js';
import { throwIfAborted } from '../native/job.js';

type Steps = AsyncIterator<unknown> | Iterator<unknown>;

/** A stream that can begin a pass later: a learner that goes on from a checkpoint has what it has seen passed over by it, unread. */
export interface SeekableStream<T> {
  /**
   * The next pass from its item `items` on, counted from 0, those without samples too; a whole pass is passed over by Infinity. It counts as a pass,
   * as one from the start would: what comes in it and after it is what would have come there.
   */
  readFrom(items: number): Iterable<T> | AsyncIterable<T>;
}

/** A pass over a source, begun, and the items of it that were passed over unread. */
interface Pass {
  readonly steps: Steps;
  readonly skipped: number;
}

/** Begins a pass; `skip` items of it need not be given. */
type Begin = (skip: number) => Pass;

/** How `source` is read, or undefined if it is none: matrices from an iterable of either kind, a single one, or a function giving these. */
function open(source: unknown, name: string): Begin | undefined {
  if (typeof source === 'function') {
    // A class is a function that cannot be called: it would throw an error of the engine's.
    if (/^class\b/.test(Function.prototype.toString.call(source))) return undefined;
    return (skip) => {
      const given: unknown = source();
      const start = typeof given === 'function' ? undefined : open(given, name);
      if (start === undefined)
        throw new UnsuperposeError(
          'ERR_DTYPE',
          `${name}() must give matrices, an iterable of them, or an async one, got ${describe(given)}`,
          name,
        );
      return start(skip);
    };
  }
  if (typeof source !== 'object' || source === null || ArrayBuffer.isView(source)) return undefined;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = source as Partial<
    AsyncIterable<unknown>
  > &
    Partial<Iterable<unknown>>;
  const start: unknown = typeof later === 'function' ? later : now;
  if (typeof start === 'function')
    return (skip) =>
      (skip > 0 ? beginLater(source, skip, name) : undefined) ?? {
        steps: begin(source, () => start.call(source), name),
        skipped: 0,
      };
  return 'data' in source ? () => ({ steps: [source][Symbol.iterator](), skipped: 0 }) : undefined;
}

/** Where the source can begin later. */
function beginLater(source: Partial<SeekableStream<unknown>>, skip: number, name: string): Pass | undefined {
  if (typeof source.readFrom !== 'function') return undefined;
  const given: unknown = source.readFrom(skip);
  const start = typeof given === 'function' ? undefined : open(given, name);
  if (start === undefined)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name}.readFrom() must give an iterable of matrices, or an async one, got ${describe(given)}`,
      name,
    );
  return { steps: start(0).steps, skipped: skip };
}

/** The iterator that `start` gives, which must be one. What the caller's own code throws is passed on. */
function begin(source: object, start: () => unknown, name: string): Steps {
  const refuse = (got: string, cause?: unknown): never => {
    const message = `${name} must be iterable: its iterator must be an object with next(), got ${got}`;
    throw new UnsuperposeError('ERR_DTYPE', message, name, { cause });
  };
  let iterator: unknown;
  try {
    iterator = start();
  } catch (error) {
    // Typed arrays, Maps and Sets do not iterate through a Proxy.
    if (types.isProxy(source) && error instanceof TypeError) refuse(describe(source), error);
    throw error;
  }
  const isObject = (typeof iterator === 'object' && iterator !== null) || typeof iterator === 'function';
  if (!isObject || typeof (iterator as Partial<Steps>).next !== 'function') refuse(describe(iterator));
  return iterator as Steps;
}

/** The iterator's next step, unless the signal is aborted first. */
function nextStep(iterator: Steps, signal: AbortSignal | undefined): Promise<IteratorResult<unknown>> {
  if (signal === undefined) return Promise.resolve(iterator.next());
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    Promise.resolve(iterator.next())
      .finally(() => signal.removeEventListener('abort', onAbort))
      .then(resolve, reject);
  });
}

/** What a batch must tell of itself. */
export interface Sized {
  readonly rows: number;
  readonly cols: number;
}

/** How a pass is read. */
export interface Reading<T> {
  /** Has the source to be opened again afterwards? An iterator that is its own iterable (a generator) cannot be. */
  readonly again?: boolean;
  /** Sees each batch as it was given, before it is passed on. */
  readonly look?: (given: unknown, batch: T) => void;
  /** Items at the start of the pass that need not be given. Default 0. */
  readonly skip?: number;
  /** Is told once, before the first item, how many of these will not be: all or none, as the source can. */
  readonly onSkipped?: (items: number) => void;
  /** Is told before each batch how many items of the pass there are up to it: those skipped and those without samples, too. */
  readonly onItem?: (items: number) => void;
}

/**
 * Batches of samples, all of the same dims: a matrix, an array of matrices, a generator, anything else that is iterable at once or
 * asynchronously, or a function that gives one of these anew. Read in its own order; batches without samples are passed over.
 */
export class BatchSource<T extends Sized = NativeMatrix> {
  readonly #open: Begin;
  readonly #item: (value: unknown, name: string) => T;
  readonly #source: unknown;
  readonly #name: string;
  #dims: number | undefined;

  private constructor(
    start: Begin,
    source: unknown,
    name: string,
    item: (value: unknown, name: string) => T,
  ) {
    this.#open = start;
    this.#item = item;
    this.#source = source;
    this.#name = name;
  }

  /** Undefined for what gives no matrices. `name` is the argument's, for messages. */
  static from(source: unknown, name: string): BatchSource | undefined {
    return BatchSource.of(source, name, (value) => readMatrix(value, name));
  }

  /** The same of other items than matrices, as `item` reads them. */
  static of<T extends Sized>(
    source: unknown,
    name: string,
    item: (value: unknown, name: string) => T,
  ): BatchSource<T> | undefined {
    const start = open(source, name);
    return start && new BatchSource(start, source, name, item);
  }

  /** Opens the source when first asked. Whoever stops early must leave the loop: that closes the source, and waits for it. */
  async *read(
    signal: AbortSignal | undefined,
    { again = false, look, skip = 0, onSkipped, onItem }: Reading<T> = {},
  ): AsyncGenerator<T, void, undefined> {
    const { steps: iterator, skipped } = this.#open(skip);
    onSkipped?.(skipped);
    let items = skipped;
    if (again && iterator === this.#source)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `${this.#name} is a generator, which can be read once: for several epochs give a function that makes it anew, or an array`,
        this.#name,
      );
    let waiting = false;
    let ended = false;
    try {
      for (;;) {
        throwIfAborted(signal);
        waiting = true;
        const step: unknown = await nextStep(iterator, signal);
        if (typeof step !== 'object' || step === null)
          throw new UnsuperposeError(
            'ERR_DTYPE',
            `${this.#name} must be iterable: next() must give { done, value }, got ${describe(step)}`,
            this.#name,
          );
        const { done, value } = step as Partial<IteratorResult<unknown>>;
        waiting = false;
        ended = done === true;
        if (ended) return;
        const batch = this.#item(value, this.#name);
        if (this.#dims !== undefined && batch.cols !== this.#dims)
          throw new UnsuperposeError(
            'ERR_SHAPE',
            `${this.#name} changed from ${this.#dims} to ${batch.cols} dims in the middle of the stream`,
            this.#name,
          );
        items += 1;
        if (batch.rows === 0) continue;
        this.#dims = batch.cols;
        look?.(value, batch);
        onItem?.(items);
        yield batch;
      }
    } finally {
      // A stream that failed or ended is closed already. One that never answered cannot be waited for.
      if (!ended) {
        const closed = (async () => iterator.return?.())().catch(() => undefined);
        if (!waiting) await closed;
      }
    }
  }
}

/** Does `activations` give matrices one after the other, rather than being one? */
export function isStream(activations: unknown): boolean {
  if (typeof activations === 'function') return true;
  if (typeof activations !== 'object' || activations === null) return false;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = activations as Partial<
    AsyncIterable<unknown>
  > &
    Partial<Iterable<unknown>>;
  if (typeof later === 'function') return true;
  return typeof now === 'function' && !('shape' in activations) && !ArrayBuffer.isView(activations);
}
