// precision 'float64': gaps of 1e-12, against an evaluation in exact rational arithmetic and the float64 references.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  fold,
  lambdaMax,
  type Matrix,
  SparseCodes,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { fixed, places, times, toNumber } from '../reference/exact.js';
import { coherent, gaussian, type Problem } from '../reference/problems.js';
import { bits, lambdasAt } from '../reference/verify.js';

/** (P − dual) / ½‖x‖² of a code, at the best feasible multiple of the residual, without rounding. */
function exactGap(
  x: Float32Array,
  atoms: Matrix<Float32Array>,
  code: { indices: Uint32Array; values: Float64Array },
  lambda: number,
  nonnegative: boolean,
): number {
  const dims = x.length;
  const input = Array.from(x, fixed);
  const r = [...input];
  const atomRow = (j: number): bigint[] => Array.from(atoms.data.subarray(j * dims, (j + 1) * dims), fixed);
  let penalty = 0n;
  code.indices.forEach((j, k) => {
    const a = fixed(code.values[k] as number);
    atomRow(j).forEach((d, i) => {
      r[i] = (r[i] as bigint) - times(a, d);
    });
    penalty += times(fixed(lambda), a < 0n ? -a : a);
  });
  const dot = (a: bigint[], b: bigint[]): bigint =>
    a.reduce((sum, v, i) => sum + times(v, b[i] as bigint), 0n);
  let strongest = 0n;
  for (let j = 0; j < atoms.shape[0]; j++) {
    const c = dot(atomRow(j), r);
    const size = c < 0n && !nonnegative ? -c : c;
    if (size > strongest) strongest = size;
  }
  const squared = dot(r, r);
  const product = dot(input, r);
  const one = 1n << BigInt(places);
  const divide = (a: bigint, b: bigint): bigint => (a << BigInt(places)) / b;
  let s = squared > 0n ? divide(product, squared) : one;
  if (strongest > 0n) {
    const limit = divide(fixed(lambda), strongest);
    if (s > limit) s = limit;
  }
  const half = (v: bigint): bigint => v / 2n;
  const dual = times(s, product) - half(times(times(s, s), squared));
  return toNumber(divide(half(squared) + penalty - dual, half(dot(input, input))));
}

const problems: Problem[] = [
  gaussian(5, { features: 90, dims: 30, samples: 6, active: 5, noise: 0.1 }),
  coherent(6, { features: 80, dims: 24, samples: 6, active: 4, noise: 0.1 }),
];

describe.each(problems)('$name', (problem) => {
  const dictionary = Dictionary.from(problem.atoms);
  const [samples, dims] = problem.samples.shape;

  it.each([
    ['lasso', false, 0.5],
    ['lasso', true, 0.2],
    ['lasso', false, 0.05],
    ['homotopy', false, 0.2],
  ] as const)(
    '%s, nonnegative %s, λ = %f λ_max: gaps of 1e-12, exactly evaluated',
    (method, nonnegative, fraction) => {
      const lambda = Array.from(lambdasAt(fraction, lambdaMax(problem.samples, dictionary, { nonnegative })));
      const options = { precision: 'float64', method, lambda, nonnegative, tolerance: 1e-12 } as const;
      const result = unfoldSync(problem.samples, dictionary, options);
      expect(result.codes.values).toBeInstanceOf(Float64Array);
      expect(result.converged).toBe(true);
      for (let i = 0; i < samples; i++) {
        const x = problem.samples.data.subarray(i * dims, (i + 1) * dims);
        const gap = exactGap(x, problem.atoms, result.codes.row(i), lambda[i] as number, nonnegative);
        expect(gap).toBeGreaterThanOrEqual(0);
        expect(gap).toBeLessThanOrEqual(1e-12);
        // What is reported may be off by the rounding of sums of some hundred terms, relative to ½‖x‖².
        expect(Math.abs((result.gap[i] as number) - gap)).toBeLessThanOrEqual(1e3 * 2 ** -53);
      }
    },
  );

  it('float32 codes are these, rounded; certify proves their supports', () => {
    const lambda = Array.from(lambdasAt(0.2, lambdaMax(problem.samples, dictionary)));
    const exact = unfoldSync(problem.samples, dictionary, { precision: 'float64', lambda, tolerance: 1e-12 });
    const { verdict } = certifySync(problem.samples, exact.codes, dictionary, { lambda });
    expect(verdict.every((v) => v === 'exact')).toBe(true);
    const homotopy = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda });
    expect(Array.from(homotopy.codes.indices)).toEqual(Array.from(exact.codes.indices));
    expect(Array.from(homotopy.codes.values)).toEqual(Array.from(exact.codes.values, Math.fround));
  });

  it('threads, async and a second call answer the same bits', async () => {
    const options = { precision: 'float64', lambda: 0.1, tolerance: 1e-12 } as const;
    const first = unfoldSync(problem.samples, dictionary, { ...options, threads: 1 });
    for (const threads of [1, 2, 5]) {
      const again = await unfold(problem.samples, dictionary, { ...options, threads });
      expect(bits(again.codes.values)).toBe(bits(first.codes.values));
      expect(bits(again.gap)).toBe(bits(first.gap));
    }
  });
});

it('codes in float64 go everywhere that codes go', () => {
  const atoms = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] as const };
  const dictionary = Dictionary.from(atoms);
  const x = { data: Float32Array.of(3, 0.25, 0, 0), shape: [2, 2] as const };
  const { codes, gap } = unfoldSync(x, dictionary, { precision: 'float64', lambda: 0.1 });
  // Orthonormal atoms: soft thresholding, exactly.
  expect(Array.from(codes.values)).toEqual([3 - 0.1, 0.25 - 0.1]);
  expect(gap[1]).toBe(0);
  expect(codes.toDense().data).toEqual(Float64Array.of(3 - 0.1, 0.25 - 0.1, 0, 0));
  expect(SparseCodes.from(codes).values).toBe(codes.values);
  expect(Array.from(fold(codes, dictionary).data)).toEqual([3 - 0.1, 0.25 - 0.1, 0, 0].map(Math.fround));
  const warm = unfoldSync(x, dictionary, { precision: 'float64', lambda: 0.1, warmStart: codes });
  expect(Array.from(warm.codes.values)).toEqual(Array.from(codes.values));
  const none = unfoldSync(x, dictionary, { precision: 'float64', lambda: 10 });
  expect(none.codes.values).toEqual(new Float64Array(0));
  expect(unfoldSync(x, dictionary, { lambda: 10 }).codes.values).toEqual(new Float32Array(0));
});

it('methods without it refuse', () => {
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const x = { data: Float32Array.of(3, 4), shape: [1, 2] as const };
  for (const options of [
    { method: 'fista', lambda: 1 },
    { method: 'omp', sparsity: 1 },
    { method: 'bpdn', epsilon: 1 },
  ])
    expect(() => unfoldSync(x, dictionary, { ...options, precision: 'float64' } as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringContaining("precision 'float64' is for"),
      }),
    );
});
