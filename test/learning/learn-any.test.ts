// Learning at any scale, in runs of any length, from any source, and what the answer says of atoms that found no samples.
import { describe, expect, it } from 'vitest';
import { type LearnedDictionary, learnDictionary, type Matrix, unfoldSync } from '../../lib/index.js';
import { at, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { bits } from '../reference/verify.js';

const DIMS = 12;
const { samples } = gaussian(301, { features: 20, dims: DIMS, samples: 400, active: 3 });
const options = { features: 20, lambda: 0.1, batchSize: 50, seed: 5 };

const scaled = (matrix: Matrix<Float32Array>, factor: number): Matrix<Float32Array> => ({
  data: matrix.data.map((v) => v * factor),
  shape: matrix.shape,
});
const part = (first: number, count: number, of = samples): Matrix<Float32Array> => ({
  data: of.data.slice(first * DIMS, (first + count) * DIMS),
  shape: [count, DIMS],
});
const PARTS = [part(0, 150), part(150, 150), part(300, 100)];
const atomsOf = ({ dictionary }: LearnedDictionary): string =>
  bits(dictionary.toMatrix().data as Float32Array);

describe('scale', () => {
  it.each([60, -60, 100, -100])('samples and λ × 2^%d: the same atoms, bit for bit', async (exponent) => {
    const factor = 2 ** exponent;
    const one = await learnDictionary(samples, { ...options, epochs: 4 });
    const other = await learnDictionary(scaled(samples, factor), {
      ...{ ...options, lambda: options.lambda * factor },
      epochs: 4,
    });
    expect(atomsOf(other)).toBe(atomsOf(one));
    expect(other.usage).toEqual(one.usage);
    expect(other.objective).toBeCloseTo(one.objective * factor ** 2, 10);
    expect(other.objective / factor ** 2).toBeCloseTo(one.objective, 10);
    expect(other.explainedVariance).toBeCloseTo(one.explainedVariance, 12);
    expect(one.explainedVariance).toBeGreaterThan(0.8);

    const parts = (by: number) => PARTS.map((matrix) => scaled(matrix, by));
    const streamed = await learnDictionary(parts(1), options);
    const far = await learnDictionary(parts(factor), { ...options, lambda: options.lambda * factor });
    expect(atomsOf(far)).toBe(atomsOf(streamed));
  });

  it('a stream whose batches grow far beyond the first learns the large ones', async () => {
    const lambda = options.lambda * 2 ** 50;
    const small = Array.from({ length: 3 }, () => scaled(part(0, 100), 2 ** -40));
    const large = Array.from({ length: 8 }, () => scaled(samples, 2 ** 50));
    const { dictionary } = await learnDictionary([...small, ...large], { ...options, lambda });
    const { objective } = unfoldSync(scaled(samples, 2 ** 50), dictionary, { lambda });
    const alone = await learnDictionary(large, { ...options, lambda });
    const best = unfoldSync(scaled(samples, 2 ** 50), alone.dictionary, { lambda }).objective;
    const sum = (values: Float64Array): number => values.reduce((total, v) => total + v, 0);
    expect(sum(objective)).toBeLessThan(1.1 * sum(best));
  });
});

it('zero samples count as samples and steps, first of all too', async () => {
  const zeros: Matrix<Float32Array> = { data: new Float32Array(100 * DIMS), shape: [100, DIMS] };
  const learned = await learnDictionary([zeros, part(0, 100), zeros], options);
  expect([learned.steps, learned.samples]).toEqual([6, 300]);
  const nothing = await learnDictionary(zeros, { ...options, epochs: 2 });
  expect([nothing.steps, nothing.samples, nothing.dead]).toEqual([4, 200, 20]);
  expect(nothing.notes.map(({ code }) => code)).toEqual(['NOTE_DEAD_ATOMS']);
});

describe('unused atoms', () => {
  /** Atoms of which half point where no sample goes. */
  const wide = DIMS + 1;
  const widen = ({ data, shape: [rows] }: Matrix<Float32Array>, count = rows): Matrix<Float32Array> => {
    const out = new Float32Array(rows * wide);
    for (let i = 0; i < rows; i++) {
      if (i < count) out.set(data.subarray(i * DIMS, (i + 1) * DIMS), i * wide);
      else out[i * wide + DIMS] = 1;
    }
    return { data: out, shape: [rows, wide] };
  };
  const initial = widen(part(0, 20), 10);

  it.each([2, 5, 8, 24])('are replaced in a run of %d steps', async (steps) => {
    const learned = await learnDictionary(widen(samples), { ...options, initial, steps });
    expect(learned.replaced).toBeGreaterThanOrEqual(10);
    for (const atom of toRows(learned.dictionary.toMatrix()))
      expect(Math.abs(at(atom, DIMS))).toBeLessThan(1e-3);
  });

  it('and in a short stream', async () => {
    const learned = await learnDictionary(
      PARTS.map((matrix) => widen(matrix)),
      { ...options, initial },
    );
    expect(learned.steps).toBe(8);
    expect(learned.replaced).toBeGreaterThanOrEqual(10);
  });

  it('that are left are counted and noted, with nothing printed', async () => {
    const learned = await learnDictionary(widen(samples), { ...options, initial, steps: 1 });
    expect(learned.dead).toBe(10);
    expect(Array.from(learned.deadAtoms)).toEqual(Array.from({ length: 10 }, (_, j) => 10 + j));
    expect(learned.notes[0]).toMatchObject({
      code: 'NOTE_DEAD_ATOMS',
      level: 'warning',
      message: expect.stringContaining('10 of 20 atoms were used by no sample'),
    });
    // A λ above what any sample has to do with an atom: nothing is learned, and the answer says so.
    const silent = await learnDictionary(samples, { ...options, lambda: 1e6, epochs: 1 });
    expect([silent.dead, silent.l0]).toEqual([20, 0]);
    expect(silent.notes[0]?.message).toContain('lambda 1000000 leaves every code zero');
    const good = await learnDictionary(samples, { ...options, epochs: 4 });
    expect([good.dead, good.deadAtoms.length, good.notes]).toEqual([0, 0, []]);
    expect(Array.from(good.usage).every((count) => count > 0)).toBe(true);
  });
});

describe('sources', () => {
  function* now() {
    yield* PARTS;
  }
  async function* later() {
    yield* PARTS;
  }

  it('an array, a set, generators of both kinds and functions that give them learn the same', async () => {
    const expected = atomsOf(await learnDictionary(PARTS, options));
    for (const source of [new Set(PARTS), now(), later(), now, later, () => PARTS])
      expect(atomsOf(await learnDictionary(source, options))).toBe(expected);
  });

  it('several epochs read again what can be read again, and refuse what cannot', async () => {
    const twice = await learnDictionary([...PARTS, ...PARTS], options);
    for (const source of [PARTS, now, later, () => PARTS]) {
      const learned = await learnDictionary(source, { ...options, epochs: 2 });
      expect([learned.steps, learned.samples]).toEqual([16, 800]);
      expect(atomsOf(learned)).toBe(atomsOf(twice));
    }
    for (const source of [now(), later()])
      await expect(learnDictionary(source, { ...options, epochs: 2 })).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringContaining('a generator, which can be read once'),
      });
    const once = now();
    await expect(learnDictionary(() => once, { ...options, epochs: 2 })).rejects.toThrow('in epoch 2 of 2');
    await expect(learnDictionary((() => 7) as never, options)).rejects.toThrow('activations() must give');
    await expect(learnDictionary([], options)).rejects.toThrow('activations gave no samples');
    await expect(
      learnDictionary([part(0, 5), { data: new Float32Array(6), shape: [1, 6] }], options),
    ).rejects.toThrow('changed from 12 to 6 dims');
    for (const extra of [{ steps: 3 }, { restarts: 2 }])
      await expect(learnDictionary(PARTS, { ...options, ...extra } as never)).rejects.toThrow(
        'an option of calls with a matrix',
      );
  });
});

describe('restarts', () => {
  it('answer the dictionary of least objective on all samples, of those that single calls learn', async () => {
    const calls = await Promise.all(
      [5, 6, 7, 8].map((seed) => learnDictionary(samples, { ...options, seed, epochs: 2 })),
    );
    const objectives = calls.map(({ dictionary }) =>
      unfoldSync(samples, dictionary, { lambda: options.lambda, tolerance: 1e-4 }).objective.reduce(
        (sum, v) => sum + v,
        0,
      ),
    );
    const least = objectives.indexOf(Math.min(...objectives));
    const done: number[] = [];
    const best = await learnDictionary(samples, {
      ...{ ...options, epochs: 2, restarts: 4 },
      onProgress: (now) => done.push(now.done / (now.total ?? 0)),
    });
    expect(best.seed).toBe(5 + least);
    expect(atomsOf(best)).toBe(atomsOf(calls[least] as LearnedDictionary));
    expect(done.at(-1)).toBe(1);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    const again = await learnDictionary(samples, { ...options, epochs: 2, restarts: 4, threads: 3 });
    expect(atomsOf(again)).toBe(atomsOf(best));
  });

  it('copies the samples before the call returns', async () => {
    const mine = scaled(samples, 1);
    const learning = learnDictionary(mine, { ...options, epochs: 1, restarts: 2 });
    mine.data.fill(Number.NaN);
    const expected = await learnDictionary(samples, { ...options, epochs: 1, restarts: 2 });
    expect(atomsOf(await learning)).toBe(atomsOf(expected));
  });
});
