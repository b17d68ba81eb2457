// Gradients of every architecture against finite differences of a plain float64 loss.
import { describe, expect, test } from 'vitest';
import { native } from '../../lib/native/runtime.js';
import type { NativeAutoencoder, NativeTrainerOptions } from '../../lib/native/sae.js';
import { loss, type Tensor, thresholdGradient, type Wide, widen } from '../reference/autoencoder.js';
import { makeRandom } from '../reference/random.js';

const SAMPLES = 12;
const FEATURES = 16;
const BASE: NativeTrainerOptions = {
  architecture: 'relu',
  features: FEATURES,
  sparsity: 0,
  lambda: 0,
  targetL0: 0,
  prefixes: new Uint32Array(0),
  subtractBias: true,
  skip: false,
  aligned: false,
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  clip: 1,
  planned: 0,
  warmUp: 0,
  sparsityWarmUp: 0,
  startSparsity: 0,
  decay: 0,
  deadAfter: 1000,
  auxiliary: 1,
  auxiliaryK: 0,
  bandwidth: 0.5,
  threshold: 0.1,
  seed: 0,
};

interface Case {
  readonly name: string;
  readonly options: Partial<NativeTrainerOptions>;
  readonly inputs?: number;
  readonly outputs?: number;
  readonly dead?: readonly number[];
  readonly transcoder?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'relu', options: { architecture: 'relu', lambda: 0.3 } },
  { name: 'relu, b_dec not subtracted', options: { architecture: 'relu', lambda: 0.3, subtractBias: false } },
  { name: 'topk', options: { architecture: 'topk', sparsity: 3 } },
  { name: 'topk of one feature', options: { architecture: 'topk', sparsity: 1 } },
  { name: 'topk of all features', options: { architecture: 'topk', sparsity: FEATURES } },
  { name: 'topk with dead features', options: { architecture: 'topk', sparsity: 3 }, dead: [1, 4, 7] },
  {
    name: 'topk with more dead features than are revived',
    options: { architecture: 'topk', sparsity: 3, auxiliary: 0.5, auxiliaryK: 2 },
    dead: [0, 1, 4, 7, 11, 15],
  },
  { name: 'batchtopk', options: { architecture: 'batchtopk', sparsity: 3 } },
  { name: 'batchtopk with dead features', options: { architecture: 'batchtopk', sparsity: 2 }, dead: [3, 5] },
  {
    name: 'matryoshka',
    options: { architecture: 'batchtopk', sparsity: 3, prefixes: Uint32Array.of(2, 9, FEATURES) },
  },
  {
    name: 'matryoshka with dead features',
    options: { architecture: 'batchtopk', sparsity: 3, prefixes: Uint32Array.of(5, FEATURES) },
    dead: [2, 6, 14],
  },
  { name: 'jumprelu', options: { architecture: 'jumprelu', lambda: 0.2 } },
  { name: 'jumprelu with a target', options: { architecture: 'jumprelu', lambda: 2, targetL0: 4 } },
  { name: 'gated', options: { architecture: 'gated', lambda: 0.3 } },
  { name: 'matching pursuit', options: { architecture: 'matching-pursuit', sparsity: 3 } },
  { name: 'matching pursuit of one step', options: { architecture: 'matching-pursuit', sparsity: 1 } },
  {
    name: 'matching pursuit of many steps, some of them with the same features',
    options: { architecture: 'matching-pursuit', sparsity: 12 },
    inputs: 5,
  },
  {
    name: 'matching pursuit with dead features',
    options: { architecture: 'matching-pursuit', sparsity: 3, auxiliary: 0.5 },
    dead: [1, 4],
  },
  {
    name: 'matching pursuit with more dead features than are revived',
    options: { architecture: 'matching-pursuit', sparsity: 2, auxiliaryK: 3 },
    dead: [0, 1, 4, 7, 11, 15],
  },
  {
    name: 'transcoder, topk with skip and dead features',
    options: { architecture: 'topk', sparsity: 3, skip: true, subtractBias: false },
    ...{ inputs: 7, outputs: 5, transcoder: true, dead: [1, 2] },
  },
  {
    name: 'transcoder, jumprelu with skip',
    options: { architecture: 'jumprelu', lambda: 0.2, skip: true, subtractBias: false },
    ...{ inputs: 5, outputs: 11, transcoder: true },
  },
  {
    name: 'relu with skip, b_dec subtracted',
    options: { architecture: 'relu', lambda: 0.2, skip: true },
    ...{ transcoder: true },
  },
];

function problem({ options: given, inputs = 8, outputs = inputs, dead = [], transcoder = false }: Case) {
  const random = makeRandom(7);
  const normals = (count: number, scale = 1): Float32Array =>
    Float32Array.from({ length: count }, () => scale * random.normal());
  const options = { ...BASE, ...given };
  const gated = options.architecture === 'gated';
  const jumps = options.architecture === 'jumprelu';
  const pursues = options.architecture === 'matching-pursuit';
  const own: NativeAutoencoder = {
    activation: gated ? 'gated' : jumps ? 'jumprelu' : pursues ? 'matching-pursuit' : 'relu',
    ...{ residual: 0, stopOnRepeat: false },
    norm: 'none',
    subtractBias: options.subtractBias,
    features: FEATURES,
    ...{ inputs, outputs, k: 0 },
    encoder: pursues ? new Float32Array(0) : normals(FEATURES * inputs, 0.4),
    encoderBias: pursues ? new Float32Array(0) : normals(FEATURES, 0.2),
    decoder: normals(FEATURES * outputs, 0.3),
    decoderBias: normals(outputs, 0.3),
    skip: options.skip ? normals(outputs * inputs, 0.2) : new Float32Array(0),
    threshold: jumps ? normals(FEATURES, 0.3).map(Math.abs) : new Float32Array(0),
    logScale: gated ? normals(FEATURES, 0.3) : new Float32Array(0),
    magnitudeBias: gated ? normals(FEATURES, 0.2) : new Float32Array(0),
  };
  const x = normals(SAMPLES * inputs);
  const y = transcoder ? normals(SAMPLES * outputs) : x;
  const rows = (data: Float32Array, cols: number): Float64Array[] =>
    Array.from({ length: SAMPLES }, (_, i) => Float64Array.from(data.subarray(i * cols, (i + 1) * cols)));
  const answer = native((binding) =>
    binding.trainerGradient(
      options,
      own,
      Uint32Array.from(dead),
      { data: x, rows: SAMPLES, cols: inputs },
      transcoder ? { data: y, rows: SAMPLES, cols: outputs } : undefined,
    ),
  );
  return { options, own, dead, samples: rows(x, inputs), targets: rows(y, outputs), answer };
}

/** Central differences, wide enough that no rounding of float64 shows, narrow enough that no selection changes. */
const STEP = 1e-6;

/**
 * Float32 sums of at most some 200 terms (dims, samples, entries), each of at most a few times the largest gradient: 200·2⁻²⁴·8 of it, and
 * 1e-7 of it by the differences.
 */
const RELATIVE = 1e-4;

function differences(
  { options, own, dead, samples, targets }: ReturnType<typeof problem>,
  name: Tensor,
): Float64Array {
  const fixed = widen(own);
  const moved: Wide = widen(own);
  const values = moved[name];
  return Float64Array.from(values, (value, i) => {
    const of = (to: number): number => {
      values[i] = to;
      return loss(options, moved, fixed, dead, samples, targets);
    };
    const slope = (of(value + STEP) - of(value - STEP)) / (2 * STEP);
    values[i] = value;
    return slope;
  });
}

describe.each(CASES)('$name', (one) => {
  const all = problem(one);
  const { options, own, dead, samples, targets, answer } = all;

  test('the loss', () => {
    const expected = loss(options, widen(own), widen(own), dead, samples, targets);
    expect(answer.loss).toBeGreaterThan(0);
    expect(Math.abs(answer.loss - expected)).toBeLessThan(1e-5 * expected);
  });

  const names: Tensor[] = ['decoder', 'decoderBias'];
  if (one.options.architecture !== 'matching-pursuit') names.push('encoder', 'encoderBias');
  if (one.options.skip) names.push('skip');
  if (one.options.architecture === 'gated') names.push('logScale', 'magnitudeBias');
  test.each(names)('the gradient of %s', (name) => {
    const expected = differences(all, name);
    const got = answer.by[name];
    expect(got.length).toBe(expected.length);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(1e-3);
    const off = got.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);
    expect(off).toBeLessThan(RELATIVE * largest);
  });

  test.runIf(one.options.architecture === 'jumprelu')('the estimated gradient of the threshold', () => {
    const expected = thresholdGradient(options, widen(own), samples, targets);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(1e-3);
    const off = expected.reduce(
      (most, value, j) => Math.max(most, Math.abs(value - (answer.by.threshold[j] as number))),
      0,
    );
    expect(off).toBeLessThan(RELATIVE * largest);
  });
});
