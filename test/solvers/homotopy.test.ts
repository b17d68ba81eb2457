// The LASSO path: its knots by KKT on both sides, its segments by linearity, and homotopy at one λ against lasso's tests.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  type KnotOptions,
  lambdaMax,
  type Matrix,
  type PathUnfolding,
  UnfoldStatus,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { U32 } from '../reference/bounds.js';
import type { LassoProblem } from '../reference/lasso.js';
import { at, norm, toMatrix, toRows } from '../reference/linear.js';
import { endOfSegment, supportBetween, violation } from '../reference/path.js';
import {
  coherent,
  duplicates,
  gaussian,
  type Problem,
  rankDeficient,
  standardProblems,
  unevenNorms,
} from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';
import { checkConvex, expectSame, trueGap } from '../reference/verify.js';

interface Penalty {
  readonly nonnegative?: boolean;
  readonly ridge?: number;
  readonly weights?: Float32Array;
}

async function walk(
  samples: Matrix,
  dictionary: Dictionary,
  options: Omit<KnotOptions, 'method' | 'knots'> = {},
): Promise<PathUnfolding[]> {
  const steps: PathUnfolding[] = [];
  for await (const step of unfoldPath(samples, dictionary, { ...options, method: 'homotopy', knots: true }))
    steps.push(step);
  return steps;
}

const size = { features: 30, dims: 12, samples: 3 };
const weights = Float32Array.from({ length: size.features }, (_, j) => 0.5 + ((7 * j) % 5) / 4);
const problems: Problem[] = [
  gaussian(601, size),
  coherent(602, size),
  duplicates(603, size),
  rankDeficient(604, size),
  unevenNorms(605, size),
  { ...gaussian(606, { ...size, features: 7, dims: 20 }), name: 'fewer features than dims' },
];
const penalties: Penalty[] = [{}, { nonnegative: true }, { ridge: 0.05 }];

let left = 0; // atoms that left a support in all of these tests

describe.each(problems)('$name', (problem) => {
  const dictionary = Dictionary.from(problem.atoms);
  const atoms = toRows(problem.atoms);

  it.each([...penalties, ...(atoms.length === size.features ? [{ weights, nonnegative: true }] : [])])(
    'knots are where the support changes, and nowhere else (%#)',
    async (penalty) => {
      const steps = await walk(problem.samples, dictionary, { ...penalty, ratio: 0.02, tolerance: 1e-6 });
      const maxima = lambdaMax(problem.samples, dictionary, {
        nonnegative: penalty.nonnegative,
        weights: penalty.weights,
      });
      toRows(problem.samples).forEach((x, i) => {
        const lambdas = steps.map((step) => at(step.lambda, i));
        const codes = steps.map((step) => denseRow(step.codes, i));
        const end = lambdas.indexOf(at(lambdas, lambdas.length - 1));
        expect(Math.abs(at(lambdas, 0) - at(maxima, i))).toBeLessThanOrEqual(1e-13 * at(maxima, i));
        expect(norm(codes[0] as Float64Array)).toBe(0);
        for (const step of steps) expect(at(step.status, i)).toBe(UnfoldStatus.converged);
        for (let t = 1; t < steps.length; t++) {
          if (t > end) expect(codes[t]).toEqual(codes[end]);
          else expect(at(lambdas, t)).toBeLessThan(at(lambdas, t - 1));
        }
        expect(Math.abs(at(lambdas, end) - 0.02 * at(maxima, i))).toBeLessThanOrEqual(1e-13 * at(maxima, i));

        const p = (lambda: number): LassoProblem => ({ x, atoms, ...penalty, lambda });
        const middle = (t: number): number => 0.5 * (at(lambdas, t) + at(lambdas, t + 1));
        for (let t = 0; t < end; t++) {
          const support = supportBetween(codes[t] as Float64Array, codes[t + 1] as Float64Array);
          // Float64 on supports whose Gram matrices have conditions below 1e6.
          expect(violation(p(middle(t)), support), `segment ${t}`).toBeLessThanOrEqual(1e-10);
          if (t + 1 === end) continue;
          const next = supportBetween(codes[t + 1] as Float64Array, codes[t + 2] as Float64Array);
          expect(next).not.toEqual(support);
          left += support.indices.filter((j) => !next.indices.includes(j)).length;
          const knot = endOfSegment(p(0), support, middle(t), middle(t + 1));
          expect(Math.abs(knot - at(lambdas, t + 1)), `knot ${t + 1}`).toBeLessThanOrEqual(
            1e-9 * at(lambdas, 0),
          );
        }
      });
    },
  );

  it('codes are linear in λ between knots', async () => {
    const steps = await walk(problem.samples, dictionary, { ratio: 0.05 });
    for (let t = 0; t + 1 < steps.length; t++) {
      const [a, b] = [steps[t] as PathUnfolding, steps[t + 1] as PathUnfolding];
      const lambda = a.lambda.map((value, i) => 0.5 * (value + at(b.lambda, i)));
      const between = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda });
      for (let i = 0; i < lambda.length; i++) {
        const [first, last] = [denseRow(a.codes, i), denseRow(b.codes, i)];
        denseRow(between.codes, i).forEach((value, j) => {
          const most = Math.max(Math.abs(at(first, j)), Math.abs(at(last, j)));
          // Three roundings to float32, two of them halved.
          expect(Math.abs(value - 0.5 * (at(first, j) + at(last, j)))).toBeLessThanOrEqual(
            2 * U32 * most + 1e-12 * norm(first),
          );
        });
      }
    }
  });
});

it('atoms left supports in these paths, not only joined them', () => {
  expect(left).toBeGreaterThan(20);
});

describe('at one λ', () => {
  const problem = coherent(611, { features: 90, dims: 24, samples: 12, active: 6 });
  const dictionary = Dictionary.from(problem.atoms);
  const lambda = 0.02;

  it('the tolerance says what has converged, and nothing about the codes', () => {
    const loose = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda, tolerance: 0.5 });
    const tight = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda, tolerance: 1e-7 });
    expectSame(loose, tight);
    expect(tight.converged).toBe(true);
    const none = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda, tolerance: 1e-18 });
    expect(none.status.every((s) => s === UnfoldStatus.stalled || s === UnfoldStatus.converged)).toBe(true);
    none.gap.forEach((gap, i) => {
      expect(at(none.status, i) === UnfoldStatus.converged).toBe(gap <= 1e-18);
    });
  });

  it('a limit of knots is one, and the certificate is that of what came out', () => {
    for (const maxIterations of [1, 3]) {
      const options = { method: 'homotopy', lambda, maxIterations, tolerance: 1e-6 } as const;
      const result = unfoldSync(problem.samples, dictionary, options);
      checkConvex(problem, options, result);
      for (const status of result.status) expect(status).toBe(UnfoldStatus.iterationLimit);
      for (const knots of result.iterations) expect(knots).toBe(maxIterations);
    }
  });

  it('a warm start changes nothing but rounding', () => {
    const cold = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda });
    const warmStart = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity: 9 }).codes;
    const warm = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda, warmStart });
    expect(warm.codes.indices).toEqual(cold.codes.indices);
    warm.codes.values.forEach((value, k) => {
      expect(Math.abs(value - at(cold.codes.values, k))).toBeLessThanOrEqual(4 * U32 * Math.abs(value));
    });
  });

  it('a grid of λ is exact at each', async () => {
    let steps = 0;
    for await (const step of unfoldPath(problem.samples, dictionary, {
      method: 'homotopy',
      count: 5,
      ratio: 0.02,
      tolerance: 1e-7,
    })) {
      expect(step.converged).toBe(true);
      const alone = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda: step.lambda });
      expect(step.codes.indices).toEqual(alone.codes.indices);
      steps++;
    }
    expect(steps).toBe(5);
  });
});

describe('degenerate', () => {
  const identity = Dictionary.from(
    toMatrix([0, 1, 2, 3].map((j) => [0, 1, 2, 3].map((k) => (j === k ? 1 : 0)))),
  );

  it('ties at λ_max are one knot', async () => {
    const samples = toMatrix([
      [1, 1, 1, 1],
      [2, -2, 1, 0.5],
      [0, 0, 0, 0],
    ]);
    const steps = await walk(samples, identity, { lambda: 0.25 });
    expect(steps.map((step) => at(step.lambda, 0))).toEqual([1, 0.25, 0.25, 0.25]);
    expect(steps.map((step) => at(step.lambda, 1))).toEqual([2, 1, 0.5, 0.25]);
    expect(steps.map((step) => at(step.lambda, 2))).toEqual([0.25, 0.25, 0.25, 0.25]);
    const last = steps[3] as PathUnfolding;
    expect([...last.codes.values]).toEqual([0.75, 0.75, 0.75, 0.75, 1.75, -1.75, 0.75, 0.25]);
    expect([...last.gap]).toEqual([0, 0, 0]);
  });

  it('small integers, where everything ties with everything, and atoms that differ in the last bits', async () => {
    const random = makeRandom(621);
    for (let round = 0; round < 30; round++) {
      const [features, dims] = [3 + random.below(20), 2 + random.below(8)];
      const blur = round % 3 === 2 ? 1e-6 : 0;
      const atoms = Array.from({ length: features }, () =>
        Array.from({ length: dims }, () => (random.below(3) - 1) * (1 + blur * random.uniform())),
      );
      const samples = Array.from({ length: 3 }, () =>
        Array.from({ length: dims }, () => random.below(7) - 3),
      );
      const problem = {
        name: `integers ${round}`,
        atoms: toMatrix(atoms, dims),
        samples: toMatrix(samples, dims),
      };
      const dictionary = Dictionary.from(problem.atoms);
      const nonnegative = round % 2 === 1;
      const lambda = lambdaMax(problem.samples, dictionary, { nonnegative }).map(
        (m) => 0.1 * (m > 0 ? m : 1),
      );
      const options = { lambda, nonnegative, tolerance: 1e-5 };
      const direct = unfoldSync(problem.samples, dictionary, { ...options, method: 'homotopy' });
      // Coordinate descent does not come to an end on atoms that differ in the last bits: their gap in float64 then.
      if (blur === 0) checkConvex(problem, options, direct);
      else expect(trueGap(problem, options, direct)).toBeLessThanOrEqual(1e-5);
      expect(direct.converged, problem.name).toBe(true);
      const steps = await walk(problem.samples, dictionary, options);
      for (const step of steps) expect(step.converged, problem.name).toBe(true);
      const last = steps[steps.length - 1] as PathUnfolding;
      expect(last.lambda).toEqual(lambda);
      expect(trueGap(problem, options, last)).toBeLessThanOrEqual(1e-5);
    }
  });
});

describe.each([false, true])('by knots, nonnegative: %s', (nonnegative) => {
  it.each(standardProblems(nonnegative))('$name', async (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const steps = await walk(problem.samples, dictionary, { nonnegative, maxKnots: 5 });
    expect(steps.length).toBeLessThanOrEqual(5);
    for (const [t, step] of steps.entries()) {
      expect(step.lambda.length).toBe(problem.samples.shape[0]);
      expect(step.converged).toBe(true);
      for (const knots of step.iterations) expect(knots).toBeLessThanOrEqual(t);
      if (t === steps.length - 1) checkConvex(problem, { lambda: step.lambda, nonnegative }, step);
    }
  });
});

describe('the iterable', () => {
  const problem = gaussian(631, { features: 40, dims: 16, samples: 5 });

  it('ends each sample at a λ of its own, above λ_max at once', async () => {
    const dictionary = Dictionary.from(problem.atoms);
    const lambda = lambdaMax(problem.samples, dictionary).map((m, i) => m * at([2, 1, 0.5, 0.1, 0.01], i));
    const steps = await walk(problem.samples, dictionary, { lambda });
    const last = steps[steps.length - 1] as PathUnfolding;
    expect(last.lambda).toEqual(lambda);
    expect(at((steps[0] as PathUnfolding).lambda, 0)).toBe(at(lambda, 0));
    const direct = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda });
    expect(last.codes).toEqual(direct.codes);
    expect(last.status).toEqual(direct.status);
  });

  it('a batch of no samples is one empty step', async () => {
    const dictionary = Dictionary.from(problem.atoms);
    const steps = await walk({ data: new Float32Array(0), shape: [0, 16] }, dictionary, { lambda: 1 });
    expect(steps.map((step) => step.codes.shape)).toEqual([[0, 40]]);
  });

  it('stops on abort, reports progress, and refuses a disposed dictionary', async () => {
    const dictionary = Dictionary.from(problem.atoms);
    const controller = new AbortController();
    const reports: number[] = [];
    const path = unfoldPath(problem.samples, dictionary, {
      method: 'homotopy',
      knots: true,
      signal: controller.signal,
      onProgress: ({ done, total }) => {
        expect(total).toBe(5);
        reports.push(done);
      },
    });
    await path.next();
    expect(reports[reports.length - 1]).toBe(5);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(path.next()).rejects.toBe(reason);

    const other = unfoldPath(problem.samples, dictionary, { method: 'homotopy', knots: true });
    await other.next();
    dictionary.dispose();
    await expect(other.next()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });

  it('more samples than a batch holds follow the paths that they have alone', async () => {
    const rows = 530; // batches are of 512
    const many = gaussian(632, { features: 24, dims: 10, samples: rows, active: 3 });
    const dictionary = Dictionary.from(many.atoms);
    const steps = await walk(many.samples, dictionary, { lambda: 0.3 });
    for (const i of [0, 511, 512, 529]) {
      const alone = await walk(
        { data: many.samples.data.slice(i * 10, (i + 1) * 10), shape: [1, 10] },
        dictionary,
        { lambda: 0.3 },
      );
      alone.forEach((step, t) => {
        const all = steps[t] as PathUnfolding;
        expect(at(all.lambda, i)).toBe(at(step.lambda, 0));
        expect(all.codes.row(i)).toEqual(step.codes.row(0));
      });
    }
  });
});

it('reference: a violation is seen on either side of a knot', () => {
  const atoms = [Float64Array.of(1, 0), Float64Array.of(0, 1)];
  const p = { x: Float64Array.of(3, 2), atoms, lambda: 2.5 };
  const first = { indices: [0], signs: [1] };
  expect(violation(p, first)).toBeLessThanOrEqual(0);
  expect(violation({ ...p, lambda: 1.5 }, first)).toBeGreaterThan(0.1);
  expect(violation({ ...p, lambda: 3.5 }, first)).toBeGreaterThan(0.1);
  expect(endOfSegment(p, first, 2.5, 1)).toBeCloseTo(2, 12);
});
