// LASSO in plain float64: cyclic coordinate descent, and the certificate written down independently.
//   P(a) = ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²      (a ≥ 0 when nonnegative)
// With D̃ = [D, √β·I] and x̃ = [x, 0] this is a LASSO without ridge, whose dual is
//   max over θ of θ·x̃ − ½‖θ‖²   subject to  |d̃_j·θ| ≤ λw_j   (nonnegative: without the absolute value).
import { at, dot, norm, type Rows, residualOf, rowAt } from './linear.js';

export interface LassoProblem {
  readonly x: Float64Array;
  readonly atoms: Rows;
  readonly lambda: number;
  readonly ridge?: number;
  readonly weights?: ArrayLike<number> | undefined;
  readonly nonnegative?: boolean;
}

export interface LassoSolution {
  readonly code: Float64Array;
  readonly objective: number;
  /** a lower bound of the optimum */
  readonly dual: number;
}

const weightOf = (p: LassoProblem, j: number): number => (p.weights ? at(p.weights, j) : 1);

export function objective(p: LassoProblem, code: ArrayLike<number>): number {
  const r = residualOf(p.x, p.atoms, code);
  let l1 = 0;
  for (let j = 0; j < p.atoms.length; j++) l1 += weightOf(p, j) * Math.abs(at(code, j));
  return 0.5 * dot(r, r) + p.lambda * l1 + 0.5 * (p.ridge ?? 0) * dot(code, code);
}

/** d_j·r − βa_j for all j */
export function correlations(p: LassoProblem, code: ArrayLike<number>): Float64Array {
  const r = residualOf(p.x, p.atoms, code);
  return Float64Array.from(p.atoms, (atom, j) => dot(atom, r) - (p.ridge ?? 0) * at(code, j));
}

/** The smallest λ whose solution is zero. */
export function lambdaMax(p: Omit<LassoProblem, 'lambda'>): number {
  let largest = 0;
  p.atoms.forEach((atom, j) => {
    const c = dot(atom, p.x);
    largest = Math.max(largest, (p.nonnegative ? c : Math.abs(c)) / (p.weights ? at(p.weights, j) : 1));
  });
  return largest;
}

/** The best feasible multiple s of the residual as a dual point, and its value: a lower bound of the optimum. */
export function dualPoint(p: LassoProblem, code: ArrayLike<number>): { value: number; scale: number } {
  const r = residualOf(p.x, p.atoms, code);
  let strongest = 0;
  correlations(p, code).forEach((c, j) => {
    strongest = Math.max(strongest, (p.nonnegative ? c : Math.abs(c)) / weightOf(p, j));
  });
  const curvature = dot(r, r) + (p.ridge ?? 0) * dot(code, code);
  if (curvature === 0) return { value: 0, scale: 0 };
  const linear = dot(p.x, r);
  const limit = strongest > 0 ? p.lambda / strongest : Number.POSITIVE_INFINITY;
  const scale = Math.max(0, Math.min(linear / curvature, limit));
  return { value: scale * linear - 0.5 * scale * scale * curvature, scale };
}

const grams = new WeakMap<Rows, Rows>();
/** All inner products of the atoms, made once. */
function gramOf(atoms: Rows): Rows {
  let gram = grams.get(atoms);
  if (gram === undefined) {
    gram = atoms.map((a) => Float64Array.from(atoms, (b) => dot(a, b)));
    grams.set(atoms, gram);
  }
  return gram;
}

/**
 * Solves to a gap of `accuracy`·½‖x‖², or as near as float64 comes. x and λ are brought to unit scale first, so that
 * extreme samples are no harder than others. Between checks of the gap, sweeps go over all atoms first, and then again and again over
 * those that are active, whose correlations alone they keep.
 */
export function solveLasso(
  problem: LassoProblem,
  start?: ArrayLike<number>,
  accuracy = 1e-13,
): LassoSolution {
  const length = norm(problem.x);
  if (length === 0) return { code: new Float64Array(problem.atoms.length), objective: 0, dual: 0 };
  const size = 2 ** Math.ceil(Math.log2(length)); // a power of two: exact
  const p = { ...problem, x: problem.x.map((v) => v / size), lambda: problem.lambda / size };
  const n = p.atoms.length;
  const beta = p.ridge ?? 0;
  const gram = gramOf(p.atoms);
  const code = start ? Float64Array.from(start, (v) => v / size) : new Float64Array(n);
  const all = Array.from({ length: n }, (_, j) => j);
  let c: Float64Array = new Float64Array(n);
  const sweep = (atoms: readonly number[]): void => {
    for (const j of atoms) {
      const row = rowAt(gram, j);
      const diagonal = at(row, j);
      if (diagonal === 0) continue;
      const rho = at(c, j) + diagonal * at(code, j);
      const t = p.lambda * weightOf(p, j);
      let next = 0;
      if (rho > t) next = (rho - t) / (diagonal + beta);
      else if (rho < -t && !p.nonnegative) next = (rho + t) / (diagonal + beta);
      const delta = next - at(code, j);
      if (delta === 0) continue;
      code[j] = next;
      for (const k of atoms) c[k] = (c[k] as number) - delta * (row[k] as number);
    }
  };
  const sweepsOverAll = 10;
  const sweepsOverActive = 100;
  const mostChecks = 2000;
  let best = { gap: Number.POSITIVE_INFINITY, code: code.slice(), dual: 0, objective: 0 };
  let dual = Number.NEGATIVE_INFINITY;
  for (let check = 0; check < mostChecks; check++) {
    c = correlations({ ...p, ridge: 0 }, code);
    for (let i = 0; i < sweepsOverAll; i++) sweep(all);
    const active = all.filter((j) => code[j] !== 0);
    for (let i = 0; i < sweepsOverActive; i++) sweep(active);
    const value = objective(p, code);
    dual = Math.max(dual, dualPoint(p, code).value);
    const gap = value - dual;
    if (gap < best.gap) best = { gap, code: code.slice(), dual, objective: value };
    if (best.gap <= accuracy * 0.5 * (length / size) ** 2) break;
  }
  return {
    code: best.code.map((v) => v * size),
    objective: best.objective * size * size,
    dual: Math.max(best.dual, dual) * size * size,
  };
}
