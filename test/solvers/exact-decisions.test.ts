// Certificates where float32 scores, taken with their error, would leave them open: right codes are called right, and nothing that is
// not a number passes for proof.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  lambdaMax,
  type Matrix,
  SparseCodes,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { dualPoint, objective, solveLasso } from '../reference/lasso.js';
import { at, dot, norm, rowAt, toMatrix, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';

const METHODS = ['lasso', 'fista', 'ista', 'homotopy'] as const;
const matrix = (rows: number[][]): Matrix<Float32Array> => toMatrix(rows);

/** The share of ½‖x‖² by which P of a code is above the minimum, from float64 alone. */
function excess(
  x: Float64Array,
  atoms: Matrix<Float32Array>,
  code: Float64Array,
  lambda: number,
  ridge = 0,
): number {
  const p = { x, atoms: toRows(atoms), lambda, ridge };
  return (objective(p, code) - solveLasso(p).dual) / (0.5 * dot(x, x));
}

describe.each(METHODS)('%s', (method) => {
  it('calls a right code right where most of the sample is beyond all atoms', () => {
    const result = unfoldSync(matrix([[1, 1]]), Dictionary.from(matrix([[1, 0]])), { method, lambda: 1e-8 });
    expect(result.converged).toBe(true);
    expect(at(result.codes.values, 0)).toBeCloseTo(1 - 1e-8, 6);
    expect(at(result.gap, 0)).toBeLessThanOrEqual(1e-7);
  });

  it('and at a millionth of λ_max over few atoms in many dims', () => {
    const problem = gaussian(71, { features: 12, dims: 40, samples: 4, noise: 0.5 });
    const dictionary = Dictionary.from(problem.atoms);
    const lambda = lambdaMax(problem.samples, dictionary).map((v) => 1e-6 * v);
    const result = unfoldSync(problem.samples, dictionary, { method, lambda });
    expect(result.converged).toBe(true);
    toRows(problem.samples).forEach((x, i) => {
      const gap = excess(x, problem.atoms, denseRow(result.codes, i), at(lambda, i));
      expect(gap).toBeLessThanOrEqual(at(result.gap, i) + 1e-12);
    });
  });

  it('and where a huge entry is read by no atom', () => {
    const random = makeRandom(72);
    const atoms = Array.from({ length: 30 }, () => [
      0,
      ...Array.from({ length: 11 }, () => random.normal() / 3),
    ]);
    const x = [1e8, ...Array.from({ length: 11 }, () => random.normal())];
    const dictionary = Dictionary.from(matrix(atoms));
    const result = unfoldSync(matrix([x]), dictionary, { method, lambda: 0.1, tolerance: 1e-12 });
    expect(result.converged).toBe(true);
    const p = { x: Float64Array.from(x, Math.fround), atoms: toRows(matrix(atoms)), lambda: 0.1 };
    p.x[0] = 0; // what no atom reads changes no code
    const found = objective(p, denseRow(result.codes, 0));
    // To 1e-12 of ½‖x‖² = 5e15 nothing would have to be found: the code is better than it has to be.
    expect(found).toBeLessThanOrEqual(0.5 * dot(p.x, p.x));
  });

  it('falls back to zero from a start that is worse than zero', () => {
    const problem = gaussian(73, { features: 40, dims: 16, samples: 3 });
    const dictionary = Dictionary.from(problem.atoms);
    const options = { method, lambda: 0.1 } as const;
    const { codes } = unfoldSync(problem.samples, dictionary, options);
    for (const factor of [1e6, 1e20, -1e30]) {
      const values = codes.values.map((v) => factor * v);
      const warmStart = SparseCodes.from({ ...codes, shape: codes.shape, values });
      const result = unfoldSync(problem.samples, dictionary, { ...options, warmStart });
      expect(result.converged).toBe(true);
      toRows(problem.samples).forEach((x, i) => {
        const p = { x, atoms: toRows(problem.atoms), lambda: 0.1 };
        expect(objective(p, denseRow(result.codes, i))).toBeLessThanOrEqual(0.5 * dot(x, x));
      });
    }
  });

  it('takes no NaN for proof: almost zero samples, and a start of ordinary size', () => {
    const dictionary = Dictionary.from(matrix([[0.6, 0.8], [0.8, -0.6]])); // biome-ignore format: one row an atom
    const warmStart = SparseCodes.from({
      indptr: Uint32Array.of(0, 2),
      indices: Uint32Array.of(0, 1),
      values: Float32Array.of(1, -2),
      shape: [1, 2],
    });
    const x = matrix([[1e-37, 3e-38]]);
    const result = unfoldSync(x, dictionary, { method, lambda: 1e-39, warmStart });
    expect(result.converged).toBe(true);
    for (const value of result.codes.values) expect(Number.isFinite(value)).toBe(true);
    expect(excess(rowAt(toRows(x), 0), matrix([[0.6, 0.8], [0.8, -0.6]]), denseRow(result.codes, 0), 1e-39)) // biome-ignore format: one row an atom
      .toBeLessThanOrEqual(1e-4);
  });

  it.each([3e-20, 1e-30, 1e17])('solves over atoms of norm %d', (size) => {
    const atoms = matrix([[0.6 * size, 0.8 * size], [0, size]]); // biome-ignore format: one row an atom
    const x = matrix([[1, 1]]);
    const lambda = 0.1 * size;
    const result = unfoldSync(x, Dictionary.from(atoms), { method, lambda });
    expect(result.converged).toBe(true);
    expect(result.codes.values.length).toBeGreaterThan(0);
    expect(excess(rowAt(toRows(x), 0), atoms, denseRow(result.codes, 0), lambda)).toBeLessThanOrEqual(1e-4);
  });

  it('is not misled by scores that vanish when they are divided by weights', () => {
    for (const [size, weight] of [
      [1e-15, 1e30],
      [1e-20, 1e30],
      [1e-30, 1e20],
      [1e10, 1e-30],
      [1, 1e-39],
    ] as const) {
      // biome-ignore format: a table
      const atoms = matrix([[size, 0], [0, size]]); // biome-ignore format: one row an atom
      const options = { method, lambda: (0.1 * size) / weight, weights: Float32Array.of(weight, weight) };
      const result = unfoldSync(matrix([[1, 0.5]]), Dictionary.from(atoms), options);
      expect(result.converged).toBe(true);
      // The identity: soft thresholding, by closed form.
      const code = denseRow(result.codes, 0);
      expect(at(code, 0) * size).toBeCloseTo(0.9, 2);
      expect(at(code, 1) * size).toBeCloseTo(0.4, 2);
    }
  });
});

it('float64 codes are held to the same, and to a tolerance that float32 cannot meet', () => {
  for (const lambda of [1e-8, 1e-12]) {
    const dictionary = Dictionary.from(matrix([[1, 0]]));
    const result = unfoldSync(matrix([[1, 1]]), dictionary, {
      lambda,
      precision: 'float64',
      tolerance: 1e-12,
    });
    expect(result.converged).toBe(true);
    expect(Math.abs(at(result.codes.values, 0) - (1 - lambda))).toBeLessThanOrEqual(1e-15);
  }
});

it('unfoldPath over a sample that no atom reads, where λ_max is 0, ends', async () => {
  const dictionary = Dictionary.from(matrix([[1, 0]]));
  for await (const step of unfoldPath(matrix([[0, 1]]), dictionary, { count: 3 })) {
    expect(step.converged).toBe(true);
    expect(step.codes.values.length).toBe(0);
  }
});

it('unfold and unfoldSync agree on what is decided exactly', async () => {
  const dictionary = Dictionary.from(matrix([[1, 0]]));
  const [x, options] = [matrix([[1, 1]]), { lambda: 1e-8 }];
  expect((await unfold(x, dictionary, options)).gap).toEqual(unfoldSync(x, dictionary, options).gap);
});

describe('the best code', () => {
  it('is the answer: a tighter tolerance never gives a worse one (AR(1) design, elastic net)', () => {
    const random = makeRandom(74);
    const [rows, columns, rho] = [50, 60, 0.95];
    const design = Array.from({ length: rows }, () => {
      let last = random.normal();
      return Array.from({ length: columns }, () => {
        const value = last;
        last = rho * last + Math.sqrt(1 - rho * rho) * random.normal();
        return value;
      });
    });
    const atoms = matrix(Array.from({ length: columns }, (_, j) => design.map((row) => at(row, j))));
    const truth = Array.from({ length: columns }, (_, j) => (j % 7 === 0 ? random.normal() : 0));
    const y = design.map((row) => dot(row, truth) + 0.3 * random.normal());
    const dictionary = Dictionary.from(atoms);
    for (const lambda of [0.5, 0.05]) {
      let last = Number.POSITIVE_INFINITY;
      for (const tolerance of [1e-3, 1e-6, 1e-9]) {
        const result = unfoldSync(matrix([y]), dictionary, { lambda, ridge: 0.1, tolerance });
        expect(result.converged).toBe(true);
        const x = rowAt(toRows(matrix([y])), 0);
        const found = objective({ x, atoms: toRows(atoms), lambda, ridge: 0.1 }, denseRow(result.codes, 0));
        expect(found).toBeLessThanOrEqual(last + 1e-9 * 0.5 * dot(x, x));
        last = Math.min(last, found);
      }
    }
  });

  it.each(['fista', 'ista', 'lasso'] as const)('%s does not stall over smooth atoms', (method) => {
    // Ricker wavelets of five widths, 68 of each, and a step: scikit-learn's example of a precomputed dictionary.
    const points = 1024;
    const atoms = [10, 50, 100, 500, 1000].flatMap((width) =>
      Array.from({ length: 68 }, (_, k) => {
        const row = Array.from({ length: points }, (_, i) => {
          const t = ((i - (k * (points - 1)) / 67) / width) ** 2;
          return (1 - t) * Math.exp(-t / 2);
        });
        const size = norm(row);
        return row.map((v) => v / size);
      }),
    );
    const x = Array.from({ length: points }, (_, i) => (i < points / 4 ? 3 : -1));
    const dictionary = Dictionary.from(matrix(atoms));
    const options = { method, lambda: 1, tolerance: 1e-6 };
    const result = unfoldSync(matrix([x]), dictionary, options);
    expect(result.converged).toBe(true);
    // Any code gives a lower bound of the minimum: here the path's, evaluated in float64.
    const p = { x: rowAt(toRows(matrix([x])), 0), atoms: toRows(matrix(atoms)), lambda: 1 };
    const exact = unfoldSync(matrix([x]), dictionary, {
      lambda: 1,
      method: 'homotopy',
    });
    const bound = dualPoint(p, denseRow(exact.codes, 0)).value;
    const above = objective(p, denseRow(result.codes, 0)) - bound;
    expect(above / (0.5 * dot(p.x, p.x))).toBeLessThanOrEqual(1.01e-6);
  });

  it('that float32 cannot hold has the objective and residual of what is answered, and is not converged', () => {
    const atoms = matrix([[1e-10, 0]]);
    for (const method of METHODS) {
      const result = unfoldSync(matrix([[1e30, 0]]), Dictionary.from(atoms), { method, lambda: 1 });
      expect(result.converged).toBe(false);
      const [code] = result.codes.values;
      expect(code).toBe(Math.fround(3.4028234663852886e38));
      const p = { x: rowAt(toRows(matrix([[1e30, 0]])), 0), atoms: toRows(atoms), lambda: 1 };
      expect(at(result.objective, 0) / objective(p, Float64Array.of(at(result.codes.values, 0)))).toBeCloseTo(
        1,
        12,
      );
      expect(
        at(result.residual, 0) / (Math.fround(1e30) - 3.4028234663852886e38 * Math.fround(1e-10)),
      ).toBeCloseTo(1, 6);
    }
  });
});

it('certify agrees with unfold where most of the sample is beyond all atoms', () => {
  const dictionary = Dictionary.from(matrix([[1, 0]]));
  const { codes, gap } = unfoldSync(matrix([[1, 1]]), dictionary, { lambda: 1e-8 });
  const certified = certifySync(matrix([[1, 1]]), codes, dictionary, { lambda: 1e-8 });
  expect(certified.verdict).toEqual(['exact']);
  expect(at(certified.gap, 0)).toBeLessThanOrEqual(at(gap, 0) + 1e-7);
});
