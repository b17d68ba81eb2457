// Low precision with its bound: whatever the vectors, no score may be further from the exact product than it says.
import { describe, expect, it } from 'vitest';
import { Dictionary, info, type Matrix, ops } from '../../lib/index.js';
import { at } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(317);

const rowsOf = (
  rows: number,
  cols: number,
  entry: (i: number, d: number) => number,
): Matrix<Float32Array> => ({
  data: Float32Array.from({ length: rows * cols }, (_, k) => entry(Math.floor(k / cols), k % cols)),
  shape: [rows, cols],
});

const normals = (rows: number, cols: number, scale = 1): Matrix<Float32Array> =>
  rowsOf(rows, cols, () => scale * random.normal());

/** Products of float32 numbers are exact in float64, and so, to a part in 2⁵³ a term, are their sums. */
function exactProduct(
  a: Matrix<Float32Array>,
  b: Matrix<Float32Array>,
  i: number,
  j: number,
): { value: number; rounding: number } {
  const dims = a.shape[1];
  let value = 0;
  let magnitude = 0;
  for (let d = 0; d < dims; d++) {
    const term = at(a.data, i * dims + d) * at(b.data, j * dims + d);
    value += term;
    magnitude += Math.abs(term);
  }
  return { value, rounding: dims * 2 ** -53 * magnitude };
}

const heavy = (rows: number, cols: number): Matrix<Float32Array> =>
  rowsOf(rows, cols, (i, d) => (d === (7 * i) % cols ? 3000 : random.normal()));

/** Entries half-way between integers of the largest entry's scale: every one is rounded by as much as can be. */
const halves = (rows: number, cols: number): Matrix<Float32Array> =>
  rowsOf(rows, cols, (i, d) => (d === 0 ? 127 : ((i + d) % 2 ? 1 : -1) * (((3 * i + d) % 100) + 0.5)));

const cases: { name: string; a: Matrix<Float32Array>; b: Matrix<Float32Array> }[] = [
  { name: 'gaussian', a: normals(23, 64), b: normals(205, 64) },
  { name: 'dims that fill no word', a: normals(7, 37), b: normals(65, 37) },
  { name: 'one dim', a: normals(5, 1), b: normals(30, 1) },
  { name: 'more dims than a register and odd', a: normals(13, 531), b: normals(70, 531) },
  { name: 'one huge entry a row, left', a: heavy(12, 128), b: normals(90, 128) },
  { name: 'one huge entry a row, both', a: heavy(12, 128), b: heavy(90, 128) },
  { name: 'half-way between levels', a: halves(9, 100), b: halves(64, 100) },
  {
    name: 'all of one sign: sums as large as can be',
    a: rowsOf(6, 700, () => 1),
    b: rowsOf(64, 700, (_, d) => (d % 2 ? 1 : 0.99)),
  },
  { name: 'opposite signs', a: rowsOf(6, 300, () => -1), b: rowsOf(64, 300, () => 1) },
  { name: 'subnormal left', a: normals(4, 40, 1e-41), b: normals(66, 40) },
  { name: 'subnormal right', a: normals(4, 40), b: normals(66, 40, 1e-41) },
  { name: 'tiny and huge', a: normals(4, 40, 1e-18), b: normals(66, 40, 1e16) },
  {
    name: 'rows of zeros',
    a: rowsOf(3, 20, (i) => (i === 1 ? 0 : 1)),
    b: rowsOf(70, 20, (j) => (j % 2 ? 0 : j)),
  },
  {
    name: 'entries from 1e-20 to 1e17',
    a: normals(6, 38),
    b: rowsOf(64, 38, (_, d) => random.normal() * 10 ** (d - 20)),
  },
  { name: 'more rows than a block', a: normals(130, 24), b: normals(129, 24) },
];

const { precisions } = info();

describe.each(cases)('$name', ({ a, b }) => {
  it.each(precisions)('%s: every score within its bound', (precision) => {
    using dictionary = Dictionary.from(b);
    const { scores, error } = ops.estimate(a, dictionary, { precision });
    expect(ops.estimate(a, b, { precision, threads: 3 })).toEqual({ scores, error });
    const [rows, features] = scores.shape;
    for (let i = 0; i < rows; i++) {
      expect(at(error, i)).toBeGreaterThanOrEqual(0);
      for (let j = 0; j < features; j++) {
        const { value, rounding } = exactProduct(a, b, i, j);
        const off = Math.abs(at(scores.data, i * features + j) - value);
        if (!(off <= at(error, i) + rounding))
          expect.fail(`row ${i}, feature ${j}: ${off} off, bound ${at(error, i)}`);
      }
    }
  });
});

/** √(Σ v²) of a row. */
function norm(m: Matrix<Float32Array>, i: number): number {
  let sum = 0;
  for (let d = 0; d < m.shape[1]; d++) sum += at(m.data, i * m.shape[1] + d) ** 2;
  return Math.sqrt(sum);
}

/** What rounding to nearest can cost of a Gaussian row at most: half a unit in the last place of every entry. */
const unit: Record<string, number> = { float32: 2 ** -24, bfloat16: 2 ** -9 };

it.each(precisions)(
  '%s: the bound is no larger than rounding both sides by half a unit explains',
  (precision) => {
    const dims = 256;
    const a = normals(20, dims);
    const b = normals(100, dims);
    const { error } = ops.estimate(a, b, { precision });
    const largest = (m: Matrix<Float32Array>, i: number): number =>
      Math.max(...m.data.subarray(i * dims, (i + 1) * dims).map(Math.abs));
    const levels = precision === 'int8' ? 127 : Math.floor(Math.sqrt((2 ** 31 - 1) / dims));
    const share = (m: Matrix<Float32Array>, i: number): number =>
      unit[precision] ?? ((largest(m, i) / (2 * levels)) * Math.sqrt(dims)) / norm(m, i);
    const ofRight = Math.max(...Array.from({ length: 100 }, (_, j) => share(b, j) * norm(b, j)));
    const longest = Math.max(...Array.from({ length: 100 }, (_, j) => norm(b, j)));
    for (let i = 0; i < 20; i++) {
      const rounding = (1 + share(a, i)) * norm(a, i) * ofRight + longest * norm(a, i) * share(a, i);
      const sums = 4 * dims * 2 ** -24 * norm(a, i) * longest;
      expect(at(error, i)).toBeLessThanOrEqual(1.01 * (rounding + sums));
    }
  },
);

it('refuses what is not there', () => {
  const a = normals(2, 3);
  expect(() => ops.estimate(a, a, { precision: 'int4' as 'int8' })).toThrow(
    expect.objectContaining({
      code: 'ERR_OPTION',
      message: expect.stringContaining('precision must be one of'),
    }),
  );
  for (const precision of ['bfloat16', 'int16', 'int8'] as const)
    if (!precisions.includes(precision))
      expect(() => ops.estimate(a, a, { precision })).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION' }),
      );
});
