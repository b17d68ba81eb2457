// unfoldPath: a decreasing sequence of λ, each step certified by itself and warm-started from the one before.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, unfoldPath, unfoldSync } from '../../lib/index.js';
import { at } from '../reference/linear.js';
import { coherent, heavyTailed } from '../reference/problems.js';
import { checkConvex } from '../reference/verify.js';

const problem = coherent(71, { features: 64, dims: 20, samples: 7 });
const dictionary = Dictionary.from(problem.atoms);

describe.each(['lasso', 'fista'] as const)('%s', (method) => {
  it('follows the λ that are given', async () => {
    const lambdas = [1, 0.5, 0.2, 0.1, 0.05];
    const seen: number[] = [];
    for await (const step of unfoldPath(problem.samples, dictionary, { method, lambdas, tolerance: 1e-5 })) {
      expect(step.lambda).toBeInstanceOf(Float64Array);
      expect(Array.from(step.lambda)).toEqual(new Array(7).fill(lambdas[seen.length]));
      seen.push(at(step.lambda, 0));
      checkConvex(problem, { lambda: step.lambda, tolerance: 1e-5 }, step);
      if (method === 'lasso') expect(step.converged).toBe(true);
    }
    expect(seen).toEqual(lambdas);
  });

  it('makes each sample a geometric grid of its own from λ_max down', async () => {
    const count = 6;
    const ratio = 0.05;
    const maxima = lambdaMax(problem.samples, dictionary);
    let step = 0;
    for await (const result of unfoldPath(problem.samples, dictionary, { method, count, ratio })) {
      maxima.forEach((most, i) => {
        const expected = most * ratio ** (step / (count - 1));
        // pow and products in float64
        expect(Math.abs(at(result.lambda, i) - expected)).toBeLessThanOrEqual(1e-13 * expected);
      });
      if (step === 0) expect(result.codes.indices.length).toBe(0);
      checkConvex(problem, { lambda: result.lambda }, result);
      step++;
    }
    expect(step).toBe(count);
  });
});

it('works on zero samples and with penalties', async () => {
  const mixed = heavyTailed(72, { features: 40, dims: 15, samples: 8 });
  const atoms = Dictionary.from(mixed.atoms);
  const penalty = {
    nonnegative: true,
    ridge: 0.1,
    weights: Float32Array.from({ length: 40 }, (_, j) => 0.5 + (j % 4)),
  };
  let steps = 0;
  for await (const step of unfoldPath(mixed.samples, atoms, { count: 4, ...penalty })) {
    checkConvex(mixed, { lambda: step.lambda, ...penalty }, step);
    steps++;
  }
  expect(steps).toBe(4);
});

it('can be left early, and takes fewer passes than cold starts', async () => {
  const lambdas = [0.4, 0.3, 0.2, 0.1];
  for await (const step of unfoldPath(problem.samples, dictionary, { lambdas })) {
    expect(step.converged).toBe(true);
    break;
  }
  let warm = 0;
  for await (const step of unfoldPath(problem.samples, dictionary, {
    method: 'fista',
    lambdas,
    tolerance: 1e-5,
  }))
    warm += step.iterations.reduce((sum, n) => sum + n, 0);
  let cold = 0;
  for (const lambda of lambdas)
    cold += unfoldSync(problem.samples, dictionary, {
      method: 'fista',
      lambda,
      tolerance: 1e-5,
    }).iterations.reduce((sum, n) => sum + n, 0);
  expect(warm).toBeLessThan(cold);
});

it('stops when it is aborted between or during steps', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const path = unfoldPath(problem.samples, dictionary, {
    lambdas: [0.3, 0.2, 0.1],
    signal: controller.signal,
  });
  let steps = 0;
  await expect(async () => {
    for await (const _ of path) {
      steps++;
      controller.abort(reason);
    }
  }).rejects.toBe(reason);
  expect(steps).toBe(1);
});

it.each([{ count: 4 }, { method: 'homotopy', knots: true, maxKnots: 6 } as const])(
  'keeps its own copy of what it is given, and of what it gave: %o',
  async (options) => {
    const walk = async (harm: boolean): Promise<string[]> => {
      const x = { data: problem.samples.data.slice(), shape: problem.samples.shape };
      const weights = new Float32Array(64).fill(1.5);
      const path = unfoldPath(x, dictionary, { ...options, weights });
      if (harm) {
        x.data.fill(Number.NaN);
        weights.fill(0);
      }
      const seen: string[] = [];
      for await (const { codes, gap, lambda } of path) {
        seen.push([codes.indptr, codes.indices, codes.values, gap, lambda].join(';'));
        if (!harm) continue;
        codes.values.fill(1e9);
        codes.indices.fill(0);
        codes.indptr.fill(0);
      }
      return seen;
    };
    const expected = await walk(false);
    expect(expected.length).toBeGreaterThan(3);
    expect(new Set(expected).size).toBe(expected.length);
    expect(await walk(true)).toEqual(expected);
  },
);
