// min ½‖x − aD‖² over Σ w_j|a_j| ≤ R in plain float64: accelerated projected gradient with restarts.
import { at, dot, type Rows, residualOf, rowAt, spectralNorm } from './linear.js';

/**
 * The nearest point of the ball: soft thresholds τw_j. Of the entries with |v_j|/w_j > τ, Σ w_j(|v_j| − τw_j) = R; taken in falling order
 * of |v_j|/w_j, they are those that stay above the τ that they ask for (Duchi, Shalev-Shwartz, Singer & Chandra 2008).
 */
export function projectOntoBall(
  v: Float64Array,
  weights: ArrayLike<number>,
  radius: number,
  nonnegative: boolean,
): Float64Array {
  const size = v.map((value) => (nonnegative ? Math.max(0, value) : Math.abs(value)));
  let total = 0;
  for (let j = 0; j < v.length; j++) total += at(weights, j) * at(size, j);
  let tau = 0;
  if (total > radius) {
    const ratio = size.map((value, j) => value / at(weights, j));
    const order = Array.from(v.keys()).sort((a, b) => at(ratio, b) - at(ratio, a));
    let sum = -radius;
    let squares = 0;
    for (const j of order) {
      if (squares > 0 && at(ratio, j) <= sum / squares) break;
      sum += at(weights, j) * at(size, j);
      squares += at(weights, j) ** 2;
    }
    tau = sum / squares;
  }
  const out = new Float64Array(v.length);
  for (let j = 0; j < v.length; j++)
    out[j] = Math.sign(at(v, j)) * Math.max(0, at(size, j) - tau * at(weights, j));
  return out;
}

export function solveBall(
  x: Float64Array,
  atoms: Rows,
  radius: number,
  weights: ArrayLike<number>,
  nonnegative: boolean,
  steps = 3000,
): { code: Float64Array; objective: number } {
  const rate = 1 / (1.05 * spectralNorm(atoms, 200) ** 2);
  const objective = (a: Float64Array): number => {
    const r = residualOf(x, atoms, a);
    return 0.5 * dot(r, r);
  };
  let code: Float64Array = new Float64Array(atoms.length);
  let point = code;
  let momentum = 1;
  let value = objective(code);
  for (let step = 0; step < steps; step++) {
    const r = residualOf(x, atoms, point);
    const moved = point.map((v, j) => v + rate * dot(rowAt(atoms, j), r));
    const next = projectOntoBall(moved, weights, radius, nonnegative);
    const reached = objective(next);
    if (reached > value) {
      momentum = 1;
      point = code;
      if (step % 2 === 0) continue;
    }
    const grown = 0.5 * (1 + Math.sqrt(1 + 4 * momentum * momentum));
    const share = (momentum - 1) / grown;
    const before = code;
    point = next.map((v, j) => v + share * (v - at(before, j)));
    momentum = grown;
    code = next;
    value = reached;
  }
  return { code, objective: value };
}
