// Float64 atoms so faint that two float32 parts hold few of their bits: no certificate would be of the given atoms, so they are refused where float64 counts.
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
