// The lasso with Gram rows and without: what the dictionary keeps spares passes, and changes no bit of an answer.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  lambdaMax,
  type Matrix,
  SparseCodes,
  type Unfolding,
  unfoldSync,
} from '../../lib/index.js';
import { at } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  heavyTailed,
  type Problem,
  scaled,
  unevenNorms,
} from '../reference/problems.js';
import { checkConvex } from '../reference/verify.js';

const size = { features: 400, dims: 96, samples: 30, active: 5, noise: 0.1 };
const shares = [0.5, 0.2, 0.05];

/** The same samples, several times: so often that Gram rows pay. */
function repeated({ samples }: Problem, times: number): Matrix<Float32Array> {
  const [rows, dims] = samples.shape;
  const data = Float32Array.from({ length: times * samples.data.length }, (_, k) =>
    at(samples.data, k % samples.data.length),
  );
  return { data, shape: [times * rows, dims] };
}

function expectSameBits(found: Unfolding, expected: Unfolding, label: string): void {
  expect(found.codes.indptr, label).toEqual(expected.codes.indptr);
  expect(found.codes.indices, label).toEqual(expected.codes.indices);
  expect(found.codes.values, label).toEqual(expected.codes.values);
  expect(found.gap, label).toEqual(expected.gap);
  expect(found.objective, label).toEqual(expected.objective);
  expect(found.status, label).toEqual(expected.status);
  expect(found.iterations, label).toEqual(expected.iterations);
}

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  const sized = { ...size, nonnegative };
  const problems = [
    gaussian(171, sized),
    coherent(172, sized),
    duplicates(173, sized),
    heavyTailed(174, { ...sized, features: 100, samples: 5 }),
    unevenNorms(175, sized),
    scaled(gaussian(178, sized), 1e-30),
    scaled(coherent(179, sized), 1e25),
  ];

  it.each(problems)('$name: the same bits whatever was kept before', (problem) => {
    const largest = lambdaMax(problem.samples, Dictionary.from(problem.atoms));
    const middle = [...largest].sort((a, b) => a - b)[largest.length >> 1] as number;
    const kept = Dictionary.from(problem.atoms);
    const many = repeated(problem, 40);
    for (const share of shares) {
      for (const [tolerance, ridge] of [
        [1e-4, 0],
        [1e-6, 0],
        [1e-5, 0.02],
      ] as const) {
        const options = { lambda: share * middle, tolerance, ridge, nonnegative } as const;
        const label = `${problem.name}, ${share}, ${tolerance}`;
        const plain = unfoldSync(problem.samples, kept, { ...options, gramBudget: 0 });
        if (share === 0.2 && ridge > 0) checkConvex(problem, options, plain);
        unfoldSync(many, kept, options);
        expectSameBits(unfoldSync(problem.samples, kept, options), plain, label);
        expectSameBits(unfoldSync(problem.samples, kept, { ...options, threads: 2 }), plain, label);
        const warmStart = SparseCodes.from(plain.codes);
        const warm = { ...options, lambda: 0.8 * options.lambda, warmStart };
        const cold = unfoldSync(problem.samples, kept, { ...warm, gramBudget: 0 });
        expectSameBits(unfoldSync(problem.samples, kept, warm), cold, `${label}, warm`);
      }
    }
  });
});

it('hundreds of equal atoms: no list tells them apart, and the answer is the same', () => {
  const { dims } = size;
  const others = gaussian(184, { ...size, features: 700, samples: 12 });
  const twin = others.atoms.data.subarray(5 * dims, 6 * dims);
  const data = new Float32Array(1400 * dims);
  for (let j = 0; j < 700; j++) data.set(twin, 2 * j * dims);
  for (let j = 0; j < 700; j++)
    data.set(others.atoms.data.subarray(j * dims, (j + 1) * dims), (2 * j + 1) * dims);
  // Every sample has the twins in it.
  const samples = others.samples.data.map((v, k) => v + at(twin, k % dims));
  const problem: Problem = {
    name: 'equal atoms',
    atoms: { data, shape: [1400, dims] },
    samples: { data: samples, shape: [12, dims] },
  };
  const dictionary = Dictionary.from(problem.atoms);
  const lambda = 0.1 * at(lambdaMax(problem.samples, dictionary), 0);
  for (const tolerance of [1e-4, 1e-6]) {
    const options = { lambda, tolerance };
    const plain = unfoldSync(problem.samples, dictionary, { ...options, gramBudget: 0 });
    checkConvex(problem, options, plain);
    for (let call = 0; call < 6; call++) unfoldSync(repeated(problem, 10), dictionary, options);
    expectSameBits(unfoldSync(problem.samples, dictionary, options), plain, `${tolerance}`);
  }
});

it('rows are made once they pay, within the budget, and kept', () => {
  const problem = gaussian(182, { ...size, samples: 100 });
  const lambda = 0.2 * at(lambdaMax(problem.samples, Dictionary.from(problem.atoms)), 0);
  const grown = (gramBudget: number, calls: number): number => {
    const dictionary = Dictionary.from(problem.atoms);
    unfoldSync(problem.samples, dictionary, { lambda, gramBudget: 0 });
    lambdaMax(problem.samples, dictionary); // packs the atoms in float32, as Gram rows are made from
    const before = dictionary.bytes;
    for (let call = 0; call < calls; call++) unfoldSync(problem.samples, dictionary, { lambda, gramBudget });
    return dictionary.bytes - before;
  };
  const all = grown(2 ** 40, 200);
  // Some rows are never read.
  expect(all).toBeGreaterThan(0.5 * size.features ** 2);
  expect(all).toBeLessThan(2 * size.features ** 2);
  expect(grown(2 ** 40, 1)).toBeLessThan(0.5 * all);
  expect(grown(0, 50)).toBe(0);
  const budget = 0.25 * size.features ** 2;
  const part = grown(budget, 200);
  expect(part).toBeLessThanOrEqual(budget);
  expect(part).toBeGreaterThan(0.7 * budget);
});

it('some rows and not others: the same bits', () => {
  const problem = gaussian(183, { ...size, samples: 60 });
  const lambda = 0.15 * at(lambdaMax(problem.samples, Dictionary.from(problem.atoms)), 0);
  const plain = unfoldSync(problem.samples, Dictionary.from(problem.atoms), { lambda, gramBudget: 0 });
  for (const share of [0.3, 0.55, 0.9]) {
    const dictionary = Dictionary.from(problem.atoms);
    const options = { lambda, gramBudget: Math.round(share * size.features * (size.features + 100)) };
    unfoldSync(repeated(problem, 50), dictionary, options);
    expectSameBits(unfoldSync(problem.samples, dictionary, options), plain, `${share}`);
    expectSameBits(
      unfoldSync(repeated(problem, 9), dictionary, options),
      unfoldSync(repeated(problem, 9), dictionary, { lambda, gramBudget: 0 }),
      `${share}`,
    );
  }
});
