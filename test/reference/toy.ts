// Toy models in plain float64: loss and gradient as sums over samples, features and dims, and AdamW as its algorithm 2 reads.

export interface Loss {
  readonly features: number;
  readonly dims: number;
  readonly relu: boolean;
  readonly importance: ArrayLike<number>;
  /** α, β and τ of the strategies */
  readonly activation: number;
  readonly interference: number;
  readonly allowed: number;
}

/** W (features × dims), then b. */
export type Point = Float64Array;

/** Loss and gradient at `point` for samples (rows of `features` values). */
export function lossAndGradient(loss: Loss, point: Point, x: ArrayLike<number>) {
  const { features: n, dims: m, relu, importance, activation, interference, allowed } = loss;
  const samples = x.length / n;
  const gradient = new Float64Array(point.length);
  const w = (i: number, k: number): number => point[i * m + k] as number;
  let value = 0;
  for (let s = 0; s < samples; s++) {
    const sample = Array.from({ length: n }, (_, i) => x[s * n + i] as number);
    const hidden = Array.from({ length: m }, (_, k) => sample.reduce((sum, v, i) => sum + v * w(i, k), 0));
    const back = hidden.map((h) => activation * Math.sign(h));
    value += activation * hidden.reduce((sum, h) => sum + Math.abs(h), 0);
    for (let i = 0; i < n; i++) {
      const y = hidden.reduce((sum, h, k) => sum + h * w(i, k), point[n * m + i] as number);
      const error = (relu ? Math.max(0, y) : y) - (sample[i] as number);
      value += (importance[i] as number) * error * error;
      if (relu && y <= 0) continue;
      const g = 2 * (importance[i] as number) * error;
      gradient[n * m + i] = (gradient[n * m + i] as number) + g;
      for (let k = 0; k < m; k++) {
        gradient[i * m + k] = (gradient[i * m + k] as number) + g * (hidden[k] as number);
        back[k] = (back[k] as number) + g * w(i, k);
      }
    }
    for (let i = 0; i < n; i++)
      for (let k = 0; k < m; k++)
        gradient[i * m + k] = (gradient[i * m + k] as number) + (sample[i] as number) * (back[k] as number);
  }
  value /= samples;
  for (const [at, g] of gradient.entries()) gradient[at] = g / samples;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      let overlap = 0;
      for (let k = 0; k < m; k++) overlap += w(i, k) * w(j, k);
      const excess = Math.max(0, Math.abs(overlap) - allowed) * Math.sign(overlap);
      value += interference * excess * excess;
      for (let k = 0; k < m; k++) {
        gradient[i * m + k] = (gradient[i * m + k] as number) + 2 * interference * excess * w(j, k);
        gradient[j * m + k] = (gradient[j * m + k] as number) + 2 * interference * excess * w(i, k);
      }
    }
  return { value, gradient };
}

export interface Adam {
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
}

/** AdamW (Loshchilov & Hutter 2019, algorithm 2) from `start`, a gradient and a rate for each step. */
export function adamW(
  start: Point,
  steps: number,
  settings: Adam,
  rate: (step: number) => number,
  gradient: (point: Point, step: number) => Float64Array,
): Point {
  const [beta1, beta2] = settings.betas;
  const point = start.slice();
  const first = new Float64Array(point.length);
  const second = new Float64Array(point.length);
  for (let t = 1; t <= steps; t++) {
    const g = gradient(point, t - 1);
    const eta = rate(t - 1);
    for (const [at, value] of g.entries()) {
      first[at] = beta1 * (first[at] as number) + (1 - beta1) * value;
      second[at] = beta2 * (second[at] as number) + (1 - beta2) * value * value;
      const mean = (first[at] as number) / (1 - beta1 ** t);
      const size = Math.sqrt((second[at] as number) / (1 - beta2 ** t));
      const old = point[at] as number;
      point[at] = old - eta * settings.weightDecay * old - (eta * mean) / (size + settings.epsilon);
    }
  }
  return point;
}
