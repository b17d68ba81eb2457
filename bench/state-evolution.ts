// The least mean squared error that any estimator can have on this problem, its sizes large, who knows prior and noise: the fixed point of
// Bayes-optimal AMP's state evolution (Donoho, Javanmard, Montanari 2013; proved optimal by Reeves and Pfister 2016, Barbier et al. 2016
// where the fixed point is the only one, as it is at these sizes). With y = a + τ·N(0, 1), a active with probability ρ and then N(0, 1):
//   τ² = σ² + (n/m)·mmse(τ²),   E[a|y] = π(y)·y/(1 + τ²),   π(y) the probability that a is active.
import { decibels, type ListaShape } from './lista-problem.js';

/** y/τ goes so far: beyond, atoms are active for sure. */
const WIDEST = 40;
const STEP = 1e-3;
const SETTLED = 1e-10;
/** below this error there is nothing left */
const NOTHING = 1e-16;

const density = (y: number, variance: number): number =>
  Math.exp((-y * y) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);

/** Mean squared error of E[a|y]. */
function leastError(active: number, tau2: number): number {
  const tau = Math.sqrt(tau2);
  const whole = 1 + tau2;
  // Where a is active: what is left of it given y, and what π < 1 takes from E[a|y, active].
  let error = (active * tau2) / whole;
  for (let u = -WIDEST; u <= WIDEST; u += STEP) {
    const y = tau * u;
    const on = active * density(y, whole);
    const off = (1 - active) * density(y, tau2);
    const probability = on / (on + off);
    const estimate = y / whole;
    error += STEP * tau * (on * ((1 - probability) * estimate) ** 2 + off * (probability * estimate) ** 2);
  }
  return error;
}

/** NMSE in dB; −Infinity without noise. */
export function bayesBound({ dims, features, density: active }: ListaShape, snr: number): number {
  // E‖aD‖² of unit atoms, spread over the dims
  const noise = (features * active * 10 ** (-snr / 10)) / dims;
  let error = active;
  for (;;) {
    const next = leastError(active, noise + (features / dims) * error);
    if (next < NOTHING) return Number.NEGATIVE_INFINITY;
    if (Math.abs(next - error) <= SETTLED * error) return decibels(next / active);
    error = next;
  }
}
