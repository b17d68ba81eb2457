// Where atoms start: samples drawn far from one another, as k-means++ draws them.
import { describe, expect, it } from 'vitest';
import { learnDictionary, type Matrix } from '../../lib/index.js';
import { at, dot, norm, type Rows, rowAt, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { bits } from '../reference/verify.js';

const toMatrix = (rows: readonly (readonly number[])[]): Matrix<Float32Array> => ({
  data: Float32Array.from(rows.flat()),
  shape: [rows.length, rows[0]?.length ?? 0],
});

/** The atoms as they start: λ leaves every code zero. */
async function startOf(samples: Matrix<Float32Array>, options: object): Promise<Rows> {
  const { dictionary } = await learnDictionary(samples, {
    ...{ features: 2, lambda: 1e9, steps: 1, start: 'kmeans++' as const },
    ...options,
  });
  return toRows(dictionary.toMatrix());
}

/** Which sample each atom lies along. */
function drawn(atoms: Rows, samples: Rows): number[] {
  return atoms.map((atom) => samples.findIndex((x) => dot(atom, x) > (1 - 1e-6) * norm(atom) * norm(x)));
}

describe('kmeans++', () => {
  // Of different norms, which count for nothing; one zero, which is never drawn; signs that tell signed from unsigned cosines.
  const samples = toMatrix([
    [2, 0, 0],
    [0.3, 0.4, 0],
    [0, 0, 0],
    [-5, 1, 0.5],
    [0.1, 0.1, -0.3],
  ]);
  const rows = toRows(samples);
  const SEEDS = 1500;

  it.each([false, true])('draws as the formula says, nonnegative %s', async (nonnegative) => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const pair = drawn(await startOf(samples, { seed, nonnegative }), rows).join();
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
    const present = [0, 1, 3, 4];
    const share = (i: number, j: number): number => {
      const cosine = dot(rowAt(rows, i), rowAt(rows, j)) / (norm(rowAt(rows, i)) * norm(rowAt(rows, j)));
      return 1 - (nonnegative ? Math.max(0, cosine) : cosine) ** 2;
    };
    let statistic = 0;
    let seen = 0;
    for (const i of present) {
      const total = present.reduce((sum, j) => sum + (i === j ? 0 : share(i, j)), 0);
      for (const j of present) {
        if (i === j) continue;
        const expected = (SEEDS / present.length) * (share(i, j) / total);
        const count = counts.get(`${i},${j}`) ?? 0;
        statistic += (count - expected) ** 2 / expected;
        seen += count;
      }
    }
    expect(seen).toBe(SEEDS);
    // Twelve pairs, eleven degrees of freedom: chi-square is above 37.4 once in ten thousand.
    expect(statistic).toBeLessThan(37.4);
  });

  it('takes each of as many directions once, however often samples repeat them', async () => {
    const directions = 12;
    const repeated = toMatrix(
      Array.from({ length: 36 }, (_, i) =>
        // the first direction is that of most samples
        Array.from({ length: directions }, (_, k) => (k === Math.max(0, i - 24) ? 1 + i : 0)),
      ),
    );
    for (const seed of [0, 1, 2]) {
      const atoms = await startOf(repeated, { features: directions, seed });
      expect(new Set(atoms.map((atom) => atom.indexOf(1))).size).toBe(directions);
    }
  });

  it('goes on with samples in order once nothing is left of any', async () => {
    const same = toMatrix(Array.from({ length: 8 }, (_, i) => [1 + i, 2 + 2 * i]));
    const atoms = await startOf(same, { features: 3 });
    for (const atom of atoms) expect(norm(atom)).toBeCloseTo(1, 6);
  });

  it('draws the same for any number of threads, at any scale; another seed, others', async () => {
    const { samples: many } = gaussian(77, { features: 60, dims: 16, samples: 900, active: 3 });
    const start = async (options: object, of = many) =>
      bits(Float64Array.from((await startOf(of, { features: 60, ...options })).flatMap((row) => [...row])));
    const one = await start({ threads: 1 });
    for (const threads of [2, 5]) expect(await start({ threads })).toBe(one);
    for (const factor of [2 ** 60, 2 ** -60])
      expect(
        await start({ lambda: 1e30 }, { data: many.data.map((v) => v * factor), shape: many.shape }),
      ).toBe(one);
    expect(await start({ seed: 1 })).not.toBe(one);
  });
});

describe('of a stream', () => {
  const { samples } = gaussian(78, { features: 10, dims: 8, samples: 300, active: 2 });
  const options = { features: 10, lambda: 0.1, batchSize: 20, start: 'kmeans++' as const };
  const part = (first: number, count: number): Matrix<Float32Array> => ({
    data: samples.data.slice(first * 8, (first + count) * 8),
    shape: [count, 8],
  });

  it('samples are drawn among the first of several items, and learned from once each', async () => {
    const items = Array.from({ length: 15 }, (_, i) => part(20 * i, 20));
    const learned = await learnDictionary(items, options);
    expect([learned.steps, learned.samples]).toEqual([15, 300]);
    // Items that hold more at once: the same samples are drawn among, in the same order, and batches are as they were.
    const larger = await learnDictionary([part(0, 60), part(60, 240)], options);
    expect(bits(larger.dictionary.toMatrix().data)).toBe(bits(learned.dictionary.toMatrix().data));
    const twice = await learnDictionary(items, { ...options, epochs: 2 });
    expect([twice.steps, twice.samples]).toEqual([30, 600]);
  });

  it('whose owner writes each item over the last one gives the same', async () => {
    const buffer = new Float32Array(20 * 8);
    function* reused(): Generator<Matrix<Float32Array>> {
      for (let i = 0; i < 15; i++) {
        buffer.set(samples.data.subarray(20 * 8 * i, 20 * 8 * (i + 1)));
        yield { data: buffer, shape: [20, 8] };
      }
      buffer.fill(0);
    }
    const items = Array.from({ length: 15 }, (_, i) => part(20 * i, 20));
    const expected = bits((await learnDictionary(items, options)).dictionary.toMatrix().data);
    expect(bits((await learnDictionary(reused(), options)).dictionary.toMatrix().data)).toBe(expected);
  });

  it('that ends before there are enough starts from what there is', async () => {
    const learned = await learnDictionary([part(0, 12)], options);
    expect([learned.steps, learned.samples]).toEqual([1, 12]);
    expect(toRows(learned.dictionary.toMatrix()).filter((atom) => norm(atom) > 0.99).length).toBe(10);
    await expect(learnDictionary([], options)).rejects.toThrow('activations gave no samples');
  });

  it('that is not finite is refused by its row', async () => {
    const wrong = part(0, 20);
    wrong.data[8 * 3 + 1] = Number.NaN;
    await expect(learnDictionary([wrong], options)).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('row 3'),
    });
  });
});

it('at the first samples in the order of the pass, by default', async () => {
  const { samples } = gaussian(79, { features: 5, dims: 8, samples: 5, active: 2 });
  const atoms = await startOf(samples, { features: 5, start: undefined });
  expect(drawn(atoms, toRows(samples)).sort()).toEqual([0, 1, 2, 3, 4]);
  expect(at(atoms.map(norm), 0)).toBeCloseTo(1, 6);
});
