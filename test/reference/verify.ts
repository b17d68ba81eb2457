// What must hold of any answer of a convex method, checked against float64 and nothing else. Used by every solver
// test, so that a new solver gets a row in a table and not a test of its own.
import { expect } from 'vitest';
import { type Matrix, type SparseCodes, type Unfolding, UnfoldStatus } from '../../lib/index.js';
import { gamma32, gamma64, U32 } from './bounds.js';
import {
  correlations,
  dualPoint,
  type LassoProblem,
  type LassoSolution,
  objective,
  solveLasso,
} from './lasso.js';
import { at, dot, norm, type Rows, residualOf, rowAt, toRows } from './linear.js';
import type { Problem } from './problems.js';
import { denseRow } from './recovery.js';

export interface ConvexOptions {
  readonly lambda: number | ArrayLike<number>;
  readonly ridge?: number;
  readonly weights?: ArrayLike<number>;
  readonly nonnegative?: boolean;
  readonly tolerance?: number;
}

/** the package's default tolerance (DESIGN §7) */
const DEFAULT_TOLERANCE = 1e-4;

export function checkCodes(codes: SparseCodes, samples: number, features: number): void {
  expect(codes.shape).toEqual([samples, features]);
  expect(codes.indptr).toBeInstanceOf(Uint32Array);
  expect(codes.indices).toBeInstanceOf(Uint32Array);
  expect(codes.values).toBeInstanceOf(Float32Array);
  expect(codes.indptr.length).toBe(samples + 1);
  expect(codes.indptr[0]).toBe(0);
  expect(codes.indptr[samples]).toBe(codes.indices.length);
  expect(codes.values.length).toBe(codes.indices.length);
  for (let i = 0; i < samples; i++) {
    for (let k = at(codes.indptr, i); k < at(codes.indptr, i + 1); k++) {
      expect(at(codes.indices, k)).toBeLessThan(features);
      if (k > at(codes.indptr, i)) expect(at(codes.indices, k)).toBeGreaterThan(at(codes.indices, k - 1));
      expect(at(codes.values, k)).not.toBe(0);
      expect(Number.isFinite(at(codes.values, k))).toBe(true);
    }
  }
}

/**
 * Rounding of a float64 evaluation of P, by anyone in any order: each entry of x − aD is a sum of |a|₀ + 1 terms, each
 * further sum has at most dims + features terms, and every term is at most (‖x‖ + Σ|a_j|‖d_j‖)².
 */
export function evaluationError(x: ArrayLike<number>, atoms: Rows, code: ArrayLike<number>): number {
  let size = norm(x);
  for (let j = 0; j < atoms.length; j++) size += Math.abs(at(code, j)) * norm(rowAt(atoms, j));
  return 2 * gamma64(atoms.length + x.length + 4) * size * size;
}

/** Objective, residual and status of every sample against an independent evaluation of the returned codes. */
function checkFigures(
  result: Unfolding,
  i: number,
  p: LassoProblem,
  code: Float64Array,
  label: string,
): void {
  const error = evaluationError(p.x, p.atoms, code);
  const penalty = objective(p, code);
  // λΣw|a| and β‖a‖² are sums of like size whose rounding is relative.
  const relative = 2 * gamma64(p.atoms.length + 4) * penalty;
  const r = norm(residualOf(p.x, p.atoms, code));
  expect(Math.abs(at(result.objective, i) - penalty), `${label}: objective`).toBeLessThanOrEqual(
    error + relative,
  );
  // ‖r‖ from ‖r‖² off by `error`: at most √error when r is small, error/r otherwise; then one rounding to float32.
  const rootError = r > 0 ? Math.min(Math.sqrt(error), error / r) : Math.sqrt(error);
  expect(Math.abs(at(result.residual, i) - r), `${label}: residual`).toBeLessThanOrEqual(
    2 * U32 * r + rootError,
  );
}

const rowsOf = new WeakMap<Matrix<Float32Array>, Rows>();
/** The same rows each time, so that what is made of them is made once. */
function rowsOnce(matrix: Matrix<Float32Array>): Rows {
  const rows = rowsOf.get(matrix) ?? toRows(matrix);
  rowsOf.set(matrix, rows);
  return rows;
}

const solved = new WeakMap<Rows, Map<string, LassoSolution>>();
/** Several methods are held to the same optimum. */
function solvedOnce(p: LassoProblem): LassoSolution {
  const { atoms, x, weights, ...rest } = p;
  const known = solved.get(atoms) ?? new Map<string, LassoSolution>();
  solved.set(atoms, known);
  const key = JSON.stringify([bits(x), weights && Array.from(weights), rest]);
  const solution = known.get(key) ?? solveLasso(p);
  known.set(key, solution);
  return solution;
}

/**
 * The certificate. With G = gap·½‖x‖²:
 *  - P(codes) − P* ≤ G, P* from an independent solver;
 *  - G is no more than the gap that float64 gives at the same codes, plus what float32 scores can hide;
 *  - strong convexity in the fit, ½‖(a − a*)D‖² ≤ G, turns the optimum's KKT conditions into conditions on the codes.
 */
function checkCertificate(gap: number, p: LassoProblem, code: Float64Array, label: string): void {
  const half = 0.5 * dot(p.x, p.x);
  const rounding = evaluationError(p.x, p.atoms, code) / half;
  const reference = solvedOnce(p);
  const referenceRounding = evaluationError(p.x, p.atoms, reference.code) / half;
  const value = objective(p, code);
  const suboptimality = (value - reference.objective) / half;
  expect(gap, `${label}: gap below the true suboptimality`).toBeGreaterThanOrEqual(
    suboptimality - rounding - referenceRounding,
  );

  const own = dualPoint(p, code);
  const dims = p.x.length;
  let largest = 0;
  p.atoms.forEach((atom, j) => {
    largest = Math.max(largest, norm(atom) / (p.weights ? at(p.weights, j) : 1));
  });
  const r = norm(residualOf(p.x, p.atoms, code));
  // A strongest correlation overestimated by twice (γ + rounding of 1/w)‖d‖‖r‖/w, or by λ·2⁻²⁰ at the floor of the
  // screening, shrinks the scaling s by this share; the dual value is at most 2s‖x‖‖r‖ + s²‖r‖² sensitive to it.
  const share = (2 * (gamma32(dims) + 2 ** -20) * largest * own.scale * r) / p.lambda + 2 ** -20;
  const sensitivity = own.scale * norm(p.x) * r + own.scale ** 2 * (r * r + (p.ridge ?? 0) * dot(code, code));
  const slack = (2 * (share + U32) * sensitivity) / half;
  expect(gap, `${label}: gap far above the one at these codes`).toBeLessThanOrEqual(
    (value - own.value) / half + slack + rounding,
  );

  const G = (Math.max(gap, 0) + rounding) * half;
  const beta = p.ridge ?? 0;
  correlations(p, code).forEach((c, j) => {
    const limit = p.lambda * (p.weights ? at(p.weights, j) : 1);
    const size = Math.sqrt(dot(rowAt(p.atoms, j), rowAt(p.atoms, j)) + beta);
    const room = size * Math.sqrt(2 * G) + gamma64(dims) * size * norm(p.x);
    const a = at(code, j);
    expect((p.nonnegative ? c : Math.abs(c)) - limit, `${label}: KKT of atom ${j}`).toBeLessThanOrEqual(room);
    // P(a) − P* also bounds Σ|a_j|(λw_j − sign(a_j)·c*_j): an active atom's correlation is near ±λw.
    if (a !== 0)
      expect(limit - Math.sign(a) * c, `${label}: KKT of active atom ${j}`).toBeLessThanOrEqual(
        room + G / Math.abs(a),
      );
  });
}

/** Everything above, for every sample of a convex unfolding. */
export function checkConvex(problem: Problem, options: ConvexOptions, result: Unfolding): void {
  const atoms = rowsOnce(problem.atoms);
  const samples = toRows(problem.samples);
  const tolerance = options.tolerance ?? DEFAULT_TOLERANCE;
  checkCodes(result.codes, samples.length, atoms.length);
  for (const array of [result.gap, result.objective, result.residual, result.status, result.iterations])
    expect(array.length).toBe(samples.length);
  expect(result.converged).toBe(result.status.every((s) => s === UnfoldStatus.converged));
  samples.forEach((x, i) => {
    const label = `${problem.name}, sample ${i}`;
    const { ridge = 0, weights, nonnegative = false } = options;
    const lambda = typeof options.lambda === 'number' ? options.lambda : at(options.lambda, i);
    const p: LassoProblem = { x, atoms, lambda, ridge, weights, nonnegative };
    const code = denseRow(result.codes, i);
    const gap = at(result.gap, i);
    expect(gap, `${label}: gap`).toBeGreaterThanOrEqual(0);
    expect(at(result.status, i) === UnfoldStatus.converged, `${label}: status against gap ${gap}`).toBe(
      gap <= tolerance,
    );
    if (nonnegative) for (const a of code) expect(a, `${label}: sign`).toBeGreaterThanOrEqual(0);
    if (norm(x) === 0) {
      expect(norm(code), `${label}: code of a zero sample`).toBe(0);
      expect(gap, `${label}: gap of a zero sample`).toBe(0);
      return;
    }
    checkFigures(result, i, p, code, label);
    checkCertificate(gap, p, code, label);
  });
}

/** The largest relative duality gap of the codes, in float64, at the best multiple of their own residual. */
export function trueGap(problem: Problem, options: ConvexOptions, { codes }: Unfolding): number {
  const atoms = toRows(problem.atoms);
  const { lambda, ridge = 0, weights, nonnegative = false } = options;
  const gaps = toRows(problem.samples).map((x, i) => {
    if (norm(x) === 0) return 0;
    const p = {
      x,
      atoms,
      lambda: typeof lambda === 'number' ? lambda : at(lambda, i),
      ridge,
      weights,
      nonnegative,
    };
    const code = denseRow(codes, i);
    return (objective(p, code) - dualPoint(p, code).value) / (0.5 * dot(x, x));
  });
  return Math.max(0, ...gaps);
}

/** Per-sample λ: `fraction` of each sample's λ_max (of 1 where that is zero). */
export function lambdasAt(fraction: number, maxima: Float64Array): Float64Array {
  return maxima.map((m) => fraction * (m > 0 ? m : 1));
}

/** Bit for bit the same answer; NaN equals NaN. */
export function expectSame(a: Unfolding, b: Unfolding): void {
  for (const key of ['indptr', 'indices', 'values'] as const)
    expect(bits(a.codes[key])).toEqual(bits(b.codes[key]));
  for (const key of ['gap', 'objective', 'residual', 'status', 'iterations'] as const)
    expect(bits(a[key]), key).toEqual(bits(b[key]));
  expect(a.lambda && bits(a.lambda)).toEqual(b.lambda && bits(b.lambda));
  expect(a.converged).toBe(b.converged);
}

export function bits(array: ArrayBufferView): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
}
