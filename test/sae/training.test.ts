// What training promises besides gradients: features found, bits that depend on nothing but seed and data, clear refusals.
import { beforeAll, describe, expect, it, test } from 'vitest';
import {
  type LearnerOptions,
  type MatrixLike,
  SparseAutoencoder,
  type TrainingProgress,
  type TrainSparseAutoencoderOptions,
  trainSparseAutoencoder,
  trainSparseAutoencoders,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const DIMS = 20;
const TRUE = 40;

/** Samples of few true features: nonnegative, one in 25 active. */
function planted(seed: number, samples: number) {
  const random = makeRandom(seed);
  const truth = Array.from({ length: TRUE }, () => {
    const row = Array.from({ length: DIMS }, () => random.normal());
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    return row.map((v) => v / norm);
  });
  const data = new Float32Array(samples * DIMS);
  for (let i = 0; i < samples; i++)
    for (const row of truth)
      if (random.uniform() < 0.04) {
        const a = 1 + random.uniform();
        for (const [d, v] of row.entries()) data[i * DIMS + d] = Number(data[i * DIMS + d]) + a * v;
      }
  return { truth, matrix: { data, shape: [samples, DIMS] as const } };
}

/** For each true feature the largest cosine with a decoder row. */
function recovered(sae: SparseAutoencoder, truth: readonly (readonly number[])[]): number[] {
  const { data } = sae.parameters().decoder;
  return truth.map((row) => {
    let best = 0;
    for (let j = 0; j < sae.features; j++)
      best = Math.max(
        best,
        row.reduce((sum, v, d) => sum + v * Number(data[j * DIMS + d]), 0),
      );
    return best;
  });
}

const bits = (sae: SparseAutoencoder): unknown => [sae.parameters(), sae.training];

const { truth, matrix } = planted(5, 6000);
const small: MatrixLike<Float32Array> = { data: matrix.data.slice(0, 300 * DIMS), shape: [300, DIMS] };
const FEATURES = 48;

const LEARNERS: readonly LearnerOptions[] = [
  { architecture: 'topk', features: FEATURES, sparsity: 2 },
  { architecture: 'batchtopk', features: FEATURES, sparsity: 2 },
  { architecture: 'matryoshka', features: FEATURES, sparsity: 2 },
  { architecture: 'relu', features: FEATURES, lambda: 0.3 },
  { architecture: 'jumprelu', features: FEATURES, targetL0: 2 },
  { architecture: 'gated', features: FEATURES, lambda: 0.8 },
  { architecture: 'matching-pursuit', features: FEATURES, sparsity: 2 },
];

describe.each(LEARNERS)('$architecture', (options) => {
  let sae: SparseAutoencoder;
  beforeAll(async () => {
    sae = await trainSparseAutoencoder(matrix, {
      ...options,
      steps: 1500,
      batchSize: 256,
      learningRate: 3e-3,
    });
  });

  it('finds planted features, and explains unseen samples', async () => {
    const found = recovered(sae, truth);
    // A matryoshka's outer features share what its inner ones take first (its inner prefix is of one feature here).
    const share = options.architecture === 'matryoshka' ? 0.5 : 0.85;
    expect(found.filter((cosine) => cosine > 0.9).length).toBeGreaterThanOrEqual(share * TRUE);
    const fresh = planted(5, 7000).matrix.data.subarray(6000 * DIMS);
    const unseen = { data: fresh, shape: [1000, DIMS] };
    const codes = await sae.encode(unseen);
    const back = sae.decode(codes).data;
    const mean = Array.from({ length: DIMS }, (_, d) =>
      back.reduce((sum, _v, at) => (at % DIMS === d ? sum + Number(fresh[at]) / 1000 : sum), 0),
    );
    const left = back.reduce((sum, v, at) => sum + (v - Number(fresh[at])) ** 2, 0);
    const all = fresh.reduce((sum, v, at) => sum + (v - Number(mean[at % DIMS])) ** 2, 0);
    expect(1 - left / all).toBeGreaterThan(0.6);
    // Trained figures hold for what was learned: the last report's are means over a fiftieth of the steps.
    expect(Math.abs(codes.values.length / 1000 - Number(sae.training?.l0))).toBeLessThan(
      0.25 * Number(sae.training?.l0) + 0.1,
    );
  });

  it('says how it was trained', () => {
    const training = sae.training;
    expect(training?.steps).toBe(1500);
    expect(training?.samples).toBe(1500 * 256);
    expect(training?.architecture).toBe(options.architecture);
    expect(training?.usage.length).toBe(FEATURES);
    expect(training?.notes.length).toBe(Number(training?.dead) > 0 ? 1 : 0);
    const same = ['topk', 'relu', 'gated', 'matching-pursuit'].includes(options.architecture);
    expect(sae.activation).toBe(same ? options.architecture : 'jumprelu');
  });

  it('has decoder rows of norm 1', () => {
    const { data } = sae.parameters().decoder;
    for (let j = 0; j < FEATURES; j++) {
      const norm = Math.sqrt(data.subarray(j * DIMS, (j + 1) * DIMS).reduce((sum, v) => sum + v * v, 0));
      // Scaled in float64, rounded once an entry.
      expect(Math.abs(norm - 1)).toBeLessThan(DIMS * 2 ** -24);
    }
  });

  it('gives the same bits for any number of threads, alone or beside others', async () => {
    const run = { steps: 40, batchSize: 64, seed: 3 };
    const one = await trainSparseAutoencoder(small, { ...options, ...run, threads: 1 });
    const three = await trainSparseAutoencoder(small, { ...options, ...run, threads: 3 });
    expect(bits(three)).toEqual(bits(one));
    const [first, other] = await trainSparseAutoencoders(small, {
      learners: [LEARNERS[0] as LearnerOptions, options],
      ...run,
    });
    expect(bits(other as SparseAutoencoder)).toEqual(bits(one));
    expect(first?.activation).toBe('topk');
    const else_ = await trainSparseAutoencoder(small, { ...options, ...run, seed: 4 });
    expect(else_.parameters()).not.toEqual(one.parameters());
  });

  it.each([2 ** 60, 2 ** -60])('trains alike on data × %d', async (scale) => {
    const run = { steps: 30, batchSize: 64 };
    const scaled: MatrixLike = { data: small.data.map((v) => v * scale), shape: small.shape };
    const priced = 'lambda' in options ? { lambda: Number(options.lambda) * scale } : {};
    const one = (await trainSparseAutoencoder(small, { ...options, ...run })).parameters();
    const other = (
      await trainSparseAutoencoder(scaled, { ...options, ...priced, ...run } as typeof options)
    ).parameters();
    expect(other.decoder).toEqual(one.decoder);
    expect(other.encoder).toEqual(one.encoder);
    expect(other.decoderBias).toEqual(one.decoderBias.map((v) => v * scale));
    if (one.threshold) expect(other.threshold).toEqual(one.threshold.map((v) => v * scale));
  });
});

test('aligned training keeps ⟨w_j, d_j⟩ = 1', async () => {
  const sae = await trainSparseAutoencoder(small, {
    ...{ architecture: 'topk', features: FEATURES, sparsity: 2, aligned: true },
    ...{ steps: 50, batchSize: 64 },
  });
  const { encoder, decoder } = sae.parameters();
  for (let j = 0; j < FEATURES; j++) {
    let product = 0;
    for (let d = 0; d < DIMS; d++)
      product += Number(encoder.data[j * DIMS + d]) * Number(decoder.data[j * DIMS + d]);
    expect(Math.abs(product - 1)).toBeLessThan(4 * DIMS * 2 ** -24);
  }
});

describe('a transcoder', () => {
  const random = makeRandom(9);
  const outputs = 7;
  const weight = Array.from({ length: outputs * DIMS }, () => random.normal() / 4);
  const targets = (from: Float32Array) =>
    Float32Array.from({ length: (from.length / DIMS) * outputs }, (_, at) => {
      const i = Math.floor(at / outputs);
      let sum = 1;
      for (let d = 0; d < DIMS; d++)
        sum += Number(from[i * DIMS + d]) * Number(weight[(at % outputs) * DIMS + d]);
      return sum;
    });

  it('with a skip connection alone learns a linear map', async () => {
    const sae = await trainSparseAutoencoder(matrix, {
      ...{ architecture: 'topk', features: 4, sparsity: 1, skip: true },
      targets: { data: targets(matrix.data), shape: [6000, outputs] },
      ...{ steps: 1500, batchSize: 256, learningRate: 1e-2 },
    });
    expect(sae.dims).toBe(DIMS);
    expect(sae.outputDims).toBe(outputs);
    expect(sae.training?.explainedVariance).toBeGreaterThan(0.99);
    expect(sae.training?.notes.map(({ code }) => code)).not.toContain('NOTE_NOTHING_LEARNED');
    const { skip, subtractDecoderBias } = sae.parameters();
    expect(subtractDecoderBias).toBe(false);
    expect(skip?.shape).toEqual([outputs, DIMS]);
  });

  it('takes targets from a stream as from a matrix', async () => {
    const out = targets(small.data);
    const half = 150;
    const run = { architecture: 'batchtopk', features: 10, sparsity: 2, batchSize: 50, steps: 12 } as const;
    const items = [0, 1].map((part) => ({
      activations: {
        data: small.data.subarray(part * half * DIMS, (part + 1) * half * DIMS),
        shape: [half, DIMS],
      },
      targets: {
        data: out.subarray(part * half * outputs, (part + 1) * half * outputs),
        shape: [half, outputs],
      },
    }));
    const sae = await trainSparseAutoencoder(items, run);
    expect(sae.outputDims).toBe(outputs);
    expect(sae.training?.steps).toBe(12); // two passes over six batches
    async function* later() {
      yield* items;
      yield* items;
    }
    const again = await trainSparseAutoencoder(later, run);
    expect(again.parameters()).toEqual(sae.parameters());
  });
});

test.each(['batchtopk', 'matryoshka'] as const)(
  '%s: the threshold is that of the end',
  async (architecture) => {
    const options = { architecture, features: FEATURES, sparsity: 1, batchSize: 256, learningRate: 3e-3 };
    const sae = await trainSparseAutoencoder(matrix, { ...options, steps: 300 });
    const { values } = await sae.encode(matrix);
    // Of all steps alike it would leave 1.13 and more active: thresholds rise as features are found.
    expect(Math.abs(values.length / 6000 - 1)).toBeLessThan(0.05);
  },
);

test('samples that a mask hides change nothing', async () => {
  const run = { architecture: 'relu', features: 10, lambda: 0.2, batchSize: 40, steps: 20 } as const;
  const mask = Uint8Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 0 : 7));
  const rows = Array.from(mask.keys()).filter((i) => mask[i] !== 0);
  const kept = new Float32Array(rows.length * DIMS);
  for (const [to, i] of rows.entries()) kept.set(small.data.subarray(i * DIMS, (i + 1) * DIMS), to * DIMS);
  const alone = await trainSparseAutoencoder({ data: kept, shape: [rows.length, DIMS] }, run);
  const masked = await trainSparseAutoencoder(small, { ...run, mask });
  expect(masked.parameters()).toEqual(alone.parameters());
});

test('starts from given directions', async () => {
  const initial = { data: Float32Array.from(truth.flat(), (v) => 3 * v), shape: [TRUE, DIMS] };
  const sae = await trainSparseAutoencoder(small, {
    ...{ architecture: 'topk', features: TRUE, sparsity: 2, initial, steps: 1, learningRate: 1e-6 },
  });
  expect(Math.min(...recovered(sae, truth))).toBeGreaterThan(1 - 1e-4);
});

test('progress ends at the total, with every learner', async () => {
  const seen: TrainingProgress[] = [];
  await trainSparseAutoencoders(small, {
    learners: LEARNERS.slice(0, 2),
    ...{ steps: 120, batchSize: 32, onProgress: (now: TrainingProgress) => seen.push(now) },
  });
  expect(seen.at(-1)?.done).toBe(120);
  expect(seen.at(-1)?.total).toBe(120);
  expect(seen.at(-1)?.learners.length).toBe(2);
});

test('dead features are counted, and come back by what is left for them', async () => {
  // Two directions, four features: two would stay dead.
  const random = makeRandom(2);
  const data = Float32Array.from({ length: 2000 }, (_, at) => {
    const [i, d] = [Math.floor(at / 4), at % 4];
    return i % 4 === d ? 1 + random.uniform() : 0;
  });
  const run: TrainSparseAutoencoderOptions = {
    architecture: 'topk',
    ...{ features: 12, sparsity: 1, batchSize: 100, learningRate: 1e-2 },
    ...{ steps: 600, deadAfter: 20 },
  };
  const directions = Float32Array.from({ length: 48 }, (_, at) =>
    Math.floor(at / 4) < 1 ? 1 : at % 4 === 0 ? -1 : -0.5,
  );
  const initial = { data: directions, shape: [12, 4] };
  const left = await trainSparseAutoencoder({ data, shape: [500, 4] }, { ...run, initial, auxiliary: 0 });
  const revived = await trainSparseAutoencoder({ data, shape: [500, 4] }, { ...run, initial });
  expect(left.training?.dead).toBeGreaterThan(0);
  expect(left.training?.notes[0]?.code).toBe('NOTE_DEAD_FEATURES');
  expect(Number(revived.training?.explainedVariance)).toBeGreaterThan(
    Number(left.training?.explainedVariance),
  );
});

describe('bad input', () => {
  const good = { architecture: 'topk', features: 8, sparsity: 2, steps: 2 } as const;
  // biome-ignore lint/suspicious/noExplicitAny: what these refuse is what types forbid
  const run = (change: any, data: any = small) => trainSparseAutoencoder(data, { ...good, ...change });

  it.each([
    [
      { architecture: 'vanilla' },
      /architecture must be one of relu, topk, batchtopk, matryoshka, jumprelu, gated, matching-pursuit, got "vanilla"/,
    ],
    [{ lambda: 1 }, /lambda is an option of architecture relu, jumprelu, gated, not of architecture topk/],
    [
      { architecture: 'matching-pursuit', aligned: true },
      /aligned is an option of architectures with an encoder, not of architecture matching-pursuit/,
    ],
    [
      { architecture: 'matching-pursuit', subtractDecoderBias: false },
      /subtractDecoderBias is an option of architectures with an encoder/,
    ],
    [
      { architecture: 'matching-pursuit', targets: small },
      /targets are for architectures with an encoder: the codes of matching-pursuit are found by making/,
    ],
    [{ architecture: 'matching-pursuit', sparsity: undefined }, /sparsity must be/],
    [{ sparsity: 9 }, /sparsity must be an integer between 1 and 8 \(features\), got 9/],
    [{ architecture: 'relu', sparsity: undefined }, /lambda must be a finite number > 0, got undefined/],
    [{ architecture: 'matryoshka', prefixes: [4, 2, 8] }, /prefixes\[1\] must be an integer between 5 and 8/],
    [{ architecture: 'matryoshka', prefixes: [4, 6] }, /prefixes must end with features, 8, got 6/],
    [{ architecture: 'matryoshka', prefixes: 4 }, /prefixes must be a list of integers, got 4/],
    [{ epochs: 2 }, /epochs is an option of calls without steps/],
    [{ clip: Number.NaN }, /clip must be a finite number > 0/],
    [{ mask: new Uint8Array(3) }, /mask must have one entry a sample \(300\), got 3/],
    [{ mask: [1] }, /mask must be a Uint8Array/],
    [{ mask: new Uint8Array(300) }, /at least one sample that mask lets count/],
    [
      { targets: { data: new Float32Array(4), shape: [2, 2] } },
      /targets have 2 samples, activations has 300/,
    ],
    [
      { targets: { data: new Float32Array(600), shape: [300, 2] }, subtractDecoderBias: true },
      /subtractDecoderBias needs targets of the activations' dims: those have 2, these 20/,
    ],
    [
      { initial: { data: new Float32Array(4), shape: [2, 2] } },
      /initial must be features × dims of the output, \[8, 20\]/,
    ],
    [
      { initial: { data: new Float32Array(160), shape: [8, 20] } },
      /initial must hold finite atoms other than zero/,
    ],
    [{ checkpoint: 'x' }, /checkpoint must be \{ path, every \}, got "x"/],
    [
      { learningrate: 1 },
      /learningrate is not an option of trainSparseAutoencoder \(did you mean learningRate\?\)/,
    ],
  ])('%o', async (change, message) => {
    await expect(run(change)).rejects.toThrow(message);
  });

  it('of data', async () => {
    await expect(run({}, { data: new Float32Array(0), shape: [0, 3] })).rejects.toMatchObject({
      code: 'ERR_SHAPE',
    });
    await expect(run({}, { data: new Float32Array(0), shape: [3, 0] })).rejects.toMatchObject({
      code: 'ERR_SHAPE',
    });
    const bad = { data: small.data.map((v, at) => (at === 45 ? Number.NaN : v)), shape: small.shape };
    await expect(run({}, bad)).rejects.toThrow(/activations.*row 2.*column 5/s);
    await expect(run({}, [])).rejects.toThrow(/gave no samples/);
    await expect(run({}, class {})).rejects.toMatchObject({ code: 'ERR_DTYPE' });
    await expect(run({ targets: small }, [small])).rejects.toThrow(
      /targets is an option of calls with a matrix/,
    );
    await expect(run({ steps: 1 }, [small, { activations: small, targets: small }])).resolves.toBeInstanceOf(
      SparseAutoencoder,
    );
    await expect(run({ steps: 9 }, [small, { activations: small, targets: small }])).rejects.toThrow(
      /either all batches of activations have targets or none/,
    );
    await expect(run({}, [{ data: new Float32Array(4), shape: [2, 2] }, small])).rejects.toThrow(
      /changed from 2 to 20 dims/,
    );
  });

  it('samples that all are zero train nothing and break nothing', async () => {
    const zero = { data: new Float32Array(80), shape: [4, 20] };
    const sae = await run({}, zero);
    expect(sae.encodeSync(zero).values.length).toBe(0);
    expect(sae.training?.explainedVariance).toBe(0);
  });

  it('training that explodes says where', async () => {
    await expect(run({ learningRate: 1e38, steps: 50, clip: Number.POSITIVE_INFINITY })).rejects.toThrow(
      /training exploded in step \d+: .*learningRate/,
    );
    const wild = { data: small.data.map((v, at) => (at > 5000 ? v * 1e37 : v * 1e-8)), shape: small.shape };
    const stream = [
      { data: wild.data.slice(0, 4000), shape: [200, 20] },
      { data: wild.data.slice(4000), shape: [100, 20] },
    ];
    await expect(run({}, stream)).rejects.toThrow(/too large beside the first ones/);
  });

  it('an abort stops it', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = trainSparseAutoencoder(matrix, {
      ...{ ...good, steps: 100_000, signal: controller.signal },
      onProgress: () => controller.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
    await expect(run({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
