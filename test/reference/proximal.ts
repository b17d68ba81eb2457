// ISTA and FISTA (Beck & Teboulle 2009) in plain float64 with the exact step 1/(‖D‖² + β).
import { correlations, type LassoProblem } from './lasso.js';
import { at, spectralNorm } from './linear.js';

export function proximalGradient(p: LassoProblem, steps: number, accelerated: boolean): Float64Array {
  const n = p.atoms.length;
  const lipschitz = spectralNorm(p.atoms, 500) ** 2 * (1 + 1e-6) + (p.ridge ?? 0);
  let code = new Float64Array(n);
  let point = code;
  let momentum = 1;
  for (let step = 0; step < steps; step++) {
    const gradient = correlations(p, point);
    const next = Float64Array.from({ length: n }, (_, j) => {
      const v = at(point, j) + at(gradient, j) / lipschitz;
      const t = (p.lambda * (p.weights ? at(p.weights, j) : 1)) / lipschitz;
      if (v > t) return v - t;
      return v < -t && !p.nonnegative ? v + t : 0;
    });
    const following = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const push = accelerated ? (momentum - 1) / following : 0;
    const previous = code;
    point = next.map((v, j) => v + push * (v - at(previous, j)));
    code = next;
    momentum = following;
  }
  return code;
}
