// Training on a CUDA device as on the CPU, through the public interface: the same figures and nearly the same parameters, checkpoints that either goes
// on from, refusals. On the emulation of test/cuda/, which the build makes, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  type LearnerOptions,
  type Matrix,
  SparseAutoencoder,
  type TrainingProgress,
  type TrainSparseAutoencoderOptions,
  trainSparseAutoencoder,
  trainSparseAutoencoders,
} from '../../lib/index.js';
import { fresh } from '../files/fixtures.js';
import { makeRandom } from '../reference/random.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing trains on a CUDA device');

const DIMS = 14;
const FEATURES = 40;

/** Mixtures of few directions, with noise. */
function planted(seed: number, samples: number, dims = DIMS): Matrix<Float32Array> {
  const random = makeRandom(seed);
  const truth = Array.from({ length: 24 }, () => Array.from({ length: dims }, () => random.normal()));
  const data = new Float32Array(samples * dims);
  for (let i = 0; i < samples; i++)
    for (let active = 0; active < 3; active++) {
      const row = truth[random.below(truth.length)] as number[];
      const a = 0.5 + random.uniform();
      for (let d = 0; d < dims; d++)
        data[i * dims + d] = Number(data[i * dims + d]) + a * Number(row[d]) + 0.02 * random.normal();
    }
  return { data, shape: [samples, dims] };
}

const samples = planted(3, 160);
/** ε far above what sums in float32 are off by: Adam would else make steps of gradients that are nothing but rounding. */
const ADAM = { learningRate: 3e-3, epsilon: 1e-5 };
const RUN = { batchSize: 24, steps: 6, seed: 4, ...ADAM };

const LEARNERS: Record<string, LearnerOptions> = {
  topk: { architecture: 'topk', features: FEATURES, sparsity: 3 },
  'topk, k from above': { architecture: 'topk', features: FEATURES, sparsity: 2, startSparsity: 6 },
  'topk, soon dead': { architecture: 'topk', features: FEATURES, sparsity: 2, deadAfter: 1, auxiliaryK: 4 },
  'topk, aligned': { architecture: 'topk', features: FEATURES, sparsity: 3, aligned: true, auxiliary: 0 },
  'topk, no clipping': {
    architecture: 'topk',
    features: FEATURES,
    sparsity: 3,
    clip: Number.POSITIVE_INFINITY,
    subtractDecoderBias: false,
  },
  batchtopk: { architecture: 'batchtopk', features: FEATURES, sparsity: 3 },
  'batchtopk, soon dead': {
    architecture: 'batchtopk',
    features: FEATURES,
    sparsity: 2,
    deadAfter: 1,
    auxiliaryK: 4,
  },
  jumprelu: { architecture: 'jumprelu', features: FEATURES, targetL0: 3 },
  'jumprelu, λ': { architecture: 'jumprelu', features: FEATURES, lambda: 0.1, bandwidth: 1, threshold: 0.5 },
  'topk, clipped': { architecture: 'topk', features: FEATURES, sparsity: 3, clip: 0.01 },
};

const train = (
  learner: LearnerOptions,
  device: 'cpu' | 'cuda',
  more: Partial<TrainSparseAutoencoderOptions> = {},
): Promise<SparseAutoencoder> =>
  trainSparseAutoencoder(samples, { ...RUN, ...learner, ...more, device } as TrainSparseAutoencoderOptions);

/**
 * Figures alike to a hundred-thousandth, and parameters to some thousandths of how far training took them: decisions are those of float64 on both,
 * sums in float32 differ by their order.
 */
function expectAlike(a: SparseAutoencoder, b: SparseAutoencoder): void {
  const [one, other] = [a.training, b.training];
  expect([one?.device, other?.device].every((where) => where === 'cpu' || where === 'cuda:0')).toBe(true);
  for (const name of ['objective', 'explainedVariance', 'gradientNorm'] as const)
    expect(one?.[name], name).toBeCloseTo(Number(other?.[name]), 4);
  expect(one?.l0).toBeCloseTo(Number(other?.l0), 2);
  expect(one?.dead).toBe(other?.dead);
  expect(one?.steps).toBe(other?.steps);
  expect(one?.samples).toBe(other?.samples);
  const [mine, theirs] = [a.parameters(), b.parameters()];
  for (const name of ['encoder', 'decoder'] as const) {
    const [x, y] = [mine[name]?.data ?? [], theirs[name]?.data ?? []];
    expect(x.length).toBe(y.length);
    let off = 0;
    for (let i = 0; i < x.length; i++) off += (Number(x[i]) - Number(y[i])) ** 2;
    expect(Math.sqrt(off / x.length), name).toBeLessThan(5e-3 * RUN.learningRate * RUN.steps);
  }
}

describe.skipIf(!there).each(Object.entries(LEARNERS))('%s on a CUDA device', (_, learner) => {
  it('learns what the CPU learns, to the same bits every time', async () => {
    const seen: TrainingProgress[] = [];
    const found = await train(learner, 'cuda', { onProgress: (now) => void seen.push(now) });
    const cpu = await train(learner, 'cpu');
    expect([found.training?.device, cpu.training?.device]).toEqual(['cuda:0', 'cpu']);
    expectAlike(found, cpu);
    expect(seen.at(-1)?.done).toBe(RUN.steps);
    const again = await train(learner, 'cuda');
    expect(again.parameters()).toEqual(found.parameters());
    expect(again.training).toEqual(found.training);
  });
});

describe.skipIf(!there)('training on a CUDA device', () => {
  const topk = LEARNERS.topk as LearnerOptions;

  it.each(['cpu', 'cuda'] as const)('goes on from a checkpoint of the other: begun on %s', async (begun) => {
    const path = fresh('half.safetensors');
    const other = begun === 'cpu' ? 'cuda' : 'cpu';
    const stop = new AbortController();
    const half = train(topk, begun, {
      checkpoint: { path, every: 5 },
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(half).rejects.toThrow('enough');
    const whole = await train(topk, 'cpu');
    expectAlike(await train(topk, other, { resume: path }), whole);
    expectAlike(await train(topk, begun, { resume: path }), whole);
  });

  it('goes on from its own checkpoint to the same bits', async () => {
    const path = fresh('own.safetensors');
    const whole = await train(topk, 'cuda', { checkpoint: { path, every: 4 } });
    const again = await train(topk, 'cuda', { resume: path });
    expect(again.parameters()).toEqual(whole.parameters());
  });

  it('says that nothing ran there where a checkpoint has all steps', async () => {
    const path = fresh('done.safetensors');
    const run = { steps: 4, checkpoint: { path, every: 4 } };
    expect((await train(topk, 'cuda', run)).training?.device).toBe('cuda:0');
    const done = await train(topk, 'cuda', { steps: 4, resume: path });
    expect(done.training?.device).toBe('cpu');
  });

  it('takes transcoders, masks, streams, what is held out, and several learners', async () => {
    const targets = planted(8, 160, 9);
    const mask = Uint8Array.from({ length: 160 }, (_, i) => Number(i % 5 !== 0));
    for (const more of [
      { targets, mask },
      { holdout: 0.2, mask },
    ] as const)
      expectAlike(await train(topk, 'cuda', more), await train(topk, 'cpu', more));
    const stream = (): Matrix<Float32Array>[] => [planted(5, 50), planted(6, 33)];
    const options = { ...RUN, ...topk, steps: 6 } as TrainSparseAutoencoderOptions;
    expectAlike(
      await trainSparseAutoencoder(stream, { ...options, device: 'cuda' }),
      await trainSparseAutoencoder(stream, options),
    );
    const together = { batchSize: RUN.batchSize, steps: RUN.steps, seed: RUN.seed };
    const learners = [topk, LEARNERS['topk, clipped'] as LearnerOptions].map((one) => ({
      ...one,
      ...ADAM,
    }));
    const both = await trainSparseAutoencoders(samples, { ...together, learners, device: 'cuda' });
    for (const [i, one] of both.entries())
      expect(one.parameters()).toEqual((await train(learners[i] as LearnerOptions, 'cuda')).parameters());
  });

  it.each<[string, LearnerOptions]>([
    ['relu', { architecture: 'relu', features: FEATURES, lambda: 0.1 }],
    ['gated', { architecture: 'gated', features: FEATURES, lambda: 0.1 }],
    ['matryoshka', { architecture: 'matryoshka', features: FEATURES, sparsity: 3 }],
    ['matching-pursuit', { architecture: 'matching-pursuit', features: FEATURES, sparsity: 3 }],
    ['skip', { architecture: 'topk', features: FEATURES, sparsity: 3, skip: true }],
  ])('refuses %s, and auto leaves it to the CPU', async (name, learner) => {
    await expect(train(learner, 'cuda')).rejects.toMatchObject({
      code: 'ERR_OPTION',
      argument: 'device',
      message: expect.stringContaining(`${name} runs on the CPU only`),
    });
    const options = { ...RUN, ...learner, steps: 2 } as TrainSparseAutoencoderOptions;
    const automatic = await trainSparseAutoencoder(samples, { ...options, device: 'auto' });
    expect(automatic.parameters()).toEqual((await trainSparseAutoencoder(samples, options)).parameters());
  });

  it('refuses more dims than its kernels hold once they are known, and without being asked leaves them to the CPU', async () => {
    const wide = planted(9, 6, 9_001);
    const options = { architecture: 'topk', features: 4, sparsity: 1, batchSize: 4, steps: 1 } as const;
    await expect(trainSparseAutoencoder(wide, { ...options, device: 'cuda' })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      argument: 'device',
      message:
        'device "cuda" is for training with 9000 dims at most: training with 9001 dims runs on the CPU only',
    });
    process.env.UNSUPERPOSE_DEVICE = 'cuda';
    try {
      const made = await trainSparseAutoencoder(wide, options);
      expect(made.training?.device).toBe('cpu');
      const narrow = await trainSparseAutoencoder(samples, options);
      expect(narrow.training?.device).toBe('cuda:0');
    } finally {
      delete process.env.UNSUPERPOSE_DEVICE;
    }
  });

  it('keeps in its file where steps ran', async () => {
    const path = fresh('where.safetensors');
    await (await train(topk, 'cuda', { steps: 2 })).save(path);
    expect((await SparseAutoencoder.load(path)).training?.device).toBe('cuda:0');
  });

  it('says in which step training exploded', async () => {
    const error = await train(topk, 'cuda', { learningRate: 1e38, warmUp: 0 }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_OPTION' });
    expect(String(error)).toMatch(/training exploded in step \d+: .*try a smaller learningRate/);
  });
});

describe.skipIf(!there)('far from 0, the variance that training explains is that of two passes', () => {
  const [count, dims] = [300, 5]; // more than the rows of two parts (native/cuda/batch.cu)
  const random = makeRandom(17);
  // Small integers beside 2²³: all that float32 holds there, and sums of their squares are exact.
  const data = Float32Array.from({ length: count * dims }, () => 2 ** 23 + Math.round(3 * random.normal()));
  const mean = Array.from({ length: dims }, (_, d) =>
    data.reduce((sum, v, i) => (i % dims === d ? sum + (v - 2 ** 23) / count : sum), 0),
  );
  const variance = data.reduce((sum, v, i) => sum + (v - 2 ** 23 - Number(mean[i % dims])) ** 2, 0);
  const kappa = 2 ** 23 / Math.sqrt(variance / (count * dims));

  it.each([
    ['cpu', 1, 1],
    ['cuda', 1, 2 ** 97],
    ['cuda', 3, -(2 ** -97)],
  ] as const)('on %s, in %d batches, times %d', async (device, batches, unit) => {
    const stream = [{ data: data.map((v) => unit * v), shape: [count, dims] as const }];
    const options = { architecture: 'topk', features: 4, sparsity: 1, auxiliary: 0 } as const;
    const { training } = await trainSparseAutoencoder(stream, {
      ...{ ...options, batchSize: count / batches, device },
    });
    expect(training?.samples).toBe(count);
    // What is left is known from the objective.
    const left = 2 * Number(training?.objective) * count;
    const found = left / (1 - Number(training?.explainedVariance)) / unit ** 2;
    // Welford's bound (Chan & Lewis 1979), n·u·κ to first order; a device joins parts, and is off by less.
    expect(Math.abs(found - variance)).toBeLessThanOrEqual(count * 2 ** -53 * kappa * variance);
  });
});
