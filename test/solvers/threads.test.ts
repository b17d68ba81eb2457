// Bit-identical for any number of threads: problems large enough that work is cut into many blocks.
import { expect, it } from 'vitest';
import { Dictionary, fold, ops, unfold, unfoldPath, unfoldSync } from '../../lib/index.js';
import { coherent, gaussian } from '../reference/problems.js';
import { bits, expectSame } from '../reference/verify.js';

const problem = coherent(81, { features: 700, dims: 48, samples: 333, active: 6 });
const dictionary = Dictionary.from(problem.atoms);
const THREADS = [2, 7];

it.each([
  { method: 'lasso', lambda: 0.05, tolerance: 1e-5 },
  { method: 'lasso', lambda: 0.05, nonnegative: true, ridge: 0.01 },
  { method: 'fista', lambda: 0.1, maxIterations: 100 },
  { method: 'ista', lambda: 0.3, maxIterations: 60 },
  { method: 'omp', sparsity: 6 },
  { method: 'omp', residual: 0.8, nonnegative: true },
  { method: 'homotopy', lambda: 0.05 },
  { method: 'homotopy', lambda: 0.15, nonnegative: true, ridge: 0.01 },
  { method: 'bpdn', epsilon: 0.5 },
  { method: 'reweighted', lambda: 0.1, reweightings: 2 },
] as const)('$method (%#)', async (options) => {
  const one = unfoldSync(problem.samples, dictionary, { ...options, threads: 1 });
  for (const threads of THREADS) {
    expectSame(one, unfoldSync(problem.samples, dictionary, { ...options, threads }));
    expectSame(one, await unfold(problem.samples, dictionary, { ...options, threads }));
  }
});

it('many jobs at once on many threads', async () => {
  const options = { lambda: 0.1 };
  const one = unfoldSync(problem.samples, dictionary, { ...options, threads: 1 });
  const jobs = Array.from({ length: 12 }, (_, i) =>
    unfold(problem.samples, dictionary, { ...options, threads: 1 + (i % 7) }),
  );
  for (const result of await Promise.all(jobs)) expectSame(one, result);
});

it('unfoldPath', async () => {
  const small = gaussian(82, { features: 300, dims: 40, samples: 90 });
  const atoms = Dictionary.from(small.atoms);
  const knots = { method: 'homotopy', knots: true, lambda: 0.3 } as const;
  const run = async (threads: number): Promise<string> => {
    let all = '';
    for await (const step of unfoldPath(small.samples, atoms, { ...knots, threads }))
      all += bits(step.codes.values) + bits(step.codes.indices) + bits(step.gap) + bits(step.lambda);
    for await (const step of unfoldPath(small.samples, atoms, { count: 3, ratio: 0.1, threads }))
      all += bits(step.codes.values) + bits(step.codes.indices) + bits(step.gap);
    return all;
  };
  const one = await run(1);
  for (const threads of THREADS) expect(await run(threads)).toBe(one);
});

it('kernels', () => {
  const { samples, atoms } = problem;
  for (const threads of THREADS) {
    expect(bits(ops.correlate(samples, atoms, { threads }).data)).toBe(
      bits(ops.correlate(samples, atoms, { threads: 1 }).data),
    );
    const one = ops.topK(samples, dictionary, 9, { absolute: true, threads: 1 });
    const many = ops.topK(samples, dictionary, 9, { absolute: true, threads });
    expect(bits(many.indices)).toBe(bits(one.indices));
    expect(bits(many.values)).toBe(bits(one.values));
    const few = ops.above(samples, dictionary, 0.3, { threads: 1 });
    const same = ops.above(samples, dictionary, 0.3, { threads });
    expect(bits(same.indptr) + bits(same.indices) + bits(same.values)).toBe(
      bits(few.indptr) + bits(few.indices) + bits(few.values),
    );
  }
  const codes = unfoldSync(samples, dictionary, { lambda: 0.1 }).codes;
  expect(bits(fold(codes, dictionary).data)).toBe(bits(fold(codes, dictionary).data));
});
