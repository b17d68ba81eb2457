// One step of each method of dictionary learning, in plain float64 over dense codes.
import { at, dot, leastSquares, norm, type Rows, residualOf, rowAt, subtract } from './linear.js';

const unit = (v: Float64Array): Float64Array => {
  const size = norm(v);
  return size > 0 ? v.map((entry) => entry / size) : v;
};

/**
 * The method of optimal directions: the D of least Σ‖x − aD‖² + ridge Σ_j A_jj ‖d_j − d_j before‖², each atom then of norm 1, by QR of the codes
 * themselves. Atoms that no sample uses stay.
 */
export function modStep(samples: Rows, codes: Rows, atoms: Rows, ridge: number): Rows {
  const count = samples.length;
  const pulls = atoms.map((_, j) => Math.sqrt(ridge * codes.reduce((sum, a) => sum + at(a, j) ** 2, 0)));
  const used = atoms.flatMap((_, j) => (at(pulls, j) > 0 ? [j] : []));
  const columns = used.map((j, place) => {
    const column = new Float64Array(count + used.length);
    codes.forEach((a, i) => {
      column[i] = at(a, j);
    });
    column[count + place] = at(pulls, j);
    return column;
  });
  const next = atoms.map((atom) => atom.slice());
  for (let k = 0; k < rowAt(atoms, 0).length; k++) {
    const wanted = Float64Array.from([
      ...samples.map((x) => at(x, k)),
      ...used.map((j) => at(pulls, j) * at(rowAt(atoms, j), k)),
    ]);
    leastSquares(wanted, columns).forEach((value, place) => {
      rowAt(next, at(used, place))[k] = value;
    });
  }
  return next.map((atom, j) => (at(pulls, j) > 0 ? unit(atom) : atom));
}

/** ‖C⁻¹‖ in the largest row sum, C = SAS + ridge·I of the codes of the atoms that are used, S scaling A's diagonal to 1. */
export function inverseNorm(codes: Rows, ridge: number): number {
  const features = rowAt(codes, 0).length;
  const columns = Array.from({ length: features }, (_, j) =>
    unit(Float64Array.from(codes, (a) => at(a, j))),
  ).filter((column) => norm(column) > 0);
  const c = columns.map((x, i) => Float64Array.from(columns, (y, j) => dot(x, y) + (i === j ? ridge : 0)));
  return c.reduce((most, _, i) => {
    const e = new Float64Array(c.length);
    e[i] = 1;
    return Math.max(
      most,
      leastSquares(e, c).reduce((sum, v) => sum + Math.abs(v), 0),
    );
  }, 0);
}

/** Approximate K-SVD: atoms in turn, ascending, each with its codes; changes both. `lambda` 0: codes are not shrunk. */
export function ksvdStep(
  samples: Rows,
  codes: Rows,
  atoms: Rows,
  lambda: number,
  nonnegative: boolean,
): void {
  for (let j = 0; j < atoms.length; j++) {
    const users = codes.flatMap((a, i) => (at(a, j) !== 0 ? [i] : []));
    const without = users.map((i) => {
      const others = rowAt(codes, i).slice();
      others[j] = 0;
      return residualOf(rowAt(samples, i), atoms, others);
    });
    const sum = new Float64Array(rowAt(atoms, j).length);
    users.forEach((i, n) => {
      subtract(sum, -at(rowAt(codes, i), j), rowAt(without, n));
    });
    if (!(norm(sum) > 0)) continue;
    atoms[j] = unit(sum);
    users.forEach((i, n) => {
      const correlation = dot(rowAt(without, n), rowAt(atoms, j));
      const size = Math.max(0, (nonnegative ? correlation : Math.abs(correlation)) - lambda);
      rowAt(codes, i)[j] = Math.sign(correlation) * size;
    });
  }
}

/** Σ ½‖x − aD‖² + λ‖a‖₁ */
export function objectiveOf(samples: Rows, codes: Rows, atoms: Rows, lambda: number): number {
  return samples.reduce((sum, x, i) => {
    const a = rowAt(codes, i);
    const left = residualOf(x, atoms, a);
    return sum + dot(left, left) / 2 + lambda * a.reduce((l1, value) => l1 + Math.abs(value), 0);
  }, 0);
}
