// The references against each other and against what is known in closed form: a test is no better than what it trusts.
import { describe, expect, it } from 'vitest';
import { correlations, dualPoint, lambdaMax, objective, solveLasso } from './lasso.js';
import { at, dot, leastSquares, norm, residualOf, rowAt, spectralNorm, toRows } from './linear.js';
import { standardProblems } from './problems.js';
import { proximalGradient } from './proximal.js';
import { nonnegativeLeastSquares, pursue } from './pursuit.js';
import { makeRandom } from './random.js';

const random = makeRandom(501);
const rows = (count: number, dims: number): Float64Array[] =>
  Array.from({ length: count }, () => Float64Array.from({ length: dims }, () => random.normal()));

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  it.each(standardProblems(nonnegative))('lasso on $name closes its gap', ({ atoms: matrix, samples }) => {
    const atoms = toRows(matrix);
    const weights = Float64Array.from(atoms, () => 0.5 + random.uniform());
    for (const x of toRows(samples)) {
      for (const fraction of [0.01, 0.3]) {
        for (const penalty of [{}, { ridge: 0.1, weights }]) {
          const p = { x, atoms, nonnegative, ...penalty };
          const lambda = fraction * (lambdaMax(p) || 1);
          const { objective: value, dual, code } = solveLasso({ ...p, lambda });
          expect(value - dual).toBeLessThanOrEqual(1e-12 * 0.5 * dot(x, x));
          expect(value).toBe(value);
          if (nonnegative) for (const a of code) expect(a).toBeGreaterThanOrEqual(0);
        }
      }
    }
  });
});

it('lasso agrees with ISTA and FISTA, which share no line with it', () => {
  const [problem] = standardProblems();
  if (!problem) throw new Error('no problems');
  const atoms = toRows(problem.atoms);
  const x = rowAt(toRows(problem.samples), 0);
  const base = { x, atoms, ridge: 0.05, weights: Float64Array.from(atoms, (_, j) => 1 + (j % 3)) };
  for (const nonnegative of [false, true]) {
    const p = { ...base, nonnegative, lambda: 0.1 * lambdaMax({ ...base, nonnegative }) };
    const best = solveLasso(p).objective;
    for (const accelerated of [false, true])
      expect(Math.abs(objective(p, proximalGradient(p, 3000, accelerated)) - best)).toBeLessThan(
        1e-10 * best,
      );
  }
});

it('lasso has the closed form on orthonormal atoms', () => {
  const atoms = [0, 1, 2].map((j) => Float64Array.from({ length: 3 }, (_, k) => (j === k ? 1 : 0)));
  const p = { x: Float64Array.of(3, -0.5, -2), atoms, lambda: 1 };
  expect(Array.from(solveLasso(p).code)).toEqual([2, 0, -1]);
  expect(Array.from(solveLasso({ ...p, nonnegative: true }).code)).toEqual([2, 0, 0]);
  expect(at(solveLasso({ ...p, ridge: 1 }).code, 0)).toBeCloseTo(1, 14);
  expect(objective(p, [2, 0, -1])).toBeCloseTo(0.5 * (1 + 0.25 + 1) + 3, 14);
  expect(Array.from(correlations(p, [2, 0, -1]))).toEqual([1, -0.5, -1]);
});

it('two coherent atoms that an unsafe screening rule loses (REFERENCE §1)', () => {
  const atoms = [Float64Array.of(-0.00461172, 0.99998937), Float64Array.of(-0.84809445, 0.52984508)];
  const p = { x: Float64Array.of(1.10130265, 1.43118648), atoms, lambda: 0.60557482 };
  const { code } = solveLasso(p);
  expect(at(code, 0)).toBeCloseTo(0.8265, 3);
  expect(at(code, 1)).toBeCloseTo(-0.0113, 3);
  // A dual value at any point is below the optimum.
  for (const a of [
    [0, 0],
    [0.76663841, -0.049596],
    [1, 1],
  ])
    expect(dualPoint(p, a).value).toBeLessThanOrEqual(objective(p, code) + 1e-14);
});

it('least squares leaves a residual orthogonal to every row, also when rows depend on each other', () => {
  for (const [count, dims] of [
    [5, 20],
    [20, 20],
    [25, 10],
    [1, 1],
  ] as const) {
    const basis = rows(count, dims);
    if (count > 3) basis[3] = (basis[0] as Float64Array).map((v, k) => 2 * v - at(rowAt(basis, 1), k));
    const x = rowAt(rows(1, dims), 0);
    const r = residualOf(x, basis, leastSquares(x, basis));
    for (const row of basis) expect(Math.abs(dot(row, r))).toBeLessThan(1e-10 * norm(row) * norm(x));
  }
});

it('nonnegative least squares meets its KKT conditions', () => {
  for (let turn = 0; turn < 30; turn++) {
    const basis = rows(12, 9);
    const x = rowAt(rows(1, 9), 0);
    const code = nonnegativeLeastSquares(x, basis);
    const r = residualOf(x, basis, code);
    basis.forEach((row, k) => {
      expect(at(code, k)).toBeGreaterThanOrEqual(0);
      expect(dot(row, r)).toBeLessThan(1e-10 * norm(row) * norm(x));
      if (at(code, k) > 0) expect(dot(row, r)).toBeGreaterThan(-1e-10 * norm(row) * norm(x));
    });
  }
});

it('pursuit never loses ground and stops at an exact representation', () => {
  const atoms = rows(30, 12);
  const x = rowAt(atoms, 4).map((v, k) => 2 * v - at(rowAt(atoms, 9), k));
  const steps = pursue(x, atoms, 12);
  steps.forEach((step, i) => {
    if (i > 0) expect(step.residual).toBeLessThanOrEqual((steps[i - 1]?.residual ?? 0) + 1e-12);
  });
  expect(steps.at(-1)?.residual).toBeLessThan(1e-9 * norm(x));
});

it('spectral norm of a diagonal', () => {
  expect(spectralNorm([Float64Array.of(3, 0), Float64Array.of(0, -5)])).toBeCloseTo(5, 12);
});
