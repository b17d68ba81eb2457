// Weights of 0 (unpenalised) and Infinity (excluded).
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  lambdaMax,
  SparseCodes,
  type UnfoldSyncOptions,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import {
  at,
  dot,
  leastSquares,
  norm,
  type Rows,
  residualOf,
  rowAt,
  toMatrix,
  toRows,
} from '../reference/linear.js';
import { coherent, gaussian, type Problem } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';

const size = { features: 44, dims: 20, samples: 5 };
const problems: Problem[] = [gaussian(51, size), coherent(52, size)];
/** Atoms 0, 7 and 20 are free; 8 is a copy of 7, free too, so that the free ones are dependent in the second case. */
const FREE = [0, 7, 20];
const EXCLUDED = [3, 9, 31];

function weightsOf(dependent: boolean): Float64Array {
  const random = makeRandom(53);
  const weights = Float64Array.from({ length: size.features }, () => Math.fround(0.5 + random.uniform()));
  for (const j of dependent ? [...FREE, 8] : FREE) weights[j] = 0;
  for (const j of EXCLUDED) weights[j] = Number.POSITIVE_INFINITY;
  return weights;
}

function atomsOf(problem: Problem, dependent: boolean): Rows {
  const atoms = toRows(problem.atoms);
  if (dependent) atoms[8] = rowAt(atoms, 7).slice();
  return atoms;
}

/** P of a code; excluded features must not be in it. */
function objective(
  x: Float64Array,
  atoms: Rows,
  code: ArrayLike<number>,
  lambda: number,
  weights: Float64Array,
  ridge: number,
): number {
  const r = residualOf(x, atoms, code);
  let l1 = 0;
  weights.forEach((w, j) => {
    if (at(code, j) !== 0) l1 += w * Math.abs(at(code, j));
  });
  return 0.5 * dot(r, r) + lambda * l1 + 0.5 * ridge * dot(code, code);
}

/** The largest violation of the KKT conditions: c_j = 0 for free atoms, λw_j·sign where active, at most λw_j elsewhere. */
function violation(
  x: Float64Array,
  atoms: Rows,
  code: ArrayLike<number>,
  lambda: number,
  weights: Float64Array,
  ridge: number,
): number {
  const r = residualOf(x, atoms, code);
  let worst = 0;
  atoms.forEach((atom, j) => {
    const w = at(weights, j);
    if (w === Number.POSITIVE_INFINITY) return;
    const c = dot(atom, r) - ridge * at(code, j);
    const off =
      at(code, j) !== 0 || w === 0
        ? Math.abs(c - lambda * w * Math.sign(at(code, j)))
        : Math.abs(c) - lambda * w;
    worst = Math.max(worst, off);
  });
  return worst;
}

describe.each(problems)('$name', (problem) => {
  const samples = toRows(problem.samples);

  describe.each([false, true])('dependent free atoms: %s', (dependent) => {
    const atoms = atomsOf(problem, dependent);
    const dictionary = Dictionary.from(toMatrix(atoms));
    const weights = weightsOf(dependent);

    it.each([0, 0.3])(
      'ridge %f: float64 codes meet the KKT conditions; every method bounds its gap',
      (ridge) => {
        const lambda = 0.15;
        const exact = unfoldSync(problem.samples, dictionary, {
          precision: 'float64',
          lambda,
          weights,
          ridge,
          tolerance: 1e-11,
        });
        expect(exact.converged).toBe(true);
        const optimum = samples.map((x, i) => {
          const code = exact.codes.toDense().data.subarray(i * size.features, (i + 1) * size.features);
          for (const j of EXCLUDED) expect(at(code, j)).toBe(0);
          expect(violation(x, atoms, code, lambda, weights, ridge)).toBeLessThanOrEqual(1e-11 * norm(x));
          return objective(x, atoms, code, lambda, weights, ridge);
        });
        for (const method of ['lasso', 'homotopy', 'fista', 'ista'] as const) {
          const answer = unfoldSync(problem.samples, dictionary, { method, lambda, weights, ridge });
          expect(answer.converged).toBe(true);
          samples.forEach((x, i) => {
            const code = answer.codes.toDense().data.subarray(i * size.features, (i + 1) * size.features);
            for (const j of EXCLUDED) expect(at(code, j)).toBe(0);
            const value = objective(x, atoms, code, lambda, weights, ridge);
            const half = 0.5 * dot(x, x);
            expect(at(answer.gap, i)).toBeGreaterThanOrEqual((value - at(optimum, i)) / half - 1e-12);
            expect(at(answer.gap, i) <= 1e-4).toBe(at(answer.status, i) === 0);
            expect(Math.abs(at(answer.objective, i) - value)).toBeLessThanOrEqual(1e-6 * half);
            const r = norm(residualOf(x, atoms, code));
            expect(Math.abs(at(answer.residual, i) - r)).toBeLessThanOrEqual(1e-6 * norm(x));
          });
        }
      },
    );

    it('certify proves it, or says by how much a code misses', () => {
      const lambda = 0.15;
      const { codes } = unfoldSync(problem.samples, dictionary, { precision: 'float64', lambda, weights });
      const proof = certifySync(problem.samples, codes, dictionary, {
        lambda,
        weights,
        precision: 'float64',
      });
      expect(proof.verdict.every((v) => v === (dependent ? 'bounded' : 'exact'))).toBe(true);
      const off = { ...codes, values: codes.values.slice(), shape: codes.shape };
      // The first free feature of each row is off by 0.1.
      samples.forEach((_, i) => {
        off.values[at(codes.indptr, i)] = at(codes.values, at(codes.indptr, i)) + 0.1;
      });
      const missed = certifySync(problem.samples, SparseCodes.from(off), dictionary, {
        lambda,
        weights,
        precision: 'float64',
      });
      samples.forEach((x, i) => {
        expect(at(codes.indices, at(codes.indptr, i))).toBe(0);
        // From a least squares code, ½‖0.1 d_0‖² more.
        const more = (0.5 * 0.01 * dot(rowAt(atoms, 0), rowAt(atoms, 0))) / (0.5 * dot(x, x));
        expect(Math.abs(at(missed.gap, i) - more)).toBeLessThanOrEqual(1e-6 * more);
      });
      const excluded = SparseCodes.from({
        indptr: Uint32Array.from({ length: size.samples + 1 }, (_, i) => i),
        indices: new Uint32Array(size.samples).fill(3),
        values: new Float32Array(size.samples).fill(0.5),
        shape: [size.samples, size.features],
      });
      const refuted = certifySync(problem.samples, excluded, dictionary, { lambda, weights });
      expect(refuted.verdict.every((v) => v === 'none')).toBe(true);
      expect(refuted.gap.every((gap) => gap === Number.POSITIVE_INFINITY)).toBe(true);
    });

    it('lambdaMax is where the first penalised feature comes in', () => {
      const free = atoms.filter((_, j) => at(weights, j) === 0);
      const outside = (v: Float64Array): Float64Array => residualOf(v, free, leastSquares(v, free));
      const maxima = lambdaMax(problem.samples, dictionary, { weights });
      samples.forEach((x, i) => {
        const rest = outside(x);
        let expected = 0;
        atoms.forEach((atom, j) => {
          const w = at(weights, j);
          if (w > 0 && w < Number.POSITIVE_INFINITY)
            expected = Math.max(expected, Math.abs(dot(outside(atom), rest)) / w);
        });
        expect(Math.abs(at(maxima, i) - expected)).toBeLessThanOrEqual(1e-12 * expected);
      });
      const free0 = (share: number): number[] => {
        const { codes } = unfoldSync(problem.samples, dictionary, {
          precision: 'float64',
          weights,
          lambda: maxima.map((m) => m * share),
        });
        return Array.from(codes.indices).filter((j) => at(weights, j) > 0);
      };
      expect(free0(1.0001)).toEqual([]);
      expect(free0(0.99).length).toBeGreaterThanOrEqual(size.samples);
    });

    it('paths and bpdn agree with the single problems', async () => {
      const options = { weights, precision: 'float64' } as const;
      for (const method of ['lasso', 'homotopy'] as const) {
        for await (const step of unfoldPath(problem.samples, dictionary, {
          ...options,
          method,
          count: 4,
          ratio: 0.1,
        })) {
          const alone = unfoldSync(problem.samples, dictionary, { ...options, lambda: step.lambda });
          const [a, b] = [step.codes.toDense().data, alone.codes.toDense().data];
          a.forEach((value, k) => {
            expect(Math.abs(value - at(b, k))).toBeLessThanOrEqual(1e-9);
          });
        }
      }
      let previous = Number.POSITIVE_INFINITY;
      for await (const step of unfoldPath(problem.samples, dictionary, {
        weights,
        method: 'homotopy',
        knots: true,
        ratio: 0.2,
      })) {
        expect(at(step.lambda, 0)).toBeLessThanOrEqual(previous);
        previous = at(step.lambda, 0);
        for (const gap of step.gap) expect(gap).toBeLessThanOrEqual(1e-6);
      }
      const bound = unfoldSync(problem.samples, dictionary, { method: 'bpdn', epsilon: 0.3, weights });
      expect(bound.converged).toBe(true);
      const same = unfoldSync(problem.samples, dictionary, {
        precision: 'float64',
        lambda: bound.lambda?.map((l) => Math.max(l, 1e-9)) ?? 1,
        weights,
      });
      samples.forEach((x, i) => {
        const code = bound.codes.toDense().data.subarray(i * size.features, (i + 1) * size.features);
        const r = norm(residualOf(x, atoms, code));
        const other = same.codes.toDense().data.subarray(i * size.features, (i + 1) * size.features);
        if (at(bound.lambda ?? [], i) < 0.99 * at(lambdaMax(problem.samples, dictionary, { weights }), i)) {
          expect(Math.abs(r - 0.3)).toBeLessThanOrEqual(1e-5);
          expect(Math.abs(norm(residualOf(x, atoms, other)) - 0.3)).toBeLessThanOrEqual(1e-5);
        }
      });
    });

    it('a warm start loses what is excluded, and changes nothing else', () => {
      const warmStart = SparseCodes.from({
        indptr: Uint32Array.from({ length: size.samples + 1 }, (_, i) => 3 * i),
        indices: Uint32Array.from({ length: 3 * size.samples }, (_, k) => [0, 3, 5][k % 3] as number),
        values: new Float32Array(3 * size.samples).fill(2),
        shape: [size.samples, size.features],
      });
      for (const method of ['lasso', 'fista', 'homotopy'] as const) {
        const answer = unfoldSync(problem.samples, dictionary, { method, lambda: 0.15, weights, warmStart });
        expect(answer.converged).toBe(true);
        expect(Array.from(answer.codes.indices).filter((j) => EXCLUDED.includes(j))).toEqual([]);
      }
    });
  });
});

it('nothing but free features is least squares', () => {
  const random = makeRandom(54);
  const atoms = Array.from({ length: 3 }, () =>
    Float64Array.from({ length: 6 }, () => Math.fround(random.normal())),
  );
  const x = Float64Array.from({ length: 6 }, () => Math.fround(random.normal()));
  const dictionary = Dictionary.from(toMatrix(atoms));
  const answer = unfoldSync(toMatrix([x]), dictionary, {
    precision: 'float64',
    lambda: 1,
    weights: [0, 0, 0],
  });
  leastSquares(x, atoms).forEach((value, j) => {
    expect(Math.abs(at(answer.codes.values, j) - value)).toBeLessThanOrEqual(1e-12);
  });
  const none = unfoldSync(toMatrix([x]), dictionary, {
    lambda: 1e-9,
    weights: [Infinity, Infinity, Infinity],
  });
  expect(none.codes.indices.length).toBe(0);
  expect(none.converged).toBe(true);
});

it('refuses what has no meaning, with the reason', () => {
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const x = { data: Float32Array.of(3, 4), shape: [1, 2] };
  const refused = (options: object): unknown => {
    try {
      return unfoldSync(x, dictionary, options as UnfoldSyncOptions);
    } catch (error) {
      return error;
    }
  };
  expect(refused({ lambda: 1, weights: [0, 1], nonnegative: true })).toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining('weights must be > 0 with nonnegative'),
  });
  expect(refused({ lambda: 1, weights: [-1, 1] })).toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining('weights[0]'),
  });
  expect(refused({ lambda: 1, weights: [Number.NaN, 1] })).toMatchObject({ code: 'ERR_OPTION' });
  // What float32 would turn into one of the two is no way to ask for it.
  expect(refused({ lambda: 1, weights: [1, 1e-60] })).toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining('weights[1]'),
  });
  expect(refused({ lambda: 1, weights: [1, 1e60] })).toMatchObject({ code: 'ERR_OPTION' });
});
