// Synthetic activations: frequencies, trees, correlations and magnitudes against closed forms, within what chance allows; the stream
// cut in any way; refusals.
import { describe, expect, it } from 'vitest';
import { type SparseCodes, toy, UnsuperposeError } from '../../lib/index.js';
import { type Anything, failure } from '../api/calls.js';
import { toRows } from '../reference/linear.js';
import { bits } from '../reference/verify.js';

/** Standard deviations that no count of a test is off by: 1e-6 of a normal is outside, and there are some thousands of counts. */
const CHANCE = 5.5;

const plain = { orthogonal: { steps: 0 } };

function counts(codes: SparseCodes): Float64Array {
  const out = new Float64Array(codes.shape[1]);
  for (const i of codes.indices) out[i] = (out[i] as number) + 1;
  return out;
}

/** Is a count of a binomial as expected? */
function expectShare(count: number, samples: number, p: number, what: string): void {
  const deviation = Math.sqrt(samples * p * (1 - p));
  expect(Math.abs(count - samples * p), what).toBeLessThanOrEqual(CHANCE * deviation + 1e-9);
}

/** φ, and Φ by integrating it (Simpson's rule): errors around 1e-12. */
const density = (v: number): number => Math.exp((-v * v) / 2) / Math.sqrt(2 * Math.PI);
function below(v: number): number {
  const steps = 2000;
  const h = v / steps;
  let sum = density(0) + density(v);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density(i * h);
  return 0.5 + (sum * h) / 3;
}

describe('frequencies', () => {
  it('fall with the rank as the formula says, from the maximum to the minimum', async () => {
    const options = { features: 200, dims: 3, probability: { zipf: 0.5, minimum: 0.002, maximum: 0.3 } };
    const synthetic = await toy.syntheticFeatures({ ...options, ...plain, seed: 3 });
    const last = 200 ** -0.5;
    synthetic.probability.forEach((p, i) => {
      const expected = 0.002 + (0.298 * ((i + 1) ** -0.5 - last)) / (1 - last);
      expect(Math.abs(p - expected)).toBeLessThan(1e-12);
    });
    const samples = 40_000;
    counts((await synthetic.sample({ samples })).codes).forEach((count, i) => {
      expectShare(count, samples, synthetic.probability[i] as number, `feature ${i}`);
    });
  });

  it('keep their marginals under correlation; never and always are kept too', async () => {
    const probability = [0, 1, 1e-4, 0.01, 0.3, 0.5, 0.9, 0.999];
    const synthetic = await toy.syntheticFeatures({
      ...plain,
      features: 8,
      dims: 2,
      probability,
      correlation: { rank: 5, scale: 0.5 },
    });
    const samples = 60_000;
    const { codes } = await synthetic.sample({ samples });
    counts(codes).forEach((count, i) => {
      expectShare(count, samples, probability[i] as number, `feature ${i}`);
    });
  });

  it('two features at ½: together with ¼ + asin(ρ)/2π, for every pair', async () => {
    const features = 12;
    const synthetic = await toy.syntheticFeatures({
      ...plain,
      features,
      dims: 2,
      probability: 0.5,
      correlation: { rank: 3, scale: 0.45 },
      seed: 4,
    });
    const samples = 50_000;
    const rows = toRows((await synthetic.sample({ samples })).codes.toDense());
    const factors = toRows(synthetic.factors);
    let [positive, negative] = [0, 0];
    for (let i = 0; i < features; i++) {
      const size = (factors[i] as Float64Array).reduce((sum, entry) => sum + entry * entry, 0);
      expect(size).toBeLessThanOrEqual(0.99 + 1e-6);
      for (let j = 0; j < i; j++) {
        const rho = (factors[i] as Float64Array).reduce(
          (sum, f, r) => sum + f * (factors[j]?.[r] as number),
          0,
        );
        const both = rows.filter((row) => row[i] !== 0 && row[j] !== 0).length;
        expectShare(both, samples, 0.25 + Math.asin(rho) / (2 * Math.PI), `features ${i} and ${j}, ρ ${rho}`);
        if (rho > 0.3) positive++;
        if (rho < -0.3) negative++;
      }
    }
    expect(Math.min(positive, negative)).toBeGreaterThan(2);
  });
});

describe('trees', () => {
  const trees = { roots: 3, branching: 3, depth: 2, exclusive: true };
  const options = {
    ...plain,
    features: 45, // 3 roots, 9 children, 27 grandchildren, and 6 that stand alone
    dims: 4,
    probability: Array.from({ length: 45 }, (_, i) => (i < 3 ? 0.5 : i < 12 ? 0.12 : i < 39 ? 0.02 : 0.1)),
    hierarchy: trees,
    magnitude: { first: 1, last: 1, deviation: 1 },
    seed: 9,
  };
  const parentOf = (i: number): number | null =>
    i < 3 || i >= 39 ? null : i < 12 ? Math.floor((i - 3) / 3) : 3 + Math.floor((i - 12) / 3);

  it('children only below an active parent, one of siblings; also where magnitudes are cut off and features correlate', async () => {
    const correlated = { ...options, correlation: { rank: 4, scale: 0.3 } };
    const synthetic = await toy.syntheticFeatures(correlated);
    expect([...synthetic.parents]).toEqual(Array.from({ length: 45 }, (_, i) => parentOf(i)));
    const { codes } = await synthetic.sample({ samples: 20_000 });
    let children = 0;
    for (const { indices, values } of codes) {
      const active = new Set(indices);
      const parents = [...indices].flatMap((i) => synthetic.parents[i] ?? []);
      expect(parents.filter((parent) => !active.has(parent))).toEqual([]);
      expect(new Set(parents).size).toBe(parents.length);
      expect(values.every((value) => value > 0)).toBe(true);
      expect([...indices]).toEqual([...indices].sort((a, b) => a - b));
      children += parents.length;
    }
    expect(children).toBeGreaterThan(1000);
  });

  it.each([true, false])(
    'exact frequencies, exclusive %s: over all that siblings may do',
    async (exclusive) => {
      const synthetic = await toy.syntheticFeatures({ ...options, hierarchy: { ...trees, exclusive } });
      const samples = 60_000;
      const got = counts((await synthetic.sample({ samples })).codes);
      const positive = below(1); // of a magnitude N(1, 1)
      const base = options.probability;
      const share = (i: number): number => {
        const parent = parentOf(i);
        if (parent === null) return (base[i] as number) * positive;
        const ratio = (base[i] as number) / (base[parent] as number);
        // two siblings of the same probability
        const fires = Math.min(1, ratio * (exclusive ? 1 + 2 * ratio : 1));
        const stays = exclusive ? (1 - fires) ** 2 + fires * (1 - fires) + fires ** 2 / 3 : 1;
        return share(parent) * fires * stays * positive;
      };
      got.forEach((count, i) => {
        expectShare(count, samples, share(i), `feature ${i}`);
      });
    },
  );

  it('end where features run out', async () => {
    const few = await toy.syntheticFeatures({ ...options, features: 14, probability: 0.1 });
    expect([...few.parents]).toEqual(Array.from({ length: 14 }, (_, i) => parentOf(i)));
    const none = await toy.syntheticFeatures({
      ...options,
      features: 2,
      probability: 0.1,
      hierarchy: { ...trees, roots: 2 },
    });
    expect([...none.parents]).toEqual([null, null]);
  });
});

describe('magnitudes', () => {
  it('are normal, cut off at 0: mean and second moment', async () => {
    const samples = 30_000;
    const synthetic = await toy.syntheticFeatures({
      ...plain,
      features: 5,
      dims: 2,
      probability: 1,
      magnitude: { first: 3, last: 0.5, deviation: 0.8 },
    });
    expect([...synthetic.deviation]).toEqual([0.8, 0.8, 0.8, 0.8, 0.8]);
    const rows = toRows((await synthetic.sample({ samples })).codes.toDense());
    synthetic.mean.forEach((m, i) => {
      expect(m).toBeCloseTo(3 - (2.5 * i) / 4, 12);
      const s = 0.8;
      const part = below(m / s);
      expect(Math.abs(rows.filter((row) => row[i] !== 0).length - samples * part)).toBeLessThanOrEqual(
        CHANCE * Math.sqrt(samples * part * (1 - part)) + 1,
      );
      // of max(0, N(m, s)): E = mΦ + sφ, E² = (m² + s²)Φ + msφ
      const first = m * part + s * density(m / s);
      const second = (m * m + s * s) * part + m * s * density(m / s);
      const values = rows.map((row) => row[i] as number);
      const mean = values.reduce((sum, value) => sum + value, 0) / samples;
      const square = values.reduce((sum, value) => sum + value * value, 0) / samples;
      const fourth = values.reduce((sum, value) => sum + value ** 4, 0) / samples;
      expect(Math.abs(mean - first)).toBeLessThan(CHANCE * Math.sqrt((second - first ** 2) / samples));
      expect(Math.abs(square - second)).toBeLessThan(CHANCE * Math.sqrt((fourth - second ** 2) / samples));
    });
  });

  it('have deviations |N(½, ½)| over the features', async () => {
    const features = 4000;
    const magnitude = { first: 5, last: 4, deviation: 0.5, spread: 0.5 };
    const { deviation } = await toy.syntheticFeatures({ ...plain, features, dims: 1, magnitude });
    // mean of |N(μ, σ)|: 2σφ(μ/σ) + μ(2Φ(μ/σ) − 1); second moment μ² + σ²
    const expected = density(1) + 0.5 * (2 * below(1) - 1);
    const mean = deviation.reduce((sum, s) => sum + s, 0) / features;
    expect(Math.abs(mean - expected)).toBeLessThan(CHANCE * Math.sqrt((0.5 - expected ** 2) / features));
    const square = deviation.reduce((sum, s) => sum + s * s, 0) / features;
    expect(Math.abs(square - 0.5)).toBeLessThan(CHANCE * Math.sqrt(0.375 / features)); // Var N(½, ½)² = 2σ⁴ + 4μ²σ²
    expect(Math.min(...deviation)).toBeGreaterThanOrEqual(0);
  });
});

const small = { ...toy.presets['synth-sae-bench-small'], seed: 5 };

describe('samples', () => {
  it('are codes · D + b, to the last rounding', async () => {
    const synthetic = await toy.syntheticFeatures(small);
    const { data, codes } = await synthetic.sample({ samples: 100 });
    const atoms = toRows(synthetic.dictionary.toMatrix());
    expect(Math.abs(Math.hypot(...synthetic.bias) - 0.5)).toBeLessThan(1e-6);
    let s = 0;
    for (const { indices, values } of codes) {
      for (let k = 0; k < synthetic.dims; k++) {
        let sum = synthetic.bias[k] as number;
        let size = Math.abs(sum);
        indices.forEach((i, at) => {
          const term = (values[at] as number) * (atoms[i]?.[k] as number);
          sum += term;
          size += Math.abs(term);
        });
        const got = data[s * synthetic.dims + k] as number;
        expect(Math.abs(got - sum)).toBeLessThanOrEqual(2 ** -24 * Math.abs(sum) + 1e-14 * size);
      }
      s++;
    }
  });

  it('are one stream: any part of it, any number of threads, any batches give the same bits', async () => {
    const synthetic = await toy.syntheticFeatures({ ...small, threads: 1 });
    const whole = await synthetic.sample({ samples: 300, threads: 1 });
    const other = await toy.syntheticFeatures({ ...small, threads: 3 });
    expect(bits(other.dictionary.toMatrix().data)).toEqual(bits(synthetic.dictionary.toMatrix().data));
    const again = await other.sample({ samples: 300, threads: 3 });
    expect(bits(again.data)).toEqual(bits(whole.data));
    expect(again.codes).toEqual(whole.codes);
    let first = 0;
    for await (const { data, shape, codes } of other.batches({ samples: 280, first: 20, batchSize: 77 })) {
      const at = (20 + first) * 96;
      expect(bits(data)).toEqual(bits(whole.data.slice(at, at + data.length)));
      for (let i = 0; i < shape[0]; i++) expect(codes.row(i)).toEqual(whole.codes.row(20 + first + i));
      first += shape[0];
    }
    expect(first).toBe(280);
    const far = await other.sample({ samples: 2, first: 2 ** 45 });
    const next = await other.sample({ samples: 1, first: 2 ** 45 + 1 });
    expect(bits(next.data)).toEqual(bits(far.data.slice(96)));
    const seeded = await (await toy.syntheticFeatures({ ...small, seed: 6 })).sample({ samples: 300 });
    expect(seeded.codes).not.toEqual(whole.codes);
  });

  it('the small preset: some 4 active features, none without its parent', async () => {
    const synthetic = await toy.syntheticFeatures(small);
    const { codes } = await synthetic.sample({ samples: 5000 });
    expect(Math.abs(codes.indices.length / 5000 - 4)).toBeLessThan(0.5);
    for (const { indices } of codes)
      for (const i of indices) {
        const parent = synthetic.parents[i] ?? null;
        expect(parent === null || indices.includes(parent)).toBe(true);
      }
  });
});

describe('handles', () => {
  it('progress, abort, dispose', async () => {
    const seen: number[] = [];
    using synthetic = await toy.syntheticFeatures({ ...small, onProgress: ({ done }) => seen.push(done) });
    expect(seen.at(-1)).toBe(100);
    const controller = new AbortController();
    const promise = toy.syntheticFeatures({
      ...small,
      orthogonal: { steps: 100_000 },
      signal: controller.signal,
    });
    setTimeout(() => controller.abort('enough'), 5);
    expect(await failure(() => promise)).toBe('enough');
    const stopped = synthetic.sample({ samples: 2 ** 22, signal: AbortSignal.timeout(5) });
    expect(((await failure(() => stopped)) as Error).name).toBe('TimeoutError');
    const running = synthetic.sample({ samples: 100 });
    synthetic.dispose();
    synthetic.dispose();
    expect((await running).shape).toEqual([100, 96]);
    const error = await failure(() => synthetic.sample({ samples: 1 }));
    expect((error as UnsuperposeError).code).toBe('ERR_DISPOSED');
  });

  it('prints itself', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(await toy.syntheticFeatures(small))).toMatch(
      /^SyntheticFeatures 1,024 features in 96 dims, 672 of them children$/,
    );
  });
});

const bad: [string, Anything, string, RegExp][] = [
  ['no features', { dims: 3 }, 'ERR_OPTION', /features must be an integer/],
  ['an unknown option', { features: 3, dims: 3, biass: 1 }, 'ERR_OPTION', /did you mean bias/],
  [
    'a probability of 2',
    { features: 3, dims: 3, probability: 2 },
    'ERR_OPTION',
    /probability must be a finite number between 0 and 1, one a feature, or/,
  ],
  [
    'too few probabilities',
    { features: 3, dims: 3, probability: [1] },
    'ERR_SHAPE',
    /probability must be one a feature \(3\), got 1/,
  ],
  [
    'a minimum above the maximum',
    { features: 3, dims: 3, probability: { zipf: 1, minimum: 0.5, maximum: 0.1 } },
    'ERR_OPTION',
    /probability\.maximum/,
  ],
  [
    'more roots than features',
    { features: 3, dims: 3, hierarchy: { roots: 4, branching: 1, depth: 1 } },
    'ERR_OPTION',
    /hierarchy\.roots must be an integer between 1 and 3 \(features\), got 4/,
  ],
  [
    'no branching',
    { features: 3, dims: 3, hierarchy: { roots: 1, depth: 1 } },
    'ERR_OPTION',
    /hierarchy\.branching must be an integer/,
  ],
  ['a rank below 0', { features: 3, dims: 3, correlation: { rank: -1 } }, 'ERR_OPTION', /correlation\.rank/],
  [
    'a negative magnitude',
    { features: 3, dims: 3, magnitude: { first: -1, last: 1 } },
    'ERR_OPTION',
    /magnitude\.first/,
  ],
  [
    'a string for steps',
    { features: 3, dims: 3, orthogonal: { steps: '3' } },
    'ERR_OPTION',
    /orthogonal\.steps/,
  ],
];
it.each(bad)('refuses %s', async (_, options, code, message) => {
  const error = await failure(() => toy.syntheticFeatures(options));
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect([(error as UnsuperposeError).code, (error as Error).message]).toEqual([
    code,
    expect.stringMatching(message),
  ]);
});
