// The LASSO path of a regression in plain float64: least angle regression with the lasso modification (Efron, Hastie, Johnstone & Tibshirani
// 2004), each step from its equations anew.
import { at, dot, leastSquares, type Rows, rowAt } from './linear.js';

export interface Knot {
  readonly lambda: number;
  readonly code: Float64Array;
}

/** Solves G_A v = b for the Gram matrix of some rows: v = argmin ‖Σ v_k d_k − y‖ needs D_A y = b, which y = Σ (G⁻¹b)_k d_k has. */
function solveGram(rows: Rows, rhs: readonly number[]): Float64Array {
  const n = rows.length;
  const gram = rows.map((a) => Float64Array.from(rows, (b) => dot(a, b)));
  // G is symmetric: G v = b by least squares on its rows, which are its columns.
  return leastSquares(
    Float64Array.from({ length: n }, (_, i) => at(rhs, i)),
    gram,
    1e-15,
  );
}

/** Knots from λ_max down to λ = 0, of atoms in general position. */
export function lars(x: Float64Array, atoms: Rows): Knot[] {
  const n = atoms.length;
  const q0 = Float64Array.from(atoms, (atom) => dot(atom, x));
  let lambda = Math.max(...q0.map(Math.abs));
  const active = [q0.findIndex((c) => Math.abs(c) === lambda)];
  const signs = [Math.sign(at(q0, active[0] as number))];
  const knots: Knot[] = [{ lambda, code: new Float64Array(n) }];
  let left = -1; // the atom that has just left: at its bound still
  for (let step = 0; step < 20 * n; step++) {
    const rows = active.map((j) => rowAt(atoms, j));
    const p = solveGram(
      rows,
      active.map((j) => at(q0, j)),
    );
    const u = solveGram(rows, signs);
    // Correlations on the segment: c_j(λ) = d_j·(x − Σp d) + λ d_j·(Σu d).
    const fixed = Float64Array.from(x);
    const moving = new Float64Array(x.length);
    rows.forEach((row, k) => {
      row.forEach((d, i) => {
        fixed[i] = at(fixed, i) - at(p, k) * d;
        moving[i] = at(moving, i) + at(u, k) * d;
      });
    });
    let next = 0;
    let event: { join: number; sign: number } | { leave: number } | undefined;
    for (let j = 0; j < n; j++) {
      if (active.includes(j)) continue;
      const q = dot(rowAt(atoms, j), fixed);
      const g = dot(rowAt(atoms, j), moving);
      for (const sign of [1, -1]) {
        const meets = (sign * q) / (1 - sign * g);
        if (j === left && meets > lambda * (1 - 1e-9)) continue;
        if (1 - sign * g > 0 && meets > next && meets < lambda * (1 + 1e-12)) {
          next = meets;
          event = { join: j, sign };
        }
      }
    }
    active.forEach((_, k) => {
      const zero = at(p, k) / at(u, k);
      if (at(signs, k) * at(u, k) < 0 && zero > next && zero < lambda * (1 - 1e-12)) {
        next = zero;
        event = { leave: k };
      }
    });
    const code = new Float64Array(n);
    active.forEach((j, k) => {
      code[j] = at(p, k) - next * at(u, k);
    });
    lambda = next;
    left = -1;
    if (event !== undefined && 'leave' in event) {
      left = at(active, event.leave);
      code[left] = 0;
      active.splice(event.leave, 1);
      signs.splice(event.leave, 1);
    } else if (event !== undefined) {
      active.push(event.join);
      signs.push(event.sign);
    }
    knots.push({ lambda, code });
    if (event === undefined) return knots;
  }
  throw new Error('the path did not end');
}
