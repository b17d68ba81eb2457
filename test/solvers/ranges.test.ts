// Powers of two, for samples, atoms, weights, λ and starts: they change nothing but the units of the answer. What is compared with is
// float64, or the same problem in ordinary units.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  fold,
  lambdaMax,
  type Matrix,
  SparseCodes,
  type UnfoldSyncOptions,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { lambdaMax as exactLambdaMax, objective, solveLasso } from '../reference/lasso.js';
import { at, dot, norm, type Rows, toMatrix, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';

const [FEATURES, DIMS, SAMPLES] = [24, 10, 3];

interface Scaled {
  readonly base: { atoms: Rows; samples: Rows; weights: Float32Array };
  readonly atoms: Matrix<Float32Array>;
  readonly samples: Matrix<Float32Array>;
  readonly weights: Float32Array;
  /** exponents of atoms, samples, and codes: a = 2^(sample − atom) of the base's */
  readonly ofAtoms: number[];
  readonly ofSamples: number[];
}

/** A problem whose atoms are 2^(centre ± spread) as large, its weights too, and samples some 2^±60 away from that. */
function scaled(seed: number, centre: number, spread: number): Scaled {
  const random = makeRandom(seed);
  const between = (low: number, high: number): number =>
    Math.floor(low + random.uniform() * (high - low + 1));
  const problem = gaussian(seed, { features: FEATURES, dims: DIMS, samples: SAMPLES, noise: 0.1 });
  const base = {
    atoms: toRows(problem.atoms),
    samples: toRows(problem.samples),
    weights: Float32Array.from({ length: FEATURES }, () => 2 ** between(-1, 1)),
  };
  const ofAtoms = base.atoms.map(() => centre + between(-spread, spread));
  const ofSamples = base.samples.map(() => Math.max(-100, Math.min(100, centre + between(-50, 50))));
  const times = (rows: Rows, by: number[]) =>
    toMatrix(rows.map((row, i) => row.map((v) => v * 2 ** at(by, i))));
  return {
    base,
    atoms: times(base.atoms, ofAtoms),
    samples: times(base.samples, ofSamples),
    weights: base.weights.map((w, j) => w * 2 ** at(ofAtoms, j)),
    ofAtoms,
    ofSamples,
  };
}

/** The codes in the base's units. */
function inBaseUnits(codes: SparseCodes | SparseCodes<Float64Array>, i: number, s: Scaled): Float64Array {
  return denseRow(codes as SparseCodes, i).map((v, j) => v * 2 ** (at(s.ofAtoms, j) - at(s.ofSamples, i)));
}

const MIXED: readonly [number, number][] = [[0, 0], [0, 45], [-70, 30], [-100, 3], [50, 5], [5, 50]]; // biome-ignore format: a table
const CONVEX = ['lasso', 'fista', 'ista', 'homotopy'] as const;

describe.each(MIXED)('atoms of 2^(%i ± %i)', (centre, spread) => {
  it.each(CONVEX)('%s solves as float64 does', (method) => {
    const s = scaled(81, centre, spread);
    const dictionary = Dictionary.from(s.atoms);
    const atoms = toRows(s.atoms);
    for (const nonnegative of [false, true]) {
      const largest = lambdaMax(s.samples, dictionary, { weights: s.weights, nonnegative });
      const lambda = largest.map((v) => 0.1 * v);
      const precisions =
        method === 'lasso' || method === 'homotopy'
          ? (['float32', 'float64'] as const)
          : (['float32'] as const);
      for (const precision of precisions) {
        const options = { method, lambda, nonnegative, weights: s.weights, precision, tolerance: 1e-5 };
        const result = unfoldSync(s.samples, dictionary, options as UnfoldSyncOptions);
        expect([...result.status], `${precision}`).toEqual([0, 0, 0]);
        toRows(s.samples).forEach((x, i) => {
          const p = { x, atoms, lambda: at(lambda, i), weights: s.weights, nonnegative };
          expect(at(largest, i) / exactLambdaMax(p)).toBeCloseTo(1, 12);
          const code = denseRow(result.codes, i);
          const found = objective(p, code);
          expect(at(result.objective, i) / found).toBeCloseTo(1, 9);
          expect((found - solveLasso(p).dual) / (0.5 * dot(x, x))).toBeLessThanOrEqual(1e-5 + 1e-10);
        });
      }
    }
  });

  it('bpdn and reweighted answer what they do in ordinary units', () => {
    const s = scaled(82, centre, spread);
    const dictionary = Dictionary.from(s.atoms);
    const ordinary = Dictionary.from(toMatrix(s.base.atoms));
    const samples = toMatrix(s.base.samples);
    const epsilon = s.base.samples.map((x) => 0.3 * norm(x));
    const denoised = unfoldSync(samples, ordinary, {
      method: 'bpdn',
      epsilon: Float64Array.from(epsilon),
      weights: s.base.weights,
    });
    const again = unfoldSync(s.samples, dictionary, {
      method: 'bpdn',
      epsilon: Float64Array.from(epsilon, (v, i) => v * 2 ** at(s.ofSamples, i)),
      weights: s.weights,
    });
    expect([...again.status]).toEqual([...denoised.status]);
    expect(again.converged).toBe(true);
    for (let i = 0; i < SAMPLES; i++) {
      const [expected, got] = [denseRow(denoised.codes, i), inBaseUnits(again.codes, i, s)];
      for (let j = 0; j < FEATURES; j++)
        expect(Math.abs(at(got, j) - at(expected, j))).toBeLessThanOrEqual(1e-5);
      const l1 = denseRow(again.codes, i).reduce((sum, v, j) => sum + at(s.weights, j) * Math.abs(v), 0);
      expect(at(again.objective, i) / l1).toBeCloseTo(1, 6);
    }
  });

  it('mp chooses as it does in ordinary units', () => {
    const s = scaled(83, centre, spread);
    const options = { method: 'mp', sparsity: 4, maxIterations: 30 } as const;
    const expected = unfoldSync(toMatrix(s.base.samples), Dictionary.from(toMatrix(s.base.atoms)), options);
    const got = unfoldSync(s.samples, Dictionary.from(s.atoms), options);
    expect([...got.status]).toEqual([...expected.status]);
    expect([...got.codes.indices]).toEqual([...expected.codes.indices]);
    for (let i = 0; i < SAMPLES; i++) {
      const [a, b] = [denseRow(expected.codes, i), inBaseUnits(got.codes, i, s)];
      for (let j = 0; j < FEATURES; j++) expect(Math.abs(at(a, j) - at(b, j))).toBeLessThanOrEqual(1e-4);
    }
  });
});

describe.each([-100, -60, 40, 55])('all atoms of 2^%i', (centre) => {
  it.each([
    { method: 'omp', sparsity: 4 },
    { method: 'gradient-pursuit', sparsity: 4 },
    { method: 'iht', sparsity: 3 },
    { method: 'htp', sparsity: 3 },
    { method: 'cosamp', sparsity: 3 },
    { method: 'reweighted', lambda: 0.1 },
    { method: 'lasso', lambda: 0.1, ridge: 0.2 },
    { method: 'homotopy', lambda: 0.1, ridge: 0.2 },
    { method: 'fista', lambda: 0.1, ridge: 0.2 },
  ] as const)('$method answers what it does in ordinary units', (options) => {
    const s = scaled(84, centre, 0);
    const expected = unfoldSync(
      toMatrix(s.base.samples),
      Dictionary.from(toMatrix(s.base.atoms)),
      options as UnfoldSyncOptions,
    );
    const lambda =
      'lambda' in options ? { lambda: Float64Array.from(s.ofSamples, (e) => 0.1 * 2 ** (e + centre)) } : {};
    const ridge = 'ridge' in options ? { ridge: options.ridge * 2 ** (2 * centre) } : {};
    // A step along the gradient has the units of 1/‖D‖².
    const step = options.method === 'htp' ? { stepSize: 2 ** (-2 * centre) } : {};
    const got = unfoldSync(s.samples, Dictionary.from(s.atoms), {
      ...options,
      ...lambda,
      ...ridge,
      ...step,
    } as UnfoldSyncOptions);
    expect([...got.status]).toEqual([...expected.status]);
    for (let i = 0; i < SAMPLES; i++) {
      const [a, b] = [denseRow(expected.codes, i), inBaseUnits(got.codes, i, s)];
      for (let j = 0; j < FEATURES; j++) expect(Math.abs(at(a, j) - at(b, j))).toBeLessThanOrEqual(2e-2);
      expect((at(got.objective, i) * 2 ** (-2 * at(s.ofSamples, i))) / at(expected.objective, i)).toBeCloseTo(
        1,
        3,
      );
    }
  });

  it('the path by λ and by knots is that of ordinary units', async () => {
    const s = scaled(85, centre, 0);
    for (const options of [{ count: 4 }, { method: 'homotopy', knots: true }] as const) {
      const ordinary = unfoldPath(toMatrix(s.base.samples), Dictionary.from(toMatrix(s.base.atoms)), options);
      const expected: number[][] = [];
      for await (const step of ordinary) expected.push([...step.codes.indptr]);
      let at = 0;
      for await (const step of unfoldPath(s.samples, Dictionary.from(s.atoms), options)) {
        expect(step.converged).toBe(true);
        expect([...step.codes.indptr]).toEqual(expected[at++]);
      }
      expect(at).toBe(expected.length);
    }
  });
});

it('starts of any size do no harm', () => {
  const random = makeRandom(86);
  const s = scaled(86, -40, 20);
  const dictionary = Dictionary.from(s.atoms);
  const lambda = lambdaMax(s.samples, dictionary).map((v) => 0.2 * v);
  for (const method of CONVEX)
    for (let round = 0; round < 6; round++) {
      const values = Float32Array.from(
        { length: 3 * SAMPLES },
        () => random.normal() * 2 ** Math.floor(random.uniform() * 240 - 120),
      );
      const warmStart = SparseCodes.from({
        indptr: Uint32Array.from({ length: SAMPLES + 1 }, (_, i) => 3 * i),
        indices: Uint32Array.from({ length: 3 * SAMPLES }, (_, k) => (k % 3) * 5),
        values,
        shape: [SAMPLES, FEATURES],
      });
      const result = unfoldSync(s.samples, dictionary, { method, lambda, warmStart });
      toRows(s.samples).forEach((x, i) => {
        const p = { x, atoms: toRows(s.atoms), lambda: at(lambda, i) };
        expect(at(result.status, i)).toBe(0);
        expect(
          (objective(p, denseRow(result.codes, i)) - solveLasso(p).dual) / (0.5 * dot(x, x)),
        ).toBeLessThanOrEqual(1e-4 + 1e-10);
      });
    }
});

it('lambdaMax finds the maximum where ‖d‖/w is beyond float32', () => {
  const random = makeRandom(87);
  for (const [size, weight] of [
    [1, 1e-39],
    [1e10, 1e-30],
    [1e-30, 1e30],
    [1e17, 1e-44],
    [1e-44, 3e38],
  ] as const) {
    // biome-ignore format: a table
    const problem = gaussian(87, { features: 60, dims: 12, samples: 4 });
    const atoms = toMatrix(toRows(problem.atoms).map((row) => row.map((v) => v * size)));
    const weights = Float32Array.from({ length: 60 }, () => weight * (0.5 + 0.5 * random.uniform()));
    const found = lambdaMax(problem.samples, Dictionary.from(atoms), { weights });
    toRows(problem.samples).forEach((x, i) => {
      expect(at(found, i) / exactLambdaMax({ x, atoms: toRows(atoms), weights })).toBeCloseTo(1, 12);
    });
  }
});

it('certify proves in any units what it proves in ordinary ones', () => {
  const s = scaled(88, -60, 0);
  const base = { atoms: toMatrix(s.base.atoms), samples: toMatrix(s.base.samples) };
  const ordinary = unfoldSync(base.samples, Dictionary.from(base.atoms), { lambda: 0.2, tolerance: 1e-7 });
  const expected = certifySync(base.samples, ordinary.codes, Dictionary.from(base.atoms), { lambda: 0.2 });
  const lambda = Float64Array.from(s.ofSamples, (e) => 0.2 * 2 ** (e - 60));
  const dictionary = Dictionary.from(s.atoms);
  const { codes } = unfoldSync(s.samples, dictionary, { lambda, tolerance: 1e-7 });
  expect(certifySync(s.samples, codes, dictionary, { lambda }).verdict).toEqual(expected.verdict);
});

it('float64 codes beyond float32 are folded, and stored', () => {
  const dictionary = Dictionary.from(toMatrix([[1e-10, 0], [0, 1]])); // biome-ignore format: one row an atom
  const result = unfoldSync(toMatrix([[1e30, 1]]), dictionary, { lambda: 1e-30, precision: 'float64' });
  expect(result.converged).toBe(true);
  expect(at(result.codes.values, 0) / 1e40).toBeCloseTo(1, 6);
  expect(at(fold(result.codes, dictionary).data, 0) / 1e30).toBeCloseTo(1, 6);
  const kept = SparseCodes.from({ ...result.codes, shape: result.codes.shape });
  expect(kept.values).toEqual(result.codes.values);
});
