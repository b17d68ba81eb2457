// Toy models: loss and gradient against float64, AdamW against its algorithm, the geometries that the paper found, samples
// against their distribution, seeds, threads, refusals.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Matrix, SparseCodes, toy, UnsuperposeError } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { adamW, type Loss, lossAndGradient } from '../reference/toy.js';
import { bits } from '../reference/verify.js';

const U32 = 2 ** -24;

function normals(seed: number, count: number, scale: number): Float32Array {
  const random = makeRandom(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** Samples with a share `density` of entries that are not zero. */
function samples(seed: number, rows: number, features: number, density: number): Matrix<Float32Array> {
  const random = makeRandom(seed);
  const data = Float32Array.from({ length: rows * features }, () =>
    random.uniform() < density ? random.uniform() : 0,
  );
  return { data, shape: [rows, features] };
}

function model(seed: number, features: number, dims: number, activation: 'relu' | 'linear' = 'relu') {
  const weights: Matrix<Float32Array> = {
    data: normals(seed, features * dims, 0.5),
    shape: [features, dims],
  };
  return { weights, bias: normals(seed + 1, features, 0.1), activation };
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

/** Angles between neighbouring features, in degrees, of those that are represented. */
function angles({ weights }: toy.ToyModel): number[] {
  const { data } = weights;
  const directions = Array.from(
    { length: data.length / 2 },
    (_, i) => [data[2 * i], data[2 * i + 1]] as number[],
  )
    .filter(([a = 0, b = 0]) => Math.hypot(a, b) > 0.5)
    .map(([a = 0, b = 0]) => (Math.atan2(b, a) * 180) / Math.PI)
    .sort((a, b) => a - b);
  return directions.map((angle, i) =>
    i === 0 ? angle - (directions.at(-1) as number) + 360 : angle - (directions[i - 1] as number),
  );
}

describe('what the paper found', () => {
  it('5 features in 2 dims: dense keeps two, orthogonal; sparse keeps five, as a pentagon', async () => {
    const options = { ...toy.presets.pentagon, steps: 2500, learningRate: 1e-2 };
    const best = async (density: number) => {
      const models = await toy.trainToyModel({
        ...options,
        instances: Array.from({ length: 4 }, () => ({ density })),
      });
      return models.reduce((a, b) => (b.loss < a.loss ? b : a));
    };
    const dense = await best(1);
    const between = angles(dense);
    expect(between.length).toBe(2);
    expect(Math.abs(Math.min(...between) - 90)).toBeLessThan(2);
    const sparse = angles(await best(0.03));
    expect(sparse.length).toBe(5);
    for (const angle of sparse) expect(Math.abs(angle - 72)).toBeLessThan(3);
  });

  // What the loss favours among few features: opposites before triangles, then the pentagon and the square antiprism.
  it.each([
    { features: 2, dims: 2, expected: [1, 1] },
    { features: 2, dims: 1, expected: [1 / 2, 1 / 2] },
    { features: 3, dims: 2, expected: [1 / 2, 1 / 2, 1] },
    { features: 4, dims: 3, expected: [1 / 2, 1 / 2, 1, 1] },
    { features: 5, dims: 2, expected: new Array(5).fill(2 / 5) },
    { features: 8, dims: 3, expected: new Array(8).fill(3 / 8) },
  ])(
    'sparse: $features in $dims have the dimensionalities $expected',
    async ({ features, dims, expected }) => {
      const models = await toy.trainToyModel({
        ...{ features, dims, density: 0.03, steps: 1500, learningRate: 1e-2, schedule: 'cosine' },
        instances: Array.from({ length: 4 }, () => ({})),
      });
      const { weights } = models.reduce((a, b) => (b.loss < a.loss ? b : a));
      const found = [...toy.measureSuperposition(weights).dimensionality].sort((a, b) => a - b);
      for (const [i, d] of found.entries()) expect(Math.abs(d - expected[i])).toBeLessThan(0.03);
    },
  );

  it('many features keep to plateaus, all within 0.03: 1/2 in opposite pairs, and 0', async () => {
    const models = await toy.trainToyModel({
      features: 60,
      dims: 6,
      instances: [0.4, 0.35, 0.3].map((density) => ({ density })),
      ...{ steps: 3000, batchSize: 512, learningRate: 1e-2, schedule: 'cosine', weightDecay: 0, seed: 3 },
    });
    for (const { weights } of models) {
      const { dimensionality, dimensionsPerFeature } = toy.measureSuperposition(weights);
      const pairs = dimensionality.filter((d) => Math.abs(d - 1 / 2) <= 0.03);
      const ignored = dimensionality.filter((d) => d <= 0.03);
      expect(pairs.length).toBe(12);
      expect(ignored.length).toBe(48);
      expect(Math.abs(dimensionsPerFeature - 1 / 2)).toBeLessThan(0.1);
    }
  });

  it('strategies: orthogonal features, bounded overlaps, sparse activations on the dims', async () => {
    const base = {
      features: 12,
      dims: 4,
      density: 0.03,
      steps: 2000,
      learningRate: 1e-2,
      schedule: 'cosine',
    } as const;
    const measure = async (strategy: toy.ToyStrategy) => {
      const [trained] = await toy.trainToyModel({ ...base, ...strategy });
      return toy.measureSuperposition((trained as toy.ToyModel).weights);
    };
    const kept = ({ norm }: { norm: Float64Array }): number => norm.filter((length) => length >= 0.5).length;
    const afterwards = await measure({});
    const orthogonal = await measure({ strategy: 'orthogonal', penalty: 1 });
    const hybrid = await measure({ strategy: 'hybrid', penalty: 1, allowedInterference: 0.3 });
    const sparse = await measure({ strategy: 'sparse-activations', penalty: 0.3 });
    expect(kept(afterwards)).toBe(12);
    expect(afterwards.basis).toBe('rotated');
    expect(kept(orthogonal)).toBe(4);
    expect(orthogonal.meanInterference).toBeLessThan(0.01);
    expect(kept(hybrid)).toBe(12);
    expect(hybrid.meanInterference).toBeLessThan(afterwards.meanInterference / 2);
    expect(sparse.basis).toBe('privileged');
    expect(sparse.meanInterference).toBeLessThan(afterwards.meanInterference / 2);
  });
});

describe('sampleFeatures', () => {
  const count = 30_000;

  /** Within five deviations of a binomial share. */
  function expectShare(hits: number, of: number, p: number): void {
    expect(Math.abs(hits - of * p)).toBeLessThanOrEqual(5 * Math.sqrt(of * p * (1 - p)) + 1e-9);
  }

  it('densities: each its own, from 0 to 1; values uniform and independent', () => {
    const density = [0, 0.001, 0.05, 0.3, 0.999, 1];
    const x = toy.sampleFeatures({ samples: count, features: 6, density, seed: 11 });
    const column = (i: number): number[] =>
      Array.from({ length: count }, (_, s) => x.data[6 * s + i] as number);
    for (const [i, p] of density.entries()) {
      const active = column(i).filter((v) => v !== 0);
      expectShare(active.length, count, p);
      expect(active.every((v) => v > 0 && v <= 1)).toBe(true);
      for (const edge of [0.1, 0.25, 0.5, 0.75, 0.9])
        expectShare(active.filter((v) => v < edge).length, active.length, edge);
    }
    const [a, b] = [column(5), column(4)];
    const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const [meanA, meanB] = [mean(a), mean(b)];
    const covariance = mean(a.map((v, s) => (v - meanA) * ((b[s] as number) - meanB)));
    expect(Math.abs(covariance) * 12).toBeLessThan(5 / Math.sqrt(count));
    // neighbouring samples too
    const lagged = mean(a.slice(1).map((v, s) => (v - 0.5) * ((a[s] as number) - 0.5)));
    expect(Math.abs(lagged) * 12).toBeLessThan(5 / Math.sqrt(count));
  });

  it('groups: together, one at a time, under a parent', () => {
    const x = toy.sampleFeatures({
      samples: count,
      features: 9,
      density: [0.2, 0.2, 0.1, 0.3, 0.4, 0.3, 0.5, 0.25, 0.05],
      correlated: [[0, 1, 2]],
      anticorrelated: [[3, 4, 5]],
      parents: [null, null, null, null, null, null, null, 6, 7],
      seed: 12,
      format: 'sparse',
    });
    const counts = new Float64Array(9);
    for (const { indices } of x) {
      const has = (i: number): boolean => indices.includes(i);
      for (const i of indices) counts[i] = (counts[i] as number) + 1;
      expect(has(0)).toBe(has(1));
      if (has(2)) expect(has(0)).toBe(true);
      expect(Number(has(3)) + Number(has(4)) + Number(has(5))).toBe(1);
      if (has(7)) expect(has(6)).toBe(true);
      if (has(8)) expect(has(7)).toBe(true);
    }
    for (const [i, p] of [0.2, 0.2, 0.1, 0.3, 0.4, 0.3, 0.5, 0.25, 0.05].entries())
      expectShare(counts[i] as number, count, p);
    // values of correlated features are independent of each other
    const pairs = [...x]
      .filter(({ indices }) => indices.includes(0))
      .map(({ values }) => [values[0], values[1]] as [number, number]);
    const product = pairs.reduce((sum, [a, b]) => sum + (a - 0.5) * (b - 0.5), 0) / pairs.length;
    expect(Math.abs(product) * 12).toBeLessThan(5 / Math.sqrt(pairs.length));
  });

  it('lognormal magnitudes; Zipf densities', () => {
    const features = 50;
    const zipf = toy.densities({ zipf: 1, mean: 0.02 }, features);
    expect((zipf[0] as number) / (zipf[9] as number)).toBeCloseTo(10, 9);
    expect(zipf.reduce((sum, p) => sum + p, 0) / features).toBeCloseTo(0.02, 9);
    expect(toy.densities({ zipf: 2, mean: 0.5 }, 4)[0]).toBe(1);
    const x = toy.sampleFeatures({
      ...{ samples: count, features, density: { zipf: 1, mean: 0.02 }, seed: 13, format: 'sparse' },
      magnitudes: { location: 0.5, scale: 0.75 },
    });
    const logs = Array.from(x.values, Math.log);
    const mean = logs.reduce((sum, v) => sum + v, 0) / logs.length;
    const variance = logs.reduce((sum, v) => sum + (v - mean) ** 2, 0) / logs.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan((5 * 0.75) / Math.sqrt(logs.length));
    expect(Math.abs(variance / 0.75 ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / logs.length));
    const active = x.indices.filter((i) => i === 0).length;
    expectShare(active, count, zipf[0] as number);
  });

  it('the same bits on every instruction set', () => {
    const x = toy.sampleFeatures({
      ...{ samples: 1500, features: 9, density: [0.01, 0.1, 0.2, 0.5, 1, 0.3, 0.3, 0.3, 0.1] },
      anticorrelated: [[5, 6, 7]],
      parents: [null, null, null, null, null, null, null, null, 3],
      seed: 2 ** 53 - 1,
    });
    expect(createHash('sha256').update(x.data).digest('hex')).toMatch(/^08874aa42191c768/);
  });

  it('the same bits for a seed, any number of threads, either format, and as the beginning of more', () => {
    const options = { samples: 3000, features: 7, density: 0.3, seed: 5, correlated: [[1, 2]] };
    const one = toy.sampleFeatures({ ...options, threads: 1 });
    expect(bits(toy.sampleFeatures({ ...options, threads: 3 }).data)).toBe(bits(one.data));
    expect(bits(toy.sampleFeatures({ ...options, format: 'sparse' }).toDense().data)).toBe(bits(one.data));
    expect(bits(toy.sampleFeatures({ ...options, samples: 1001 }).data)).toBe(bits(one.data.slice(0, 7007)));
    expect(bits(toy.sampleFeatures({ ...options, seed: 6 }).data)).not.toBe(bits(one.data));
    expect(toy.sampleFeatures({ ...options, samples: 0, format: 'sparse' }).shape).toEqual([0, 7]);
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

describe('measureSuperposition', () => {
  it('against its definition over all pairs', () => {
    const [features, dims] = [30, 7];
    const { weights } = model(41, features, dims);
    weights.data.fill(0, 3 * dims, 4 * dims);
    const got = toy.measureSuperposition(weights, { threads: 3 });
    const row = (i: number): number[] => [...weights.data.subarray(i * dims, (i + 1) * dims)];
    const dot = (a: number[], b: number[]): number => a.reduce((sum, v, k) => sum + v * (b[k] as number), 0);
    let total = 0;
    for (let i = 0; i < features; i++) {
      const square = dot(row(i), row(i));
      total += square;
      let others = 0;
      for (let j = 0; j < features; j++) if (j !== i) others += dot(row(i), row(j)) ** 2;
      if (i === 3) {
        for (const column of [got.norm, got.dimensionality, got.interference, got.alignment])
          expect(column[i]).toBe(0);
        continue;
      }
      expect(got.norm[i]).toBeCloseTo(Math.sqrt(square), 12);
      expect(got.interference[i]).toBeCloseTo(others / square, 10);
      expect(got.dimensionality[i]).toBeCloseTo(square / (square + others / square), 12);
      const energies = row(i).map((v) => v * v);
      expect(got.alignment[i]).toBeCloseTo(Math.max(...energies) / square, 12);
      expect(got.neuron[i]).toBe(energies.indexOf(Math.max(...energies)));
    }
    expect(got.effectiveFeatures).toBeCloseTo(total, 9);
    expect(got.featuresPerDimension).toBeCloseTo(total / dims, 9);
    expect(got.dimensionsPerFeature).toBeCloseTo(dims / total, 9);
  });

  it('known geometries: neurons, antipodes, a pentagon', () => {
    const identity = { data: Float32Array.of(2, 0, 0, 0, 3, 0, 0, 0, 1), shape: [3, 3] as const };
    expect(toy.measureSuperposition(identity)).toMatchObject({ basis: 'neurons', meanInterference: 0 });
    expect([...toy.measureSuperposition(identity).dimensionality]).toEqual([1, 1, 1]);
    const antipodes = toy.measureSuperposition({ data: Float32Array.of(1, -1), shape: [2, 1] });
    expect([...antipodes.dimensionality]).toEqual([0.5, 0.5]);
    expect(antipodes.basis).not.toBe('neurons');
    const turn = (2 * Math.PI) / 5;
    const corners = Float64Array.from({ length: 10 }, (_, at) =>
      (at % 2 ? Math.sin : Math.cos)((at >> 1) * turn + 0.3),
    );
    const pentagon = toy.measureSuperposition({ data: corners, shape: [5, 2] });
    for (const d of pentagon.dimensionality) expect(d).toBeCloseTo(2 / 5, 6);
    expect(pentagon.basis).toBe('rotated');
  });

  it('finds a privileged basis, and none in random directions', () => {
    const [features, dims] = [200, 20];
    const random = normals(51, features * dims, 1);
    expect(toy.measureSuperposition({ data: random, shape: [features, dims] }).basis).toBe('rotated');
    const peaked = random.map((v) => v ** 3);
    expect(toy.measureSuperposition({ data: peaked, shape: [features, dims] }).basis).toBe('privileged');
  });
});

describe('refusals', () => {
  // biome-ignore lint/suspicious/noExplicitAny: what is refused is what the types forbid
  type Anything = any;
  const refused = async (call: () => unknown, code: string, text: RegExp): Promise<void> => {
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect((error as UnsuperposeError).code, (error as Error).message).toBe(code);
    expect((error as Error).message).toMatch(text);
  };
  const sample = { samples: 4, features: 3 };
  const train = { features: 3, dims: 2, steps: 1 };

  it.each<[Record<string, Anything>, RegExp, string?]>([
    [{ samples: -1 }, /samples/],
    [{ features: 0 }, /features/],
    [{ density: 1.1 }, /density/],
    [{ density: [0.1, 0.2] }, /density must be one a feature \(3\), got 2/, 'ERR_SHAPE'],
    [{ density: [0.1, Number.NaN, 0.2] }, /density\[1\]/],
    [{ density: { zipf: 1 } }, /density\.mean/],
    [{ density: { zipf: 1, mean: 0.1, cut: 1 } }, /cut is not an option/],
    [{ format: 'csr' }, /format must be one of dense, sparse/],
    [{ seed: -1 }, /seed/],
    [{ correlated: [0, 1] }, /correlated\[0\] must be an array/],
    [{ correlated: [[0, 3]] }, /correlated\[0\]\[1\]/],
    [{ correlated: [[0, 1]], anticorrelated: [[1, 2]] }, /feature 1 is twice/],
    [{ density: 0.5, anticorrelated: [[0, 1, 2]] }, /density must be at most 1 in all.*got 1\.5/],
    [{ parents: [null, 0] }, /parents must be one a feature/, 'ERR_SHAPE'],
    [{ parents: [1, 2, 0] }, /circle/],
    [{ parents: [0, null, null] }, /circle/],
    [{ parents: [null, 3, null] }, /parents\[1\]/],
    [
      { parents: [null, 0, null], density: [0.1, 0.2, 0.1] },
      /density\[1\] must be at most its parent's, 0\.1/,
    ],
    [{ parents: [null, 0, null], correlated: [[1, 2]] }, /parents\[1\] must be null/],
    [{ magnitudes: 'normal' }, /magnitudes/],
    [{ magnitudes: { location: 0 } }, /magnitudes\.scale/],
    [{ sed: 1 }, /sed is not an option of sampleFeatures \(did you mean seed\?\)/],
    [{ threads: 0 }, /threads/],
  ])('sampleFeatures %o', (options, text, code = 'ERR_OPTION') =>
    refused(() => toy.sampleFeatures({ ...sample, ...options } as Anything), code, text),
  );

  it.each<[Record<string, Anything>, RegExp, string?]>([
    [{ features: 1.5 }, /features/],
    [{ dims: 0 }, /dims/],
    [{ steps: 0 }, /steps/],
    [{ batchSize: 0 }, /batchSize/],
    [{ learningRate: 0 }, /learningRate/],
    [{ learningRate: 2 }, /learningRate/],
    [{ schedule: 'step' }, /schedule/],
    [{ weightDecay: -1 }, /weightDecay/],
    [{ betas: [0.9, 1] }, /betas/],
    [{ epsilon: 0 }, /epsilon/],
    [{ activation: 'gelu' }, /activation/],
    [{ instances: [] }, /instances/],
    [{ instances: [{ densty: 1 }] }, /densty is not an option of instances\[0\] \(did you mean density\?\)/],
    [{ instances: [{ importance: [1] }] }, /instances\[0\]\.importance must be one a feature/, 'ERR_SHAPE'],
    [{ importance: -1 }, /importance/],
    [{ importance: { decay: 0 } }, /importance\.decay/],
    [{ penalty: 1 }, /penalty is an option of strategies/],
    [{ strategy: 'orthogonal' }, /penalty must be/],
    [
      { strategy: 'orthogonal', penalty: 1, allowedInterference: 0.1 },
      /allowedInterference is an option of strategy hybrid/,
    ],
    [{ strategy: 'hybrid', penalty: 1 }, /allowedInterference must be/],
    [{ strategy: 'none' }, /strategy must be one of/],
    [{ initial: [] }, /initial must be one an instance/, 'ERR_SHAPE'],
    [
      { initial: [model(1, 2, 2)] },
      /initial\[0\]\.weights must be features × dims \[3, 2\], got \[2, 2\]/,
      'ERR_SHAPE',
    ],
    [
      { initial: [{ ...model(1, 3, 2), bias: [0, 0, 0] }] },
      /initial\[0\]\.bias must be a Float32Array/,
      'ERR_DTYPE',
    ],
    [{ initial: [{ ...model(1, 3, 2), bias: Float32Array.of(0, Number.NaN, 0) }] }, /bias/, 'ERR_NOT_FINITE'],
    [{ signal: 1 }, /signal/],
    [{ learningrate: 1 }, /did you mean learningRate/],
  ])('trainToyModel %o', (options, text, code = 'ERR_OPTION') =>
    refused(() => toy.trainToyModel({ ...train, ...options } as Anything), code, text),
  );

  it('measureSuperposition, applyToyModel and toyGradient', async () => {
    const empty = { data: new Float32Array(0), shape: [0, 3] as const };
    await refused(() => toy.measureSuperposition(empty), 'ERR_SHAPE', /at least one feature/);
    await refused(() => toy.measureSuperposition(7 as Anything), 'ERR_DTYPE', /weights/);
    const bad = { data: Float32Array.of(1, Number.NaN), shape: [1, 2] as const };
    await refused(() => toy.measureSuperposition(bad), 'ERR_NOT_FINITE', /weights/);
    await refused(() => toy.applyToyModel(model(1, 3, 2), bad), 'ERR_SHAPE', /x has 2 features, model has 3/);
    await refused(() => toy.toyGradient(model(1, 3, 2), bad), 'ERR_SHAPE', /x has 2 features, model has 3/);
    await refused(() => toy.toyGradient(model(1, 2, 2), { ...bad, shape: [1, 2] }), 'ERR_NOT_FINITE', /x/);
    await refused(() => toy.applyToyModel({} as Anything, bad), 'ERR_DTYPE', /model\.weights/);
  });
});
