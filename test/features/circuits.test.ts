// Paths through layers against the enumeration of all paths, without rounding.
import { describe, expect, it } from 'vitest';
import { claims, Dictionary, type Matrix } from '../../lib/index.js';
import { fixed, places, toNumber } from '../reference/exact.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const product = (a: bigint, b: bigint): bigint => (a * b) >> BigInt(places);
const size = (a: bigint): bigint => (a < 0n ? -a : a);

/** |d_jᵀ W e_i| as [j][i] */
function weightsBetween(from: Matrix, weight: Matrix | 'identity', to: Matrix): bigint[][] {
  const row = ({ data, shape: [, cols] }: Matrix, i: number): bigint[] =>
    Array.from(data.subarray(i * cols, (i + 1) * cols), fixed);
  const dot = (a: bigint[], b: bigint[]): bigint =>
    a.reduce((sum, value, k) => sum + product(value, b[k] as bigint), 0n);
  const columns = Array.from({ length: from.shape[0] }, (_, i) => {
    const e = row(from, i);
    return weight === 'identity'
      ? e
      : Array.from({ length: weight.shape[0] }, (_, k) => dot(row(weight, k), e));
  });
  return Array.from({ length: to.shape[0] }, (_, j) =>
    columns.map((column) => size(dot(row(to, j), column))),
  );
}

interface Layers {
  readonly dictionaries: readonly Matrix<Float32Array>[];
  readonly weights: readonly (Matrix<Float32Array> | 'identity')[];
}

/** Every path's strength, as [path, strength]. */
function enumerate(
  { dictionaries, weights }: Layers,
  starts: number[],
  ends: number[],
): [number[], bigint][] {
  let paths: [number[], bigint][] = starts.map((i) => [[i], fixed(1)]);
  weights.forEach((weight, l) => {
    const between = weightsBetween(dictionaries[l] as Matrix, weight, dictionaries[l + 1] as Matrix);
    const next = l + 1 === weights.length ? ends : between.map((_, j) => j);
    paths = paths.flatMap(([path, strength]) =>
      next.map((j): [number[], bigint] => [
        [...path, j],
        product(strength, (between[j] as bigint[])[path.at(-1) as number] as bigint),
      ]),
    );
  });
  return paths;
}

const all = (m: Matrix): number[] => Array.from({ length: m.shape[0] }, (_, i) => i);

async function ask(layers: Layers, epsilon: number, starts?: number[], ends?: number[], sums = true) {
  const handles = layers.dictionaries.map((m) => Dictionary.from(m));
  const [first, last] = [handles[0] as Dictionary, handles.at(-1) as Dictionary];
  const path = layers.weights.flatMap((weight, l) =>
    l === 0 ? [weight] : [handles[l] as Dictionary, weight],
  );
  return claims.noCircuit(
    starts ? { dictionary: first, features: starts } : first,
    path,
    ends ? { dictionary: last, features: Uint32Array.from(ends) } : last,
    epsilon,
    { sums },
  );
}

/** Relative: far more than rounding in float64 over these sizes, far less than what tells two paths apart. */
const tight = 1e-9;

function settings(): [string, Layers][] {
  const random = makeRandom(81);
  const g = (count: number, dims: number, scale = 1): Matrix<Float32Array> =>
    toMatrix(
      Array.from({ length: count }, () => Array.from({ length: dims }, () => scale * random.normal())),
      dims,
    );
  const withZeros = g(8, 5);
  withZeros.data.fill(0, 0, 10);
  return [
    ['one layer', { dictionaries: [g(9, 6), g(11, 7)], weights: [g(7, 6)] }],
    ['two layers', { dictionaries: [g(8, 6), g(10, 5), g(9, 4)], weights: [g(5, 6), g(4, 5)] }],
    [
      'three layers',
      { dictionaries: [g(5, 3), g(6, 4), g(7, 4), g(5, 6)], weights: [g(4, 3), 'identity', g(6, 4)] },
    ],
    ['weak layers', { dictionaries: [g(8, 6), g(8, 6), g(8, 6)], weights: [g(6, 6, 1e-14), g(6, 6, 1e-13)] }],
    ['zero features', { dictionaries: [withZeros, withZeros, g(6, 5)], weights: ['identity', g(5, 5)] }],
  ];
}

describe.each(settings())('%s', (_, layers) => {
  const [first, last] = [layers.dictionaries[0] as Matrix, layers.dictionaries.at(-1) as Matrix];

  it.each([
    ['all features', undefined, undefined],
    ['some features', [4, 2], [3, 1, 0]],
    ['one feature each', [3], [2]],
  ])('%s: the strongest path, and a bound that no path exceeds', async (_, starts, ends) => {
    const paths = enumerate(layers, starts ?? all(first), ends ?? all(last));
    const best = paths.reduce((a, b) => (b[1] > a[1] ? b : a));
    const strongest = toNumber(best[1]);
    const verdict = await ask(layers, strongest / 2, starts, ends);
    expect(fixed(verdict.bound) >= best[1]).toBe(true);
    expect(verdict.bound).toBeLessThanOrEqual(strongest * (1 + tight));
    expect([...verdict.path]).toEqual(best[0]);
    expect(fixed(verdict.strength) <= best[1]).toBe(true);
    expect(verdict.strength).toBeGreaterThanOrEqual(strongest * (1 - tight));
    const together = verdict.values.reduce((a, b) => a * Math.abs(b), 1);
    expect(Math.abs(together - strongest)).toBeLessThanOrEqual(tight * strongest);
    expect([verdict.holds, verdict.fails]).toEqual([false, true]);

    const sums = new Map<number, bigint>();
    for (const [path, strength] of paths)
      sums.set(path.at(-1) as number, (sums.get(path.at(-1) as number) ?? 0n) + strength);
    const most = [...sums.values()].reduce((a, b) => (a > b ? a : b));
    expect(fixed(verdict.sumBound) >= most).toBe(true);
    // Its scores are float32.
    expect(verdict.sumBound).toBeLessThanOrEqual(toNumber(most) * (1 + 1e-4));
    expect(sums.get(verdict.sumFeature)).toBe(most);

    const above = await ask(layers, verdict.bound, starts, ends, false);
    expect([above.holds, above.fails, above.sumBound, above.sumFeature]).toEqual([
      true,
      false,
      Number.NaN,
      -1,
    ]);
  });
});

it('an epsilon that the strongest path sits on, in integers', async () => {
  const eye = toMatrix(
    [
      [1, 0],
      [0, 1],
    ],
    2,
  );
  const layers: Layers = {
    dictionaries: [eye, eye, eye],
    weights: [
      toMatrix(
        [
          [0, 2],
          [1, 0],
        ],
        2,
      ),
      toMatrix(
        [
          [1, 0],
          [3, -1],
        ],
        2,
      ),
    ],
  };
  // 1 → 0 by 2, then 0 → 1 by 3.
  expect((await ask(layers, 6 * (1 - 1e-12))).fails).toBe(true);
  const on = await ask(layers, 6);
  expect(on.fails).toBe(false);
  expect([...on.path]).toEqual([1, 0, 1]);
  expect((await ask(layers, 6 * (1 + 1e-12))).holds).toBe(true);
});

it('where nothing leads on, every path is zero', async () => {
  const eye = toMatrix(
    [
      [1, 0],
      [0, 1],
    ],
    2,
  );
  const layers: Layers = {
    dictionaries: [eye, eye],
    weights: [
      toMatrix(
        [
          [0, 0],
          [0, 5],
        ],
        2,
      ),
    ],
  };
  const verdict = await ask(layers, 0.1, [0], [1]);
  expect([verdict.holds, verdict.fails, [...verdict.path]]).toEqual([true, false, []]);
});
