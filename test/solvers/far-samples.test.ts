// Float64 samples whose squares float64 does not hold: certificates count in units of the sample.
import { describe, expect, it } from 'vitest';
import { certifySync, Dictionary, SparseCodes, unfoldSync } from '../../lib/index.js';

const ATOMS = Float64Array.of(1, 0, 0, 1, 0.6, 0.8);
const NONE = SparseCodes.from({
  indptr: Uint32Array.of(0, 0),
  indices: new Uint32Array(0),
  values: new Float64Array(0),
  shape: [1, 3],
});
const WEIGHTS = [undefined, Float64Array.of(1, 0, 1), Float64Array.of(1, Number.POSITIVE_INFINITY, 1)];

describe.each([-1000, -700, -560, -530, 530, 700, 1000])('samples of 2^%i', (exponent) => {
  const size = 2 ** exponent;
  const problem = (by: number, weights: Float64Array | undefined) => {
    const samples = { data: Float64Array.of(3 * by, 2 * by), shape: [1, 2] as const };
    const dictionary = Dictionary.from({ data: ATOMS, shape: [3, 2] });
    const options = { lambda: 0.5 * by, weights, precision: 'float64', tolerance: 1e-9 } as const;
    return { samples, dictionary, options };
  };

  it.each(WEIGHTS)('answers are those of ordinary units, weights %s', (weights) => {
    const { samples, dictionary, options } = problem(size, weights);
    const base = problem(1, weights);
    const { codes, gap, converged } = unfoldSync(samples, dictionary, options);
    const expected = unfoldSync(base.samples, base.dictionary, base.options);
    expect(converged).toBe(true);
    expect(gap[0]).toBeLessThanOrEqual(1e-9);
    expect([...codes.indices]).toEqual([...expected.codes.indices]);
    codes.values.forEach((v, k) => {
      expect(v / size).toBeCloseTo(expected.codes.values[k] ?? Number.NaN, 12);
    });

    const proved = certifySync(samples, codes, dictionary, options);
    expect(proved.verdict).toEqual(['exact']);
    expect((proved.error[0] ?? Number.NaN) / size).toBeLessThan(1e-12);
  });

  it.each(WEIGHTS)('the zero code is no minimiser, weights %s', (weights) => {
    const { samples, dictionary, options } = problem(size, weights);
    const base = problem(1, weights);
    const found = certifySync(samples, NONE, dictionary, options);
    const expected = certifySync(base.samples, NONE, base.dictionary, base.options);
    expect(found.verdict).toEqual(['none']);
    expect(found.gap[0]).toBeCloseTo(expected.gap[0] ?? Number.NaN, 12);
    expect(found.correlation[0]).toBeCloseTo(expected.correlation[0] ?? Number.NaN, 12);
  });
});
