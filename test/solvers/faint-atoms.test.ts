// Atoms so faint that two float32 parts hold few of their bits: no certificate would be of the given atoms, so they are refused where float64 counts; and faint
// float32 ones, which are exact.
import { describe, expect, it } from 'vitest';
import { certifySync, Dictionary, lambdaMax, unfoldSync } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const FEATURES = 8;
const DIMS = 16;

function problem(scale: number) {
  const random = makeRandom(91);
  const shape = [FEATURES, DIMS] as const;
  const data = Float64Array.from({ length: FEATURES * DIMS }, () => scale * random.normal());
  const samples = {
    data: Float64Array.from({ length: 2 * DIMS }, () => scale * random.normal()),
    shape: [2, DIMS] as const,
  };
  return { atoms: { data, shape }, samples };
}

describe('float64 atoms', () => {
  it.each([1e-37, 1e-42, 1e-60, 1e-300])(
    'of size %d are refused in float64, by all who prove something of them',
    (scale) => {
      const { atoms, samples } = problem(scale);
      const dictionary = Dictionary.from(atoms);
      const lambda = 1e-3 * scale * scale || Number.MIN_VALUE;
      const codes = { indptr: new Uint32Array(3), indices: new Uint32Array(0), values: new Float64Array(0) };
      const precision = 'float64' as const;
      const refusal = expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/atoms of so small a norm .*scale the dictionary/) as string,
      });
      for (const method of ['lasso', 'homotopy'] as const)
        expect(() => unfoldSync(samples, dictionary, { method, lambda, precision })).toThrow(refusal);
      expect(() =>
        certifySync(samples, { ...codes, shape: [2, FEATURES] }, dictionary, { lambda, precision }),
      ).toThrow(refusal);
    },
  );

  it.each([1e-25, 1, 1e15])('of size %d are not', (scale) => {
    const { atoms, samples } = problem(scale);
    const dictionary = Dictionary.from(atoms);
    const lambda = lambdaMax(samples, dictionary, { precision: 'float64' }).map((most) => 0.1 * most);
    const { converged } = unfoldSync(samples, dictionary, { lambda, precision: 'float64' });
    expect(converged).toBe(true);
  });

  it('are taken with lengths of 1, however faint', () => {
    const { atoms, samples } = problem(1e-42);
    const dictionary = Dictionary.from(atoms, { normalize: true });
    const lambda = lambdaMax(samples, dictionary, { precision: 'float64' }).map((most) => 0.1 * most);
    expect(unfoldSync(samples, dictionary, { lambda, precision: 'float64' }).converged).toBe(true);
  });
});

describe('float32 atoms with weights of 0', () => {
  const random = makeRandom(92);
  const shape = [FEATURES, DIMS] as const;
  const x = { data: Float32Array.from({ length: DIMS }, () => random.normal()), shape: [1, DIMS] as const };
  /** Subnormal ones of some bits, where `faint`; and the same times a power of two, which changes nothing but the units of their codes. */
  const both = (exponent: number, faint: (j: number) => boolean) => {
    const data = Float32Array.from({ length: FEATURES * DIMS }, (_, i) =>
      faint(Math.floor(i / DIMS)) ? Math.round(16 * random.normal()) * 2 ** exponent : random.normal(),
    );
    const scaled = Float64Array.from(data, (v, i) => (faint(Math.floor(i / DIMS)) ? v / 2 ** exponent : v));
    return [Dictionary.from({ data, shape }), Dictionary.from({ data: scaled, shape })] as const;
  };
  const weights = Float32Array.from({ length: FEATURES }, (_, j) => Number(j >= 2));
  const run = { lambda: 0.3, weights, tolerance: 1e-10 } as const;

  it.each([-132, -140, -149])('times 2^%d: what they explain is free, however faint they are', (exponent) => {
    const [dictionary, scaled] = both(exponent, (j) => j < 2);
    const wide = { data: Float64Array.from(x.data), shape: x.shape };
    const solve = (of: Dictionary) => unfoldSync(wide, of, { ...run, precision: 'float64' });
    const [found, expected] = [solve(dictionary), solve(scaled)];
    expect([found.converged, expected.converged]).toEqual([true, true]);
    // Both are within their gaps, of ½‖x‖², of one minimum; and what float64 rounds in some hundred sums.
    const size = x.data.reduce((sum, v) => sum + v * v, 0) / 2;
    const gaps = Math.max(Number(found.gap?.[0]), Number(expected.gap?.[0])) + 200 * 2 ** -53;
    expect(Math.abs(Number(found.objective[0]) - Number(expected.objective[0]))).toBeLessThanOrEqual(
      gaps * size,
    );
  });

  it('with codes beyond float32 have no certificate in float32', () => {
    const [dictionary] = both(-149, (j) => j < 2);
    const { converged, gap } = unfoldSync(x, dictionary, { ...run, tolerance: 1e-4 });
    expect([converged, gap?.[0]]).toEqual([false, Number.POSITIVE_INFINITY]);
  });

  it.each([-120, -149])('beside faint ones that have a price (times 2^%d) are refused', (exponent) => {
    const [dictionary] = both(exponent, (j) => j === 4);
    expect(() => unfoldSync(x, dictionary, run)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/scale the dictionary/) as string,
      }),
    );
  });
});
