// The methods of learnDictionary, one step at a time against plain float64, and what they find.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Dictionary, learnDictionary, type Matrix, type SparseCodes, unfold } from '../../lib/index.js';
import { gamma32 } from '../reference/bounds.js';
import { inverseNorm, ksvdStep, modStep, objectiveOf } from '../reference/dictionaries.js';
import { at, dot, leastSquares, norm, type Rows, residualOf, rowAt, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { denseRow, matchAtoms } from '../reference/recovery.js';
import { bits } from '../reference/verify.js';

const FEATURES = 16;
const DIMS = 10;
const ROWS = 240;
/** The pull of atoms towards where they were, as native/learning/online_mod.cpp has it. */
const RIDGE = 2 ** -10;

const dense = (codes: SparseCodes): Rows =>
  Array.from({ length: codes.shape[0] }, (_, i) => denseRow(codes, i));

/** Samples, a start that is not what made them, and the codes that the first step sees. */
async function firstStep(nonnegative: boolean, coding: { lambda: number } | { sparsity: number }) {
  const size = { features: FEATURES, dims: DIMS, samples: ROWS, active: 3, noise: 0.05, nonnegative };
  const { samples } = gaussian(41, size);
  const initial = gaussian(42, { ...size, samples: 0 }).atoms;
  const how = 'lambda' in coding ? { ...coding, tolerance: 1e-9 } : { ...coding, method: 'omp' as const };
  const { codes } = await unfold(samples, Dictionary.from(initial), { ...how, nonnegative });
  const learn = async (method: 'mod' | 'ksvd') => {
    const { dictionary } = await learnDictionary(samples, {
      ...{ features: FEATURES, method, nonnegative, initial, batchSize: ROWS, steps: 1, forgetting: 0 },
      ...coding,
      tolerance: 'lambda' in coding ? 1e-9 : undefined,
    });
    return toRows(dictionary.toMatrix());
  };
  return { rows: toRows(samples), atoms: toRows(initial), codes: dense(codes), learn };
}

function furthest(a: Rows, b: Rows): number {
  return a.reduce((most, row, j) => Math.max(most, norm(row.map((v, k) => v - at(rowAt(b, j), k)))), 0);
}

describe.each([
  [false, { sparsity: 3 }],
  [true, { sparsity: 3 }],
  [false, { lambda: 0.1 }],
  [true, { lambda: 0.1 }],
] as const)('one step, nonnegative %s, %j', (nonnegative, coding) => {
  const lambda = 'lambda' in coding ? coding.lambda : 0;

  it('mod: the least squares fit of all atoms for the codes', async () => {
    const { rows, atoms, codes, learn } = await firstStep(nonnegative, coding);
    const expected = modStep(rows, codes, atoms, RIDGE);
    // A and B are float32 sums over the users of an atom: relative to √(A_ii A_jj) each entry is off by γ, C by features·γ and the
    // solution by ‖C⁻¹‖ times that; the right-hand sides likewise. The codes' own tolerance is far below.
    const bound = 2 * inverseNorm(codes, RIDGE) * FEATURES * gamma32(ROWS + 2);
    expect(bound).toBeLessThan(0.05);
    const learned = await learn('mod');
    expect(furthest(learned, expected)).toBeLessThan(bound);
    expect(furthest(learned, atoms)).toBeGreaterThan(0.2);
  });

  it('ksvd: each atom in turn one step of the power method, with its codes', async () => {
    const { rows, atoms, codes, learn } = await firstStep(nonnegative, coding);
    const expected = atoms.map((atom) => atom.slice());
    const refined = codes.map((a) => a.slice());
    ksvdStep(rows, refined, expected, lambda, nonnegative);
    // An atom is a float32 sum over its users, and takes over what the atoms before it are off.
    const bound = FEATURES * gamma32(ROWS + 2);
    const learned = await learn('ksvd');
    expect(furthest(learned, expected)).toBeLessThan(bound);
    expect(furthest(learned, atoms)).toBeGreaterThan(0.2);
    // What is learned is no worse for the same supports: of the reference, and of what was learned with the best codes there.
    const before = objectiveOf(rows, codes, atoms, lambda);
    const after = objectiveOf(rows, refined, expected, lambda);
    expect(after).toBeLessThan(0.9 * before);
    expect(objectiveOf(rows, refined, learned, lambda)).toBeLessThan(after * (1 + FEATURES * bound));
  });

  it('ksvd never raises the objective, atom by atom', async () => {
    const { rows, atoms, codes } = await firstStep(nonnegative, coding);
    let last = objectiveOf(rows, codes, atoms, lambda);
    for (let round = 0; round < 5; round++) {
      ksvdStep(rows, codes, atoms, lambda, nonnegative);
      const now = objectiveOf(rows, codes, atoms, lambda);
      expect(now).toBeLessThanOrEqual(last);
      last = now;
    }
  });
});

it('mod and ksvd leave less of the samples, on the supports of the step', async () => {
  const { rows, codes, atoms, learn } = await firstStep(false, { sparsity: 3 });
  /** Σ½‖x − aD‖² with the best codes on the supports of the step. */
  const leftBy = (dictionary: Rows): number =>
    rows.reduce((sum, x, i) => {
      const support = [...rowAt(codes, i).entries()].filter(([, a]) => a !== 0).map(([j]) => j);
      const own = support.map((j) => rowAt(dictionary, j));
      const left = residualOf(x, own, leastSquares(x, own));
      return sum + dot(left, left) / 2;
    }, 0);
  expect(leftBy(await learn('mod'))).toBeLessThan(0.9 * leftBy(atoms));
  expect(leftBy(await learn('ksvd'))).toBeLessThan(0.9 * leftBy(atoms));
});

describe.each(['online', 'mod', 'ksvd'] as const)('%s', (method) => {
  describe.each([
    [{ lambda: 0.1 }, 'samples'],
    [{ sparsity: 3 }, 'kmeans++'],
  ] as const)('%j, start %s', (coding, start) => {
    const { samples } = gaussian(303, { features: 24, dims: 14, samples: 500, active: 3, noise: 0.05 });
    const options = { features: 24, method, start, batchSize: 60, epochs: 6, seed: 5, ...coding };
    const DIMS_HERE = 14;
    const atomsOf = ({ dictionary }: { dictionary: Dictionary }): string => bits(dictionary.toMatrix().data);
    const times = (factor: number): Matrix<Float32Array> => ({
      data: samples.data.map((value) => value * factor),
      shape: samples.shape,
    });
    const items = Array.from({ length: 10 }, (_, i) => ({
      data: samples.data.slice(50 * i * DIMS_HERE, 50 * (i + 1) * DIMS_HERE),
      shape: [50, DIMS_HERE] as const,
    }));

    it('learns the same bits for any number of threads, from float64, and at any scale', async () => {
      const one = await learnDictionary(samples, { ...options, threads: 1 });
      for (const threads of [2, 7])
        expect(atomsOf(await learnDictionary(samples, { ...options, threads }))).toBe(atomsOf(one));
      const wide = { data: Float64Array.from(samples.data), shape: samples.shape };
      expect(atomsOf(await learnDictionary(wide, options))).toBe(atomsOf(one));
      for (const exponent of [60, -60]) {
        const factor = 2 ** exponent;
        const scaled = 'lambda' in coding ? { lambda: coding.lambda * factor } : {};
        const other = await learnDictionary(times(factor), { ...options, ...scaled });
        expect(atomsOf(other)).toBe(atomsOf(one));
        expect(other.usage).toEqual(one.usage);
        expect(other.objective / factor ** 2).toBeCloseTo(one.objective, 10);
      }
      expect(atomsOf(await learnDictionary(samples, { ...options, seed: 6 }))).not.toBe(atomsOf(one));
    });

    it('stopped at any step, goes on to the same bits: from a matrix and from a stream', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-methods-'));
      try {
        for (const [name, source] of [
          ['matrix', samples],
          ['stream', items],
        ] as const)
          for (const stop of [2, 13, 31]) {
            const learn = (more: object) =>
              learnDictionary(source as typeof samples, { ...options, ...more });
            const whole = await learn({});
            const path = join(folder, `${name}${stop}`);
            const controller = new AbortController();
            const onProgress = ({ done }: { done: number }): void => {
              if (done > stop) controller.abort(new Error('enough'));
            };
            const stopped = learn({
              checkpoint: { path, every: stop },
              onProgress,
              signal: controller.signal,
            });
            await expect(stopped).rejects.toThrow('enough');
            const again = await learn({ resume: path });
            expect(atomsOf(again)).toBe(atomsOf(whole));
            expect({ ...again, dictionary: 0 }).toEqual({ ...whole, dictionary: 0 });
          }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  const planted = (nonnegative: boolean) =>
    gaussian(nonnegative ? 201 : 202, {
      ...{ features: 40, dims: 24, samples: 6000, active: 3, noise: 0.02, nonnegative },
    });

  it.each([
    [false, { lambda: 0.1 }],
    [true, { lambda: 0.1 }],
    [false, { sparsity: 3 }],
    [true, { sparsity: 3 }],
    [false, { sparsity: 3, solver: 'gradient-pursuit' }],
  ] as const)('finds planted atoms: nonnegative %s, %j', async (nonnegative, coding) => {
    const { samples, atoms } = planted(nonnegative);
    const learned = await learnDictionary(samples, {
      ...{ features: 40, method, nonnegative, batchSize: 256, epochs: 8, seed: 5, start: 'kmeans++' },
      ...coding,
    });
    const found = toRows(learned.dictionary.toMatrix());
    for (const atom of found) expect(norm(atom)).toBeLessThanOrEqual(1 + 24 * gamma32(1));
    const { cosines, different } = matchAtoms(toRows(atoms), found);
    // 0.99 is what "recovered" means (Aharon, Elad, Bruckstein 2006, §V); a random atom has a largest cosine of about 0.6.
    expect(cosines.filter((cosine) => cosine > 0.99).length).toBeGreaterThanOrEqual(36);
    expect(different).toBeGreaterThanOrEqual(36);
    expect(learned.explainedVariance).toBeGreaterThan(0.9);
    if ('sparsity' in coding) expect(learned.l0).toBeLessThanOrEqual(3);
  });

  it.each(['fista', 'ista', 'homotopy'] as const)(
    'learns with %s about what it learns with lasso',
    async (solver) => {
      const { samples } = gaussian(301, { features: 20, dims: 12, samples: 400, active: 3 });
      const options = { features: 20, method, lambda: 0.1, steps: 6, batchSize: 100, tolerance: 1e-6 };
      const one = await learnDictionary(samples, options);
      const other = await learnDictionary(samples, { ...options, solver });
      expect(Math.abs(other.objective - one.objective)).toBeLessThan(1e-3 * one.objective);
    },
  );

  it.each(['omp', 'mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'] as const)(
    'learns with %s: no code has more atoms than sparsity',
    async (solver) => {
      const { samples } = gaussian(301, { features: 20, dims: 12, samples: 400, active: 3 });
      const learned = await learnDictionary(samples, {
        ...{ features: 20, method, solver, sparsity: 2, epochs: 4, batchSize: 100 },
      });
      expect(learned.l0).toBeLessThanOrEqual(2);
      expect(learned.l0).toBeGreaterThan(1);
      expect(learned.explainedVariance).toBeGreaterThan(0.4);
    },
  );

  it('bears what has no good answer', async () => {
    const cases: [string, Matrix<Float32Array>, number][] = [
      [
        'more features than samples',
        gaussian(3, { features: 9, dims: 6, samples: 5, active: 2 }).samples,
        30,
      ],
      ['one sample again and again', { data: new Float32Array(40 * 3).fill(0.5), shape: [40, 3] }, 4],
      ['one feature', gaussian(4, { features: 9, dims: 6, samples: 50, active: 2 }).samples, 1],
      ['one dim', { data: Float32Array.from({ length: 30 }, (_, i) => i - 14), shape: [30, 1] }, 3],
      ['zeros', { data: new Float32Array(60), shape: [20, 3] }, 4],
      [
        'tiny',
        { data: Float32Array.from({ length: 90 }, (_, i) => 1e-30 * Math.sin(i * i)), shape: [30, 3] },
        5,
      ],
      [
        'huge',
        { data: Float32Array.from({ length: 90 }, (_, i) => 1e30 * Math.sin(i * i)), shape: [30, 3] },
        5,
      ],
      [
        'both',
        {
          data: Float32Array.from({ length: 90 }, (_, i) => 10 ** (i % 2 ? 30 : -30) * Math.sin(i * i)),
          shape: [30, 3],
        },
        5,
      ],
    ];
    for (const [name, samples, features] of cases)
      for (const coding of [{ lambda: 0.01 }, { sparsity: 1 }])
        for (const start of ['samples', 'kmeans++'] as const)
          for (const nonnegative of [false, true]) {
            const learned = await learnDictionary(samples, {
              ...{
                features,
                method,
                start,
                nonnegative,
                steps: 12,
                forgetting: method === 'online' ? 0.5 : 0,
              },
              ...coding,
            });
            for (const atom of toRows(learned.dictionary.toMatrix())) {
              const size = norm(atom);
              expect(size === 0 || (size > 0 && size < 1.001), `${name}: ${size}`).toBe(true);
            }
            expect(Number.isFinite(learned.objective), name).toBe(true);
            expect(learned.steps).toBe(12);
          }
  });
});

it('restarts with a sparsity are compared by what their codes leave', async () => {
  const { samples } = gaussian(302, { features: 20, dims: 12, samples: 300, active: 3 });
  const options = { features: 12, sparsity: 2, epochs: 2, batchSize: 100, seed: 3 };
  const left = async ({ dictionary }: { dictionary: Dictionary }): Promise<number> => {
    const { objective } = await unfold(samples, dictionary, { method: 'omp', sparsity: 2 });
    return objective.reduce((sum, value) => sum + value, 0);
  };
  const best = await learnDictionary(samples, { ...options, restarts: 4 });
  const each = await Promise.all(
    [3, 4, 5, 6].map(async (seed) => left(await learnDictionary(samples, { ...options, seed }))),
  );
  expect(await left(best)).toBe(Math.min(...each));
  expect(best.seed).toBe(3 + each.indexOf(Math.min(...each)));
});

describe('options that do not go together', () => {
  const samples: Matrix<Float32Array> = {
    data: Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)),
    shape: [10, 4],
  };
  it.each([
    [{}, 'lambda', /^lambda must be a finite number > 0 \(or give sparsity in its place\), got undefined$/],
    [{ lambda: 1, sparsity: 2 }, 'sparsity', /^sparsity and lambda exclude each other: give one of the two$/],
    [{ lambda: 1, solver: 'omp' }, 'lambda', /^lambda is an option of solvers lasso, .*, not of solver omp$/],
    [
      { sparsity: 2, solver: 'lasso' },
      'sparsity',
      /^sparsity is an option of solvers omp, .*, not of solver lasso$/,
    ],
    [
      { solver: 'cosamp' },
      'sparsity',
      /^sparsity must be an integer between 1 and 9 \(features\), got undefined$/,
    ],
    [{ sparsity: 5 }, 'sparsity', /^sparsity must be an integer between 1 and 4 \(dims\), got 5$/],
    [{ sparsity: 2, tolerance: 1e-3 }, 'tolerance', /^tolerance is an option of .*, not of solver omp$/],
    [{ sparsity: 2, method: 'ksvd', forgetting: -0.1 }, 'forgetting', /between 0 and 1, got -0.1$/],
    [{ lambda: 1, forgetting: 0 }, 'forgetting', /> 0 and ≤ 1, got 0$/],
    [
      { lambda: 1, start: 'kmeans++', initial: { data: new Float32Array(36).fill(1), shape: [9, 4] } },
      'start',
      /^start is an option of calls without initial/,
    ],
    [{ lambda: 1, method: 'k-svd' }, 'method', /^method must be one of online, mod, ksvd, got "k-svd"$/],
  ] as const)('%j', async (options, argument, message) => {
    for (const source of [samples, [samples]])
      await expect(
        learnDictionary(source as Matrix, { features: 9, ...(options as object) }),
      ).rejects.toMatchObject({
        ...{ code: 'ERR_OPTION', argument },
        message: expect.stringMatching(message),
      });
  });
});
