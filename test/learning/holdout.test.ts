// Samples held out of dictionary learning: which they are, that nothing is learned from them, and what is said of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Holdout, reported, takeRows } from '../../lib/data/holdout.js';
import {
  type LearnedDictionary,
  type LearningProgress,
  learnDictionary,
  type Matrix,
  unfold,
} from '../../lib/index.js';
import { objectiveOf } from '../reference/dictionaries.js';
import { toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow, explainedVariance } from '../reference/recovery.js';
import { bits } from '../reference/verify.js';

const DIMS = 12;
const ROWS = 400;
const SHARE = 0.2;
const { samples } = gaussian(311, { features: 20, dims: DIMS, samples: ROWS, active: 3, noise: 0.05 });
const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-holdout-'));
afterAll(() => rmSync(folder, { recursive: true }));

const rowsOf = (which: ArrayLike<number>): Matrix<Float32Array> => {
  const { data, rows } = takeRows({ data: samples.data, rows: ROWS, cols: DIMS }, Uint32Array.from(which));
  return { data: data as Float32Array, shape: [rows, DIMS] };
};
const { mask, held } = new Holdout(SHARE, 5).split({
  data: samples.data as Float32Array,
  rows: ROWS,
  cols: DIMS,
});
const kept = Array.from(mask.keys()).filter((i) => mask[i] === 1);
const items = (size: number): Matrix<Float32Array>[] =>
  Array.from({ length: ROWS / size }, (_, i) => rowsOf(Array.from({ length: size }, (_, k) => size * i + k)));
const atomsOf = ({ dictionary }: LearnedDictionary): string => bits(dictionary.toMatrix().data);

describe.each([
  [{ lambda: 0.1 }, 'online'],
  [{ sparsity: 3 }, 'ksvd'],
] as const)('%j, %s', (coding, method) => {
  const options = { features: 20, method, batchSize: 50, seed: 5, ...coding };
  const how = 'lambda' in coding ? { ...coding, tolerance: 1e-3 } : { ...coding, method: 'omp' as const };

  async function expectFigures({ dictionary, heldOut }: LearnedDictionary): Promise<void> {
    const out = rowsOf(held);
    const { codes } = await unfold(out, dictionary, how);
    const atoms = toRows(dictionary.toMatrix());
    const dense = Array.from({ length: held.length }, (_, i) => denseRow(codes, i));
    const lambda = 'lambda' in coding ? coding.lambda : 0;
    const objective = objectiveOf(toRows(out), dense, atoms, lambda) / held.length;
    expect(heldOut).toMatchObject({
      samples: held.length,
      l0: codes.indices.length / held.length,
      dead: 20 - new Set(codes.indices).size,
    });
    // The residuals' norms are float32: half a unit of 2⁻²⁴ each, twice over in their squares.
    expect(heldOut?.explainedVariance).toBeCloseTo(explainedVariance(out, codes, atoms), 6);
    expect(heldOut?.objective).toBeCloseTo(objective, 9);
  }

  it('nothing is learned from what is held out of a matrix, and its figures are what the dictionary makes of it', async () => {
    const learned = await learnDictionary(samples, { ...options, epochs: 5, holdout: SHARE });
    const alone = await learnDictionary(rowsOf(kept), { ...options, epochs: 5 });
    expect(atomsOf(learned)).toBe(atomsOf(alone));
    const { dictionary, heldOut, ...figures } = learned;
    const { dictionary: other, ...expected } = alone;
    expect(figures).toEqual(expected);
    expect(expected.heldOut).toBeUndefined();
    await expectFigures(learned);
  });

  it('the same rows are held out of a stream, in every pass, whatever its items', async () => {
    for (const size of [20, 100]) {
      const learned = await learnDictionary(items(size), { ...options, epochs: 3, holdout: SHARE });
      expect(learned.samples).toBe(3 * kept.length);
      await expectFigures(learned);
    }
    const drawn = await learnDictionary(items(20), { ...options, start: 'kmeans++', holdout: SHARE });
    expect(drawn.samples).toBe(kept.length);
    await expectFigures(drawn);
  });

  it('what goes on from a checkpoint holds out the same', async () => {
    const path = join(folder, method);
    for (const source of [samples, items(20)]) {
      const learn = (more: object) =>
        learnDictionary(source as typeof samples, { ...options, epochs: 3, holdout: SHARE, ...more });
      const whole = await learn({});
      const controller = new AbortController();
      const onProgress = ({ done }: { done: number }): void => {
        if (done > 7) controller.abort(new Error('enough'));
      };
      await expect(
        learn({ checkpoint: { path, every: 3 }, signal: controller.signal, onProgress }),
      ).rejects.toThrow('enough');
      const again = await learn({ resume: path });
      expect(atomsOf(again)).toBe(atomsOf(whole));
      expect(again.heldOut).toEqual(whole.heldOut);
      await expect(learn({ resume: path, holdout: 0.3 })).rejects.toThrow(
        /its holdout was 0.2, here it is 0.3/,
      );
    }
  });

  it('progress over a matrix tells figures of it in every report, and changes nothing', async () => {
    const straight = await learnDictionary(samples, { ...options, epochs: 5, holdout: SHARE });
    const told: LearningProgress[][] = [];
    for (const threads of [1, 3]) {
      const seen: LearningProgress[] = [];
      const run = { ...options, epochs: 5, holdout: SHARE, threads };
      const path = join(folder, `${method}-${threads}`);
      const learned = await learnDictionary(samples, {
        ...{ ...run, onProgress: (now) => void seen.push(now) },
        ...(threads === 3 && { checkpoint: { path, every: 3 } }),
      });
      expect(atomsOf(learned)).toBe(atomsOf(straight));
      expect(seen.map(({ done }) => done)).toEqual(Array.from({ length: learned.steps }, (_, i) => i + 1));
      // Of so few, all are scored in each report.
      expect(seen.map(({ heldOut }) => heldOut?.samples)).toEqual(seen.map(() => held.length));
      expect(seen.at(-1)?.heldOut).toEqual(learned.heldOut);
      expect(seen[0]?.heldOut).not.toEqual(learned.heldOut);
      told.push(seen);
    }
    expect(told[1]).toEqual(told[0]);
  });

  it('progress over a stream tells them at the end of each pass', async () => {
    const seen: LearningProgress[] = [];
    const onProgress = (now: LearningProgress): void => void seen.push(now);
    const learned = await learnDictionary(items(100), { ...options, epochs: 2, holdout: SHARE, onProgress });
    const half = await learnDictionary(items(100), { ...options, epochs: 1, holdout: SHARE });
    const straight = await learnDictionary(items(100), { ...options, epochs: 2, holdout: SHARE });
    expect(atomsOf(learned)).toBe(atomsOf(straight));
    const none = [undefined, undefined, undefined, undefined];
    expect(seen.map(({ heldOut }) => heldOut)).toEqual([...none, half.heldOut, ...none, straight.heldOut]);
    expect(seen[4]).toMatchObject({ done: half.steps, objective: half.objective });
  });

  it('restarts hold out the same, and are compared by what they learned from', async () => {
    const one = await learnDictionary(samples, { ...options, epochs: 1, holdout: SHARE, restarts: 3 });
    const other = await learnDictionary(rowsOf(kept), { ...options, epochs: 1, restarts: 3 });
    expect([one.seed, atomsOf(one)]).toEqual([other.seed, atomsOf(other)]);
    await expectFigures(one);
  });
});

const options = { features: 5, lambda: 0.1, seed: 5, holdout: SHARE };

it('progress scores 1,024 of them at most, evenly spread, and again once enough was learned', async () => {
  expect(reported([4, 5, 6])).toEqual([4, 5, 6]);
  const spread = reported(Array.from({ length: 5000 }, (_, i) => i));
  expect(spread).toHaveLength(1024);
  const gaps = spread.map((at, i) => at - (spread[i - 1] ?? at - 5));
  expect([...new Set(gaps)].sort()).toEqual([4, 5]);

  const random = makeRandom(5);
  const rows = 5000;
  const data = Float32Array.from({ length: 8 * rows * 2 }, () => random.normal());
  const pieces = Array.from({ length: 8 }, (_, i) => data.subarray(2 * rows * i, 2 * rows * (i + 1)));
  const run = { ...options, features: 3, holdout: 0.5 };
  const split = (part: Float32Array, count: number) =>
    new Holdout(0.5, 5).split({ data: part, rows: count, cols: 2 }).held.length;

  const seen: LearningProgress[] = [];
  const onProgress = (now: LearningProgress): void => void seen.push(now);
  const { heldOut } = await learnDictionary({ data, shape: [8 * rows, 2] }, { ...run, steps: 2, onProgress });
  expect(seen.map((now) => now.heldOut?.samples)).toEqual([1024, 1024]);
  expect(heldOut?.samples).toBe(split(data, 8 * rows));

  seen.length = 0;
  const stream = pieces.map((part) => ({ data: part, shape: [rows, 2] as const }));
  await learnDictionary(stream, { ...run, onProgress });
  let learned = 0;
  const due = pieces.map((part) => {
    const before = learned;
    learned += rows - split(part, rows);
    return before < 16_384 && learned >= 16_384;
  });
  expect(due).toContain(true);
  expect(seen.map((now) => now.heldOut?.samples === 1024)).toEqual([...due, true]);
});

it('a row that is not finite is refused by its number, held out or not', async () => {
  for (const row of [held[3] as number, kept[7] as number]) {
    const data = samples.data.slice();
    data[row * DIMS + 4] = Number.NaN;
    for (const source of [{ data, shape: samples.shape }, [{ data, shape: samples.shape }]])
      for (const start of ['samples', 'kmeans++'] as const)
        await expect(learnDictionary(source as typeof samples, { ...options, start })).rejects.toMatchObject({
          code: 'ERR_NOT_FINITE',
          message: expect.stringMatching(new RegExp(`row ${row}\\b`)),
        });
  }
});

it('nothing held out is noted, nothing left is refused', async () => {
  const few = rowsOf([0, 1, 2]);
  const learned = await learnDictionary(few, { ...options, holdout: 1e-6 });
  expect(learned.heldOut).toBeUndefined();
  expect(learned.notes.map(({ code }) => code)).toContain('NOTE_NOTHING_HELD_OUT');
  for (const source of [few, [few]])
    await expect(
      learnDictionary(source as typeof few, { ...options, holdout: 0.9999 }),
    ).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('holdout leaves no sample to learn from: all 3 samples are held out'),
    });
});

it('what is held out stays so when passes come in another order', async () => {
  // One-hot rows: what is learned from shows in the atoms.
  const rows = 60;
  const hot = (i: number): Matrix<Float32Array> => {
    const data = new Float32Array(rows);
    data[i] = 1;
    return { data, shape: [1, rows] };
  };
  let pass = 0;
  const stream = () => {
    pass += 1;
    const order = Array.from({ length: rows }, (_, i) => (i * (pass % 2 === 1 ? 7 : 11)) % rows);
    return order.map(hot);
  };
  const learned = await learnDictionary(stream, {
    ...{ features: 40, lambda: 0.1, seed: 3, epochs: 4, batchSize: 5, holdout: 0.5 },
  });
  expect(pass).toBe(4);
  const identity = Float32Array.from({ length: rows * rows }, (_, at) => Number(at % (rows + 1) === 0));
  const out = new Holdout(0.5, 3).split({ data: identity, rows, cols: rows }).held;
  expect(out.length).toBeGreaterThan(15);
  expect(learned.heldOut?.samples).toBe(out.length);
  const { data } = learned.dictionary.toMatrix();
  const touched = (d: number): boolean =>
    Array.from({ length: 40 }, (_, j) => data[j * rows + d]).some((value) => value !== 0);
  expect(Array.from(out).filter(touched)).toEqual([]);
  expect(Array.from({ length: rows }, (_, d) => d).filter(touched).length).toBeGreaterThan(15);
});

it('an abort after an item of which nothing was learned keeps the steps before it', async () => {
  const path = join(folder, 'after-nothing');
  const split = new Holdout(0.5, 5).split({ data: samples.data as Float32Array, rows: ROWS, cols: DIMS });
  const inside = Array.from(split.mask.keys()).filter((i) => split.mask[i] === 1);
  const controller = new AbortController();
  async function* stream() {
    yield rowsOf(inside.slice(0, 60));
    yield rowsOf(inside.slice(60, 120));
    yield rowsOf([split.held[0] as number]);
    controller.abort(new Error('enough'));
    yield rowsOf(inside.slice(120, 180));
  }
  const run = { features: 5, lambda: 0.1, seed: 5, holdout: 0.5, batchSize: 20 };
  await expect(
    learnDictionary(stream(), { ...run, signal: controller.signal, checkpoint: { path, every: 1000 } }),
  ).rejects.toThrow('enough');
  const all = [inside.slice(0, 60), inside.slice(60, 120), split.held.slice(0, 1), inside.slice(120, 180)];
  const resumed = await learnDictionary(all.map(rowsOf), { ...run, resume: path });
  const straight = await learnDictionary(all.map(rowsOf), run);
  expect(atomsOf(resumed)).toBe(atomsOf(straight));
  expect(resumed.steps).toBe(straight.steps);
});
