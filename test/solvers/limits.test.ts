// Honesty at iteration limits, warm starts, and the shapes of input that an unfolding takes.
import { describe, expect, it } from 'vitest';
import { Dictionary, type Matrix, SparseCodes, UnfoldStatus, unfold, unfoldSync } from '../../lib/index.js';
import { objective } from '../reference/lasso.js';
import { at, dot, rowAt, toRows } from '../reference/linear.js';
import { coherent, gaussian, rankDeficient } from '../reference/problems.js';
import { denseRow } from '../reference/recovery.js';
import { checkConvex, expectSame } from '../reference/verify.js';

const problem = coherent(41, { features: 90, dims: 24, samples: 12, active: 6 });
const dictionary = Dictionary.from(problem.atoms);
const METHODS = ['lasso', 'fista', 'ista'] as const;
const lambda = 0.02;

describe.each(METHODS)('%s', (method) => {
  it('says so when the iteration limit comes before the tolerance', () => {
    for (const maxIterations of [1, 2, 3]) {
      const options = { method, lambda, maxIterations, tolerance: 1e-7 };
      const result = unfoldSync(problem.samples, dictionary, options);
      checkConvex(problem, options, result);
      expect(result.converged).toBe(false);
      for (const n of result.iterations) expect(n).toBeLessThanOrEqual(maxIterations);
      expect(result.status).toContain(UnfoldStatus.iterationLimit);
    }
  });

  it('never gets worse with more iterations, as far as the certificate tells', () => {
    const optimum = unfoldSync(problem.samples, dictionary, { lambda, tolerance: 1e-6 });
    for (const maxIterations of [1, 4, 16]) {
      const result = unfoldSync(problem.samples, dictionary, { method, lambda, maxIterations });
      result.objective.forEach((value, i) => {
        const x = rowAt(toRows(problem.samples), i);
        // P* ≥ the optimum's objective minus its gap, so nothing can lie below that.
        const lower = at(optimum.objective, i) - at(optimum.gap, i) * 0.5 * dot(x, x);
        expect(value).toBeGreaterThanOrEqual(lower * (1 - 1e-12));
      });
    }
  });

  it('a warm start at the answer is done at once, and one elsewhere ends within the same bound', () => {
    const cold = unfoldSync(problem.samples, dictionary, { method, lambda, tolerance: 1e-5 });
    const warm = unfoldSync(problem.samples, dictionary, {
      method,
      lambda,
      tolerance: 1e-5,
      warmStart: cold.codes,
    });
    expectClose(cold, warm, 1e-5);
    for (let i = 0; i < 12; i++)
      if (cold.status[i] === UnfoldStatus.converged) expect(at(warm.iterations, i)).toBe(0);

    const elsewhere = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity: 5 }).codes;
    const other = { method, lambda, tolerance: 1e-5, warmStart: elsewhere };
    const fromElsewhere = unfoldSync(problem.samples, dictionary, other);
    checkConvex(problem, other, fromElsewhere);
    expectClose(cold, fromElsewhere, 1e-5);
  });

  it('a warm start with negative codes is fine for a nonnegative problem', () => {
    const signed = unfoldSync(problem.samples, dictionary, { method, lambda });
    const options = { method, lambda, nonnegative: true, warmStart: signed.codes };
    checkConvex(problem, options, unfoldSync(problem.samples, dictionary, options));
  });

  it('a warm start that is far too large recovers', () => {
    const huge = SparseCodes.from({
      indptr: Uint32Array.from({ length: 13 }, (_, i) => 3 * i),
      indices: Uint32Array.from({ length: 36 }, (_, k) => [3, 40, 77][k % 3] as number),
      values: new Float32Array(36).fill(1e6),
      shape: [12, 90],
    });
    const options = { method, lambda, warmStart: huge };
    const result = unfoldSync(problem.samples, dictionary, options);
    checkConvex(problem, options, result);
    if (method === 'lasso') expect(result.converged).toBe(true);
  });

  /** Both objectives lie in [P*, P* + G]: they differ by at most the larger G. */
  function expectClose(
    a: ReturnType<typeof unfoldSync>,
    b: ReturnType<typeof unfoldSync>,
    tolerance: number,
  ): void {
    const atoms = toRows(problem.atoms);
    toRows(problem.samples).forEach((x, i) => {
      if (at(a.gap, i) > tolerance || at(b.gap, i) > tolerance) return;
      const pa = objective({ x, atoms, lambda }, denseRow(a.codes, i));
      const pb = objective({ x, atoms, lambda }, denseRow(b.codes, i));
      const bound = Math.max(at(a.gap, i), at(b.gap, i)) * 0.5 * dot(x, x);
      expect(Math.abs(pa - pb)).toBeLessThanOrEqual(bound + 1e-12 * pa);
    });
  }
});

describe('input', () => {
  const options = { lambda: 0.1 };
  const expected = unfoldSync(problem.samples, dictionary, options);

  it('async, float64, shared memory and offset views give the same bits', async () => {
    expectSame(expected, await unfold(problem.samples, dictionary, options));
    const wide: Matrix<Float64Array> = {
      data: Float64Array.from(problem.samples.data),
      shape: problem.samples.shape,
    };
    expectSame(expected, unfoldSync(wide, dictionary, options));
    expectSame(expected, await unfold(wide, dictionary, options));
    const shared = new Float32Array(new SharedArrayBuffer(problem.samples.data.byteLength));
    shared.set(problem.samples.data);
    expectSame(expected, unfoldSync({ data: shared, shape: problem.samples.shape }, dictionary, options));
    expectSame(expected, await unfold({ data: shared, shape: problem.samples.shape }, dictionary, options));
    const offset = new Float32Array(problem.samples.data.length + 3).subarray(3);
    offset.set(problem.samples.data);
    expectSame(expected, unfoldSync({ data: offset, shape: problem.samples.shape }, dictionary, options));
  });

  it('names the device and the level, and lasso is the default method', () => {
    expect(expected.device).toBe('cpu');
    expect(['scalar', 'avx2', 'avx512', 'neon']).toContain(expected.isa);
    expectSame(
      expected,
      unfoldSync(problem.samples, dictionary, { method: 'lasso', lambda: 0.1, device: 'cpu' }),
    );
    expectSame(
      expected,
      unfoldSync(problem.samples, dictionary, { lambda: 0.1, precision: 'float32', device: 'auto' }),
    );
  });

  it('an empty batch answers empty arrays', async () => {
    const empty = { data: new Float32Array(0), shape: [0, 24] as const };
    for (const result of [
      unfoldSync(empty, dictionary, options),
      await unfold(empty, dictionary, options),
      unfoldSync(empty, dictionary, { method: 'omp', sparsity: 3 }),
    ]) {
      expect(Array.from(result.codes.indptr)).toEqual([0]);
      expect(result.gap.length + result.objective.length + result.status.length).toBe(0);
      expect(result.converged).toBe(true);
    }
  });

  it('a dictionary of zero atoms explains nothing and says so with gap 0', () => {
    const zeros = Dictionary.from({ data: new Float32Array(5 * 24), shape: [5, 24] });
    for (const method of METHODS) {
      const result = unfoldSync(problem.samples, zeros, { method, lambda: 0.1 });
      expect(result.codes.indices.length).toBe(0);
      expect(result.converged).toBe(true);
    }
    expect(unfoldSync(problem.samples, zeros, { method: 'omp', sparsity: 2 }).codes.indices.length).toBe(0);
  });

  it('subnormal and near-overflow samples keep their certificates', () => {
    const base = gaussian(42, { features: 30, dims: 12, samples: 3 });
    const small = Dictionary.from(base.atoms);
    for (const factor of [1e-41, 1e-36, 1e36]) {
      const samples = { data: base.samples.data.map((v) => v * factor), shape: base.samples.shape };
      const result = unfoldSync(samples, small, { lambda: 0.1 * factor });
      for (const gap of result.gap) expect(gap).toBeGreaterThanOrEqual(0);
      for (const value of result.codes.values) expect(Number.isFinite(value)).toBe(true);
      expect(result.status.every((s) => s <= UnfoldStatus.stalled)).toBe(true);
    }
  });

  it('a larger problem, where working sets grow and samples leave the batch at different times', () => {
    const large = rankDeficient(43, { features: 400, dims: 60, samples: 40, active: 12 });
    const atoms = Dictionary.from(large.atoms);
    const wanted = { lambda: Float64Array.from({ length: 40 }, (_, i) => 0.01 * 1.12 ** i), tolerance: 1e-5 };
    checkConvex(large, wanted, unfoldSync(large.samples, atoms, wanted));
  });

  it('more samples than a batch holds: each with its own λ, sparsity and warm start', () => {
    const rows = 1300; // batches are of 512
    const base = gaussian(44, { features: 40, dims: 16, samples: rows, active: 3 });
    const atoms = Dictionary.from(base.atoms);
    const lambdas = Float64Array.from({ length: rows }, (_, i) => 0.05 * 1.002 ** i);
    const sparsity = Array.from({ length: rows }, (_, i) => 1 + (i % 5));
    const first = unfoldSync(base.samples, atoms, { lambda: lambdas });
    const again = unfoldSync(base.samples, atoms, { lambda: lambdas, warmStart: first.codes });
    const greedy = unfoldSync(base.samples, atoms, { method: 'omp', sparsity });
    expect([first.converged, again.converged]).toEqual([true, true]);
    expect(Math.max(...again.iterations)).toBe(0);
    for (const i of [0, 1, 510, 511, 512, 513, 1023, 1024, 1299]) {
      const sample = { data: base.samples.data.slice(i * 16, (i + 1) * 16), shape: [1, 16] as const };
      const alone = unfoldSync(sample, atoms, { lambda: at(lambdas, i) });
      expect(alone.codes.row(0)).toEqual(first.codes.row(i));
      const few = unfoldSync(sample, atoms, { method: 'omp', sparsity: at(sparsity, i) });
      expect(few.codes.row(0).indices).toEqual(greedy.codes.row(i).indices);
    }
  });
});
