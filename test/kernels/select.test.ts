// The epilogues that keep a few entries: they must agree to the bit with picking from the full product.
import { describe, expect, it } from 'vitest';
import { Dictionary, type Matrix, ops } from '../../lib/index.js';
import { at, dot, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(111);

/** Small integers: products are exact in float32, so ties are many and real. */
function integers(rows: number, cols: number, bound: number): Matrix<Float32Array> {
  return {
    data: Float32Array.from({ length: rows * cols }, () => random.below(2 * bound + 1) - bound),
    shape: [rows, cols],
  };
}

function normals(rows: number, cols: number): Matrix<Float32Array> {
  return { data: Float32Array.from({ length: rows * cols }, () => random.normal()), shape: [rows, cols] };
}

interface Entry {
  index: number;
  value: number;
  strength: number;
}

/** Row i of the full product, as entries in order of strength, ties by lower index. */
function ranked(product: Matrix, i: number, absolute: boolean): Entry[] {
  const features = product.shape[1];
  return Array.from(product.data.subarray(i * features, (i + 1) * features), (value, index) => ({
    index,
    value,
    strength: absolute ? Math.abs(value) : value,
  })).sort((a, b) => b.strength - a.strength || a.index - b.index);
}

/** a·bᵀ in float64: products of float32 numbers are exact there. */
function exactProduct(a: Matrix<Float32Array>, b: Matrix<Float32Array>): Matrix<Float64Array> {
  const [left, right] = [toRows(a), toRows(b)];
  const data = Float64Array.from(left.flatMap((x) => right.map((d) => dot(x, d))));
  return { data, shape: [left.length, right.length] };
}

/** One vector, and as many that differ from it by a unit in the last place of one entry: scores that float32 cannot order. */
function neighbours(rows: number, cols: number): Matrix<Float32Array> {
  const base = Array.from({ length: cols }, () => Math.fround(1 + random.uniform()));
  return {
    data: Float32Array.from({ length: rows * cols }, (_, k) => {
      const [j, d] = [Math.floor(k / cols), k % cols];
      return (base[d] as number) * (d === j % cols ? 1 + (1 + Math.floor(j / cols)) * 2 ** -22 : 1);
    }),
    shape: [rows, cols],
  };
}

/** One entry a row far above the rest. */
function spiked(rows: number, cols: number): Matrix<Float32Array> {
  return {
    data: Float32Array.from({ length: rows * cols }, (_, k) => (k % cols === 3 ? 5000 : random.normal())),
    shape: [rows, cols],
  };
}

const cases: { name: string; a: Matrix<Float32Array>; b: Matrix<Float32Array> }[] = [
  { name: 'random', a: normals(9, 33), b: normals(205, 33) },
  { name: 'many ties', a: integers(11, 6, 1), b: integers(150, 6, 1) },
  { name: 'all equal', a: integers(3, 4, 0), b: integers(70, 4, 0) },
  { name: 'one feature', a: normals(5, 8), b: normals(1, 8) },
  { name: 'one dim', a: integers(6, 1, 3), b: integers(90, 1, 3) },
  { name: 'fewer features than a register', a: normals(4, 5), b: normals(3, 5) },
  { name: 'many rows', a: normals(140, 12), b: normals(61, 12) },
  { name: 'ascending strength', a: { data: Float32Array.of(1), shape: [1, 1] }, b: ramp(300, 1) },
  { name: 'scores closer than float32 tells', a: normals(12, 40), b: neighbours(160, 40) },
  { name: 'one huge entry a row', a: spiked(9, 48), b: spiked(300, 48) },
  { name: 'wider than a panel, deeper than a part', a: normals(20, 530), b: normals(333, 530) },
  { name: 'products of tiny numbers', a: scaled(normals(5, 20), 1e-30), b: scaled(normals(90, 20), 1e-6) },
  { name: 'descending strength', a: { data: Float32Array.of(1), shape: [1, 1] }, b: ramp(300, -1) },
];

function scaled(m: Matrix<Float32Array>, factor: number): Matrix<Float32Array> {
  return { data: m.data.map((v) => v * factor), shape: m.shape };
}

/** Atoms 1, 2, 3, … or …, 3, 2, 1: the worst and the best order for a running top-k. */
function ramp(count: number, direction: 1 | -1): Matrix<Float32Array> {
  return {
    data: Float32Array.from({ length: count }, (_, j) => (direction === 1 ? j + 1 : count - j)),
    shape: [count, 1],
  };
}

describe.each(cases)('$name', ({ a, b }) => {
  const product = ops.correlate(a, b);
  const exact = exactProduct(a, b);
  const [rows, features] = product.shape;
  const right = Dictionary.from(b);

  describe.each([false, true])('absolute: %s', (absolute) => {
    it('topK is the head of the ranking, ties by lower index', () => {
      for (const k of [1, 2, 3, 5, 16, 17, 40, 100, features].filter((n) => n <= features)) {
        const top = ops.topK(a, k % 2 ? b : right, k, { absolute });
        expect(top.shape).toEqual([rows, k]);
        expect(top.indices).toBeInstanceOf(Uint32Array);
        for (let i = 0; i < rows; i++) {
          const expected = ranked(exact, i, absolute).slice(0, k);
          expect(Array.from(top.indices.subarray(i * k, (i + 1) * k))).toEqual(expected.map((e) => e.index));
          expect(Array.from(top.values.subarray(i * k, (i + 1) * k))).toEqual(
            expected.map((e) => Math.fround(e.value)),
          );
        }
      }
    });

    it('above keeps exactly what is strictly above, by ascending index', () => {
      // A threshold that is one of the scores tells > from ≥.
      const hit = Math.abs(at(product.data, Math.floor(product.data.length / 2)));
      for (const threshold of [0, hit, 0.5, 2, 1e9]) {
        const kept = ops.above(a, right, threshold, { absolute });
        expect(kept.shape).toEqual([rows, features]);
        expect(kept.indptr.length).toBe(rows + 1);
        for (let i = 0; i < rows; i++) {
          const expected = ranked(product, i, absolute)
            .filter((e) => e.strength > threshold)
            .sort((p, q) => p.index - q.index);
          const [from, to] = [at(kept.indptr, i), at(kept.indptr, i + 1)];
          expect(Array.from(kept.indices.subarray(from, to))).toEqual(expected.map((e) => e.index));
          expect(Array.from(kept.values.subarray(from, to))).toEqual(expected.map((e) => e.value));
        }
      }
    });

    it('maximum is the strongest of each row', () => {
      const strongest = ops.maximum(a, b, { absolute });
      expect(strongest.length).toBe(rows);
      for (let i = 0; i < rows; i++)
        expect(at(strongest, i)).toBe((ranked(product, i, absolute)[0] as Entry).strength);
    });
  });
});

it('above refuses to keep more than the limit', () => {
  const a = normals(20, 5);
  const b = normals(50, 5);
  const all = ops.above(a, b, 0, { absolute: true }).indices.length;
  expect(ops.above(a, b, 0, { absolute: true, limit: all }).indices.length).toBe(all);
  expect(() => ops.above(a, b, 0, { absolute: true, limit: all - 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_TOO_LARGE' }),
  );
});

it('negative scores are kept in order when nothing else is there', () => {
  const a: Matrix<Float32Array> = { data: Float32Array.of(-1), shape: [1, 1] };
  const b: Matrix<Float32Array> = { data: Float32Array.of(3, 1, 2), shape: [3, 1] };
  const top = ops.topK(a, b, 3);
  expect(Array.from(top.indices)).toEqual([1, 2, 0]);
  expect(Array.from(top.values)).toEqual([-1, -2, -3]);
  expect(Array.from(ops.maximum(a, b))).toEqual([-1]);
});
