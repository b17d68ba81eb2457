// Small answers come another way than large ones (lib/native/tray.ts): the same values of the same types, in arrays that share nothing. What
// an asynchronous call answers never comes that way, so it is what they are compared with.
import { types } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Dictionary, ops, type Unfolding, unfold, unfoldSync } from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import type { Anything } from './calls.js';

const dims = 16;
const features = 40;
const most = 700;
const { atoms, samples } = gaussian(5, { features, dims, samples: most, active: 4 });
const all = samples.data;
const dictionary = Dictionary.from(atoms, { normalize: true });
const first = (rows: number): Anything => ({ data: all.subarray(0, rows * dims), shape: [rows, dims] });

const arraysOf = (unfolding: Anything): Record<string, Float64Array> => {
  const { codes, ...rest } = unfolding;
  const fields = { ...rest, indptr: codes.indptr, indices: codes.indices, values: codes.values };
  return Object.fromEntries(
    Object.entries(fields).filter(([, field]) => types.isTypedArray(field)),
  ) as Record<string, Float64Array>;
};

const options: Record<string, Anything> = {
  lasso: { lambda: 0.2 },
  'lasso in float64': { lambda: 0.2, precision: 'float64' },
  'lasso of nothing active': { lambda: 1e6 },
  'lasso of nothing active in float64': { lambda: 1e6, precision: 'float64' },
  omp: { method: 'omp', sparsity: 5 },
  'bpdn, which finds λ': { method: 'bpdn', epsilon: 0.5 },
  'some entries observed': { lambda: 0.2, observed: Array.from({ length: dims }, (_, k) => k % 3 > 0) },
};

describe.each(Object.entries(options))('%s', (_, how) => {
  // From none to far beyond what the other way holds: 16384 bytes, which is between 80 and 400 of these samples.
  it.each([0, 1, 2, 7, 80, 130, 170, 200, 250, 300, 350, 400, 450, most])(
    '%i samples: as the asynchronous call answers',
    async (rows) => {
      const small = unfoldSync(first(rows), dictionary, how) as Anything;
      const large = (await unfold(first(rows), dictionary, how)) as Anything;
      const [mine, theirs] = [arraysOf(small), arraysOf(large)];
      expect(Object.keys(mine)).toEqual(Object.keys(theirs));
      for (const [name, array] of Object.entries(mine)) {
        const other = theirs[name] as Float64Array;
        expect(Object.getPrototypeOf(array)).toBe(Object.getPrototypeOf(other));
        expect(Buffer.from(array.buffer).equals(Buffer.from(other.buffer)), name).toBe(true);
      }
      expect(small).toEqual(large);
      expect(Object.keys(small)).toEqual(Object.keys(large));
    },
  );
});

it('every array has memory of its own, whole', () => {
  for (const rows of [1, 20, most]) {
    const arrays = Object.values(arraysOf(unfoldSync(first(rows), dictionary, { lambda: 0.2 })));
    expect(arrays).toHaveLength(9);
    expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(arrays.length);
    for (const array of arrays) {
      expect(array.byteOffset).toBe(0);
      expect(array.buffer.byteLength).toBe(array.byteLength);
    }
  }
});

it('what is done to one array touches no other, and no other answer', () => {
  const kept = unfoldSync(first(4), dictionary, { lambda: 0.2 });
  const before = structuredClone(arraysOf(kept));
  const other = unfoldSync(first(4), dictionary, { lambda: 0.2 });
  const { gap, ...rest } = arraysOf(other);
  gap?.fill(7);
  structuredClone(other.codes.values, { transfer: [other.codes.values.buffer as ArrayBuffer] });
  delete rest.values;
  for (const [name, array] of Object.entries(rest)) expect(array).toEqual(before[name]);
  unfoldSync(first(3), dictionary, { method: 'omp', sparsity: 3 });
  ops.topK(first(5), dictionary, 6);
  expect(arraysOf(kept)).toEqual(before);
});

it('answers are of one realm, whatever was done to the globals of another', () => {
  const data = runInContext(
    `Float32Array.from(${JSON.stringify(Array.from(all.subarray(0, dims)))})`,
    createContext({}),
  );
  const unfolding: Unfolding = unfoldSync({ data, shape: [1, dims] }, dictionary, { lambda: 0.2 });
  expect(unfolding.gap).toBeInstanceOf(Float64Array);
  expect(unfolding.codes.values).toBeInstanceOf(Float32Array);
});

it('an error leaves the next answer as it should be', () => {
  const expected = unfoldSync(first(2), dictionary, { lambda: 0.2 });
  const bad: Anything = { data: new Float32Array(dims).fill(Number.NaN), shape: [1, dims] };
  expect(() => unfoldSync(bad, dictionary, { lambda: 0.2 })).toThrow('must be finite');
  expect(unfoldSync(first(2), dictionary, { lambda: 0.2 })).toEqual(expected);
});

describe('ops.topK', () => {
  it.each([1, 3, 100, 225, 226, 227, 300, most])('of 9 and %i rows: row by row the same', (rows) => {
    const { indices, values, shape } = ops.topK(first(rows), dictionary, 9);
    expect(shape).toEqual([rows, 9]);
    expect([indices.length, values.length]).toEqual([rows * 9, rows * 9]);
    expect(indices).toBeInstanceOf(Uint32Array);
    expect(values).toBeInstanceOf(Float32Array);
    for (const i of new Set([0, 1, rows >> 1, rows - 1].filter((row) => row < rows))) {
      const data = all.subarray(i * dims, (i + 1) * dims);
      const alone = ops.topK({ data, shape: [1, dims] }, dictionary, 9);
      expect(indices.subarray(i * 9, (i + 1) * 9)).toEqual(alone.indices);
      expect(values.subarray(i * 9, (i + 1) * 9)).toEqual(alone.values);
    }
  });
});
