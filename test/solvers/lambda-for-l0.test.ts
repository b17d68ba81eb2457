// The λ of a wanted number of active features.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaForL0, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { failure } from '../api/calls.js';
import { coherent, gaussian } from '../reference/problems.js';

const problem = gaussian(441, { features: 96, dims: 24, samples: 80, active: 5, noise: 0.2 });
const dictionary = Dictionary.from(problem.atoms);
const meanL0 = (lambda: number, options: object = {}, of = problem, over = dictionary): number =>
  unfoldSync(of.samples, over, { lambda, ...options }).codes.indices.length / of.samples.shape[0];

describe('lambdaForL0', () => {
  it.each([0.5, 2, 5, 8.3, 12])('reaches a mean of %d, and says what unfold gives there', async (target) => {
    const { lambda, l0, reached, samples } = await lambdaForL0(problem.samples, dictionary, target);
    const { codes } = unfoldSync(problem.samples, dictionary, { lambda });
    const counts = [...codes].map(({ indices }) => indices.length).sort((a, b) => a - b);
    const mean = counts.reduce((a, b) => a + b) / 80;
    expect(samples).toBe(80);
    expect(l0.mean).toBe(mean);
    expect([l0.minimum, l0.maximum]).toEqual([counts[0], counts[79]]);
    expect(l0.median).toBe(((counts[39] as number) + (counts[40] as number)) / 2);
    const deviation = Math.sqrt(counts.reduce((sum, c) => sum + (c - mean) ** 2, 0) / 79);
    expect(l0.deviation).toBeCloseTo(deviation, 10);
    expect(l0.standardError).toBeCloseTo(deviation / Math.sqrt(80), 10);
    // 1 % of the target, or the step of the mean where that is more
    expect(Math.abs(mean - target)).toBeLessThanOrEqual(Math.max(0.01 * target, 1 / 80));
    expect(reached).toBe(Math.abs(mean - target) <= 0.01 * target);
  });

  it('follows the penalty: nonnegative, weights, ridge', async () => {
    const weights = Float32Array.from({ length: 96 }, (_, j) => 1 + (j % 3));
    for (const options of [{ nonnegative: true }, { weights }, { ridge: 0.5 }, { tolerance: 1e-7 }]) {
      const { lambda, l0 } = await lambdaForL0(problem.samples, dictionary, 4, options);
      expect(meanL0(lambda, options)).toBe(l0.mean);
      expect(Math.abs(l0.mean - 4)).toBeLessThanOrEqual(0.04);
    }
  });

  it('works at any scale, on coherent atoms, on some of the samples', async () => {
    for (const scale of [2 ** -100, 2 ** 100]) {
      const scaled = { data: problem.samples.data.map((v) => v * scale), shape: problem.samples.shape };
      const plain = await lambdaForL0(problem.samples, dictionary, 3);
      expect((await lambdaForL0(scaled, dictionary, 3)).lambda / scale).toBeCloseTo(plain.lambda, 10);
    }
    const hard = coherent(442, { features: 120, dims: 16, samples: 300, active: 4 });
    const over = Dictionary.from(hard.atoms);
    const { lambda, l0, samples } = await lambdaForL0(hard.samples, over, 6, { samples: 100 });
    expect(samples).toBe(100);
    expect(Math.abs(l0.mean - 6)).toBeLessThanOrEqual(0.06);
    // the others are like those: within five standard errors of both means
    expect(Math.abs(meanL0(lambda, {}, hard, over) - 6)).toBeLessThan(0.06 + 5 * l0.standardError);
  });

  it('is the same each time, on any number of threads, and tells how far it is', async () => {
    const told: number[] = [];
    const [one, two] = [
      await lambdaForL0(problem.samples, dictionary, 5, { threads: 1 }),
      await lambdaForL0(problem.samples, dictionary, 5, {
        threads: 3,
        onProgress: ({ done }) => told.push(done),
      }),
    ];
    expect(two).toEqual(one);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(60);
  });

  it('says when a step of the mean jumps over the target', async () => {
    const one = { data: problem.samples.data.slice(0, 24), shape: [1, 24] };
    const { l0, reached } = await lambdaForL0(one, dictionary, 2.5);
    expect([2, 3]).toContain(l0.mean);
    expect(reached).toBe(false);
  });

  it('refuses targets that are not there', async () => {
    const zeros = { data: new Float32Array(24), shape: [1, 24] };
    const twins = Dictionary.from({ data: Float32Array.of(1, 0, 1, 0), shape: [2, 2] });
    const line = { data: Float32Array.of(1, 0), shape: [1, 2] };
    for (const [call, pattern] of [
      [() => lambdaForL0(problem.samples, dictionary, 0), /target.*> 0/],
      [() => lambdaForL0(problem.samples, dictionary, 25), /target.*24 \(min\(dims, features\)\)/],
      [() => lambdaForL0(zeros, dictionary, 1), /no λ gives 1 active/],
      [() => lambdaForL0(line, twins, 2), /no λ gives 2 active/],
      [
        () => lambdaForL0({ data: new Float32Array(0), shape: [0, 24] }, dictionary, 1),
        /at least one sample/,
      ],
    ] as const) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect((error as Error).message).toMatch(pattern);
    }
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failure(() => lambdaForL0(problem.samples, dictionary, 5, { signal }))).toBe(signal.reason);
  });
});
