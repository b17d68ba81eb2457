// Samples held out of training: which they are, that training does not see them, and what is said of them.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { HeldOutRows, Holdout, takeRows } from '../../lib/data/holdout.js';
import {
  type LearnerOptions,
  SparseAutoencoder,
  type TrainingProgress,
  type TrainSparseAutoencoderOptions,
  trainSparseAutoencoder,
  trainSparseAutoencoders,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const DIMS = 12;
const ROWS = 700;
const SHARE = 0.2;
const random = makeRandom(3);
const data = Float32Array.from({ length: ROWS * DIMS }, () => random.normal() + 0.5);
const whole = { data, shape: [ROWS, DIMS] };
const options = { architecture: 'topk', features: 24, sparsity: 3, batchSize: 50, seed: 8 } as const;

const rows = (from: Float32Array, which: ArrayLike<number>, cols = DIMS) => {
  const { data, rows } = takeRows({ data: from, rows: from.length / cols, cols }, Uint32Array.from(which));
  return { data, shape: [rows, cols] };
};
const split = (mask?: Uint8Array) => {
  const { mask: kept, held } = new Holdout(SHARE, options.seed).split({ data, rows: ROWS, cols: DIMS }, mask);
  return { held, kept: Array.from(kept.keys()).filter((i) => kept[i] === 1) };
};

/** `count` samples of one dim: first, first + 1, … */
const column = (count: number, first = 0) => ({
  data: Float32Array.from({ length: count }, (_, i) => first + i),
  rows: count,
  cols: 1,
});

/** Figures the plain way. */
function figures(sae: SparseAutoencoder, x: Float32Array, y = x) {
  const count = x.length / sae.dims;
  const codes = sae.encodeSync({ data: x, shape: [count, sae.dims] });
  const made = sae.decode(codes).data;
  const cols = sae.outputDims;
  const mean = Array.from({ length: cols }, (_, d) =>
    y.reduce((sum, v, at) => (at % cols === d ? sum + v / count : sum), 0),
  );
  const left = y.reduce((sum, v, at) => sum + (v - Number(made[at])) ** 2, 0);
  const all = y.reduce((sum, v, at) => sum + (v - Number(mean[at % cols])) ** 2, 0);
  return {
    samples: count,
    explainedVariance: 1 - left / all,
    squaredError: left / count,
    l0: codes.indices.length / count,
    dead: sae.features - new Set(codes.indices).size,
  };
}

/** Float64 sums of the same numbers in another order: of a few thousand, with some digits lost to the difference from the mean. */
function expectFigures(sae: SparseAutoencoder, x: Float32Array, y = x): void {
  const expected = figures(sae, x, y);
  const got = sae.training?.heldOut;
  expect(got).toMatchObject({ samples: expected.samples, l0: expected.l0, dead: expected.dead });
  expect(got?.squaredError).toBeCloseTo(expected.squaredError, 10);
  expect(got?.explainedVariance).toBeCloseTo(expected.explainedVariance, 10);
}

test('training does not see what is held out, and its figures are what the autoencoder makes of it', async () => {
  const { held, kept } = split();
  const sae = await trainSparseAutoencoder(whole, { ...options, steps: 40, holdout: SHARE });
  const alone = await trainSparseAutoencoder(rows(data, kept), { ...options, steps: 40 });
  expect(sae.parameters()).toEqual(alone.parameters());
  expect(alone.training?.heldOut).toBeUndefined();
  const { heldOut, ...training } = sae.training ?? {};
  expect(training).toEqual(alone.training);
  expect(heldOut?.samples).toBe(held.length);
  expectFigures(sae, rows(data, held).data);
});

test('epochs count the samples that are left', async () => {
  const { kept } = split();
  const sae = await trainSparseAutoencoder(whole, { ...options, epochs: 2, holdout: SHARE });
  expect(sae.training?.steps).toBe(Math.ceil((2 * kept.length) / 50));
});

test('a mask hides from both', async () => {
  const mask = Uint8Array.from({ length: ROWS }, (_, i) => Number(i % 3 !== 0));
  const { held, kept } = split(mask);
  expect([...held, ...kept].every((i) => i % 3 !== 0)).toBe(true);
  const sae = await trainSparseAutoencoder(whole, { ...options, steps: 20, holdout: SHARE, mask });
  const alone = await trainSparseAutoencoder(rows(data, kept), { ...options, steps: 20 });
  expect(sae.parameters()).toEqual(alone.parameters());
  expectFigures(sae, rows(data, held).data);
});

test('a transcoder is measured on its targets', async () => {
  const targets = Float32Array.from({ length: ROWS * 5 }, (_, at) => Number(data[(at * 7) % data.length]));
  const sae = await trainSparseAutoencoder(whole, {
    ...{ ...options, steps: 20, holdout: SHARE },
    targets: { data: targets, shape: [ROWS, 5] },
  });
  const { held } = split();
  expectFigures(sae, rows(data, held).data, rows(targets, held, 5).data);
});

describe('a stream', () => {
  const cut = (size: number) => () =>
    Array.from({ length: Math.ceil(ROWS / size) }, (_, i) => ({
      data: data.slice(i * size * DIMS, (i + 1) * size * DIMS),
      shape: [Math.min(size, ROWS - i * size), DIMS],
    }));

  it.each([70, 700])('holds out the same samples in items of %d', async (size) => {
    const { held } = split();
    const sae = await trainSparseAutoencoder(cut(size), { ...options, epochs: 3, holdout: SHARE });
    expectFigures(sae, rows(data, held).data);
  });

  it('learns from what is left, as if nothing else had been there', async () => {
    const { kept } = split();
    const left = [0, 1].map((half) => kept.filter((i) => Math.floor(i / 350) === half));
    const run = { ...options, epochs: 2 };
    const sae = await trainSparseAutoencoder(cut(350), { ...run, holdout: SHARE });
    const alone = await trainSparseAutoencoder(
      left.map((half) => rows(data, half)),
      run,
    );
    expect(sae.parameters()).toEqual(alone.parameters());
  });

  it('keeps those that were drawn lowest, whatever the order, and no more than the bound', () => {
    const cols = 2 ** 22; // 8 rows
    const holdout = new Holdout(0.999, 1);
    const make = (size: number): Float32Array => {
      const kept = new HeldOutRows(holdout, cols);
      for (let first = 0; first < 100; first += size) {
        const matrix = column(size, first);
        kept.add([matrix], holdout.split(matrix).held);
      }
      return (kept.take()[0] as { data: Float32Array }).data;
    };
    const draws = holdout.draws(column(100));
    const lowest = Array.from(draws.keys())
      .sort((a, b) => Number(draws[a]) - Number(draws[b]))
      .slice(0, 8)
      .sort((a, b) => a - b);
    expect([...make(100)]).toEqual(lowest);
    expect([...make(5)]).toEqual(lowest);
  });

  it('of which all is held out is refused', async () => {
    const one = { data: data.slice(0, DIMS), shape: [1, DIMS] };
    const seed = Array.from({ length: 99 }, (_, s) => s).find(
      (s) => new Holdout(0.5, s).split({ ...one, rows: 1, cols: DIMS }).held.length > 0,
    );
    await expect(
      trainSparseAutoencoder([one], { ...options, seed: Number(seed), holdout: 0.5, steps: 3 }),
    ).rejects.toThrow(/gave 1 samples in pass 1, none of which is left to learn from/);
    await expect(
      trainSparseAutoencoder(one, { ...options, seed: Number(seed), holdout: 0.5, steps: 3 }),
    ).rejects.toThrow(/holdout leaves no sample to learn from: all 1 samples/);
  });
});

test.each(['a matrix', 'a stream'])('the same after resuming, from %s', async (kind) => {
  const path = join(mkdtempSync(join(tmpdir(), 'holdout-')), 'state.safetensors');
  const given =
    kind === 'a matrix'
      ? whole
      : [0, 1].map((half) =>
          rows(
            data,
            [...Array(350).keys()].map((i) => i + 350 * half),
          ),
        );
  const run = { ...options, steps: 30, holdout: SHARE };
  const straight = await trainSparseAutoencoder(given, run);
  await trainSparseAutoencoder(given, { ...run, checkpoint: { path, every: 8 } });
  const stopped = new Error('enough');
  let seen = 0;
  await expect(
    trainSparseAutoencoder(given, {
      ...{ ...run, checkpoint: { path, every: 4 } },
      onProgress: () => {
        if (++seen === 4) throw stopped;
      },
    }),
  ).rejects.toBe(stopped);
  const resumed = await trainSparseAutoencoder(given, { ...run, resume: path });
  expect([resumed.parameters(), resumed.training]).toEqual([straight.parameters(), straight.training]);
  await expect(trainSparseAutoencoder(given, { ...run, holdout: 0.3, resume: path })).rejects.toThrow(
    /its holdout was 0\.2, here it is 0\.3/,
  );
});

test('the same after resuming a run that had all its steps before the stream ended', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'holdout-')), 'state.safetensors');
  const items = Array.from({ length: 7 }, (_, item) =>
    rows(
      data,
      [...Array(100).keys()].map((i) => i + 100 * item),
    ),
  );
  const run = { ...options, steps: 3, holdout: SHARE };
  const straight = await trainSparseAutoencoder(items, { ...run, checkpoint: { path, every: 1 } });
  const resumed = await trainSparseAutoencoder(items, { ...run, resume: path });
  expect(resumed.training).toEqual(straight.training);
});

test('an item of which nothing counts leaves the figures of a resumed run as they are', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'holdout-')), 'state.safetensors');
  const first = { activations: rows(data, [...Array(300).keys()]) };
  const hidden = { activations: first.activations, mask: new Uint8Array(300) };
  const straight = await trainSparseAutoencoder([first, hidden], options);
  await trainSparseAutoencoder([first], { ...options, checkpoint: { path, every: 1 } });
  const resumed = await trainSparseAutoencoder([first, hidden], { ...options, resume: path });
  expect(resumed.training?.steps).toBe(6);
  expect(resumed.training).toEqual(straight.training);
});

test('every learner of a pass has its own figures, for any number of threads', async () => {
  const learners: LearnerOptions[] = [
    { architecture: 'topk', features: 24, sparsity: 3 },
    { architecture: 'relu', features: 16, lambda: 0.5 },
  ];
  const run = { steps: 20, seed: options.seed, holdout: SHARE, batchSize: 50 };
  const all = await trainSparseAutoencoders(whole, { learners, ...run, threads: 1 });
  for (const [i, sae] of all.entries()) {
    expectFigures(sae, rows(data, split().held).data);
    const alone = await trainSparseAutoencoder(whole, {
      ...(learners[i] as LearnerOptions),
      ...{ ...run, threads: 3 },
    });
    expect(alone.training).toEqual(sae.training);
  }
});

test('progress over a matrix tells figures of what is held out in every report, and changes nothing', async () => {
  const learners: LearnerOptions[] = [
    { architecture: 'batchtopk', features: 24, sparsity: 3 },
    { architecture: 'relu', features: 16, lambda: 0.5 },
  ];
  const run = { learners, steps: 60, seed: options.seed, holdout: SHARE, batchSize: 50 };
  const straight = await trainSparseAutoencoders(whole, run);
  const path = join(mkdtempSync(join(tmpdir(), 'holdout-')), 'state.safetensors');
  for (const more of [{ threads: 1 }, { threads: 3, checkpoint: { path, every: 7 } }]) {
    const seen: TrainingProgress[] = [];
    const all = await trainSparseAutoencoders(whole, {
      ...run,
      ...more,
      onProgress: (now) => void seen.push(now),
    });
    expect(all.map((sae) => sae.parameters())).toEqual(straight.map((sae) => sae.parameters()));
    // Every other step is one of 50 reports, at most. Of so few samples, all are scored in each.
    expect(seen.map(({ done }) => done)).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i + 2));
    for (const { learners, heldOut } of seen) {
      expect(learners.map((one) => one.heldOut?.samples)).toEqual([split().held.length, split().held.length]);
      expect(heldOut).toEqual(learners[0]?.heldOut);
    }
    const last = seen.at(-1)?.learners.map(({ heldOut }) => heldOut);
    expect(last).toEqual(straight.map(({ training }) => training?.heldOut));
    expect(seen[0]?.heldOut).not.toEqual(last?.[0]);
  }
});

test('progress over a stream tells them at the end of each pass, once there are any', async () => {
  const transcoded = (first: number, count: number) => {
    const activations = rows(
      data,
      Array.from({ length: count }, (_, i) => first + i),
    );
    return { activations, targets: activations };
  };
  const stream = [transcoded(0, 350), transcoded(350, 350)];
  const seen: TrainingProgress[] = [];
  const run = { ...options, holdout: SHARE };
  const sae = await trainSparseAutoencoder(stream, {
    ...run,
    epochs: 2,
    onProgress: (now) => void seen.push(now),
  });
  const half = await trainSparseAutoencoder(stream, { ...run, epochs: 1 });
  expect(seen.map(({ heldOut }) => heldOut)).toEqual([
    ...[undefined, undefined, half.training?.heldOut],
    ...[undefined, undefined, sae.training?.heldOut],
  ]);
  const none: TrainingProgress[] = [];
  await trainSparseAutoencoder(stream, { ...run, holdout: 1e-9, onProgress: (now) => void none.push(now) });
  expect(none.map(({ heldOut }) => heldOut)).toEqual([undefined, undefined]);
});

test('what was measured is saved and loaded', async () => {
  const sae = await trainSparseAutoencoder(whole, { ...options, steps: 5, holdout: SHARE });
  const path = join(mkdtempSync(join(tmpdir(), 'holdout-')), 'sae.safetensors');
  await sae.save(path);
  expect((await SparseAutoencoder.load(path)).training).toEqual(sae.training);
});

test('where nothing is drawn, a note says so', async () => {
  const few = { data: data.slice(0, 4 * DIMS), shape: [4, DIMS] };
  const { training } = await trainSparseAutoencoder(few, { ...options, steps: 2, holdout: 1e-9 });
  expect(training?.heldOut).toBeUndefined();
  expect(training?.notes.map(({ code }) => code)).toContain('NOTE_NOTHING_HELD_OUT');
});

describe('what is drawn', () => {
  it('is the share that was asked for, of any stretch, and unlike between seeds', () => {
    const n = 20_000;
    for (const [seed, first] of [
      [0, 0],
      [1, 0],
      [2 ** 53 - 1, 1e6],
    ] as const) {
      const { held, mask } = new Holdout(0.3, seed).split(column(n, first));
      // 6 standard deviations of a binomial distribution
      expect(Math.abs(held.length - 0.3 * n)).toBeLessThan(6 * Math.sqrt(n * 0.3 * 0.7));
      expect(mask.reduce((sum, one) => sum + one, 0)).toBe(n - held.length);
      const pairs = held.reduce((sum, i, at) => sum + Number(held[at + 1] === i + 1), 0);
      expect(Math.abs(pairs - 0.09 * n)).toBeLessThan(6 * Math.sqrt(n * 0.09));
    }
    const [one, other] = [1, 2 ** 32 + 1].map(
      (seed) => new Set(new Holdout(0.5, seed).split(column(n)).held),
    );
    const both = [...(one as Set<number>)].filter((i) => other?.has(i));
    expect(Math.abs(both.length - n / 4)).toBeLessThan(6 * Math.sqrt((n * 3) / 16));
  });

  it('is part of what a larger share draws', () => {
    const small = new Holdout(0.1, 5).split(column(5000)).held;
    const large = new Set(new Holdout(0.2, 5).split(column(5000)).held);
    expect(small.every((i) => large.has(i))).toBe(true);
  });
});

describe('bad input', () => {
  it.each([
    [1, /holdout must be a finite number ≥ 0 and < 1, got 1/],
    [-0.1, /holdout must be/],
    ['0.1', /holdout must be/],
  ])('%o', async (holdout, message) => {
    const given = { ...options, steps: 2, holdout } as unknown as TrainSparseAutoencoderOptions;
    await expect(trainSparseAutoencoder(whole, given)).rejects.toThrow(message);
  });

  it('NaN among what is held out is named by its own row', async () => {
    const row = split().held[7] as number;
    const bad = { data: data.slice(), shape: [ROWS, DIMS] };
    bad.data[row * DIMS + 2] = Number.NaN;
    const run = { ...options, steps: 2, holdout: SHARE };
    await expect(trainSparseAutoencoder(bad, run)).rejects.toThrow(new RegExp(`row ${row}`));
    await expect(trainSparseAutoencoder([bad], run)).rejects.toThrow(new RegExp(`row ${row}`));
  });
});
