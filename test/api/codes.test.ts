// SparseCodes: rows, dense form, iteration, and what it refuses to be made of.
import { describe, expect, it } from 'vitest';
import { Dictionary, fold, SparseCodes, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { type Anything, codes, dictionary, FEATURES, failure, SAMPLES, samples } from './calls.js';

const good = {
  indptr: Uint32Array.of(0, 2, 2, 3),
  indices: Uint32Array.of(1, 4, 0),
  values: Float32Array.of(0.5, -2, 3),
  shape: [3, 5] as const,
};

it('gives rows, a dense matrix, and iterates', () => {
  const made = SparseCodes.from(good);
  expect(Array.from(made.row(0).indices)).toEqual([1, 4]);
  expect(Array.from(made.row(0).values)).toEqual([0.5, -2]);
  expect(made.row(1).indices.length).toBe(0);
  expect(Array.from(made.toDense().data)).toEqual([0, 0.5, 0, 0, -2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
  expect(made.toDense().shape).toEqual([3, 5]);
  expect(Array.from(made, (row) => Array.from(row.values))).toEqual([[0.5, -2], [], [3]]);
});

it('round-trips what unfold answers', () => {
  const again = SparseCodes.from(codes);
  expect(again.toDense()).toEqual(codes.toDense());
  expect(fold(again, dictionary)).toEqual(fold(codes, dictionary));
  const warm = unfoldSync(samples, dictionary, { lambda: 0.1, warmStart: again });
  expect(warm.converged).toBe(true);
});

it('refuses rows that are not there', () => {
  for (const i of [-1, SAMPLES, 0.5, Number.NaN]) expect(() => codes.row(i)).toThrow();
});

const bad: [string, Anything, string][] = [
  ['nothing', undefined, 'ERR_DTYPE|ERR_SHAPE'],
  ['indptr of numbers', { ...good, indptr: [0, 2, 2, 3] }, 'ERR_DTYPE'],
  ['indices of floats', { ...good, indices: Float32Array.of(1, 4, 0) }, 'ERR_DTYPE'],
  ['values of integers', { ...good, values: Int32Array.of(1, 2, 3) }, 'ERR_DTYPE'],
  ['indptr too short', { ...good, indptr: Uint32Array.of(0, 3) }, 'ERR_SHAPE'],
  ['indptr not from zero', { ...good, indptr: Uint32Array.of(1, 2, 2, 3) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['indptr that falls', { ...good, indptr: Uint32Array.of(0, 2, 1, 3) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['indptr past the end', { ...good, indptr: Uint32Array.of(0, 2, 2, 4) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['indptr far past the end', { ...good, indptr: Uint32Array.of(0, 4e9, 4e9, 3) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['fewer values than indices', { ...good, values: Float32Array.of(1, 2) }, 'ERR_SHAPE'],
  ['an index out of range', { ...good, indices: Uint32Array.of(1, 5, 0) }, 'ERR_SHAPE|ERR_FORMAT'],
  [
    'an index far out of range',
    { ...good, indices: Uint32Array.of(1, 4294967295, 0) },
    'ERR_SHAPE|ERR_FORMAT',
  ],
  ['indices that fall', { ...good, indices: Uint32Array.of(4, 1, 0) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['an index twice', { ...good, indices: Uint32Array.of(4, 4, 0) }, 'ERR_SHAPE|ERR_FORMAT'],
  ['NaN', { ...good, values: Float32Array.of(1, Number.NaN, 2) }, 'ERR_NOT_FINITE'],
  ['Infinity', { ...good, values: Float32Array.of(1, 2, Number.POSITIVE_INFINITY) }, 'ERR_NOT_FINITE'],
  ['a shape of one number', { ...good, shape: [3] }, 'ERR_SHAPE'],
  ['a negative shape', { ...good, shape: [3, -5] }, 'ERR_SHAPE'],
];

describe('refuses', () => {
  it.each(bad)('%s', async (_, parts, code) => {
    const error = await failure(() => SparseCodes.from(parts));
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect((error as UnsuperposeError).code, (error as Error).message).toMatch(new RegExp(`^(${code})$`));
  });

  it('codes that were tampered with after they were made', async () => {
    const large = Dictionary.from({ data: new Float32Array(FEATURES * 5).fill(1), shape: [FEATURES, 5] });
    for (const spoil of [
      (c: SparseCodes) => c.indices.fill(4_000_000_000),
      (c: SparseCodes) => c.indptr.fill(4_000_000_000),
      (c: SparseCodes) => c.values.fill(Number.NaN),
    ]) {
      const made = SparseCodes.from({
        indptr: codes.indptr.slice(),
        indices: codes.indices.slice(),
        values: codes.values.slice(),
        shape: codes.shape,
      });
      spoil(made);
      const folded = await failure(() => fold(made, large));
      const warm = await failure(() => unfoldSync(samples, dictionary, { lambda: 0.1, warmStart: made }));
      for (const error of [folded, warm]) expect(error).toBeInstanceOf(UnsuperposeError);
    }
  });
});
