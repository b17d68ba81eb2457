// Orthogonal matching pursuit and nonnegative least squares, plainly: every step solves its least-squares problem
// from scratch by orthogonalisation. No Gram matrix, no updates.
import { at, dot, leastSquares, norm, type Rows, residualOf, rowAt } from './linear.js';

export interface PursuitStep {
  /** the atom that joined */
  readonly atom: number;
  /** how far ahead of the runner-up it was, relative to ‖x‖‖d‖: below rounding, either choice is right */
  readonly margin: number;
  readonly code: Float64Array;
  readonly residual: number;
}

/** Lawson & Hanson 1974, ch. 23: min ‖x − Σγ_k rows_k‖ over γ ≥ 0. */
export function nonnegativeLeastSquares(x: ArrayLike<number>, rows: Rows): Float64Array {
  const n = rows.length;
  const solution = new Float64Array(n);
  const passive = new Set<number>();
  const scale = norm(x) * Math.max(0, ...rows.map((row) => norm(row)));
  const zero = 1e-13;
  const mostSteps = 10 * (n + 1);
  for (let step = 0; step < mostSteps; step++) {
    const r = residualOf(x, rows, solution);
    let next = -1;
    let strongest = zero * scale;
    rows.forEach((row, k) => {
      const c = dot(row, r);
      if (!passive.has(k) && c > strongest) {
        strongest = c;
        next = k;
      }
    });
    if (next < 0) break;
    passive.add(next);
    for (;;) {
      const members = [...passive];
      const free = leastSquares(
        x,
        members.map((k) => rowAt(rows, k)),
      );
      const blocked = members.filter((_, i) => at(free, i) <= 0);
      if (blocked.length === 0) {
        solution.fill(0);
        members.forEach((k, i) => {
          solution[k] = at(free, i);
        });
        break;
      }
      let length = 1;
      members.forEach((k, i) => {
        const from = at(solution, k);
        const to = at(free, i);
        if (to <= 0) length = Math.min(length, from / (from - to));
      });
      members.forEach((k, i) => {
        const moved = at(solution, k) + length * (at(free, i) - at(solution, k));
        solution[k] = at(free, i) <= 0 && moved <= zero * norm(solution) ? 0 : moved;
        if (solution[k] === 0) passive.delete(k);
      });
      if (passive.size === members.length) passive.delete(blocked[0] as number);
    }
  }
  return solution;
}

/** The steps of OMP until `most` atoms were taken or nothing correlates with what is left. */
export function pursue(x: Float64Array, atoms: Rows, most: number, nonnegative = false): PursuitStep[] {
  const steps: PursuitStep[] = [];
  const size = norm(x);
  let support: number[] = [];
  let code: Float64Array = new Float64Array(atoms.length);
  const nothing = 1e-10;
  while (support.length < most) {
    const r = residualOf(x, atoms, code);
    let atom = -1;
    let first = 0;
    let second = 0;
    atoms.forEach((d, j) => {
      const c = nonnegative ? dot(d, r) : Math.abs(dot(d, r));
      if (c > first) {
        second = first;
        first = c;
        atom = j;
      } else if (c > second) second = c;
    });
    if (atom < 0 || first <= nothing * size * norm(rowAt(atoms, atom)) || support.includes(atom)) break;
    support.push(atom);
    const rows = support.map((j) => rowAt(atoms, j));
    const values = nonnegative ? nonnegativeLeastSquares(x, rows) : leastSquares(x, rows);
    code = new Float64Array(atoms.length);
    support.forEach((j, k) => {
      code[j] = at(values, k);
    });
    if (nonnegative) support = support.filter((j) => at(code, j) > 0);
    steps.push({
      atom,
      margin: (first - second) / (size * norm(rowAt(atoms, atom))),
      code,
      residual: norm(residualOf(x, atoms, code)),
    });
  }
  return steps;
}
