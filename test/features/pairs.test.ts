// All pairs of features against the same numbers without any rounding (BigInt), on ordinary and on nasty sizes.
import { describe, expect, it } from 'vitest';
import { claims, Dictionary, type Matrix } from '../../lib/index.js';
import { fixed, places, toNumber } from '../reference/exact.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

type Exact = bigint[][]; // [to][from]

const shift = BigInt(places);
const product = (a: bigint, b: bigint): bigint => (a * b) >> shift;
const dot = (a: readonly bigint[], b: readonly bigint[]): bigint =>
  a.reduce((sum, value, k) => sum + product(value, b[k] as bigint), 0n);
const size = (a: bigint): bigint => (a < 0n ? -a : a);

const exactRows = ({ data, shape: [rows, cols] }: Matrix): bigint[][] =>
  Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols), fixed));

/** toScale[j] · d_jᵀ M_1 ⋯ M_k e_i · fromScale[i] */
function exactPairs(
  from: Matrix,
  chain: readonly Matrix[],
  to: Matrix,
  fromScale?: Float64Array,
  toScale?: Float64Array,
): Exact {
  let columns = exactRows(from);
  for (const matrix of [...chain].reverse()) {
    const rows = exactRows(matrix);
    columns = columns.map((column) => rows.map((row) => dot(row, column)));
  }
  return exactRows(to).map((row, j) =>
    columns.map((column, i) => {
      let value = dot(row, column);
      if (fromScale) value = product(value, fixed(fromScale[i] as number));
      if (toScale) value = product(value, fixed(toScale[j] as number));
      return value;
    }),
  );
}

interface Setting {
  readonly name: string;
  readonly from: Matrix<Float32Array>;
  readonly weight: Parameters<typeof claims.virtualWeights>[1];
  readonly to: Matrix<Float32Array>;
  readonly fromScale?: Float64Array;
  readonly toScale?: Float64Array;
  /** most that a bound may be above its value, relative: float64's roundoff times what cancels, and some */
  readonly slack?: number;
}

const rows = (count: number, dims: number, entry: () => number): Matrix<Float32Array> =>
  toMatrix(
    Array.from({ length: count }, () => Array.from({ length: dims }, () => entry())),
    dims,
  );

function settings(): Setting[] {
  const random = makeRandom(71);
  const normal = () => random.normal();
  const small = () => random.below(7) - 3;
  const g = (count: number, dims: number) => rows(count, dims, normal);
  const heavy = g(40, 24);
  for (let i = 0; i < 40; i++) heavy.data[i * 24 + random.below(24)] = 300 * random.normal();
  const spread = g(90, 20);
  for (let i = 0; i < 90; i++)
    for (let k = 0; k < 20; k++)
      spread.data[i * 20 + k] = (spread.data[i * 20 + k] as number) * 2 ** ((i % 30) - 15);
  const tiny = g(30, 12);
  for (let i = 0; i < tiny.data.length; i++) tiny.data[i] = (tiny.data[i] as number) * 1e-41;
  const alike = g(200, 16);
  for (let k = 16; k < alike.data.length; k++)
    alike.data[k] = (alike.data[k - 16] as number) * (1 + 1e-6 * (random.uniform() - 0.5));
  // 1e6 less nearly the same: what rounding moves on the way is far more than the last product's share.
  const nearlyEqual = rows(2, 6, () => 1e6 * random.normal());
  nearlyEqual.data.copyWithin(6, 0, 6);
  nearlyEqual.data[6] = (nearlyEqual.data[6] as number) * (1 + 2 ** -22);
  const cancelling = toMatrix([[1, -1]], 2);
  const zeros = g(20, 9);
  zeros.data.fill(0, 0, 9);
  zeros.data.fill(0, 9 * 13, 9 * 14);
  return [
    { name: 'identity', from: g(50, 33), weight: 'identity', to: g(70, 33) },
    { name: 'a matrix', from: g(37, 16), weight: g(19, 16), to: g(61, 19) },
    { name: 'low rank', from: g(30, 24), weight: [g(20, 3), g(3, 24)], to: g(40, 20) },
    { name: 'a chain', from: g(25, 10), weight: [g(12, 18), g(18, 9), g(9, 10)], to: g(30, 12) },
    {
      ...{ name: 'scaled', from: g(40, 12), weight: g(12, 12), to: g(40, 12) },
      fromScale: Float64Array.from({ length: 40 }, (_, i) => (i % 7 === 0 ? 0 : random.uniform() * 3)),
      toScale: Float64Array.from({ length: 40 }, () => 10 ** (3 * random.normal())),
    },
    { name: 'one huge entry a row', from: heavy, weight: 'identity', to: g(50, 24) },
    { name: 'sizes over nine decades', from: spread, weight: g(20, 20), to: g(45, 20) },
    { name: 'denormal', from: tiny, weight: 'identity', to: g(20, 12) },
    { name: 'zero rows', from: zeros, weight: g(9, 9), to: g(25, 9) },
    {
      name: 'integers, full of ties',
      from: rows(60, 8, small),
      weight: rows(8, 8, small),
      to: rows(60, 8, small),
    },
    {
      name: 'opposed and equal atoms',
      from: toMatrix(
        [
          [3, 4],
          [-3, -4],
          [3, 4],
          [4, -3],
        ],
        2,
      ),
      weight: 'identity',
      to: toMatrix(
        [
          [3, 4],
          [-6, -8],
          [4, -3],
        ],
        2,
      ),
    },
    { name: 'two hundred atoms that int8 cannot tell apart', from: g(5, 16), weight: 'identity', to: alike },
    {
      name: 'a chain that cancels',
      from: g(30, 6),
      weight: [cancelling, nearlyEqual],
      to: g(7, 1),
      slack: 1e-6,
    },
    { name: 'more rows than a batch', from: g(300, 6), weight: 'identity', to: g(20, 6) },
    { name: 'one of each', from: g(1, 1), weight: 'identity', to: g(1, 1) },
  ];
}

const chainOf = (weight: Setting['weight']): readonly Matrix[] =>
  weight === 'identity' ? [] : Array.isArray(weight) ? weight : [weight as Matrix];

describe.each(settings())('$name', ({ from, weight, to, fromScale, toScale, slack: most = 1e-9 }) => {
  const exact = exactPairs(from, chainOf(weight), to, fromScale, toScale);
  const pairs = () => {
    using a = Dictionary.from(from);
    using b = Dictionary.from(to);
    return claims.virtualWeights(a, weight, b, { fromScale, toScale });
  };
  const sizes = exact.flat().map(size);
  const ordered = [...sizes].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const largest = ordered[0] as bigint;
  const at = (j: number, i: number): bigint => (exact[j] as bigint[])[i] as bigint;

  it('maximum() is the maximum, and its bound holds', async () => {
    const { value, from: i, to: j, bound } = await pairs().maximum();
    expect(fixed(bound) >= largest).toBe(true);
    if (largest === 0n) return expect([value, i, j]).toEqual([0, -1, -1]);
    const slack = bound - Math.abs(value);
    expect(slack).toBeLessThanOrEqual(most * bound + 1e-42);
    expect(Math.abs(toNumber(at(j, i)) - value)).toBeLessThanOrEqual(slack);
    expect(toNumber(largest - size(at(j, i)))).toBeLessThanOrEqual(2 * slack);
  });

  it.each([0.9, 0.5, 0.05, 0])('above %d of the maximum is complete, and nothing else', async (share) => {
    const epsilon = toNumber(largest) * share;
    const found = await pairs().above(epsilon);
    const error = fixed(found.error);
    const listed = new Set<number>();
    let before = -1;
    found.from.forEach((i, p) => {
      const j = found.to[p] as number;
      const place = i * to.shape[0] + j;
      expect(place).toBeGreaterThan(before);
      before = place;
      listed.add(place);
      expect(size(at(j, i)) + error > fixed(epsilon)).toBe(true);
      expect(Math.abs(toNumber(at(j, i)) - (found.value[p] as number))).toBeLessThanOrEqual(
        found.error + Math.abs(found.value[p] as number) * 2 ** -23 + 2 ** -149,
      );
    });
    let near = 0;
    for (const [j, row] of exact.entries())
      for (const [i, value] of row.entries()) {
        if (size(size(value) - fixed(epsilon)) <= error) near++;
        if (size(value) > fixed(epsilon) + error) expect(listed.has(i * to.shape[0] + j)).toBe(true);
      }
    expect(found.uncertain).toBeLessThanOrEqual(
      near + sizes.filter((v) => size(v - fixed(epsilon)) <= 3n * error).length,
    );
  });

  it('strongest(k) are the strongest, in order', async () => {
    for (const k of [1, 7, 40, sizes.length + 5]) {
      const { from: i, to: j, value } = await pairs().strongest(k);
      const nonzero = sizes.filter((v) => v > 0n).length;
      expect(value.length).toBeLessThanOrEqual(Math.min(k, sizes.length));
      expect(value.length).toBeGreaterThanOrEqual(Math.min(k, nonzero));
      const { bound, value: top } = await pairs().maximum();
      const error = fixed(2 * (bound - Math.abs(top)));
      value.forEach((_, p) => {
        expect(size(at(j[p] as number, i[p] as number)) + error >= (ordered[p] as bigint)).toBe(true);
      });
      expect(new Set(value.map((_, p) => (i[p] as number) * to.shape[0] + (j[p] as number))).size).toBe(
        new Set(Array.from(value, (_, p) => `${i[p]} ${j[p]}`)).size,
      );
    }
  });

  it.each(['from', 'to'] as const)("maxima('%s')", async (side) => {
    const { partner, value, error } = await pairs().maxima(side);
    const count = side === 'from' ? from.shape[0] : to.shape[0];
    expect(partner.length).toBe(count);
    for (let a = 0; a < count; a++) {
      const all = side === 'from' ? exact.map((row) => row[a] as bigint) : (exact[a] as bigint[]);
      const best = all.map(size).reduce((x, y) => (x > y ? x : y), 0n);
      const p = partner[a] as number;
      if (p === 2 ** 32 - 1) {
        expect(value[a]).toBe(0);
        expect(best <= fixed(error)).toBe(true);
        continue;
      }
      expect(Math.abs(toNumber(all[p] as bigint) - (value[a] as number))).toBeLessThanOrEqual(error);
      expect(size(all[p] as bigint) + fixed(2 * error) >= best).toBe(true);
      // Ties that are exact go to the lower index.
      if (error === 0) expect(all.findIndex((v) => size(v) === best)).toBe(p);
    }
  });

  it('histogram() counts every pair once, in its bin', async () => {
    const top = toNumber(largest) * 0.77 || 1;
    const bins = 13;
    const { error } = await pairs().maxima('to');
    const { edges, counts } = await pairs().histogram({ top, bins });
    expect(counts.reduce((sum, c) => sum + c, 0)).toBe(sizes.length);
    // As float64 has it, but for what lies within rounding of an edge.
    const margin = fixed(error + top * 2 ** -48);
    for (let b = 0; b < bins; b++) {
      const [low, high] = [fixed(edges[b] as number), fixed(edges[b + 1] as number)];
      const last = b + 1 === bins;
      const sure = sizes.filter((v) => v > low + margin && (last || v < high - margin)).length;
      const most = sizes.filter((v) => (b === 0 || v >= low - margin) && (last || v <= high + margin)).length;
      expect(counts[b]).toBeGreaterThanOrEqual(sure);
      expect(counts[b]).toBeLessThanOrEqual(most);
    }
  });
});

it('an epsilon that pairs sit on: exactly, one step below and above', async () => {
  // Integers: everything is exact in float64.
  const random = makeRandom(72);
  const small = () => random.below(9) - 4;
  const from = rows(80, 6, small);
  const to = rows(90, 6, small);
  using a = Dictionary.from(from);
  using b = Dictionary.from(to);
  const weights = claims.virtualWeights(a, 'identity', b);
  const exact = exactPairs(from, [], to)
    .flat()
    .map((v) => Math.abs(toNumber(v)));
  const target = 17;
  const count = (least: number) => exact.filter((v) => v >= least).length;
  expect(exact.filter((v) => v === target).length).toBeGreaterThan(3);
  const on = await weights.above(target);
  expect(on.from.length).toBe(count(target + 1));
  expect(on.uncertain).toBe(exact.filter((v) => v === target).length);
  expect((await weights.above(target * (1 - 2 ** -50))).from.length).toBe(count(target));
  expect((await weights.above(target * (1 + 2 ** -50))).from.length).toBe(count(target + 1));
  const { value, from: i, to: j } = await weights.maximum();
  expect(Math.abs(value)).toBe(Math.max(...exact));
  // Of the ties, the lowest from, then to.
  const first = Array.from({ length: 80 * 90 }, (_, p) => [Math.floor(p / 90), p % 90] as const).find(
    ([f, t]) =>
      Math.abs(
        toNumber(
          exactPairs({ data: from.data.subarray(f * 6, f * 6 + 6), shape: [1, 6] }, [], {
            data: to.data.subarray(t * 6, t * 6 + 6),
            shape: [1, 6],
          })[0]?.[0] as bigint,
        ),
      ) === Math.abs(value),
  );
  expect([i, j]).toEqual(first);
});

it('lists longer than the limit are refused with the number', async () => {
  using eye = Dictionary.from(
    toMatrix(
      [
        [1, 0],
        [0, 1],
      ],
      2,
    ),
  );
  const weights = claims.virtualWeights(eye, 'identity', eye);
  await expect(weights.above(0.5, { limit: 1 })).rejects.toMatchObject({
    code: 'ERR_TOO_LARGE',
    message: expect.stringContaining('more than 1 pairs'),
  });
  expect((await weights.above(0.5, { limit: 2 })).from.length).toBe(2);
});

it('answers are the same bits for any number of threads', async () => {
  const random = makeRandom(73);
  const normal = () => random.normal();
  using a = Dictionary.from(rows(700, 40, normal));
  using b = Dictionary.from(rows(900, 32, normal));
  const weight = rows(32, 40, normal);
  const ask = async (threads: number) => {
    const weights = claims.virtualWeights(a, weight, b);
    return JSON.stringify([
      await weights.maximum({ threads }),
      await weights.above(100, { threads }),
      await weights.strongest(50, { threads }),
      await weights.maxima('to', { threads }),
      await weights.histogram({ threads, bins: 7 }),
    ]);
  };
  expect(await ask(3)).toBe(await ask(1));
});

it('stops when it is told to, and reports its progress', async () => {
  const random = makeRandom(74);
  const normal = () => random.normal();
  using a = Dictionary.from(rows(3000, 64, normal));
  const weights = claims.virtualWeights(a, 'identity', a);
  const controller = new AbortController();
  const seen: number[] = [];
  const stopped = weights.above(30, {
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      seen.push(done);
      expect(total).toBe(3000);
      controller.abort(new Error('enough'));
    },
  });
  await expect(stopped).rejects.toThrow('enough');
  expect(seen.length).toBeGreaterThan(0);
  expect((await weights.maximum()).value).toBeGreaterThan(0);
});
