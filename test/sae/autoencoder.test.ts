// Codes and outputs of autoencoders against the plain float64 reference, for parameters of every kind.
import { describe, expect, it, test } from 'vitest';
import {
  type AutoencoderParametersLike,
  type MatrixLike,
  SparseAutoencoder,
  SparseCodes,
} from '../../lib/index.js';
import { decode, preActivations, pursue, type Wide } from '../reference/autoencoder.js';
import { makeRandom } from '../reference/random.js';

const FEATURES = 40;
const SAMPLES = 30;

type Plain = Required<Pick<AutoencoderParametersLike, 'activation'>> & {
  dims: number;
  outputs: number;
  subtract: boolean;
  norm: 'none' | 'constant' | 'layer';
  skip: boolean;
  scale: number;
  k: number;
  residual: number;
  stopOnRepeat: boolean;
};

const normals = (random: ReturnType<typeof makeRandom>, count: number, scale: number): Float32Array =>
  Float32Array.from({ length: count }, () => scale * random.normal());

function made(seed: number, given: Partial<Plain> & Pick<Plain, 'activation'>) {
  const plain: Plain = {
    ...{ dims: 12, outputs: given.dims ?? 12, subtract: false, norm: 'none', skip: false, scale: 1, k: 5 },
    ...{ residual: 0, stopOnRepeat: false },
    ...given,
  } as Plain;
  const { dims, outputs, scale, activation } = plain;
  const pursues = activation === 'matching-pursuit';
  const random = makeRandom(seed);
  const encoder = normals(random, FEATURES * dims, 0.3);
  const decoder = normals(random, FEATURES * outputs, 0.3);
  const skip = normals(random, outputs * dims, 0.1);
  const parameters = {
    activation,
    ...(!pursues && {
      encoder: { data: encoder, shape: [FEATURES, dims] },
      encoderBias: normals(random, FEATURES, 0.3 * scale),
    }),
    decoder: { data: decoder, shape: [FEATURES, outputs] },
    decoderBias: normals(random, outputs, 0.3 * scale),
    subtractDecoderBias: plain.subtract,
    inputNorm: plain.norm,
    ...((activation === 'topk' || pursues) && { k: plain.k }),
    ...(pursues && { residual: plain.residual, stopOnRepeat: plain.stopOnRepeat }),
    ...(activation === 'jumprelu' && {
      threshold: normals(random, FEATURES, 0.5 * scale).map(Math.abs),
    }),
    ...(activation === 'gated' && {
      logScale: normals(random, FEATURES, 0.3),
      magnitudeBias: normals(random, FEATURES, 0.2 * scale),
    }),
    ...(plain.skip && { skip: { data: skip, shape: [outputs, dims] } }),
  };
  const samples: MatrixLike<Float32Array> = {
    data: normals(random, SAMPLES * dims, scale),
    shape: [SAMPLES, dims],
  };
  const wide = {
    ...{ inputs: dims, outputs, features: FEATURES, subtractBias: plain.subtract },
    encoder: Float64Array.from(encoder),
    encoderBias: Float64Array.from(parameters.encoderBias ?? []),
    decoder: Float64Array.from(decoder),
    decoderBias: Float64Array.from(parameters.decoderBias),
  } as unknown as Wide;
  return { plain, parameters: parameters as AutoencoderParametersLike, samples, wide, skip };
}

/** n(x) and the way back, in float64. */
function normalised(x: Float64Array, norm: Plain['norm']) {
  const n = x.length;
  if (norm === 'none') return { x, back: (y: number) => y };
  if (norm === 'constant') {
    const size = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / n);
    return { x: x.map((v) => v / size), back: (y: number) => y * size };
  }
  const mean = x.reduce((sum, v) => sum + v, 0) / n;
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1));
  return { x: x.map((v) => (v - mean) / (deviation + 1e-5)), back: (y: number) => y * deviation + mean };
}

function expectedCodes({ plain, parameters, samples, wide }: ReturnType<typeof made>): number[][] {
  const { threshold, logScale, magnitudeBias } = parameters;
  const { dims, k, activation } = plain;
  return Array.from({ length: SAMPLES }, (_, i) => {
    const row = Float64Array.from(samples.data.subarray(i * dims, (i + 1) * dims));
    const { x } = normalised(row, plain.norm);
    if (activation === 'matching-pursuit') {
      const inner = plain.subtract ? x.map((v, d) => v - Number(wide.decoderBias[d])) : x;
      return pursue(wide, inner, { ...plain, steps: k }).a;
    }
    const { h, products } = preActivations(wide, x);
    if (activation === 'relu') return h.map((v) => Math.max(0, v));
    if (activation === 'jumprelu') return h.map((v, j) => (v > Number(threshold?.[j]) ? Math.max(0, v) : 0));
    if (activation === 'gated')
      return h.map((v, j) =>
        v > 0
          ? Math.max(0, Math.exp(Number(logScale?.[j])) * Number(products[j]) + Number(magnitudeBias?.[j]))
          : 0,
      );
    const weakest = Number([...h].sort((a, b) => b - a)[k - 1]);
    return h.map((v) => (v >= weakest ? Math.max(0, v) : 0));
  });
}

/** Float32 rounding of inputs, biases and results: sums of dims + 2 terms, each off by a few 2⁻²⁴ of the largest. */
const UNIT = 2 ** -24;

const CASES: readonly (Partial<Plain> & Pick<Plain, 'activation'>)[] = [
  { activation: 'relu' },
  { activation: 'relu', subtract: true },
  { activation: 'relu', dims: 7, outputs: 19, skip: true },
  { activation: 'topk', subtract: true },
  { activation: 'topk', k: 1 },
  { activation: 'topk', k: FEATURES },
  { activation: 'jumprelu' },
  { activation: 'jumprelu', subtract: true, skip: true },
  { activation: 'jumprelu', norm: 'constant' },
  { activation: 'gated', subtract: true },
  { activation: 'gated', norm: 'layer' },
  { activation: 'relu', norm: 'layer', subtract: true },
  { activation: 'topk', dims: 1, k: 3 },
  { activation: 'jumprelu', dims: 130, outputs: 130 },
  { activation: 'matching-pursuit', subtract: true },
  { activation: 'matching-pursuit', k: 1 },
  { activation: 'matching-pursuit', k: 20, subtract: true, stopOnRepeat: true },
  { activation: 'matching-pursuit', k: 12, subtract: true, residual: 1.5 },
  { activation: 'matching-pursuit', dims: 130, outputs: 130, norm: 'constant' },
  { activation: 'matching-pursuit', scale: 1e-12, subtract: true },
  { activation: 'matching-pursuit', scale: 2 ** 70, subtract: true },
  { activation: 'relu', scale: 1e-12 },
  { activation: 'topk', scale: 1e12, subtract: true },
  { activation: 'jumprelu', scale: 2 ** -40 },
  { activation: 'gated', scale: 2 ** 40 },
];

describe.each(CASES)('%o', (given) => {
  const all = made(11, given);
  const { plain, parameters, samples, wide, skip } = all;
  const sae = SparseAutoencoder.from(parameters);
  const codes = sae.encodeSync(samples);
  const expected = expectedCodes(all);
  const largest = Math.max(...expected.flat());

  test('codes', async () => {
    expect(largest).toBeGreaterThan(0);
    const dense = codes.toDense().data;
    const normed = given.norm === 'layer' || given.norm === 'constant' ? 4 : 1;
    // Each step of a pursuit rounds what the next ones work with.
    const amplified = plain.activation === 'matching-pursuit' ? normed * plain.k : normed;
    const bound = amplified * (plain.dims + 8) * UNIT * 4 * largest;
    expected.flat().forEach((value, at) => {
      const got = dense[at] as number;
      // A feature at its threshold may fall on either side by rounding; none does here, but for thresholds that are its value.
      if (got > 0 !== value > 0 && Math.abs(value) > bound) {
        const j = at % FEATURES;
        const threshold = Number(parameters.threshold?.[j] ?? 0);
        expect(Math.abs(Math.max(got, value) - threshold)).toBeLessThan(bound);
        return;
      }
      expect(Math.abs(got - value)).toBeLessThanOrEqual(bound);
    });
    expect(await sae.encode(samples)).toEqual(codes);
    expect(await sae.encode(samples, { threads: 3 })).toEqual(codes);
  });

  test('outputs', () => {
    const needs = plain.skip || plain.norm !== 'none';
    const out = needs ? sae.decode(codes, samples) : sae.decode(codes);
    expect(out.shape).toEqual([SAMPLES, plain.outputs]);
    const dense = codes.toDense().data;
    for (let i = 0; i < SAMPLES; i++) {
      const a = Array.from(dense.subarray(i * FEATURES, (i + 1) * FEATURES));
      const x = Float64Array.from(samples.data.subarray(i * plain.dims, (i + 1) * plain.dims));
      const { back } = normalised(x, plain.norm);
      const size = a.reduce((sum, v) => sum + Math.abs(v), 0) + plain.scale;
      decode(wide, a).forEach((value, d) => {
        const skipped = plain.skip
          ? x.reduce((sum, v, at) => sum + v * Number(skip[d * plain.dims + at]), 0)
          : 0;
        const off = Math.abs(Number(out.data[i * plain.outputs + d]) - (back(value) + skipped));
        expect(off).toBeLessThan(32 * UNIT * size * Math.max(1, Math.abs(back(1))));
      });
    }
    if (needs) expect(() => sae.decode(codes)).toThrow(/activations must be given too/);
  });

  test('parameters come back as they went in', () => {
    const again = SparseAutoencoder.from(sae.parameters());
    expect(again.parameters()).toEqual(sae.parameters());
    expect(sae.parameters().encoder.data).toEqual((parameters.encoder ?? parameters.decoder).data);
    expect(again.encodeSync(samples)).toEqual(codes);
    expect(sae.dictionary().toMatrix()).toEqual(sae.parameters().decoder);
  });
});

it('decides at thresholds as the parameters say, strictly', () => {
  const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
  const sae = SparseAutoencoder.from({
    activation: 'jumprelu',
    ...{ encoder: identity, decoder: identity },
    encoderBias: Float32Array.of(0.1, -0.25),
    decoderBias: new Float32Array(2),
    threshold: Float32Array.of(0, 0.5),
  });
  const next = Math.fround(0.75 + 2 ** -24);
  const codes = sae.encodeSync({ data: Float32Array.of(-0.1, 0.75, -0.1, next, 1, 0), shape: [3, 2] });
  // h = 0.1 − fround(0.1) = 0 is not above 0; 0.75 − 0.25 = 0.5 is not above 0.5, the next float32 is.
  expect(codes.row(0).indices).toEqual(Uint32Array.of());
  expect(codes.row(1).indices).toEqual(Uint32Array.of(1));
  expect(codes.row(2).indices).toEqual(Uint32Array.of(0));
});

describe('decides what is above 0 where rounded scores cannot', () => {
  const active = (rows: readonly (readonly number[])[], x: readonly number[]): number[] => {
    const weights = { data: Float32Array.from(rows.flat()), shape: [rows.length, x.length] };
    const sae = SparseAutoencoder.from({
      activation: 'relu',
      ...{ encoder: weights, decoder: weights },
      encoderBias: new Float32Array(rows.length),
      decoderBias: new Float32Array(x.length),
    });
    return [...sae.encodeSync({ data: Float32Array.from(x), shape: [1, x.length] }).row(0).indices];
  };

  it('sums that cancel to a little above, to 0, to a little below', () => {
    const left = Array.from({ length: 200 }, (_, j) => ((j % 3) - 1) * 2 ** -((j % 40) + 1));
    const rows = left.map((rest) => [1, 1 / 3, -1, -1 / 3, rest]);
    const expected = [...left.keys()].filter((j) => (left[j] as number) > 0);
    expect(active(rows, [0.7, 1, 0.7, 1, 1])).toEqual(expected);
  });

  it('products beyond float32', () => {
    const rows = [
      [1e17, -1e17],
      [-1e17, 1e17],
      [1e-3, 1e-3],
    ];
    expect(active(rows, [1e22, 0.99e22])).toEqual([0, 2]);
  });
});

it('encodes more samples than fit in one go as it does a few, and says how far it is', async () => {
  const { parameters, plain } = made(5, { activation: 'topk' });
  const sae = SparseAutoencoder.from(parameters);
  const random = makeRandom(6);
  const rows = 9001;
  const data = normals(random, rows * plain.dims, 1);
  const seen: { done: number; total: number }[] = [];
  const codes = await sae.encode(
    { data, shape: [rows, plain.dims] },
    { onProgress: (now) => seen.push({ ...now }) },
  );
  expect(seen.at(-1)).toEqual({ done: rows, total: rows });
  for (const first of [0, 4090, 8999]) {
    const few = { data: data.slice(first * plain.dims, (first + 2) * plain.dims), shape: [2, plain.dims] };
    expect([...sae.encodeSync(few)]).toEqual([codes.row(first), codes.row(first + 1)]);
  }
});

it('gives topk fewer features where fewer are positive, and the lower index among equals', () => {
  const sae = SparseAutoencoder.from({
    activation: 'topk',
    k: 2,
    encoder: { data: Float32Array.of(1, 1, 1, -1), shape: [4, 1] },
    encoderBias: new Float32Array(4),
    decoder: { data: new Float32Array(4).fill(1), shape: [4, 1] },
    decoderBias: Float32Array.of(0.5),
  });
  const codes = sae.encodeSync({ data: Float32Array.of(2, -3, 0), shape: [3, 1] });
  expect([...codes].map(({ indices }) => [...indices])).toEqual([[0, 1], [3], []]);
  expect([...sae.decode(codes).data]).toEqual([4.5, 3.5, 0.5]);
});

describe('bad input', () => {
  const good = made(3, { activation: 'topk' }).parameters;
  it.each([
    [
      'activation',
      { activation: 'tanh' },
      /activation must be one of relu, topk, jumprelu, gated, matching-pursuit, got "tanh"/,
    ],
    ['k', { k: 41 }, /k must be an integer between 1 and 40 \(features\), got 41/],
    ['threshold', { threshold: new Float32Array(40) }, /threshold is an option of activation jumprelu/],
    [
      'encoderBias',
      { encoderBias: new Float32Array(3) },
      /encoderBias must have one entry a feature \(40\), got 3/,
    ],
    ['encoderBias', { encoderBias: [1, 2] }, /encoderBias must be a Float32Array or a Float64Array/],
    [
      'decoder',
      { decoder: { data: new Float32Array(24), shape: [2, 12] } },
      /encoder has 40 rows, decoder has 2/,
    ],
    [
      'skip',
      { skip: { data: new Float32Array(4), shape: [2, 2] } },
      /skip must be outputs × inputs, \[12, 12\]/,
    ],
    [
      'decoder',
      {
        decoder: { data: new Float32Array(80), shape: [40, 2] },
        decoderBias: new Float32Array(2),
        subtractDecoderBias: true,
      },
      /subtractDecoderBias needs inputs and outputs of the same dims: encoder has 12, decoder has 2/,
    ],
    ['NaN', { decoderBias: new Float32Array(12).fill(Number.NaN) }, /decoderBias holds NaN or Infinity/],
    ['unknown', { wEnc: 1 }, /wEnc is not an option of SparseAutoencoder.from/],
  ])('%s', (_, change, message) => {
    expect(() => SparseAutoencoder.from({ ...good, ...change } as AutoencoderParametersLike)).toThrow(
      message,
    );
  });

  it.each([
    [{ k: 0 }, /k must be an integer between 1 and 2147483647, got 0/],
    [{ residual: -1 }, /residual must be a finite number ≥ 0, got -1/],
    [{ stopOnRepeat: 1 }, /stopOnRepeat must be/],
    [
      { encoder: { data: new Float32Array(480), shape: [40, 12] } },
      /encoder must be the decoder, or left out: a matching pursuit has no other/,
    ],
    [{ encoderBias: new Float32Array(40).fill(1) }, /encoderBias must be zeros, or left out/],
    [
      { skip: { data: new Float32Array(144), shape: [12, 12] } },
      /skip is an option of activations with an encoder, not of activation matching-pursuit/,
    ],
    [{ threshold: new Float32Array(40) }, /threshold is an option of activation jumprelu/],
  ])('of a matching pursuit: %o', (change, message) => {
    const pursuit = made(3, { activation: 'matching-pursuit' }).parameters;
    expect(() => SparseAutoencoder.from({ ...pursuit, ...change } as AutoencoderParametersLike)).toThrow(
      message,
    );
    expect(() => SparseAutoencoder.from({ ...good, residual: 1 })).toThrow(
      /residual is an option of activation matching-pursuit, not of activation topk/,
    );
  });

  it('a pursuit that overflows names the sample', () => {
    const sae = SparseAutoencoder.from({
      activation: 'matching-pursuit',
      ...{ k: 3, decoder: { data: Float32Array.of(1e17, 1e17), shape: [1, 2] } },
      decoderBias: new Float32Array(2),
    });
    const samples = { data: Float32Array.of(0, 0, 1e30, 1e30), shape: [2, 2] };
    expect(() => sae.encodeSync(samples)).toThrow(/sample 1 overflows float32 as it is encoded/);
  });

  it('of calls', async () => {
    const sae = SparseAutoencoder.from(good);
    const wrong = { data: new Float32Array(6), shape: [2, 3] };
    expect(() => sae.encodeSync(wrong)).toThrow(/activations have 3 dims, the autoencoder has 12/);
    await expect(sae.encode(wrong)).rejects.toThrow(/activations have 3 dims, the autoencoder has 12/);
    const bad = { data: new Float32Array(12).fill(Number.NaN), shape: [1, 12] };
    await expect(sae.encode(bad)).rejects.toMatchObject({ code: 'ERR_NOT_FINITE' });
    const none = SparseCodes.from({
      indptr: Uint32Array.of(0),
      indices: new Uint32Array(0),
      values: new Float32Array(0),
      shape: [0, 3],
    });
    expect(() => sae.decode(none)).toThrow(/codes have 3 features, the autoencoder has 40/);
    sae.dispose();
    sae.dispose();
    expect(() => sae.encodeSync(bad)).toThrow(/was disposed/);
    await expect(sae.encode(bad)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    expect(() => structuredClone(SparseAutoencoder.from(good))).toThrow(/post parameters\(\)/);
  });
});
