// ISTA, FISTA and AMP in plain float64, all iterates kept: what unfold is checked against, and the point that FISTA extrapolates, which
// unfold does not answer. One sample at a time, dense codes.
import type { ListaProblem } from './lista-problem.js';

export interface PlainStep {
  readonly problem: ListaProblem;
  /** ‖D‖₂² */
  readonly lipschitz: number;
}

const soft = (v: number, t: number): number => (v > t ? v - t : v < -t ? v + t : 0);

/** x − aD */
function residualOf({ dims, atoms }: ListaProblem, x: ArrayLike<number>, code: Float64Array): Float64Array {
  const r = Float64Array.from(x);
  for (let j = 0; j < code.length; j++) {
    const value = code[j] as number;
    if (value === 0) continue;
    for (let d = 0; d < dims; d++) r[d] = (r[d] as number) - value * (atoms[j * dims + d] as number);
  }
  return r;
}

/** v + rate·D r, shrunk by `threshold` */
function step(
  { dims, features, atoms }: ListaProblem,
  v: Float64Array,
  r: Float64Array,
  rate: number,
  threshold: number,
): Float64Array {
  const next = new Float64Array(features);
  for (let j = 0; j < features; j++) {
    let dot = 0;
    for (let d = 0; d < dims; d++) dot += (atoms[j * dims + d] as number) * (r[d] as number);
    next[j] = soft((v[j] as number) + rate * dot, threshold);
  }
  return next;
}

/** a⁺ = soft(a + D(x − aD)/L, λ/L), from 0. */
export function plainIsta(
  { problem, lipschitz }: PlainStep,
  x: ArrayLike<number>,
  lambda: number,
  layers: number,
): Float64Array[] {
  const codes: Float64Array[] = [];
  let a = new Float64Array(problem.features);
  for (let k = 0; k < layers; k++) {
    a = step(problem, a, residualOf(problem, x, a), 1 / lipschitz, lambda / lipschitz) as typeof a;
    codes.push(a);
  }
  return codes;
}

/** FISTA without restart: its codes, and the points that it extrapolates from them. */
export function plainFista(
  { problem, lipschitz }: PlainStep,
  x: ArrayLike<number>,
  lambda: number,
  layers: number,
): { readonly codes: Float64Array[]; readonly points: Float64Array[] } {
  const codes: Float64Array[] = [];
  const points: Float64Array[] = [];
  let a = new Float64Array(problem.features);
  let point = a;
  let momentum = 1;
  for (let k = 0; k < layers; k++) {
    const next = step(problem, point, residualOf(problem, x, point), 1 / lipschitz, lambda / lipschitz);
    const following = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const push = (momentum - 1) / following;
    const before = a;
    point = next.map((v, j) => v + push * (v - (before[j] as number))) as typeof a;
    a = next as typeof a;
    momentum = following;
    codes.push(a);
    points.push(point);
  }
  return { codes, points };
}

/** z = x − aD + (‖a‖₀/dims)·z_prev; a⁺ = soft(a + Dz, α‖z‖/√dims). */
export function plainAmp(
  problem: ListaProblem,
  x: ArrayLike<number>,
  thresholdFactor: number,
  layers: number,
): Float64Array[] {
  const { dims } = problem;
  const codes: Float64Array[] = [];
  let a = new Float64Array(problem.features);
  let z = Float64Array.from(x);
  for (let k = 0; k < layers; k++) {
    const norm = Math.sqrt(z.reduce((energy, v) => energy + v * v, 0));
    a = step(problem, a, z, 1, (thresholdFactor * norm) / Math.sqrt(dims)) as typeof a;
    const onsager = a.reduce((count, v) => count + Number(v !== 0), 0) / dims;
    const before = z;
    z = residualOf(problem, x, a).map((v, d) => v + onsager * (before[d] as number)) as typeof z;
    codes.push(a);
  }
  return codes;
}
