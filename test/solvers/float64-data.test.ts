// precision 'float64' on float64 data: solved as they are given, not as float32 has them.
import { describe, expect, it } from 'vitest';
import { certifySync, Dictionary, lambdaMax, type Matrix, unfoldPath, unfoldSync } from '../../lib/index.js';
import { lars } from '../reference/lars.js';
import { solveLasso } from '../reference/lasso.js';
import { at, dot, leastSquares, norm, type Rows, residualOf } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const wide = (rows: Rows): Matrix<Float64Array> => {
  const cols = rows[0]?.length ?? 0;
  const data = new Float64Array(rows.length * cols);
  rows.forEach((row, i) => {
    data.set(row, i * cols);
  });
  return { data, shape: [rows.length, cols] };
};

/** A regression as textbooks have it: correlated predictors of unit norm as rows, the response as the sample. */
function regression(
  seed: number,
  predictors: number,
  observations: number,
): { x: Float64Array; atoms: Rows } {
  const random = makeRandom(seed);
  const common = Float64Array.from({ length: observations }, () => random.normal());
  const atoms = Array.from({ length: predictors }, () => {
    const row = common.map((c) => 0.8 * c + random.normal());
    const mean = row.reduce((sum, v) => sum + v, 0) / observations;
    const centred = row.map((v) => v - mean);
    const size = norm(centred);
    return centred.map((v) => v / size);
  });
  const x = new Float64Array(observations);
  atoms.forEach((atom, j) => {
    const slope = j % 2 === 0 ? 100 * random.normal() : 0;
    atom.forEach((d, k) => {
      x[k] = at(x, k) + slope * d;
    });
  });
  return { x: x.map((v) => v + 5 * random.normal()), atoms };
}

describe.each([1, 2, 3])('regression %i', (seed) => {
  const { x, atoms } = regression(seed, 10, 60);
  const dictionary = Dictionary.from(wide(atoms));
  const samples = wide([x]);
  const knots = lars(x, atoms);

  it('the path has the knots and coefficients of float64 LARS to 1e-10', async () => {
    const scale = Math.max(...knots.map((knot) => Math.max(...knot.code.map(Math.abs))));
    let step = 0;
    for await (const { codes, lambda, gap } of unfoldPath(samples, dictionary, {
      method: 'homotopy',
      precision: 'float64',
      knots: true,
      lambda: 0,
    })) {
      const knot = knots[step++];
      if (knot === undefined) break;
      expect(Math.abs(at(lambda, 0) - knot.lambda)).toBeLessThanOrEqual(
        1e-10 * (knots[0]?.lambda ?? Number.NaN),
      );
      const dense = codes.toDense().data;
      knot.code.forEach((value, j) => {
        expect(Math.abs(at(dense, j) - value)).toBeLessThanOrEqual(1e-10 * scale);
      });
      expect(at(gap, 0)).toBeLessThanOrEqual(1e-12);
    }
    expect(step).toBe(knots.length);
    // The end is least squares.
    const exact = leastSquares(x, atoms);
    exact.forEach((value, j) => {
      expect(Math.abs(at(knots.at(-1)?.code ?? [], j) - value)).toBeLessThanOrEqual(1e-9 * scale);
    });
  });

  it('lasso and homotopy answer the float64 solution, with float64 gaps', () => {
    const lambda = 0.1 * (knots[0]?.lambda ?? Number.NaN);
    const expected = solveLasso({ x, atoms, lambda }, undefined, 1e-15).code;
    const scale = Math.max(...expected.map(Math.abs));
    for (const method of ['lasso', 'homotopy'] as const) {
      const answer = unfoldSync(samples, dictionary, {
        method,
        precision: 'float64',
        lambda,
        tolerance: 1e-12,
      });
      expect(answer.converged).toBe(true);
      const dense = answer.codes.toDense().data;
      // Strong convexity of the fit bounds the distance by the square root of the reference's own gap.
      expected.forEach((value, j) => {
        expect(Math.abs(at(dense, j) - value)).toBeLessThanOrEqual(1e-6 * scale);
      });
      // The KKT conditions are exact: |d_j·r| = λ where active, below elsewhere.
      const r = residualOf(x, atoms, dense);
      atoms.forEach((atom, j) => {
        const c = dot(atom, r);
        if (at(dense, j) !== 0)
          expect(Math.abs(c - lambda * Math.sign(at(dense, j)))).toBeLessThanOrEqual(1e-12 * norm(x));
        else expect(Math.abs(c)).toBeLessThanOrEqual(lambda + 1e-12 * norm(x));
      });
      const proof = certifySync(samples, answer.codes, dictionary, { lambda, precision: 'float64' });
      expect(proof.verdict).toEqual(['exact']);
      // The certificate leaves room for its own rounding, 1e-9 of the dual point.
      expect(at(proof.gap, 0)).toBeLessThanOrEqual(2e-9);
      expect(at(proof.error, 0)).toBeLessThanOrEqual(1e-10 * scale);
    }
  });

  it('lambdaMax too', () => {
    const [largest] = lambdaMax(samples, dictionary, { precision: 'float64' });
    expect(Math.abs((largest ?? 0) - (knots[0]?.lambda ?? Number.NaN))).toBeLessThanOrEqual(
      1e-13 * (knots[0]?.lambda ?? Number.NaN),
    );
  });
});

it('samples beyond the range of float32 are as good as others', () => {
  const { x, atoms } = regression(4, 8, 30);
  const dictionary = Dictionary.from(wide(atoms));
  const lambda = 0.2 * Math.max(...atoms.map((atom) => Math.abs(dot(atom, x))));
  const plain = unfoldSync(wide([x]), dictionary, { precision: 'float64', lambda });
  for (const exponent of [-160, -60, 60, 160]) {
    const scaled = wide([x.map((v) => v * 2 ** exponent)]);
    const answer = unfoldSync(scaled, dictionary, { precision: 'float64', lambda: lambda * 2 ** exponent });
    expect(answer.converged).toBe(true);
    expect(Array.from(answer.codes.indices)).toEqual(Array.from(plain.codes.indices));
    answer.codes.values.forEach((v, k) => {
      expect(Math.abs(v / 2 ** exponent / at(plain.codes.values, k) - 1)).toBeLessThanOrEqual(1e-12);
    });
  }
});

it('everything but float64 knows the data as float32 has them', () => {
  const { x, atoms } = regression(5, 12, 20);
  const rounded = (m: Matrix<Float64Array>): Matrix<Float32Array> => ({
    data: Float32Array.from(m.data),
    shape: m.shape,
  });
  const options = { lambda: 3 };
  for (const method of ['lasso', 'homotopy', 'fista'] as const)
    expect(unfoldSync(wide([x]), Dictionary.from(wide(atoms)), { ...options, method }).codes).toEqual(
      unfoldSync(rounded(wide([x])), Dictionary.from(rounded(wide(atoms))), { ...options, method }).codes,
    );
});

it('NaN in float64 samples is refused with its row', () => {
  const dictionary = Dictionary.from({ data: Float64Array.of(1, 0, 0.1, 1), shape: [2, 2] });
  const x = { data: Float64Array.of(1, 2, 3, Number.NaN), shape: [2, 2] };
  expect(() => unfoldSync(x, dictionary, { precision: 'float64', lambda: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_NOT_FINITE', message: expect.stringContaining('row 1, column 1') }),
  );
});
