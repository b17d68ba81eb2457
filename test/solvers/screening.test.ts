// A published solver screens with a sphere of radius √gap at a rescaled point, which discards atoms of the solution
// (REFERENCE §1). On this case it drops one of two; both are active at the optimum.
import { expect, it } from 'vitest';
import { Dictionary, SparseCodes, unfoldSync } from '../../lib/index.js';
import { checkConvex } from '../reference/verify.js';

const atoms = {
  data: Float32Array.of(-0.00461172, 0.99998937, -0.84809445, 0.52984508),
  shape: [2, 2] as const,
};
const samples = { data: Float32Array.of(1.10130265, 1.43118648), shape: [1, 2] as const };
const lambda = 0.60557482;
const iterate = SparseCodes.from({
  indptr: Uint32Array.of(0, 2),
  indices: Uint32Array.of(0, 1),
  values: Float32Array.of(0.76663841, -0.049596),
  shape: [1, 2],
});

it.each(['lasso', 'fista', 'ista'] as const)(
  '%s keeps both atoms, from zero and from the bad iterate',
  (method) => {
    const dictionary = Dictionary.from(atoms);
    for (const warmStart of [undefined, iterate]) {
      const options = { method, lambda, tolerance: 1e-6, ...(warmStart ? { warmStart } : {}) };
      const result = unfoldSync(samples, dictionary, options);
      checkConvex({ name: 'two atoms', atoms, samples }, options, result);
      expect(result.converged).toBe(true);
      expect(Array.from(result.codes.indices)).toEqual([0, 1]);
      // The optimum to the four digits that REFERENCE prints: (.8265, −.0113). A gap of 1e-6·½‖x‖² moves the fit by at
      // most 1.8e-3, the codes by that over the smallest singular value of the two atoms (0.68).
      expect(Math.abs((result.codes.values[0] as number) - 0.8265)).toBeLessThan(3e-3);
      expect(Math.abs((result.codes.values[1] as number) + 0.0113)).toBeLessThan(3e-3);
    }
  },
);

it('many random pairs of coherent atoms, from bad warm starts', () => {
  for (let turn = 0; turn < 200; turn++) {
    const angle = (turn * 2.399963) % (2 * Math.PI); // the golden angle: spreads the cases evenly
    const pair = Float32Array.of(
      Math.cos(angle),
      Math.sin(angle),
      Math.cos(angle * 1.7),
      Math.sin(angle * 1.7),
    );
    const problem = { name: `pair ${turn}`, atoms: { data: pair, shape: [2, 2] as const }, samples };
    const warmStart = SparseCodes.from({
      indptr: Uint32Array.of(0, 2),
      indices: Uint32Array.of(0, 1),
      values: Float32Array.of(Math.sin(turn), 2 * Math.cos(3 * turn)),
      shape: [1, 2],
    });
    const options = { lambda: 0.02 + 0.01 * (turn % 60), tolerance: 1e-6, warmStart };
    const result = unfoldSync(samples, Dictionary.from(problem.atoms), options);
    checkConvex(problem, options, result);
    expect(result.converged).toBe(true);
  }
});
