// Gradients of unrolled networks against central differences of a plain float64 loss (../reference/lista-loss.ts), for every kind of weights and
// every way to shrink.
import { describe, expect, test } from 'vitest';
import type { NativeLista, NativeListaOptions } from '../../lib/native/lista.js';
import { native } from '../../lib/native/runtime.js';
import { listaLoss, type WideLista, widenLista } from '../reference/lista-loss.js';
import { makeRandom } from '../reference/random.js';

const [LAYERS, FEATURES, DIMS, SAMPLES] = [3, 12, 8, 5];

const BASE: NativeListaOptions = {
  ...{ weights: 'fixed', layers: LAYERS, nonnegative: false, selection: 0, mostSelected: 0, adaptive: 0 },
  ...{
    ridge: 0,
    lambda: 0,
    every: false,
    schedule: 'endToEnd',
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
  },
  ...{ epsilon: 1e-8, clip: 1, decay: 0, planned: 0, validateEvery: 0, patience: 0, firstThreshold: 0 },
  ...{ batchSize: SAMPLES, seed: 0, memory: 2 ** 30 },
};

const KINDS = ['pair', 'layers', 'shared', 'fixed'] as const;
type Tensor = 'forward' | 'recurrent' | 'step' | 'threshold';
const TENSORS: Readonly<Record<(typeof KINDS)[number], readonly Tensor[]>> = {
  pair: ['forward', 'recurrent', 'threshold'],
  layers: ['forward', 'threshold'],
  shared: ['forward', 'step', 'threshold'],
  fixed: ['step', 'threshold'],
};

interface Case {
  readonly selection: number;
  readonly adaptive: number;
  readonly nonnegative: boolean;
  readonly lambda: number;
  readonly every: boolean;
}

const CASES: readonly Case[] = [0, 15].flatMap((selection) =>
  [0, 0.4].flatMap((adaptive) =>
    [false, true].flatMap((nonnegative) =>
      [0, 0.3].flatMap((lambda) =>
        [false, true].map((every) => ({ selection, adaptive, nonnegative, lambda, every })),
      ),
    ),
  ),
);

function problem(weights: (typeof KINDS)[number], one: Case) {
  const random = makeRandom(12);
  const normals = (count: number, size: number): Float32Array =>
    Float32Array.from({ length: count }, () => size * random.normal());
  const matrices = weights === 'pair' || weights === 'layers' ? LAYERS : 1;
  // Atoms of different norms; weights near the atoms' directions, so that layers go towards codes and most features stay zero.
  const dictionary = normals(FEATURES * DIMS, 0.5);
  const forward = new Float32Array(matrices * FEATURES * DIMS);
  for (let m = 0; m < matrices; m++)
    for (let e = 0; e < FEATURES * DIMS; e++)
      forward[m * FEATURES * DIMS + e] = 0.4 * (dictionary[e] as number) + 0.06 * random.normal();
  const recurrent = weights === 'pair' ? normals(LAYERS * FEATURES * FEATURES, 0.08) : new Float32Array(0);
  for (let k = 0; k < LAYERS && weights === 'pair'; k++)
    for (let j = 0; j < FEATURES; j++)
      recurrent[(k * FEATURES + j) * FEATURES + j] = 0.6 + 0.1 * random.normal();
  const lista: NativeLista = {
    ...{ weights, nonnegative: one.nonnegative, layers: LAYERS, features: FEATURES, dims: DIMS, scale: 2 },
    ...{ adaptive: one.adaptive, dictionary, forward, recurrent, hyper: new Float64Array(0), ridge: 0 },
    step:
      weights === 'pair' || weights === 'layers'
        ? new Float32Array(LAYERS).fill(1)
        : Float32Array.of(0.9, 0.7, 0.5),
    threshold: Float32Array.of(0.5, 0.35, 0.25),
    selection: Float32Array.from({ length: LAYERS }, (_, k) => one.selection * (k + 1)),
  };
  const data = new Float32Array(SAMPLES * DIMS);
  const truth: Float64Array[] = [];
  const codes = { indptr: [0], indices: [] as number[], values: [] as number[] };
  for (let i = 0; i < SAMPLES; i++) {
    const dense = new Float64Array(FEATURES);
    for (const j of random.choose(3, FEATURES).sort((a, b) => a - b)) {
      dense[j] = Math.fround(one.nonnegative ? Math.abs(random.normal()) + 0.2 : random.normal());
      codes.indices.push(j);
      codes.values.push(dense[j] as number);
      for (let d = 0; d < DIMS; d++)
        data[i * DIMS + d] =
          (data[i * DIMS + d] as number) + (dense[j] as number) * (dictionary[j * DIMS + d] as number);
    }
    codes.indptr.push(codes.indices.length);
    for (let d = 0; d < DIMS; d++)
      data[i * DIMS + d] = (data[i * DIMS + d] as number) + 0.05 * random.normal();
    truth.push(dense);
  }
  const samples = truth.map((_, i) => Float64Array.from(data.subarray(i * DIMS, (i + 1) * DIMS)));
  const given = {
    indptr: Uint32Array.from(codes.indptr),
    indices: Uint32Array.from(codes.indices),
    values: Float32Array.from(codes.values),
  };
  const options = { ...BASE, weights, ...one, mostSelected: 100 };
  const ask = (memory: number) =>
    native((binding) =>
      binding.listaGradient(
        { ...options, memory },
        lista,
        { data, rows: SAMPLES, cols: DIMS },
        one.lambda > 0 ? undefined : given,
      ),
    );
  return { lista, samples, truth, ask };
}

/** Central differences, wide enough that no rounding of float64 shows, narrow enough that hardly a decision changes. */
const STEP = 1e-6;

/**
 * Of the largest gradient: float32 sums of at most FEATURES + DIMS terms a layer forward and back, of SAMPLES·LAYERS terms at the end, some
 * 2·3·20 + 15 < 140 roundings of 2⁻²⁴, of terms at most some ten times as large as their sum; and 1e-7 by the differences.
 */
const RELATIVE = 1e-4;

/** Every entry's difference; NaN where it moves a decision. */
function differences(
  { lista, samples, truth }: ReturnType<typeof problem>,
  one: Case,
  name: Tensor,
): Float64Array {
  const moved: WideLista = widenLista(lista);
  const base = listaLoss(moved, one, samples, truth);
  const values = moved[name];
  return Float64Array.from(values, (value, i) => {
    values[i] = value + STEP;
    const above = listaLoss(moved, one, samples, truth);
    values[i] = value - STEP;
    const below = listaLoss(moved, one, samples, truth);
    values[i] = value;
    const same = above.pattern === base.pattern && below.pattern === base.pattern;
    return same ? (above.loss - below.loss) / (2 * STEP) : Number.NaN;
  });
}

describe.each(KINDS)('%s', (weights) => {
  test.each(CASES)('%o', (one) => {
    const all = problem(weights, one);
    const answer = all.ask(2 ** 30);
    const wide = widenLista(all.lista);
    const expected = listaLoss(wide, one, all.samples, all.truth);
    // Float32 decides as float64 does: every strength is further from what it is compared with than rounding moves it.
    expect(expected.margin).toBeGreaterThan(1e-5);
    expect(answer.loss).toBeGreaterThan(0);
    expect(Math.abs(answer.loss - expected.loss)).toBeLessThan(1e-5 * expected.loss);
    expect(new Set(expected.pattern.replaceAll(';', '')).size).toBeGreaterThanOrEqual(
      2 + (one.selection > 0 ? 1 : 0),
    );
    const again = all.ask(0);
    for (const name of TENSORS[weights]) {
      const slopes = differences(all, one, name);
      const got = answer.by[name];
      expect(got.length).toBe(slopes.length);
      const compared = [...slopes].filter((slope) => !Number.isNaN(slope));
      expect(compared.length).toBeGreaterThan(0.99 * slopes.length - 1);
      const largest = compared.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
      expect(largest).toBeGreaterThan(1e-3);
      const off = slopes.map((slope, i) => Math.abs((got[i] as number) - slope));
      const worst = off.reduce((most, one) => Math.max(most, Number.isNaN(one) ? 0 : one), 0);
      expect(worst, name).toBeLessThan(RELATIVE * largest);
      // Residuals that are computed again are the same bits.
      expect(again.by[name]).toEqual(got);
    }
    expect(again.loss).toBe(answer.loss);
  });
});
