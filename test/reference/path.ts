// The LASSO path in float64, by what defines it and nothing else: on a support I with signs s the solution at λ is
//   a_I = (D_I D_Iᵀ + βI)⁻¹(D_I x − λ w_I s),
// and it is the solution where its signs are s and no other atom's correlation passes λw (REFERENCE: exact certificate).
import { correlations, type LassoProblem } from './lasso.js';
import { at, dot, norm, type Rows, rowAt } from './linear.js';

export interface Support {
  readonly indices: readonly number[];
  readonly signs: readonly number[];
}

/** A x = b for a symmetric positive definite A, by Gaussian elimination with diagonal pivots in order. */
function solveSymmetric(matrix: Rows, rhs: ArrayLike<number>): Float64Array {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const b = Float64Array.from(rhs);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const factor = at(rowAt(a, j), i) / at(rowAt(a, i), i);
      for (let k = i; k < n; k++) rowAt(a, j)[k] = at(rowAt(a, j), k) - factor * at(rowAt(a, i), k);
      b[j] = at(b, j) - factor * at(b, i);
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = at(b, i);
    for (let k = i + 1; k < n; k++) sum -= at(rowAt(a, i), k) * at(b, k);
    b[i] = sum / at(rowAt(a, i), i);
  }
  return b;
}

/** The stationary point on a support, as a dense code. */
export function onSupport(p: LassoProblem, support: Support): Float64Array {
  const rows = support.indices.map((j) => rowAt(p.atoms, j));
  const gram = rows.map((a, i) =>
    Float64Array.from(rows, (b, k) => dot(a, b) + (i === k ? (p.ridge ?? 0) : 0)),
  );
  const weight = (j: number): number => (p.weights ? at(p.weights, j) : 1);
  const target = support.indices.map(
    (j, k) => dot(rowAt(p.atoms, j), p.x) - p.lambda * weight(j) * at(support.signs, k),
  );
  const code = new Float64Array(p.atoms.length);
  solveSymmetric(gram, target).forEach((value, k) => {
    code[at(support.indices, k)] = value;
  });
  return code;
}

/**
 * By how much the stationary point on a support fails to be the solution: the largest of a wrong sign's |a_j|‖d_j‖/‖x‖ and of
 * a correlation's excess over λw, relative to ‖d_j‖‖x‖. Zero or rounding where it is the solution.
 */
export function violation(p: LassoProblem, support: Support): number {
  const code = onSupport(p, support);
  const size = norm(p.x);
  let worst = 0;
  support.indices.forEach((j, k) => {
    worst = Math.max(worst, (-at(support.signs, k) * at(code, j) * norm(rowAt(p.atoms, j))) / size);
  });
  correlations(p, code).forEach((c, j) => {
    const limit = p.lambda * (p.weights ? at(p.weights, j) : 1);
    const length = norm(rowAt(p.atoms, j));
    if (length > 0) worst = Math.max(worst, ((p.nonnegative ? c : Math.abs(c)) - limit) / (length * size));
  });
  return worst;
}

/** Indices and signs of what is not zero in either of two codes: the support on the segment between two knots. */
export function supportBetween(a: ArrayLike<number>, b: ArrayLike<number>): Support {
  const indices: number[] = [];
  const signs: number[] = [];
  for (let j = 0; j < a.length; j++) {
    const sign = Math.sign(at(a, j)) || Math.sign(at(b, j));
    if (sign === 0) continue;
    indices.push(j);
    signs.push(sign);
  }
  return { indices, signs };
}

/**
 * Where, going down from `inside` (a λ at which the support is the solution's) to `outside` (at which it is not), it stops being
 * the solution's, by bisection to float64.
 */
export function endOfSegment(p: LassoProblem, support: Support, inside: number, outside: number): number {
  const rounding = 1e-13;
  let high = inside;
  let low = outside;
  for (let step = 0; step < 60; step++) {
    const middle = 0.5 * (low + high);
    if (violation({ ...p, lambda: middle }, support) > rounding) low = middle;
    else high = middle;
  }
  return high;
}
