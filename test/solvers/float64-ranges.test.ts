// Float64 data out of float32's range, and what is judged again in float64: low parts must count there too.
import { describe, expect, it } from 'vitest';
import { certifySync, Dictionary, type Matrix, SparseCodes, unfoldSync } from '../../lib/index.js';
import { solveLasso } from '../reference/lasso.js';
import { at, type Rows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const wide = (rows: Rows): Matrix<Float64Array> => {
  const cols = rows[0]?.length ?? 0;
  const data = new Float64Array(rows.length * cols);
  rows.forEach((row, i) => {
    data.set(row, i * cols);
  });
  return { data, shape: [rows.length, cols] };
};

function problem(seed: number): { x: Float64Array; atoms: Rows } {
  const random = makeRandom(seed);
  const normals = (n: number) => Float64Array.from({ length: n }, () => random.normal());
  return { x: normals(12), atoms: Array.from({ length: 20 }, () => normals(12)) };
}

const METHODS = ['lasso', 'homotopy'] as const;

describe.each(METHODS)('%s in float64', (method) => {
  // A power of two changes nothing but exponents: codes follow by the same power, bit for bit down to the last ones of 48.
  it.each([
    [400, 0],
    [-400, 0],
    [0, 56],
    [0, -60],
    [300, -80],
    [-300, 56],
  ])('samples × 2^%i and atoms × 2^%i answer the code of the plain problem', (xExponent, dExponent) => {
    const { x, atoms } = problem(7);
    const lambda = 0.3;
    const exact = solveLasso({ x, atoms, lambda }, undefined, 1e-15).code;
    const a = 2 ** xExponent;
    const d = 2 ** dExponent;
    const { codes, gap, status } = unfoldSync(
      wide([x.map((v) => v * a)]),
      Dictionary.from(wide(atoms.map((atom) => atom.map((v) => v * d)))),
      { method, precision: 'float64', lambda: lambda * a * d, tolerance: 1e-12 },
    );
    expect(status[0]).toBe(0);
    expect(at(gap, 0)).toBeLessThanOrEqual(1e-12);
    const scale = Math.max(...exact.map(Math.abs));
    const dense = new Float64Array(atoms.length);
    codes.indices.forEach((j, k) => {
      dense[j] = (at(codes.values, k) / a) * d;
    });
    // Inputs have 48 bits: of x and of D, each an error of 2⁻⁴⁹ times the condition of the support's Gram matrix (< 100 here).
    exact.forEach((value, j) => {
      expect(Math.abs(at(dense, j) - value)).toBeLessThanOrEqual(1e-11 * scale);
    });
  });

  it('a gap of 0 that cannot be had is not claimed, and the code is judged by the data as given', () => {
    const { x, atoms } = problem(8);
    const options = { method, precision: 'float64', lambda: 0.2, tolerance: 1e-300 } as const;
    const { codes, gap, objective } = unfoldSync(wide([x]), Dictionary.from(wide(atoms)), options);
    const dense = Float64Array.from(codes.toDense().data);
    const residual = x.map((v, k) => v - dense.reduce((sum, a, j) => sum + a * at(atoms[j] ?? [], k), 0));
    const l1 = dense.reduce((sum, a) => sum + Math.abs(a), 0);
    const expected = 0.5 * residual.reduce((sum, r) => sum + r * r, 0) + 0.2 * l1;
    expect(Math.abs(at(objective, 0) - expected)).toBeLessThanOrEqual(1e-13 * expected);
    expect(at(gap, 0)).toBeLessThanOrEqual(1e-13);
  });
});

describe("'l1-ball' where powers of two are far from 1", () => {
  it.each([
    [0, 56],
    [0, -60],
    [60, -60],
    [-60, 56],
  ])('samples × 2^%i and atoms × 2^%i', (xExponent, dExponent) => {
    const { x, atoms } = problem(9);
    const float32 = (rows: Rows) => {
      const m = wide(rows);
      return { data: Float32Array.from(m.data), shape: m.shape };
    };
    const plain = unfoldSync(float32([x]), Dictionary.from(float32(atoms)), {
      method: 'l1-ball',
      radius: 0.5,
    });
    const a = 2 ** xExponent;
    const d = 2 ** dExponent;
    const scaled = unfoldSync(
      float32([x.map((v) => v * a)]),
      Dictionary.from(float32(atoms.map((atom) => atom.map((v) => v * d)))),
      { method: 'l1-ball', radius: (0.5 * a) / d },
    );
    expect(scaled.status[0]).toBe(0);
    expect(Array.from(scaled.codes.indices)).toEqual(Array.from(plain.codes.indices));
    plain.codes.values.forEach((value, k) => {
      expect(Math.abs((at(scaled.codes.values, k) / a) * d - value)).toBeLessThanOrEqual(1e-5 * 0.5);
    });
  });

  it.each([1e3, 1e30, 1.7e308])('a radius of %d that binds nothing is least squares, proved', (radius) => {
    const { x, atoms } = problem(10);
    const dictionary = Dictionary.from(wide(atoms));
    const { gap, status, lambda, residual } = unfoldSync(wide([x]), dictionary, {
      method: 'l1-ball',
      radius,
    });
    expect(status[0]).toBe(0);
    expect(at(gap, 0)).toBeLessThanOrEqual(1e-10);
    expect(Array.from(lambda ?? [])).toEqual([0]);
    // 20 atoms in 12 dims: nothing is left but what rounding the codes to float32 leaves.
    expect(at(residual, 0)).toBeLessThanOrEqual(1e-5);
  });
});

it('certify takes float64 codes with masks and weights of 0', () => {
  const { x, atoms } = problem(11);
  const dictionary = Dictionary.from(wide(atoms));
  const observed = x.map((_, k) => (k % 4 === 0 ? 0 : 1));
  const weights = Float32Array.from(atoms, (_, j) => (j === 3 ? 0 : j === 4 ? Number.POSITIVE_INFINITY : 1));
  const options = {
    lambda: 0.2,
    weights,
    precision: 'float64',
    observed: Uint8Array.from(observed),
  } as const;
  const { codes } = unfoldSync(wide([x]), dictionary, { ...options, tolerance: 1e-12 });
  const { verdict, gap } = certifySync(wide([x]), codes, dictionary, { ...options, tolerance: 1e-9 });
  expect(verdict).toEqual(['exact']);
  expect(at(gap, 0)).toBeLessThanOrEqual(4e-9); // certify rounds its bounds up by some 1e-9
  const off = SparseCodes.from({
    indptr: codes.indptr,
    indices: codes.indices,
    values: Float64Array.from(codes.values, (v) => v * (1 + 1e-3)),
    shape: codes.shape,
  });
  expect(certifySync(wide([x]), off, dictionary, { ...options, tolerance: 1e-9 }).verdict).toEqual(['none']);
});
