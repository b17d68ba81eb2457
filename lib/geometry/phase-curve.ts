// The curve of success rates: its points, their intervals, and the logistic function through them.

/** One point of the curve. */
export interface PhasePoint {
  /** k: active features of each code. */
  readonly active: number;
  readonly trials: number;
  /** How many codes were found again. */
  readonly found: number;
  /** 95 % interval of the success rate (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
}

/** Of the normal distribution, two-sided 95 %. */
export const Z = 1.959964;

/** 95 % interval of a success rate (Wilson 1927). */
export function wilson(found: number, trials: number): [number, number] {
  const rate = found / trials;
  const spread = 1 + (Z * Z) / trials;
  const centre = (rate + (Z * Z) / (2 * trials)) / spread;
  const half = (Z * Math.sqrt((rate * (1 - rate)) / trials + (Z * Z) / (4 * trials * trials))) / spread;
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** logit(rate) = a + b·k by Newton's method, half a success and half a failure added to each point so that it exists. */
export function logistic(points: readonly PhasePoint[]): { middle: number; error: number; slope: number } {
  const mean = points.reduce((sum, { active }) => sum + active, 0) / points.length;
  const width = Math.max(1, ...points.map(({ active }) => Math.abs(active - mean)));
  let [a, b] = [0, 0];
  let [aa, ab, bb] = [0, 0, 0];
  const steps = 50;
  for (let step = 0; step < steps; step++) {
    let [ga, gb] = [0, 0];
    [aa, ab, bb] = [0, 0, 0];
    for (const { active, found, trials } of points) {
      const x = (active - mean) / width;
      const rate = 1 / (1 + Math.exp(-(a + b * x)));
      const weight = (trials + 1) * rate * (1 - rate);
      ga += found + 0.5 - (trials + 1) * rate;
      gb += (found + 0.5 - (trials + 1) * rate) * x;
      aa += weight;
      ab += weight * x;
      bb += weight * x * x;
    }
    const determinant = aa * bb - ab * ab;
    if (!(determinant > 0)) break;
    const longest = 2;
    const clip = (v: number): number => Math.max(-longest, Math.min(longest, v));
    a += clip((bb * ga - ab * gb) / determinant);
    b += clip((aa * gb - ab * ga) / determinant);
  }
  // Of −a/b, to first order.
  const determinant = aa * bb - ab * ab;
  const [da, db] = [-1 / b, a / (b * b)];
  const variance = (da * da * bb - 2 * da * db * ab + db * db * aa) / determinant;
  return { middle: mean - (width * a) / b, error: width * Math.sqrt(variance), slope: b / width };
}
