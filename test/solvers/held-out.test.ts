// λ by held-out dims: closed forms, and data whose noise and codes are known.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaByHeldOutDims, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { failure } from '../api/calls.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

/** x = aD + noise of standard deviation sigma an entry, over unit atoms; codes of ±1 and some. */
function known(seed: number, { features = 128, dims = 64, samples = 60, active = 4, sigma = 0.1 } = {}) {
  const random = makeRandom(seed);
  const atoms = Array.from({ length: features }, () => {
    const row = Array.from({ length: dims }, () => random.normal());
    const size = Math.hypot(...row);
    return row.map((v) => v / size);
  });
  const codes = Array.from({ length: samples }, () => {
    const code = new Array<number>(features).fill(0);
    for (const j of random.choose(active, features)) code[j] = random.sign() * (1 + random.uniform());
    return code;
  });
  const x = codes.map((code) =>
    Array.from({ length: dims }, (_, k) =>
      code.reduce((sum, a, j) => sum + a * (atoms[j]?.[k] as number), sigma * random.normal()),
    ),
  );
  return { atoms: toMatrix(atoms, dims), samples: toMatrix(x, dims), codes };
}

const meanSquare = (data: Float32Array): number => data.reduce((sum, v) => sum + v * v, 0) / data.length;

describe('lambdaByHeldOutDims', () => {
  it('has the error of zero codes where λ is large, and of nothing to learn from where atoms are axes', async () => {
    const { atoms, samples } = known(451, { samples: 9 });
    const zero = await lambdaByHeldOutDims(samples, Dictionary.from(atoms), { lambdas: [1e4, 1e3] });
    for (const error of zero.error) expect(error).toBeCloseTo(meanSquare(samples.data), 5);
    const axes = Dictionary.from({
      data: Float32Array.from({ length: 64 }, (_, at) => Number(at % 9 === 0)),
      shape: [8, 8],
    });
    const rows = { data: samples.data.slice(0, 64), shape: [8, 8] };
    const none = await lambdaByHeldOutDims(rows, axes, { lambdas: [1, 0.1, 0.01], folds: 4 });
    for (const error of none.error) expect(error).toBeCloseTo(meanSquare(rows.data), 6);
    // nothing is better than the largest λ
    expect([none.lambda, none.oneStandardError]).toEqual([1, 1]);
  });

  it.each([0.03, 0.1, 0.2])(
    'finds the noise, and a λ near the one that is best for the true codes: noise %d',
    async (sigma) => {
      const { atoms, samples, codes } = known(452, { sigma });
      const dictionary = Dictionary.from(atoms);
      const found = await lambdaByHeldOutDims(samples, dictionary);
      const distance = (lambda: number): number => {
        const dense = unfoldSync(samples, dictionary, { lambda }).codes.toDense().data;
        return codes.flat().reduce((sum, a, at) => sum + (a - (dense[at] as number)) ** 2, 0);
      };
      const distances = [...found.lambdas].map(distance);
      const best = Math.min(...distances);
      const truth = found.lambdas[distances.indexOf(best)] as number;
      expect(found.lambda / truth).toBeGreaterThan(1 / 2);
      expect(found.lambda / truth).toBeLessThan(2);
      expect(distance(found.lambda)).toBeLessThan(1.5 * best);
      expect(found.oneStandardError).toBeGreaterThanOrEqual(found.lambda);
      // what is held out has the noise, and what the codes miss
      const at = found.lambdas.indexOf(found.lambda);
      expect(found.error[at]).toBeGreaterThan(0.9 * sigma ** 2);
      expect(found.error[at]).toBeLessThan(3 * sigma ** 2);
      expect(found.error[0]).toBeGreaterThan(2 * (found.error[at] as number));
      expect(found.notes).toEqual([]);
    },
  );

  it('takes λ from large to small: more noise, larger λ', async () => {
    const chosen: number[] = [];
    for (const sigma of [0.02, 0.08, 0.3]) {
      const { atoms, samples } = known(453, { sigma });
      chosen.push((await lambdaByHeldOutDims(samples, Dictionary.from(atoms))).lambda);
    }
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(chosen[2]).toBeGreaterThan(4 * (chosen[0] as number));
  });

  it('gives the same for the same seed, and notes an end that is the best', async () => {
    const { atoms, samples } = known(454, { samples: 12, sigma: 0.01 });
    const dictionary = Dictionary.from(atoms);
    const told: number[] = [];
    const options = { count: 4, ratio: 0.3, folds: 3, seed: 7 };
    const one = await lambdaByHeldOutDims(samples, dictionary, { ...options, threads: 1 });
    const two = await lambdaByHeldOutDims(samples, dictionary, {
      ...options,
      threads: 2,
      onProgress: ({ done, total }) => told.push(done / total),
    });
    expect(two).toEqual(one);
    expect(told.at(-1)).toBe(1);
    expect(one.lambda).toBe(one.lambdas[3]);
    expect(one.notes[0]).toMatchObject({ code: 'NOTE_LAMBDA_AT_END', level: 'warning' });
    const other = await lambdaByHeldOutDims(samples, dictionary, { ...options, seed: 8 });
    expect(other.error).not.toEqual(one.error);
    expect(other.lambdas).toEqual(one.lambdas);
  });

  it('refuses what does not fit', async () => {
    const { atoms, samples } = known(455, { samples: 3 });
    const dictionary = Dictionary.from(atoms);
    const flat = Dictionary.from({ data: Float32Array.of(1), shape: [1, 1] });
    for (const [call, pattern] of [
      [() => lambdaByHeldOutDims(samples, dictionary, { folds: 1 }), /folds.*2 and 64/],
      [() => lambdaByHeldOutDims(samples, dictionary, { folds: 65 }), /folds/],
      [() => lambdaByHeldOutDims(samples, dictionary, { lambdas: [1, 2] }), /lambdas must decrease/],
      [
        () => lambdaByHeldOutDims(samples, dictionary, { lambdas: [1], count: 3 }),
        /count is an option of a search without lambdas/,
      ],
      [() => lambdaByHeldOutDims({ data: Float32Array.of(1), shape: [1, 1] }, flat), /two dims/],
      [
        () => lambdaByHeldOutDims({ data: new Float32Array(5), shape: [1, 5] }, dictionary),
        /5 dims, the dictionary has 64/,
      ],
    ] as const) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect((error as Error).message).toMatch(pattern);
    }
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failure(() => lambdaByHeldOutDims(samples, dictionary, { signal }))).toBe(signal.reason);
  });
});
