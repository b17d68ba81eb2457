// The reader of batches: the same matrices from every kind of source, dims that must stay, and sources that are closed.
import { describe, expect, it } from 'vitest';
import { BatchSource } from '../../lib/data/batches.js';
import { isUnsuperposeError, learnDictionary, type Matrix } from '../../lib/index.js';
import { type Anything, failure, gone } from '../api/calls.js';

function matrix(rows: number, cols: number, first = 0): Matrix<Float32Array> {
  return { data: Float32Array.from({ length: rows * cols }, (_, i) => first + i), shape: [rows, cols] };
}

const MATRICES = [matrix(2, 3), matrix(0, 3), matrix(1, 3, 50), matrix(4, 3, 100)];
const FIRST_VALUES = [0, 50, 100];

/** The first value of every batch that was read */
async function firstValues(source: unknown, signal?: AbortSignal): Promise<number[]> {
  const values: number[] = [];
  const batches = BatchSource.from(source, 'activations');
  if (batches === undefined) throw new Error('not a source');
  for await (const batch of batches.read(signal)) values.push(batch.data[0] as number);
  return values;
}

/** Gives matrices, and knows whether it was closed. */
class Watched implements AsyncIterator<Matrix> {
  closed = 0;
  #given = 0;
  constructor(
    readonly matrices: readonly Matrix[],
    readonly afterwards: 'end' | 'silence' = 'end',
  ) {}
  [Symbol.asyncIterator](): this {
    return this;
  }
  next(): Promise<IteratorResult<Matrix>> {
    const value = this.matrices[this.#given++];
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.afterwards === 'silence') return new Promise(() => undefined);
    return Promise.resolve({ done: true, value: undefined });
  }
  return(): Promise<IteratorResult<Matrix>> {
    this.closed++;
    return Promise.resolve({ done: true, value: undefined });
  }
}

describe('BatchSource', () => {
  it('reads arrays, generators of both kinds, and a single matrix', async () => {
    expect(await firstValues(MATRICES)).toEqual(FIRST_VALUES);
    expect(await firstValues(new Set(MATRICES))).toEqual(FIRST_VALUES);
    function* now() {
      yield* MATRICES;
    }
    async function* later() {
      yield* MATRICES;
    }
    expect(await firstValues(now())).toEqual(FIRST_VALUES);
    expect(await firstValues(later())).toEqual(FIRST_VALUES);
    expect(await firstValues(later(), new AbortController().signal)).toEqual(FIRST_VALUES);
    for (const give of [() => MATRICES, now, later]) expect(await firstValues(give)).toEqual(FIRST_VALUES);
    expect(await firstValues(matrix(3, 2, 7))).toEqual([7]);
    expect(await firstValues([])).toEqual([]);
  });

  it('is none for what gives no matrices', () => {
    for (const source of [undefined, null, 3, 'rows', {}])
      expect(BatchSource.from(source, 'activations')).toBeUndefined();
  });

  it('refuses dims that change and what is no matrix, and closes the source', async () => {
    const changing = new Watched([matrix(2, 3), matrix(2, 4)]);
    await expect(firstValues(changing)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: 'activations changed from 3 to 4 dims in the middle of the stream',
    });
    expect(changing.closed).toBe(1);
    const wrong = new Watched([matrix(2, 3), 5 as unknown as Matrix]);
    await expect(firstValues(wrong)).rejects.toMatchObject({ argument: 'activations' });
    expect(wrong.closed).toBe(1);
  });

  it('closes the source when its reader leaves, and not when it ended', async () => {
    const left = new Watched(MATRICES);
    for await (const _ of BatchSource.from(left, 'activations')?.read(undefined) ?? []) break;
    expect(left.closed).toBe(1);
    const ended = new Watched(MATRICES);
    await firstValues(ended);
    expect(ended.closed).toBe(0);
  });

  it('stops waiting when the signal is aborted, and asks the source to close', async () => {
    const silent = new Watched([matrix(2, 3)], 'silence');
    const abort = new AbortController();
    const reading = firstValues(silent, abort.signal);
    setTimeout(() => abort.abort(new Error('enough')), 5);
    await expect(reading).rejects.toThrow('enough');
    expect(silent.closed).toBe(1);
  });
});

it('iterables that do not iterate are refused', async () => {
  const options = { features: 2, lambda: 1 };
  const iterator = (next: unknown): Anything => ({ [Symbol.iterator]: () => ({ next }) });
  for (const batches of [
    { [Symbol.iterator]: () => 1 },
    { [Symbol.asyncIterator]: () => null },
    iterator(7),
    iterator(() => undefined),
    iterator(() => 'text'),
    new Proxy(new Float32Array(4), {}),
    new Proxy(new Map(), {}),
    () => gone(new Float32Array(4)),
    () => new Float32Array(4),
  ] as Anything[]) {
    const error = (await failure(() => learnDictionary(batches, options))) as Anything;
    expect(isUnsuperposeError(error), String(error?.stack)).toBe(true);
    expect([error.code, error.argument]).toEqual(['ERR_DTYPE', 'activations']);
  }
  // What the caller's own code throws comes out as it is.
  const own = new TypeError('own');
  const throwing = {
    [Symbol.iterator]: () => {
      throw own;
    },
  };
  expect(await failure(() => learnDictionary(throwing as Anything, options))).toBe(own);
  const last = iterator(() => ({ done: false, value: 3 }));
  const closing = { [Symbol.iterator]: () => ({ ...last[Symbol.iterator](), return: 5 }) };
  expect(((await failure(() => learnDictionary(closing as Anything, options))) as Anything).code).toBe(
    'ERR_DTYPE',
  );
});
