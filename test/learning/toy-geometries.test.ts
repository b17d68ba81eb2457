// Toy models: the geometries that the paper found, and the measures that tell them apart.
import { describe, expect, it } from 'vitest';
import { toy } from '../../lib/index.js';
import { model, normals } from './toy-models.js';

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
