// Where the greedy methods end: at what was asked for, or where nothing is left to float64 rounding; never at a floor of
// their own, and never as converged at a residual that the answered codes do not have.
import { describe, expect, it } from 'vitest';
import { Dictionary, type Matrix, type Unfolding, UnfoldStatus, unfoldSync } from '../../lib/index.js';
import { at, norm, residualOf, rowAt, toMatrix, toRows } from '../reference/linear.js';
import { gaussian, rankDeficient } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';

const PURSUITS = ['omp', 'mp', 'gradient-pursuit'] as const;
type Pursuit = (typeof PURSUITS)[number];

const rowOf = (...values: number[]): Matrix<Float32Array> => ({
  data: Float32Array.from(values),
  shape: [1, values.length],
});
const identity = (n: number): Dictionary =>
  Dictionary.from({
    data: Float32Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0)),
    shape: [n, n],
  });
const pairsOf = (result: Unfolding, i = 0): [number, number][] => {
  const { indices, values } = result.codes.row(i);
  return Array.from(indices, (j, k) => [j, at(values, k)]);
};

describe.each(PURSUITS)('%s', (method: Pursuit) => {
  it.each([5e-7, 1e-8, 1e-12])('takes an entry of %f beside one of 1', (small) => {
    const entry = Math.fround(small);
    for (const sign of [1, -1]) {
      const result = unfoldSync(rowOf(1, sign * small), identity(2), { method, sparsity: 2 });
      expect(pairsOf(result)).toEqual([
        [0, 1],
        [1, sign * entry],
      ]);
      expect([result.converged, result.residual[0]]).toEqual([true, 0]);
    }
  });

  it('takes it whatever is beside it that no atom reads, and at any scale', () => {
    // The third entry is no atom's: correlations are far below the residual all the way.
    const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 0, 1, 0), shape: [2, 3] });
    for (const scale of [1, 2 ** 60, 2 ** -60]) {
      const result = unfoldSync(rowOf(scale, scale * 1e-9, scale), dictionary, { method, sparsity: 2 });
      expect(pairsOf(result)).toEqual([
        [0, scale],
        [1, Math.fround(scale * 1e-9)],
      ]);
      expect(result.converged).toBe(true);
    }
  });

  it('goes on to a residual that is asked for, and says converged only of codes that have it', () => {
    const reached = unfoldSync(rowOf(1, 1e-8), identity(2), { method, residual: 1e-9 });
    expect([reached.codes.indices.length, reached.residual[0], reached.converged]).toEqual([2, 0, true]);
    const enough = unfoldSync(rowOf(1, 1e-8), identity(2), { method, residual: 1e-7 });
    expect([enough.codes.indices.length, enough.converged]).toEqual([1, true]);

    const problem = gaussian(91, { features: 60, dims: 24, samples: 12, active: 4 });
    const atoms = toRows(problem.atoms);
    for (const residual of [1e-2, 1e-5, 1e-7, 1e-9, 1e-13]) {
      const result = unfoldSync(problem.samples, Dictionary.from(problem.atoms), {
        method,
        residual,
        ...(method === 'omp' ? {} : { maxIterations: 3000 }),
      });
      toRows(problem.samples).forEach((x, i) => {
        const left = norm(residualOf(x, atoms, denseRow(result.codes, i)));
        if (result.status[i] === UnfoldStatus.converged)
          expect(left).toBeLessThanOrEqual(residual * (1 + 1e-5));
        // Codes of float32 come as close as 24 · 2⁻²⁴ of their sizes or so: these residuals can be had with 24 atoms (the other
        // two may want more) …
        else if (method === 'omp') expect(residual).toBeLessThan(1e-5);
        // … and these cannot.
        if (residual <= 1e-9) expect(result.status[i]).not.toBe(UnfoldStatus.converged);
      });
    }
  });

  it('with fewer atoms than it would need, a residual out of reach is no success', () => {
    const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 0, 1, 0), shape: [2, 3] });
    const result = unfoldSync(rowOf(1, 0.5, 1e-4), dictionary, { method, residual: 1e-6 });
    expect(pairsOf(result)).toEqual([
      [0, 1],
      [1, 0.5],
    ]);
    expect(result.converged).toBe(false);
  });
});

describe.each(['iht', 'htp', 'nhtp', 'cosamp'] as const)('%s', (method) => {
  it('keeps entries of any size that its sparsity has room for', () => {
    const result = unfoldSync(rowOf(0, 1, 1e-8, 0), identity(4), { method, sparsity: 2, tolerance: 1e-12 });
    expect(pairsOf(result)).toEqual([
      [1, 1],
      [2, Math.fround(1e-8)],
    ]);
    expect([result.residual[0], result.converged]).toEqual([0, true]);
  });
});

describe.each([false, true])('omp, nonnegative: %s', (nonnegative) => {
  it('takes as many atoms as are asked for, down to float64 rounding', () => {
    // Sums of four atoms, rounded to float32: what is left after four atoms is that rounding, and a pursuit goes on with it.
    const problem = gaussian(92, { features: 70, dims: 32, samples: 600, active: 4, noise: 0, nonnegative });
    const atoms = toRows(problem.atoms);
    const dictionary = Dictionary.from(problem.atoms);
    for (const samples of [problem.samples, toMatrix(toRows(problem.samples).slice(0, 4), 32)]) {
      const result = unfoldSync(samples, dictionary, { method: 'omp', sparsity: 8, nonnegative });
      expect(result.converged).toBe(true);
      toRows(samples)
        .slice(0, 20)
        .forEach((x, i) => {
          const code = denseRow(result.codes, i);
          const r = residualOf(x, atoms, code);
          // Nothing more to explain in float32 either way: 8 atoms, or no atom that a nonnegative code could use.
          if (!nonnegative) expect(result.codes.row(i).indices.length).toBe(8);
          expect(norm(r)).toBeLessThanOrEqual(8 * 2 ** -24 * norm(x) * 4);
        });
    }
  });
});

it('omp ends as converged where atoms are exhausted but for those that depend on the chosen ones', () => {
  // 30 atoms of rank 20 or fewer in 21 dims: a sparsity of 21 cannot be had.
  const problem = rankDeficient(93, { features: 30, dims: 21, samples: 8 });
  const result = unfoldSync(problem.samples, Dictionary.from(problem.atoms), { method: 'omp', sparsity: 21 });
  expect(result.converged).toBe(true);
  for (let i = 0; i < 8; i++) expect(result.codes.row(i).indices.length).toBeLessThan(21);
});

it('omp passes over an atom that depends on the chosen ones, for the next strongest that does not', () => {
  // After e1, the strongest correlation is that of its double with a small part of e3; e2 is weaker, and independent.
  const tilt = 2 ** -18;
  const dictionary = Dictionary.from({
    data: Float32Array.of(1, 0, 0, 1, 0, tilt, 0, 1, 0),
    shape: [3, 3],
  });
  const result = unfoldSync(rowOf(4, tilt / 2, 1), dictionary, { method: 'omp', sparsity: 2 });
  // Which of the doubles comes first is decided by what they correlate with: the second has a little more.
  expect(pairsOf(result).map(([j]) => j)).toEqual([1, 2]);
});

it.each(PURSUITS)(
  '%s: least squares on few atoms in many dims is an end, with a large residual left',
  (method) => {
    const random = makeRandom(94);
    const dims = 64;
    const rows = Array.from({ length: 6 }, () => Array.from({ length: dims }, () => random.normal()));
    const x = Array.from({ length: dims }, () => random.normal());
    const atoms = toMatrix(rows, dims);
    const result = unfoldSync(toMatrix([x], dims), Dictionary.from(atoms), {
      method,
      sparsity: 6,
      ...(method === 'omp' ? {} : { maxIterations: 5000 }),
    });
    expect(result.converged).toBe(true);
    const sample = rowAt(toRows(toMatrix([x], dims)), 0);
    const r = residualOf(sample, toRows(atoms), denseRow(result.codes, 0));
    // Codes are rounded to float32; the atoms correlate with what is left by that much.
    for (const d of toRows(atoms))
      expect(Math.abs(d.reduce((sum, v, k) => sum + v * at(r, k), 0))).toBeLessThanOrEqual(
        8 * 2 ** -24 * norm(sample) * norm(d),
      );
  },
);
