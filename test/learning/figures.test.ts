// Figures of training where plain sums in float64 tell nothing: samples that are all equal, and samples far from 0; and the size that equal samples
// are scaled by.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  learnDictionary,
  SparseAutoencoder,
  trainLista,
  trainSparseAutoencoder,
  unfoldSync,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const DIMS = 5;

const equal = (samples: number, scale: number) => {
  const row = [0.1, 0.7, -3.3, 1 / 3, 12.9];
  const data = Float32Array.from({ length: samples * DIMS }, (_, i) => scale * (row[i % DIMS] as number));
  return { data, shape: [samples, DIMS] as const };
};

const run = { steps: 40, batchSize: 512, seed: 1, threads: 1 } as const;

describe.each([3, 300, 1000])('%i equal samples have no variance to explain', (samples) => {
  it.each([1, 1e-12, 1e12])('of size %d', async (scale) => {
    const x = equal(samples, scale);
    const { training } = await trainSparseAutoencoder(x, {
      ...{ ...run, architecture: 'topk', features: 8, sparsity: 2, learningRate: 0.01 },
    });
    expect(training?.explainedVariance).toBe(0);
    const learned = await learnDictionary(x, { ...run, features: 3, lambda: 0.5 * scale });
    expect(learned.explainedVariance).toBe(0);
  });
});

describe('far from 0, the variance is that of two passes', () => {
  // Entries of 8,192 and a step of float32 there, or none: Σ‖x‖² has 2⁵² times the variance of an entry.
  const random = makeRandom(3);
  const samples = 4096;
  const data = Float32Array.from(
    { length: samples * DIMS },
    () => 8192 + (random.uniform() < 0.5 ? 2 ** -10 : 0),
  );
  const x = { data, shape: [samples, DIMS] as const };
  const mean = Array.from({ length: DIMS }, (_, d) =>
    Array.from({ length: samples }, (_, i) => (data[i * DIMS + d] as number) - 8192).reduce(
      (a, b) => a + b,
      0,
    ),
  ).map((sum) => sum / samples);
  const variance = data.reduce((sum, v, i) => sum + (v - 8192 - (mean[i % DIMS] as number)) ** 2, 0);

  // Welford's bound (Chan & Lewis 1979): n·u·κ to first order, κ the size of the samples in their deviations, 2²⁴ here at most.
  const bound = samples * 2 ** -53 * 2 ** 24;

  it.each([true, false])('of unfold, all observed: %s', (all) => {
    const dictionary = Dictionary.from({ data: new Float32Array(DIMS).fill(1), shape: [1, DIMS] });
    const observed = { data: new Uint8Array(samples * DIMS).fill(1), shape: [samples, DIMS] as const };
    const unfolding = unfoldSync(x, dictionary, { lambda: 1e5, ...(!all && { observed }) });
    expect(Math.abs(unfolding.variance - variance)).toBeLessThanOrEqual(bound * variance);
  });

  it('of learnDictionary', async () => {
    // One step that codes every sample by the same atom: what is left is known from the objective.
    const { objective, explainedVariance, l0 } = await learnDictionary(x, {
      ...{ features: 1, sparsity: 1, steps: 1, batchSize: samples, threads: 1 },
      initial: { data: new Float32Array(DIMS).fill(1), shape: [1, DIMS] },
    });
    expect(l0).toBe(1);
    // Objectives are float64 sums of float32 residuals; entries are 2⁻²⁴ of their size apart, which is what is asked for here.
    const expected = 1 - (2 * objective * samples) / variance;
    expect(Math.abs(explainedVariance - expected)).toBeLessThan(1e-6 * (1 - expected));
  });
});

it('networks that saw nothing but zeros have no figures, and say why', async () => {
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const zeros = { data: new Float32Array(20), shape: [10, 2] as const };
  const { training } = await trainLista(zeros, dictionary, { lambda: 0.1, steps: 3, layers: 2, threads: 1 });
  expect(training?.loss).toBeNaN();
  expect(training?.notes.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^the samples are all zero, so there is nothing to compare codes with/),
  );
});

describe('one sample, or equal ones', () => {
  it.each([1, 1e-10, 1e-20, 1e-30, 1e30])('train in their own size, which is %d', async (scale) => {
    const of = (size: number) =>
      trainSparseAutoencoder(equal(1, size), {
        ...{
          ...run,
          steps: 2,
          architecture: 'batchtopk',
          features: 2,
          sparsity: 1,
          subtractDecoderBias: false,
        },
      });
    // Sizes of powers of two train alike: all that differs is the units of biases.
    const power = 2 ** Math.round(Math.log2(scale));
    const [one, other] = [(await of(1)).parameters(), (await of(power)).parameters()];
    expect(other.encoder.data).toEqual(one.encoder.data);
    expect(other.decoder.data).toEqual(one.decoder.data);
    expect(other.decoderBias).toEqual(one.decoderBias.map((b) => b * power));
    expect(Math.max(...one.encoder.data.map(Math.abs))).toBeLessThan(2);
  });
});

it('says of parameters that float32 does not hold that training made them, and what to do', async () => {
  const data = Float32Array.from({ length: 40 }, (_, i) => 1e37 * Math.sin(i));
  const targets = { data, shape: [20, 2] as const };
  const x = {
    data: Float32Array.from({ length: 40 }, (_, i) => 1e-37 * Math.cos(i)),
    shape: [20, 2] as const,
  };
  await expect(
    trainSparseAutoencoder(x, { ...run, targets, architecture: 'topk', features: 4, sparsity: 1 }),
  ).rejects.toMatchObject({
    code: 'ERR_OPTION',
    argument: 'learningRate',
    message: expect.stringMatching(
      /^training made parameters that are too large for float32 in the units of the activations \(.+\): try a smaller learningRate, or scale activations and targets/,
    ),
  });
});

it('encodes with biases up to the end of float32', () => {
  const one = { data: Float32Array.of(1), shape: [1, 1] };
  const parts = { activation: 'relu', encoder: one, decoder: one, decoderBias: Float32Array.of(0) } as const;
  const sae = SparseAutoencoder.from({ ...parts, encoderBias: Float32Array.of(2 ** 126) });
  expect(sae.encodeSync({ data: Float32Array.of(0, -(2 ** 125)), shape: [2, 1] }).values).toEqual(
    Float32Array.of(2 ** 126, 2 ** 125),
  );
});
