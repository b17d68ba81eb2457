// Toy models: loss and gradient against float64, AdamW against its algorithm, seeds, threads, progress, the model applied.
import { describe, expect, it } from 'vitest';
import { type Matrix, SparseCodes, toy } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { adamW, type Loss, lossAndGradient } from '../reference/toy.js';
import { bits } from '../reference/verify.js';
import { model } from './toy-models.js';

const U32 = 2 ** -24;

/** Samples with a share `density` of entries that are not zero. */
function samples(seed: number, rows: number, features: number, density: number): Matrix<Float32Array> {
  const random = makeRandom(seed);
  const data = Float32Array.from({ length: rows * features }, () =>
    random.uniform() < density ? random.uniform() : 0,
  );
  return { data, shape: [rows, features] };
}

function point({ weights, bias }: toy.ToyParameters): Float64Array {
  return Float64Array.from([...weights.data, ...bias]);
}

const plain = { activation: 0, interference: 0, allowed: 0 };

describe('gradient', () => {
  // sizes below, at and above every tile and panel; dense and sparse samples take different kernels
  it.each([
    [1, 1, 1, 1],
    [2, 1, 33, 0.9],
    [5, 2, 32, 0.1],
    [7, 3, 100, 0.2],
    [11, 11, 31, 0.5],
    [23, 10, 64, 0.05],
    [40, 17, 600, 0.04],
    [40, 17, 600, 0.6],
    [64, 33, 70, 0.1],
    [21, 16, 513, 1],
  ])('%i features in %i dims, %i samples of density %d', (features, dims, rows, density) => {
    const x = samples(rows, rows, features, density);
    const importance = Float32Array.from({ length: features }, (_, i) => 0.97 ** i);
    for (const [activation, strategy, penalties] of [
      ['relu', {}, plain],
      ['linear', {}, plain],
      ['relu', { strategy: 'sparse-activations', penalty: 0.3 }, { ...plain, activation: 0.3 }],
      ['relu', { strategy: 'orthogonal', penalty: 0.2 }, { ...plain, interference: 0.2 }],
      [
        'linear',
        { strategy: 'hybrid', penalty: 0.2, allowedInterference: 0.25 },
        { activation: 0, interference: 0.2, allowed: 0.25 },
      ],
    ] as const) {
      const parameters = model(features, features, dims, activation);
      const loss: Loss = { features, dims, relu: activation === 'relu', importance, ...penalties };
      const expected = lossAndGradient(loss, point(parameters), x.data);
      const got = toy.toyGradient(parameters, x, { importance, ...strategy });
      // Sums of at most `terms` float32 products each, relative to their largest part; outputs within rounding of the relu's
      // kink would differ by more, and random ones are not.
      const terms = 2 * (features + dims + Math.min(rows, 600));
      const largest = expected.gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 1);
      const bound = terms * U32 * largest * 4;
      expect(Math.abs(got.loss - expected.value)).toBeLessThanOrEqual(terms * U32 * (1 + expected.value));
      for (const [at, value] of [...got.weights.data, ...got.bias].entries())
        expect(Math.abs(value - (expected.gradient[at] as number))).toBeLessThanOrEqual(bound);
    }
  });

  it('is the derivative of the loss: central differences of the reference', () => {
    const [features, dims, rows] = [6, 3, 40];
    const x = samples(5, rows, features, 0.4);
    const start = point(model(9, features, dims));
    const importance = [1, 2, 0.5, 1, 0.1, 3];
    const loss: Loss = {
      features,
      dims,
      relu: true,
      importance,
      activation: 0.1,
      interference: 0.3,
      allowed: 0.1,
    };
    const { gradient } = lossAndGradient(loss, start, x.data);
    const step = 1e-6;
    for (const at of start.keys()) {
      const beside = (sign: number): number => {
        const moved = start.slice();
        moved[at] = (moved[at] as number) + sign * step;
        return lossAndGradient(loss, moved, x.data).value;
      };
      const slope = (beside(1) - beside(-1)) / (2 * step);
      expect(Math.abs(slope - (gradient[at] as number))).toBeLessThan(1e-6);
    }
  });

  it('is 0 where every output is dead, but for the encoder of nothing', () => {
    const features = 4;
    const parameters = { ...model(3, features, 2), bias: new Float32Array(features).fill(-100) };
    const { weights, bias } = toy.toyGradient(parameters, samples(1, 50, features, 0.5));
    expect([...weights.data, ...bias].every((g) => g === 0)).toBe(true);
  });
});

describe('AdamW', () => {
  it.each([
    { batchSize: 64, density: 0.1 },
    { batchSize: 100, density: 0.7, schedule: 'linear' },
    {
      batchSize: 1024,
      density: 0.2,
      schedule: 'cosine',
      weightDecay: 0.3,
      betas: [0.8, 0.95],
      epsilon: 1e-3,
    },
  ] as const)('%o', async (options) => {
    const [features, dims, steps, seed, learningRate] = [13, 6, 12, 77, 0.01];
    const start = model(4, features, dims);
    const importance = Float32Array.from({ length: features }, (_, i) => 0.9 ** i);
    const [trained] = await toy.trainToyModel({
      ...options,
      ...{ features, dims, steps, seed, learningRate, importance, initial: [start] },
    });
    // the batch of step t is the beginning of the t-th 1024 samples
    const x = toy.sampleFeatures({ samples: 1024 * steps, features, density: options.density, seed });
    const batch = (t: number): Float32Array =>
      x.data.subarray(1024 * t * features, (1024 * t + options.batchSize) * features);
    const loss: Loss = { features, dims, relu: true, importance, ...plain };
    const {
      weightDecay = 0.01,
      betas = [0.9, 0.999],
      epsilon = 1e-8,
      schedule,
    } = { schedule: '', ...options } as {
      weightDecay?: number;
      betas?: readonly [number, number];
      epsilon?: number;
      schedule: string;
    };
    const left = (t: number): number =>
      schedule === 'linear'
        ? 1 - t / steps
        : schedule === 'cosine'
          ? (1 + Math.cos((Math.PI * t) / steps)) / 2
          : 1;
    const losses: number[] = [];
    const expected = adamW(
      point(start),
      steps,
      { weightDecay, betas, epsilon },
      (t) => learningRate * left(t),
      (at, t) => {
        const { value, gradient } = lossAndGradient(loss, at, batch(t));
        losses.push(value);
        return gradient;
      },
    );
    // AdamW divides by the gradient's own size, so errors of 1e-6 in the gradient are as large in units of the rate.
    for (const [at, value] of point(trained as toy.ToyModel).entries())
      expect(Math.abs(value - (expected[at] as number))).toBeLessThan(1e-3 * learningRate);
    expect(trained?.losses.length).toBe(steps);
    for (const [t, value] of losses.entries())
      expect(Math.abs((trained?.losses[t] as number) - value)).toBeLessThan(1e-4 * value);
    expect(trained?.loss).toBe(trained?.losses[steps - 1]);
  });
});

describe('training', () => {
  const options = {
    ...{ features: 9, dims: 4, steps: 40, batchSize: 70, seed: 21 },
    instances: [{ density: 0.9 }, { density: 0.05 }, { density: 0.3, importance: { decay: 0.8 } }],
    correlated: [[0, 1]],
  };

  it('gives the same bits for any number of threads, and each instance as it would be alone at its place', async () => {
    const one = await toy.trainToyModel({ ...options, threads: 1 });
    const two = await toy.trainToyModel({ ...options, threads: 4 });
    for (const [e, { weights, bias, losses }] of one.entries()) {
      expect(bits(two[e]?.weights.data as Float32Array)).toBe(bits(weights.data));
      expect(bits(two[e]?.bias as Float32Array)).toBe(bits(bias));
      expect(two[e]?.losses).toEqual(losses);
    }
    const [first] = await toy.trainToyModel({ ...options, instances: options.instances.slice(0, 1) });
    expect(bits(first?.weights.data as Float32Array)).toBe(bits(one[0]?.weights.data as Float32Array));
    const [other] = await toy.trainToyModel({ ...options, seed: 22 });
    expect(bits(other?.weights.data as Float32Array)).not.toBe(bits(one[0]?.weights.data as Float32Array));
  });

  it('reports progress to its end, and stops when told to', async () => {
    const seen: number[] = [];
    await toy.trainToyModel({ ...options, onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const controller = new AbortController();
    const endless = toy.trainToyModel({ ...options, steps: 10_000_000, signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 5);
    await expect(endless).rejects.toBe('enough');
    const thrown = new Error('mine');
    const stop = (): void => {
      throw thrown;
    };
    await expect(toy.trainToyModel({ ...options, steps: 10_000_000, onProgress: stop })).rejects.toBe(thrown);
  });

  it('says so when it diverges', async () => {
    const huge = { data: new Float32Array(36).fill(1e30), shape: [9, 4] as const };
    const initial = [{ weights: huge, bias: new Float32Array(9) }];
    const run = toy.trainToyModel({ ...options, instances: [{}], initial, learningRate: 1 });
    await expect(run).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('instance 0'),
    });
  });
});

describe('applyToyModel', () => {
  it.each(['relu', 'linear'] as const)(
    '%s: hidden and output within rounding of float64, dense or sparse',
    (activation) => {
      const [features, dims, rows] = [17, 5, 40];
      const parameters = model(31, features, dims, activation);
      const codes = toy.sampleFeatures({ samples: rows, features, density: 0.3, format: 'sparse', seed: 4 });
      for (const x of [codes, codes.toDense()]) {
        const { hidden, output } = toy.applyToyModel(parameters, x);
        const dense = codes.toDense().data;
        for (let s = 0; s < rows; s++) {
          const h = Array.from({ length: dims }, (_, k) => {
            let sum = 0;
            for (let i = 0; i < features; i++)
              sum += (dense[s * features + i] as number) * (parameters.weights.data[i * dims + k] as number);
            return sum;
          });
          for (const [k, value] of h.entries())
            expect(Math.abs((hidden.data[s * dims + k] as number) - value)).toBeLessThan(64 * U32);
          for (let i = 0; i < features; i++) {
            let y = parameters.bias[i] as number;
            for (const [k, value] of h.entries())
              y += value * (parameters.weights.data[i * dims + k] as number);
            const expected = activation === 'relu' ? Math.max(0, y) : y;
            expect(Math.abs((output.data[s * features + i] as number) - expected)).toBeLessThan(256 * U32);
          }
        }
      }
    },
  );

  it.each(['a matrix', 'codes'])('names the row of x that overflows, given as %s', (how) => {
    const large = {
      weights: { data: Float32Array.of(1e17), shape: [1, 1] as const },
      bias: Float32Array.of(0),
    };
    const codes = { indptr: Uint32Array.of(0, 1, 2), indices: Uint32Array.of(0, 0) };
    const values = Float32Array.of(1, 1e22);
    const x =
      how === 'codes'
        ? SparseCodes.from({ ...codes, values, shape: [2, 1] as const })
        : { data: values, shape: [2, 1] as const };
    expect(() => toy.applyToyModel(large, x)).toThrow(
      expect.objectContaining({
        ...{ code: 'ERR_NOT_FINITE', argument: 'x' },
        message: 'x overflows float32 in the hidden layer: row 1',
      }),
    );
  });
});
