// Every convex method on every problem of the standard table, over the whole range of λ, against float64.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, unfoldSync } from '../../lib/index.js';
import { lambdaMax as referenceLambdaMax } from '../reference/lasso.js';
import { at, toRows } from '../reference/linear.js';
import { standardProblems } from '../reference/problems.js';
import { checkConvex, lambdasAt } from '../reference/verify.js';

/** shares of λ_max; the last two are above it, where the solution is zero */
const FRACTIONS = [0.01, 0.05, 0.2, 0.7, 1.0001, 3];
const METHODS = ['lasso', 'fista', 'ista', 'homotopy'] as const;

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  describe.each(standardProblems(nonnegative))('$name', (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const maxima = lambdaMax(problem.samples, dictionary, { nonnegative });

    it.each([1, -1])('lambdaMax is the smallest λ with a zero solution, x times %i', (sign) => {
      const atoms = toRows(problem.atoms);
      const samples = { data: problem.samples.data.map((v) => sign * v), shape: problem.samples.shape };
      const found = lambdaMax(samples, dictionary, { nonnegative });
      toRows(samples).forEach((x, i) => {
        const exact = referenceLambdaMax({ x, atoms, nonnegative });
        // Float64 dot products of exact float32 data: a few units in the last place of ‖d‖‖x‖.
        expect(Math.abs(at(found, i) - exact)).toBeLessThanOrEqual(1e-14 * scaleOf(x, atoms));
      });
    });

    it.each(METHODS)('%s holds its certificate for every λ', (method) => {
      for (const fraction of FRACTIONS) {
        const options = { method, nonnegative, lambda: lambdasAt(fraction, maxima) } as const;
        const result = unfoldSync(problem.samples, dictionary, options);
        checkConvex(problem, options, result);
        if (method === 'lasso' || method === 'homotopy')
          expect(result.converged, `λ = ${fraction} λ_max`).toBe(true);
        if (fraction > 1) expect(result.codes.indices.length, 'codes above λ_max').toBe(0);
      }
    });

    it('lasso reaches a gap of 1e-6 or says that it stalled', () => {
      for (const fraction of FRACTIONS) {
        const options = { nonnegative, lambda: lambdasAt(fraction, maxima), tolerance: 1e-6 };
        checkConvex(problem, options, unfoldSync(problem.samples, dictionary, options));
      }
    });
  });
});

/** max ‖d‖‖x‖ */
function scaleOf(x: Float64Array, atoms: Float64Array[]): number {
  return Math.hypot(...x) * Math.max(...atoms.map((atom) => Math.hypot(...atom)));
}
