// A regression as glmnet states it, with intercept and standardisation, solved by unfolding; against coordinate descent in float64 on
// glmnet's own objective and the data as they are.
import { describe, expect, it } from 'vitest';
import { Dictionary, unfoldSync } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const OBSERVATIONS = 50;
const PREDICTORS = 70;
const at = (values: ArrayLike<number>, i: number): number => values[i] as number;
const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Predictors of very different means and sizes, correlated with their neighbours; y of five of them. */
function regression() {
  const random = makeRandom(461);
  const columns: number[][] = [];
  for (let j = 0; j < PREDICTORS; j++) {
    const size = 10 ** (2 * random.uniform() - 1);
    const before = columns[j - 1];
    columns.push(
      Array.from({ length: OBSERVATIONS }, (_, i) =>
        Math.fround(size * (random.normal() + 3) + (before ? 0.3 * at(before, i) : 0)),
      ),
    );
  }
  const y = Array.from({ length: OBSERVATIONS }, (_, i) =>
    Math.fround(
      7 +
        [3, 12, 30, 41, 66].reduce((sum, j) => sum + at(columns[j] as number[], i) / (j + 1), 0) +
        0.2 * random.normal(),
    ),
  );
  return { columns, y };
}

/**
 * min over β0, β: 1/(2n) Σ(y − β0 − xβ)² + λ Σ_j [α s_j|β_j| + (1 − α)/2 (s_jβ_j)²], s_j the standard deviation (1/n) of predictor j: what glmnet
 * with standardize and intercept minimises, coefficients on the scale of the data.
 */
function coordinateDescent(columns: number[][], y: number[], lambda: number, alpha: number) {
  const n = y.length;
  const beta = new Float64Array(columns.length);
  const residual = Float64Array.from(y);
  const centers = columns.map(mean);
  const variances = columns.map((column, j) => mean(column.map((v) => (v - at(centers, j)) ** 2)));
  let intercept = 0;
  for (let round = 0; round < 20_000; round++) {
    let moved = 0;
    const shift = mean(residual);
    intercept += shift;
    for (let i = 0; i < n; i++) residual[i]! -= shift;
    columns.forEach((column, j) => {
      // with the intercept profiled out, predictors count centered
      const c = at(centers, j);
      const s2 = at(variances, j);
      let product = 0;
      for (let i = 0; i < n; i++) product += (at(column, i) - c) * at(residual, i);
      const free = product / n + s2 * at(beta, j);
      const bound = lambda * alpha * Math.sqrt(s2);
      const next =
        (Math.sign(free) * Math.max(0, Math.abs(free) - bound)) / (s2 * (1 + lambda * (1 - alpha)));
      const step = next - at(beta, j);
      if (step === 0) return;
      for (let i = 0; i < n; i++) residual[i]! -= step * (at(column, i) - c);
      beta[j] = next;
      intercept -= step * c;
      moved = Math.max(moved, Math.abs(step) * Math.sqrt(s2));
    });
    if (moved < 1e-13) break;
  }
  return { beta, intercept };
}

describe('glmnet', () => {
  const { columns, y } = regression();
  const centers = columns.map(mean);
  const sizes = columns.map((column, j) => Math.sqrt(mean(column.map((v) => (v - at(centers, j)) ** 2))));
  const yMean = mean(y);
  // The dictionary is Xᵀ: a predictor is an atom, an observation a dim; y is the one sample.
  const atoms = Float32Array.from(
    columns.flatMap((column, j) => column.map((v) => (v - at(centers, j)) / at(sizes, j))),
  );
  const dictionary = Dictionary.from({ data: atoms, shape: [PREDICTORS, OBSERVATIONS] });
  const sample = { data: Float64Array.from(y, (v) => v - yMean), shape: [1, OBSERVATIONS] };

  it.each([
    [0.1, 1],
    [0.05, 1],
    [0.1, 0.5],
    [0.02, 0.9],
  ])('λ = %d, α = %d: coefficients and intercept', (lambda, alpha) => {
    const truth = coordinateDescent(columns, y, lambda, alpha);
    const { codes, converged } = unfoldSync(sample, dictionary, {
      lambda: lambda * alpha * OBSERVATIONS,
      ridge: lambda * (1 - alpha) * OBSERVATIONS,
      precision: 'float64',
      tolerance: 1e-12,
    });
    expect(converged).toBe(true);
    const standardised = codes.toDense().data;
    const beta = Array.from(standardised, (a, j) => a / at(sizes, j));
    const intercept = yMean - beta.reduce((sum, b, j) => sum + b * at(centers, j), 0);
    expect(truth.beta.filter((b) => b !== 0).length).toBeGreaterThan(3);
    // The dictionary rounds to float32: 6e-8 of each entry, times the condition of the active predictors.
    const largest = Math.max(...truth.beta.map((b, j) => Math.abs(b) * at(sizes, j)));
    truth.beta.forEach((b, j) => {
      expect(Math.abs(at(beta, j) - b) * at(sizes, j)).toBeLessThan(2e-5 * largest);
    });
    expect(Math.abs(intercept - truth.intercept)).toBeLessThan(1e-4 * Math.abs(truth.intercept));
  });

  it('the same by weights: centered predictors as they are, their standard deviations as weights', () => {
    const centered = Float32Array.from(columns.flatMap((column, j) => column.map((v) => v - at(centers, j))));
    const plain = Dictionary.from({ data: centered, shape: [PREDICTORS, OBSERVATIONS] });
    const options = { lambda: 0.05 * OBSERVATIONS, precision: 'float64', tolerance: 1e-12 } as const;
    const { codes } = unfoldSync(sample, plain, { ...options, weights: sizes });
    const truth = coordinateDescent(columns, y, 0.05, 1);
    const largest = Math.max(...truth.beta.map((b, j) => Math.abs(b) * at(sizes, j)));
    codes.toDense().data.forEach((b, j) => {
      expect(Math.abs(b - at(truth.beta, j)) * at(sizes, j)).toBeLessThan(2e-5 * largest);
    });
  });
});
