// λ = 0: the end of the path, least squares of smallest ℓ1 norm; and the LASSO over an ℓ1 ball.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, type UnfoldSyncOptions, unfoldPath, unfoldSync } from '../../lib/index.js';
import { solveBall } from '../reference/ball.js';
import { solveLasso } from '../reference/lasso.js';
import { at, dot, leastSquares, norm, residualOf, toRows } from '../reference/linear.js';
import { coherent, duplicates, gaussian, type Problem } from '../reference/problems.js';
import { nonnegativeLeastSquares } from '../reference/pursuit.js';
import { makeRandom } from '../reference/random.js';

const tall: Problem = gaussian(61, { features: 8, dims: 20, samples: 4, active: 8, noise: 0.5 });
const wide: Problem[] = [
  gaussian(62, { features: 40, dims: 12, samples: 4 }),
  coherent(63, { features: 30, dims: 12, samples: 4 }),
  duplicates(64, { features: 24, dims: 6, samples: 4 }),
];
const denseOf = (
  codes: { toDense(): { data: Float32Array | Float64Array } },
  i: number,
  n: number,
): Float64Array => Float64Array.from(codes.toDense().data.subarray(i * n, (i + 1) * n));

describe('fewer atoms than dims', () => {
  const dictionary = Dictionary.from(tall.atoms);
  const atoms = toRows(tall.atoms);

  it.each(['lasso', 'homotopy'] as const)('%s is least squares, in both precisions', (method) => {
    for (const precision of ['auto', 'float64'] as const) {
      const answer = unfoldSync(tall.samples, dictionary, {
        method,
        lambda: 0,
        precision,
      } as UnfoldSyncOptions);
      expect(answer.converged).toBe(true);
      toRows(tall.samples).forEach((x, i) => {
        const expected = leastSquares(x, atoms);
        const code = denseOf(answer.codes, i, 8);
        const bound = precision === 'float64' ? 1e-12 : 1e-6;
        expected.forEach((value, j) => {
          expect(Math.abs(at(code, j) - value)).toBeLessThanOrEqual(bound * norm(expected));
        });
        const r = residualOf(x, atoms, code);
        const best = residualOf(x, atoms, expected);
        const excess = (dot(r, r) - dot(best, best)) / dot(x, x);
        expect(at(answer.gap, i)).toBeGreaterThanOrEqual(excess - 1e-14);
        expect(at(answer.gap, i)).toBeLessThanOrEqual(excess + 1e-12);
        expect(Math.abs(at(answer.objective, i) - 0.5 * dot(r, r))).toBeLessThanOrEqual(1e-12 * dot(x, x));
      });
    }
  });

  it('nonnegative is nonnegative least squares', () => {
    const answer = unfoldSync(tall.samples, dictionary, {
      lambda: 0,
      nonnegative: true,
      precision: 'float64',
    });
    expect(answer.converged).toBe(true);
    toRows(tall.samples).forEach((x, i) => {
      const expected = nonnegativeLeastSquares(x, atoms);
      denseOf(answer.codes, i, 8).forEach((value, j) => {
        expect(Math.abs(value - at(expected, j))).toBeLessThanOrEqual(1e-11 * norm(expected));
      });
    });
  });
});

describe.each([tall, ...wide])('$name, $atoms.shape', (problem) => {
  const [features] = problem.atoms.shape;
  const dictionary = Dictionary.from(problem.atoms);
  const atoms = toRows(problem.atoms);
  const samples = toRows(problem.samples);

  it('with ridge it is ridge regression', () => {
    const ridge = 0.05;
    const answer = unfoldSync(problem.samples, dictionary, { lambda: 0, ridge, precision: 'float64' });
    expect(answer.converged).toBe(true);
    samples.forEach((x, i) => {
      const code = denseOf(answer.codes, i, features);
      const r = residualOf(x, atoms, code);
      atoms.forEach((atom, j) => {
        expect(Math.abs(dot(atom, r) - ridge * at(code, j))).toBeLessThanOrEqual(1e-11 * norm(x));
      });
    });
  });

  it('without, the limit of small λ: least squares of smallest ℓ1 norm', () => {
    const answer = unfoldSync(problem.samples, dictionary, { lambda: 0, precision: 'float64' });
    const maxima = lambdaMax(problem.samples, dictionary);
    expect(answer.converged).toBe(true);
    samples.forEach((x, i) => {
      const code = denseOf(answer.codes, i, features);
      const r = residualOf(x, atoms, code);
      for (const atom of atoms) expect(Math.abs(dot(atom, r))).toBeLessThanOrEqual(1e-11 * norm(x));
      const lambda = 1e-3 * at(maxima, i);
      const near = solveLasso({ x, atoms, lambda }, undefined, 1e-9);
      const l1 = (a: Float64Array): number => a.reduce((sum, v) => sum + Math.abs(v), 0);
      // P_λ(near) ≤ P_λ(code), and ‖near‖₁ grows to the least ℓ1 norm as λ falls, by some λ × slope.
      expect(l1(near.code)).toBeLessThanOrEqual(l1(code) * (1 + 1e-4));
      expect(l1(code) - l1(near.code)).toBeLessThanOrEqual(0.2 * l1(code));
      expect(at(answer.residual, i)).toBeLessThanOrEqual(norm(residualOf(x, atoms, near.code)) + 1e-6);
    });
  });

  it('paths end there', async () => {
    const end = unfoldSync(problem.samples, dictionary, { lambda: 0, precision: 'float64' });
    let last: Float64Array | undefined;
    for await (const step of unfoldPath(problem.samples, dictionary, {
      lambdas: [0.5, 0.01, 0],
      precision: 'float64',
    }))
      last = step.codes.toDense().data;
    end.codes.toDense().data.forEach((value, k) => {
      expect(Math.abs(at(last ?? [], k) - value)).toBeLessThanOrEqual(1e-9);
    });
    let lambda = Number.NaN;
    for await (const step of unfoldPath(problem.samples, dictionary, {
      method: 'homotopy',
      knots: true,
      lambda: 0,
    })) {
      expect(step.converged).toBe(true);
      lambda = Math.max(...step.lambda);
    }
    expect(lambda).toBe(0);
  });

  it.each([false, true])('l1-ball, nonnegative %s, against projected gradient', (nonnegative) => {
    const random = makeRandom(65);
    const weights = Float64Array.from({ length: features }, () => Math.fround(0.5 + random.uniform()));
    const radius = samples.map((_, i) => 0.3 + 0.7 * i);
    const answer = unfoldSync(problem.samples, dictionary, {
      method: 'l1-ball',
      radius,
      weights,
      nonnegative,
    });
    expect(answer.converged).toBe(true);
    samples.forEach((x, i) => {
      const code = denseOf(answer.codes, i, features);
      const size = code.reduce((sum, v, j) => sum + at(weights, j) * Math.abs(v), 0);
      expect(size).toBeLessThanOrEqual(at(radius, i) * (1 + 1e-12));
      if (nonnegative) for (const v of code) expect(v).toBeGreaterThanOrEqual(0);
      const r = residualOf(x, atoms, code);
      const value = 0.5 * dot(r, r);
      const best = solveBall(x, atoms, at(radius, i), weights, nonnegative).objective;
      const half = 0.5 * dot(x, x);
      expect(value).toBeLessThanOrEqual(best + 1e-6 * half);
      expect(at(answer.gap, i)).toBeGreaterThanOrEqual((value - best) / half - 1e-12);
      expect(at(answer.gap, i)).toBeLessThanOrEqual(1e-5);
      expect(Math.abs(at(answer.objective, i) - value)).toBeLessThanOrEqual(1e-6 * half);
      const lambda = at(answer.lambda ?? [], i);
      if (lambda > 1e-6) {
        expect(Math.abs(size - at(radius, i))).toBeLessThanOrEqual(1e-6 * at(radius, i));
        const same = solveLasso({ x, atoms, lambda, weights, nonnegative }, undefined, 1e-9);
        const other = residualOf(x, atoms, same.code);
        expect(Math.abs(0.5 * dot(other, other) - value)).toBeLessThanOrEqual(1e-5 * half);
      }
    });
  });

  it('a ball that holds the least squares code asks for nothing else', () => {
    const answer = unfoldSync(problem.samples, dictionary, { method: 'l1-ball', radius: 1e6 });
    const free = unfoldSync(problem.samples, dictionary, { lambda: 0 });
    expect(answer.converged).toBe(true);
    samples.forEach((_, i) => {
      expect(at(answer.lambda ?? [], i)).toBe(0);
      expect(Math.abs(at(answer.objective, i) - at(free.objective, i))).toBeLessThanOrEqual(1e-9);
    });
    const none = unfoldSync(problem.samples, dictionary, { method: 'l1-ball', radius: 0 });
    expect(none.codes.indices.length).toBe(0);
    expect(none.converged).toBe(true);
  });
});

it('refuses λ = 0 and radius where they have no meaning', () => {
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const x = { data: Float32Array.of(3, 4), shape: [1, 2] };
  const refused = (options: object): unknown => {
    try {
      return unfoldSync(x, dictionary, options as UnfoldSyncOptions);
    } catch (error) {
      return error;
    }
  };
  for (const method of ['fista', 'ista'])
    expect(refused({ method, lambda: 0 })).toMatchObject({
      code: 'ERR_OPTION',
      argument: 'lambda',
      message: expect.stringContaining('methods lasso and homotopy take 0'),
    });
  expect(refused({ method: 'reweighted', lambda: 0 })).toMatchObject({ code: 'ERR_OPTION' });
  expect(refused({ method: 'lasso', lambda: 1, radius: 1 })).toMatchObject({
    code: 'ERR_OPTION',
    argument: 'radius',
  });
  expect(refused({ method: 'l1-ball', radius: -1 })).toMatchObject({
    code: 'ERR_OPTION',
    argument: 'radius',
  });
  expect(refused({ method: 'l1-ball', radius: 1, lambda: 1 })).toMatchObject({
    code: 'ERR_OPTION',
    argument: 'lambda',
  });
  expect(refused({ method: 'l1-ball' })).toMatchObject({ code: 'ERR_OPTION', argument: 'radius' });
});
