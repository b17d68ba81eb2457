// Orthogonal matching pursuit, signed and nonnegative, against the plain float64 pursuit.
import { describe, expect, it } from 'vitest';
import { Dictionary, type Unfolding, UnfoldStatus, unfoldSync } from '../../lib/index.js';
import { gamma32, U32 } from '../reference/bounds.js';
import { at, dot, leastSquares, norm, residualOf, rowAt, toRows } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  type Problem,
  rankDeficient,
  standardProblems,
  unevenNorms,
} from '../reference/problems.js';
import { nonnegativeLeastSquares, pursue } from '../reference/pursuit.js';
import { denseRow } from '../reference/recovery.js';
import { checkCodes, evaluationError } from '../reference/verify.js';

/** What holds of any pursuit: figures that match the codes, and codes that are least squares on their support. */
function checkPursuit(problem: Problem, result: Unfolding, nonnegative: boolean): void {
  const atoms = toRows(problem.atoms);
  checkCodes(result.codes, problem.samples.shape[0], atoms.length);
  expect(result.converged).toBe(result.status.every((s) => s === UnfoldStatus.converged));
  toRows(problem.samples).forEach((x, i) => {
    const code = denseRow(result.codes, i);
    const label = `${problem.name}, sample ${i}`;
    const r = residualOf(x, atoms, code);
    const error = evaluationError(x, atoms, code);
    expect(at(result.gap, i), label).toBeNaN();
    expect(Math.abs(at(result.objective, i) - 0.5 * dot(r, r)), label).toBeLessThanOrEqual(
      error + 1e-15 * dot(r, r),
    );
    const root = norm(r) > 0 ? Math.min(Math.sqrt(error), error / norm(r)) : Math.sqrt(error);
    expect(Math.abs(at(result.residual, i) - norm(r)), label).toBeLessThanOrEqual(2 * U32 * norm(r) + root);

    // Least squares on the support, up to the rounding of codes to float32: with the exact solution γ the residual's
    // norm is smallest, and rounding each γ_k moves the fit by at most U32·Σ|γ_k|‖d_k‖ …
    const support = Array.from(result.codes.row(i).indices);
    const rows = support.map((j) => rowAt(atoms, j));
    const best = nonnegative ? nonnegativeLeastSquares(x, rows) : leastSquares(x, rows);
    const smallest = norm(residualOf(x, rows, best));
    let size = 0;
    support.forEach((j) => {
      size += Math.abs(at(code, j)) * norm(rowAt(atoms, j));
    });
    // … and the solution's own error: a Cholesky solve of the normal equations in float64 with pivots above 1e-10 of the
    // diagonal (condition number below 1e10) leaves 2⁻⁵³·1e10 ≈ 1e-6 of the solution's size.
    expect(norm(r), `${label}: least squares`).toBeLessThanOrEqual(
      smallest * (1 + 1e-12) + (U32 + 1e-6) * size + 1e-12 * norm(x),
    );
    if (nonnegative) for (const a of code) expect(a, label).toBeGreaterThanOrEqual(0);
  });
}

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  const size = { features: 61, dims: 23, samples: 30, active: 4, nonnegative };
  const problems = [
    ...standardProblems(nonnegative),
    coherent(52, size),
    duplicates(53, size),
    rankDeficient(54, size),
    unevenNorms(55, size),
    gaussian(56, { ...size, samples: 300 }), // enough samples for the Gram matrix to pay
  ];

  it.each(problems)('$name: every sparsity', (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const most = Math.min(...problem.atoms.shape);
    for (const sparsity of new Set([1, 2, 5, most].map((k) => Math.min(k, most)))) {
      const result = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity, nonnegative });
      checkPursuit(problem, result, nonnegative);
      for (let i = 0; i < problem.samples.shape[0]; i++)
        expect(result.codes.row(i).indices.length).toBeLessThanOrEqual(sparsity);
    }
  });

  it('takes the atoms that the float64 pursuit takes, wherever the choice is clear of rounding', () => {
    let compared = 0;
    for (const problem of [gaussian(57, { ...size, samples: 60 }), coherent(58, { ...size, samples: 60 })]) {
      const atoms = toRows(problem.atoms);
      const most = 6;
      const result = unfoldSync(problem.samples, Dictionary.from(problem.atoms), {
        method: 'omp',
        sparsity: most,
        nonnegative,
      });
      // A float32 correlation of the residual, direct or through the Gram matrix (α = α⁰ − Σ γ_k G_k: a sum of most + 1
      // products, each off by γ_dims), is off by this share of ‖x‖‖d‖ when Σ|γ_k| ≤ 8‖x‖, as it is on these.
      const unclear = 2 * (gamma32(size.dims) + gamma32(most + 2)) * 9;
      toRows(problem.samples).forEach((x, i) => {
        const steps = pursue(x, atoms, most, nonnegative);
        const last = steps.at(-1);
        if (!last || steps.some((s) => s.margin <= unclear)) return;
        const code = denseRow(result.codes, i);
        if (steps.length < most && !nonnegative) return;
        compared++;
        expect(Array.from(result.codes.row(i).indices)).toEqual(
          Array.from(last.code.keys()).filter((j) => at(last.code, j) !== 0),
        );
        // The same support, well conditioned: float32 rounding of the codes, and float64 work before it.
        for (const [j, a] of code.entries())
          expect(Math.abs(a - at(last.code, j))).toBeLessThanOrEqual(4 * U32 * norm(last.code));
      });
    }
    expect(compared).toBeGreaterThan(40);
  });

  it('stops at the residual that is asked for, and not before', () => {
    const problem = gaussian(59, { ...size, samples: 20, noise: 0.1 });
    const dictionary = Dictionary.from(problem.atoms);
    const atoms = toRows(problem.atoms);
    const bound = 0.4;
    const result = unfoldSync(problem.samples, dictionary, { method: 'omp', residual: bound, nonnegative });
    checkPursuit(problem, result, nonnegative);
    toRows(problem.samples).forEach((x, i) => {
      if (result.status[i] !== UnfoldStatus.converged) return;
      expect(at(result.residual, i)).toBeLessThanOrEqual(bound * (1 + 4 * U32));
      if (nonnegative) return;
      // One atom fewer must not have been enough.
      const before = pursue(x, atoms, at(result.iterations, i) - 1).at(-1);
      if (before) expect(before.residual).toBeGreaterThan(bound * (1 - 1e-6));
    });
    if (!nonnegative) expect(result.converged).toBe(true);
  });

  it('sparsity and residual together: whichever comes first; one sparsity a sample', () => {
    const problem = gaussian(60, { ...size, samples: 8 });
    const dictionary = Dictionary.from(problem.atoms);
    const sparsity = [1, 2, 3, 4, 5, 6, 7, 8];
    const result = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity, nonnegative });
    const bounded = unfoldSync(problem.samples, dictionary, {
      method: 'omp',
      sparsity: 3,
      residual: 0.5,
      nonnegative,
    });
    sparsity.forEach((k, i) => {
      expect(result.codes.row(i).indices.length).toBeLessThanOrEqual(k);
      const alone = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity: k, nonnegative });
      expect(alone.codes.row(i).indices).toEqual(result.codes.row(i).indices);
      const count = bounded.codes.row(i).indices.length;
      expect(count).toBeLessThanOrEqual(3);
      if (count < 3 && bounded.status[i] === 0)
        expect(at(bounded.residual, i)).toBeLessThanOrEqual(0.5 * (1 + 1e-6));
    });
  });
});

it('Batch-OMP through the Gram matrix and scoring anew agree', () => {
  const problem = gaussian(61, { features: 96, dims: 32, samples: 400, active: 5 });
  const dictionary = Dictionary.from(problem.atoms);
  const many = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity: 5 });
  // A few samples of a fresh dictionary, where making the Gram matrix does not pay.
  const fresh = Dictionary.from(problem.atoms);
  const few = unfoldSync({ data: problem.samples.data.slice(0, 3 * 32), shape: [3, 32] }, fresh, {
    method: 'omp',
    sparsity: 5,
  });
  for (let i = 0; i < 3; i++) {
    expect(few.codes.row(i).indices).toEqual(many.codes.row(i).indices);
    const scale = norm(many.codes.row(i).values);
    few.codes.row(i).values.forEach((v, k) => {
      expect(Math.abs(v - at(many.codes.row(i).values, k))).toBeLessThanOrEqual(4 * U32 * scale);
    });
  }
});

it('atoms that depend on the chosen ones end a sample as stalled when a residual is out of reach', () => {
  const problem = rankDeficient(62, { features: 30, dims: 21, samples: 6 });
  const result = unfoldSync(problem.samples, Dictionary.from(problem.atoms), {
    method: 'omp',
    residual: 1e-6,
  });
  checkPursuit(problem, result, false);
  expect(result.converged).toBe(false);
  for (const s of result.status) expect(s).not.toBe(UnfoldStatus.converged);
});
