// Where learning gets its batches from: one reader for all that can give matrices one after the other.
import { UnsuperposeError } from '../call/errors.js';
import { type NativeMatrix, readMatrix } from '../call/matrix.js';
import { throwIfAborted } from '../native/job.js';

type Steps = AsyncIterator<unknown> | Iterator<unknown>;

/** How `source` is read, or undefined if it is none: matrices from an iterable of either kind, or a single one. */
function open(source: unknown): (() => Steps) | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = source as Partial<
    AsyncIterable<unknown>
  > &
    Partial<Iterable<unknown>>;
  if (typeof later === 'function') return () => later.call(source);
  if (typeof now === 'function') return () => now.call(source);
  return 'data' in source ? () => [source][Symbol.iterator]() : undefined;
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

/**
 * Batches of samples, all of the same dims: a matrix, an array of matrices, a generator, or anything else that is iterable at once or
 * asynchronously. Read once, in its own order; batches without samples are passed over.
 */
export class BatchSource {
  readonly #open: () => Steps;
  readonly #name: string;

  private constructor(start: () => Steps, name: string) {
    this.#open = start;
    this.#name = name;
  }

  /** Undefined for what gives no matrices. `name` is the argument's, for messages. */
  static from(source: unknown, name: string): BatchSource | undefined {
    const start = open(source);
    return start && new BatchSource(start, name);
  }

  /** Opens the source when first asked. Whoever stops early must leave the loop: that closes the source, and waits for it. */
  async *read(signal: AbortSignal | undefined): AsyncGenerator<NativeMatrix, void, undefined> {
    const iterator = this.#open();
    let dims: number | undefined;
    let waiting = false;
    let ended = false;
    try {
      for (;;) {
        throwIfAborted(signal);
        waiting = true;
        const { done, value } = await nextStep(iterator, signal);
        waiting = false;
        ended = done === true;
        if (ended) return;
        const batch = readMatrix(value, this.#name);
        if (dims !== undefined && batch.cols !== dims)
          throw new UnsuperposeError(
            'ERR_SHAPE',
            `${this.#name} changed from ${dims} to ${batch.cols} dims in the middle of the stream`,
            this.#name,
          );
        if (batch.rows === 0) continue;
        dims = batch.cols;
        yield batch;
      }
    } finally {
      // A stream that failed or ended is closed already. One that never answered cannot be waited for.
      if (!ended) {
        const closed = Promise.resolve(iterator.return?.()).catch(() => undefined);
        if (!waiting) await closed;
      }
    }
  }
}
