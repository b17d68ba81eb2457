// The pursuits and thresholding methods beside omp: what defines each, checked in float64.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  lambdaMax,
  type Matrix,
  type Unfolding,
  UnfoldStatus,
  type UnfoldSyncOptions,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { at, dot, leastSquares, norm, residualOf, toRows } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  heavyTailed,
  type Problem,
  scaled,
  unevenNorms,
} from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { expectSame } from '../reference/verify.js';

const size = { features: 90, dims: 40, samples: 8, active: 4, noise: 0.02 };
const easy = gaussian(17, size);
const clean = gaussian(18, { ...size, noise: 0 });
const positive = gaussian(19, { ...size, nonnegative: true });

const identity = (n: number): Matrix<Float32Array> => ({
  data: Float32Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0)),
  shape: [n, n],
});

function solve(problem: Problem, options: UnfoldSyncOptions): Unfolding {
  using dictionary = Dictionary.from(problem.atoms);
  return unfoldSync(problem.samples, dictionary, options);
}

/** Codes are few, finite, of the asked sign, and the figures are theirs. */
function checkFigures(
  problem: Problem,
  options: UnfoldSyncOptions,
  result: Unfolding,
  sparsity?: number,
): void {
  const atoms = toRows(problem.atoms);
  toRows(problem.samples).forEach((x, i) => {
    const { indices, values } = result.codes.row(i);
    if (sparsity !== undefined) expect(indices.length).toBeLessThanOrEqual(sparsity);
    const code = new Float64Array(atoms.length);
    indices.forEach((j, k) => {
      code[j] = at(values, k);
    });
    for (const v of values) {
      expect(Number.isFinite(v)).toBe(true);
      if ('nonnegative' in options && options.nonnegative) expect(v).toBeGreaterThan(0);
    }
    const r = norm(residualOf(x, atoms, code));
    // Codes and the figure itself are float32: each rounding moves r by 2⁻²⁴ of what it rounds.
    const parts =
      norm(x) +
      Array.from(indices).reduce(
        (sum, j, k) => sum + Math.abs(at(values, k)) * norm(atoms[j] as Float64Array),
        0,
      );
    expect(Math.abs(at(result.residual, i) - r)).toBeLessThanOrEqual(4 * 2 ** -24 * parts);
  });
}

const METHODS = ['mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'] as const;

describe.each(METHODS)('%s', (method) => {
  it('on orthonormal atoms keeps the k largest entries', () => {
    const random = makeRandom(3);
    const n = 12;
    const samples = {
      data: Float32Array.from({ length: 5 * n }, () => random.normal()),
      shape: [5, n] as const,
    };
    for (const k of [1, 3, n]) {
      const result = solve({ name: 'orthonormal', atoms: identity(n), samples }, { method, sparsity: k });
      for (let i = 0; i < 5; i++) {
        const x = samples.data.subarray(i * n, (i + 1) * n);
        const order = Array.from(x.keys()).sort((a, b) => Math.abs(at(x, b)) - Math.abs(at(x, a)));
        const kept = order.slice(0, k).sort((a, b) => a - b);
        const row = result.codes.row(i);
        // gradient pursuit gets there in the limit: each of its steps halves what is left at least
        expect(Array.from(row.indices)).toEqual(kept);
        row.values.forEach((v, j) => {
          expect(Math.abs(v - at(x, kept[j] as number))).toBeLessThanOrEqual(
            method === 'gradient-pursuit' ? 0.02 * norm(x) : 2 ** -22 * norm(x),
          );
        });
      }
    }
  });

  it('finds planted supports well inside what it can recover', () => {
    const result = solve(clean, {
      method,
      sparsity: 4,
      ...(method === 'mp' || method === 'gradient-pursuit' ? { maxIterations: 400 } : {}),
    });
    checkFigures(clean, { method, sparsity: 4 }, result, 4);
    using dictionary = Dictionary.from(clean.atoms);
    const omp = unfoldSync(clean.samples, dictionary, { method: 'omp', sparsity: 4 });
    const found = toRows(clean.samples).filter(
      (_, i) =>
        JSON.stringify([...result.codes.row(i).indices]) === JSON.stringify([...omp.codes.row(i).indices]),
    );
    expect(found.length).toBeGreaterThanOrEqual(6);
  });

  it('nonnegative codes are positive', () => {
    const options = { method, sparsity: 4, nonnegative: true };
    checkFigures(positive, options, solve(positive, options), 4);
  });

  it.each([
    coherent(5, size),
    duplicates(6, size),
    heavyTailed(7, size),
    unevenNorms(8, size),
    scaled(easy, 1e-30),
    scaled(easy, 1e20),
    {
      name: 'zero samples',
      atoms: easy.atoms,
      samples: { data: new Float32Array(80), shape: [2, 40] },
    } as Problem,
    {
      name: 'zero atoms',
      atoms: { data: new Float32Array(200), shape: [5, 40] },
      samples: easy.samples,
    } as Problem,
    {
      name: 'one atom',
      atoms: { data: easy.atoms.data.slice(0, 40), shape: [1, 40] },
      samples: easy.samples,
    } as Problem,
  ])('$name: finite codes, true figures, no worse than nothing', (problem) => {
    for (const nonnegative of [false, true]) {
      const sparsity = Math.min(5, problem.atoms.shape[0]);
      const options = { method, sparsity, nonnegative };
      const result = solve(problem, options);
      checkFigures(problem, options, result, sparsity);
      toRows(problem.samples).forEach((x, i) => {
        expect(at(result.residual, i)).toBeLessThanOrEqual(norm(x) * (1 + 2 ** -22));
        expect(result.gap[i]).toBeNaN();
      });
    }
  });

  it('threads, async and one sample at a time give the same bits', async () => {
    using dictionary = Dictionary.from(easy.atoms);
    const options = { method, sparsity: 4 } as const;
    const first = unfoldSync(easy.samples, dictionary, { ...options, threads: 1 });
    for (const threads of [1, 2, 5])
      expectSame(await unfold(easy.samples, dictionary, { ...options, threads }), first);
  });

  it('takes one sparsity a sample', () => {
    const sparsity = Array.from({ length: 8 }, (_, i) => 1 + (i % 4));
    const result = solve(easy, { method, sparsity });
    sparsity.forEach((k, i) => {
      expect(result.codes.row(i).indices.length).toBeLessThanOrEqual(k);
    });
  });

  it('refuses what belongs to others, and what is missing', () => {
    for (const [options, message] of [
      [{}, 'needs sparsity'],
      [{ sparsity: 0 }, 'sparsity must be an integer between 1 and 40 (dims)'],
      [{ sparsity: 2, lambda: 1 }, 'lambda is an option of the convex methods'],
      [{ sparsity: 2, gramBudget: 1 }, 'gramBudget is an option of other pursuits'],
      [{ sparsity: 2, thresholdFactor: 1 }, 'thresholdFactor is an option of other pursuits'],
      [{ sparsity: 2, precision: 'float64' }, "precision 'float64' is for methods lasso and homotopy"],
    ] as const)
      expect(() => solve(easy, { method, ...options } as never)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining(message) }),
      );
  });
});

it('a step of matching pursuit takes exactly the squared correlation from the energy', () => {
  const atoms = toRows(easy.atoms);
  let before = toRows(easy.samples).map((x) => ({ code: new Float64Array(atoms.length), x }));
  for (let rounds = 1; rounds <= 6; rounds++) {
    const result = solve(easy, { method: 'mp', sparsity: 40, maxIterations: rounds });
    before = before.map(({ code, x }, i) => {
      const r = residualOf(x, atoms, code);
      const best = Math.max(...atoms.map((d) => Math.abs(dot(d, r)) / norm(d)));
      const energy = dot(r, r) - best ** 2;
      const next = new Float64Array(atoms.length);
      result.codes.row(i).indices.forEach((j, k) => {
        next[j] = at(result.codes.row(i).values, k);
      });
      // float32 codes: each of the rounds rounds one of them.
      expect(Math.abs(at(result.residual, i) ** 2 - energy)).toBeLessThanOrEqual(32 * 2 ** -24 * dot(x, x));
      expect(result.status[i]).toBe(UnfoldStatus.iterationLimit);
      return { code: next, x };
    });
  }
});

it.each(['htp', 'nhtp', 'cosamp'] as const)('%s answers the least squares code on its support', (method) => {
  const atoms = toRows(easy.atoms);
  const result = solve(easy, { method, sparsity: 4 });
  toRows(easy.samples).forEach((x, i) => {
    const { indices, values } = result.codes.row(i);
    const exact = leastSquares(
      x,
      Array.from(indices, (j) => atoms[j] as Float64Array),
    );
    // Four Gaussian atoms in 40 dims: a condition number below 100, times the rounding of float32 codes.
    values.forEach((v, k) => {
      expect(Math.abs(v - at(exact, k))).toBeLessThanOrEqual(100 * 2 ** -24 * norm(x));
    });
  });
});

it('a residual that is asked for ends a pursuit', () => {
  const target = 0.5;
  for (const method of ['mp', 'gradient-pursuit'] as const) {
    const result = solve(easy, { method, residual: target });
    result.residual.forEach((r, i) => {
      if (result.status[i] === UnfoldStatus.converged) expect(r).toBeLessThanOrEqual(target * (1 + 1e-6));
    });
    expect(result.status.some((s) => s === UnfoldStatus.converged)).toBe(true);
  }
});

describe('amp', () => {
  // Inside the phase transition and at a λ well above the noise: AMP's home.
  const home = gaussian(29, { features: 300, dims: 150, samples: 6, active: 8, noise: 0.1 });
  using dictionary = Dictionary.from(home.atoms);
  const lambda = Array.from(lambdaMax(home.samples, dictionary), (l) => 0.3 * l);

  it.each([false, true])('comes to the LASSO solution at λ, nonnegative %s', (nonnegative) => {
    using atoms = Dictionary.from(home.atoms);
    const options = { method: 'amp', lambda, nonnegative, tolerance: 1e-6 } as const;
    const result = unfoldSync(home.samples, atoms, options);
    expect(result.converged).toBe(true);
    expect(Array.from(result.lambda ?? [])).toEqual(lambda);
    const lasso = unfoldSync(home.samples, atoms, { lambda, nonnegative, tolerance: 1e-6 });
    result.objective.forEach((p, i) => {
      // Both are within their gaps of the minimum.
      const half =
        0.5 * home.samples.data.subarray(i * 150, (i + 1) * 150).reduce((sum, v) => sum + v * v, 0);
      const room = (at(result.gap, i) + at(lasso.gap, i) + 1e-12) * half;
      expect(Math.abs(p - at(lasso.objective, i))).toBeLessThanOrEqual(room);
      expect(at(result.gap, i)).toBeLessThanOrEqual(1e-6);
    });
  });

  it('with a threshold factor: the gap is that of the LASSO whose λ it reports', () => {
    using atoms = Dictionary.from(home.atoms);
    const result = unfoldSync(home.samples, atoms, { method: 'amp', thresholdFactor: 1.8, tolerance: 1e-5 });
    expect(result.converged).toBe(true);
    const reported = Array.from(result.lambda ?? []);
    const lasso = unfoldSync(home.samples, atoms, { lambda: reported, tolerance: 1e-6 });
    result.objective.forEach((p, i) => {
      const half =
        0.5 * home.samples.data.subarray(i * 150, (i + 1) * 150).reduce((sum, v) => sum + v * v, 0);
      expect(Math.abs(p - at(lasso.objective, i))).toBeLessThanOrEqual(2e-5 * half);
    });
  });

  it('on coherent atoms says that it diverged, or did not settle, with finite codes', () => {
    // All atoms share a large part: the correction term has nothing to do with what they do to each other.
    const random = makeRandom(9);
    const rows = Array.from({ length: 120 }, () => {
      const row = Array.from({ length: 30 }, (_, d) => 1 + 0.2 * random.normal() + (d === 0 ? 1 : 0));
      const length = norm(row);
      return row.map((v) => v / length);
    });
    const problem: Problem = {
      name: 'one direction',
      atoms: { data: Float32Array.from(rows.flat()), shape: [120, 30] },
      samples: { data: Float32Array.from(rows.slice(0, 4).flat()), shape: [4, 30] },
    };
    const options = { method: 'amp', lambda: 0.01, maxIterations: 100 } as const;
    const result = solve(problem, options);
    checkFigures(problem, options, result);
    expect(Array.from(result.status)).toContain(UnfoldStatus.diverged);
    expect(result.converged).toBe(false);
    toRows(problem.samples).forEach((x, i) => {
      expect(at(result.objective, i)).toBeLessThanOrEqual(0.5 * norm(x) ** 2 * (1 + 1e-6));
    });
  });

  it('zero samples, threads, refusals', async () => {
    using atoms = Dictionary.from(home.atoms);
    const zero = unfoldSync({ data: new Float32Array(150), shape: [1, 150] }, atoms, {
      method: 'amp',
      lambda: 1,
    });
    expect([zero.codes.indices.length, zero.gap[0], zero.converged]).toEqual([0, 0, true]);
    const options = { method: 'amp', lambda } as const;
    const first = unfoldSync(home.samples, atoms, { ...options, threads: 1 });
    for (const threads of [2, 5])
      expectSame(await unfold(home.samples, atoms, { ...options, threads }), first);
    for (const [bad, message] of [
      [{}, 'needs lambda or thresholdFactor'],
      [{ lambda: 1, thresholdFactor: 1 }, 'needs lambda or thresholdFactor, and not both'],
      [{ thresholdFactor: 0 }, 'thresholdFactor must be a finite number > 0'],
      [{ lambda: 1, sparsity: 3 }, 'sparsity is an option of other pursuits'],
      [{ lambda: 1, ridge: 3 }, 'ridge is an option of the convex methods'],
    ] as const)
      expect(() => unfoldSync(home.samples, atoms, { method: 'amp', ...bad } as never)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining(message) }),
      );
  });
});
