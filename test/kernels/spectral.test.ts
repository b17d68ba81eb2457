// ‖D‖₂ between proved bounds: known spectra, crowded ones, every scale.
import { expect, it } from 'vitest';
import { Dictionary, ops } from '../../lib/index.js';
import { spectralNorm, toMatrix, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const identity = (n: number, size = 1) =>
  toMatrix(
    Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? size : 0))),
    n,
  );

it.each([1, 2, 7, 300])('the identity of %i: 1, from neither side by more than rounding', (n) => {
  const { lower, upper } = ops.spectralBracket(identity(n));
  expect(lower).toBeLessThanOrEqual(1);
  expect(upper).toBeGreaterThanOrEqual(1);
  expect(upper - lower).toBeLessThan(1e-9);
  expect(ops.spectralNorm(identity(n))).toBeLessThanOrEqual(1);
});

it('singular values that crowd below the largest do not hide it', () => {
  const n = 400;
  const sizes = Array.from({ length: n }, (_, i) => 1 - 0.01 * (i / n));
  const m = toMatrix(
    sizes.map((size, i) => Array.from({ length: n }, (_, j) => (i === j ? size : 0))),
    n,
  );
  const { lower, upper } = ops.spectralBracket(m);
  expect(lower).toBeLessThanOrEqual(1);
  expect(upper).toBeGreaterThanOrEqual(1);
  expect(lower).toBeGreaterThan(0.9999);
  expect(upper).toBeLessThan(1.0002);
});

it.each([
  [40, 25],
  [25, 40],
  [300, 64],
])('random %i × %i, at sizes from 1e-30 to 1e15', (rows, cols) => {
  const random = makeRandom(rows * cols);
  const plain = Array.from({ length: rows }, () => Array.from({ length: cols }, () => random.normal()));
  for (const size of [1, 1e-30, 1e15]) {
    const m = toMatrix(
      plain.map((row) => row.map((v) => v * size)),
      cols,
    );
    const exact = spectralNorm(toRows(m), 3000);
    const { lower, upper } = ops.spectralBracket(m);
    expect(lower / exact).toBeLessThan(1 + 1e-12);
    expect(lower / exact).toBeGreaterThan(1 - 1e-8);
    expect(upper / exact).toBeGreaterThan(1 - 1e-12);
    expect(upper / exact).toBeLessThan(1 + 1e-7);
    expect(ops.spectralBracket(m, { threads: 3 })).toEqual({ lower, upper });
    using dictionary = Dictionary.from(m);
    expect(ops.spectralBracket(dictionary)).toEqual({ lower, upper });
    expect(ops.spectralNorm(dictionary)).toBe(lower);
  }
});

it('nothing is zero, and large matrices get the Frobenius norm from above', () => {
  expect(ops.spectralBracket({ data: new Float32Array(6), shape: [2, 3] })).toEqual({ lower: 0, upper: 0 });
  expect(ops.spectralBracket({ data: new Float32Array(0), shape: [0, 3] })).toEqual({ lower: 0, upper: 0 });
  const n = 1600;
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  const { lower, upper } = ops.spectralBracket({ data, shape: [n, n] });
  expect([Math.abs(lower - 1) < 1e-9, Math.abs(upper - Math.sqrt(n)) < 1e-6]).toEqual([true, true]);
});
