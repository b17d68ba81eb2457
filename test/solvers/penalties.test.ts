// Ridge, weights, one λ a sample, and what they reduce to.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, unfoldSync } from '../../lib/index.js';
import { lambdaMax as referenceLambdaMax } from '../reference/lasso.js';
import { at, toRows } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  type Problem,
  rankDeficient,
  unevenNorms,
} from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { checkConvex, expectSame, lambdasAt } from '../reference/verify.js';

const size = { features: 53, dims: 21, samples: 5 };
const problems: Problem[] = [
  gaussian(31, size),
  coherent(32, size),
  duplicates(33, size),
  rankDeficient(34, size),
  unevenNorms(35, size),
];
const METHODS = ['lasso', 'fista', 'ista', 'homotopy'] as const;
const random = makeRandom(36);
/** two decades of weights, as float32 so that both sides see the same */
const weights = Float32Array.from({ length: size.features }, () => 10 ** (2 * random.uniform() - 1));

const cases = [false, true].flatMap((nonnegative) =>
  [0.05, 0.4].flatMap((fraction) => [
    { nonnegative, fraction, ridge: 0.3 },
    { nonnegative, fraction, ridge: 1e-3 },
    { nonnegative, fraction, ridge: 100 },
    { nonnegative, fraction, weights },
    { nonnegative, fraction, weights, ridge: 0.2 },
  ]),
);

describe.each(problems)('$name', (problem) => {
  const dictionary = Dictionary.from(problem.atoms);

  it.each(METHODS)('%s holds its certificate with ridge and weights', (method) => {
    for (const { fraction, ...penalty } of cases) {
      const maxima = lambdaMax(problem.samples, dictionary, {
        nonnegative: penalty.nonnegative,
        ...('weights' in penalty ? { weights: penalty.weights } : {}),
      });
      const options = { ...penalty, method, lambda: lambdasAt(fraction, maxima) };
      const result = unfoldSync(problem.samples, dictionary, options);
      checkConvex(problem, options, result);
      if (method === 'lasso' || method === 'homotopy') expect(result.converged).toBe(true);
    }
  });

  it('lambdaMax divides by the weights', () => {
    const maxima = lambdaMax(problem.samples, dictionary, { weights });
    const atoms = toRows(problem.atoms);
    toRows(problem.samples).forEach((x, i) => {
      const exact = referenceLambdaMax({ x, atoms, weights });
      expect(Math.abs(at(maxima, i) - exact)).toBeLessThanOrEqual(1e-13 * exact);
    });
  });

  it('weights of one and a ridge of zero change nothing', () => {
    const plain = unfoldSync(problem.samples, dictionary, { lambda: 0.2 });
    const same = { lambda: 0.2, ridge: 0, weights: new Float32Array(size.features).fill(1) };
    expectSame(plain, unfoldSync(problem.samples, dictionary, same));
  });

  it('a λ a sample is the same as the samples one by one', () => {
    const lambdas = [0.05, 0.1, 0.2, 0.4, 0.8];
    for (const method of METHODS) {
      const together = unfoldSync(problem.samples, dictionary, { method, lambda: lambdas });
      lambdas.forEach((lambda, i) => {
        const data = problem.samples.data.slice(i * size.dims, (i + 1) * size.dims);
        const alone = unfoldSync({ data, shape: [1, size.dims] }, dictionary, { method, lambda });
        expect(together.codes.row(i).indices).toEqual(alone.codes.row(0).indices);
        expect(together.codes.row(i).values).toEqual(alone.codes.row(0).values);
        expect(at(together.gap, i)).toBe(at(alone.gap, 0));
      });
    }
  });

  it('takes λ and weights as any array of numbers', () => {
    const lambda = [0.1, 0.2, 0.3, 0.4, 0.5];
    const expected = unfoldSync(problem.samples, dictionary, { lambda: Float64Array.from(lambda), weights });
    const plain = unfoldSync(problem.samples, dictionary, { lambda, weights: Array.from(weights) });
    const wide = unfoldSync(problem.samples, dictionary, { lambda, weights: Float64Array.from(weights) });
    expectSame(expected, plain);
    expectSame(expected, wide);
  });
});
