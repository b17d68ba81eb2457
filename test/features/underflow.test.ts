// Pairs that float32, or float64, cannot hold: found in float64 or called uncertain, never zero.
import { expect, it } from 'vitest';
import { claims, Dictionary } from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';

const rows = [
  [1, 0],
  [0, 1],
  [1, 1],
];
const one = Dictionary.from(toMatrix(rows, 2));
const tiny = Dictionary.from(
  toMatrix(
    rows.map((row) => row.map((v) => v * 2 ** -133)),
    2,
  ),
);
const W = { data: Float32Array.of(2 ** -133, 0, 0, 2 ** -133), shape: [2, 2] as const };
const scale = (value: number) => Float64Array.of(value, value, value);

it.each([
  ['atoms', claims.virtualWeights(tiny, 'identity', tiny), 2 ** -266],
  ['a weight between', claims.virtualWeights(tiny, W, tiny), 2 ** -399],
  ['two weights between', claims.virtualWeights(tiny, [W, W], tiny), 2 ** -532],
  ['a scale', claims.virtualWeights(one, 'identity', one, { fromScale: scale(2 ** -200) }), 2 ** -200],
  [
    'a scale whose square underflows',
    claims.virtualWeights(one, 'identity', one, { toScale: scale(2 ** -600) }),
    2 ** -600,
  ],
  [
    'small scales and atoms',
    claims.virtualWeights(tiny, 'identity', one, { fromScale: scale(2 ** -900) }),
    2 ** -1033,
  ],
  [
    'a small and a large scale',
    claims.virtualWeights(tiny, W, tiny, { fromScale: scale(2 ** 60) }),
    2 ** -339,
  ],
])('%s: the values are those of float64', async (_, weights, unit) => {
  const { value, from, to, bound } = await weights.maximum();
  expect([from, to]).toEqual([2, 2]);
  expect(Math.abs(value / unit - 2)).toBeLessThan(1e-12);
  expect(bound).toBeGreaterThanOrEqual(2 * unit);
  expect(bound).toBeLessThan(2.001 * unit + 2 ** -1070);
  const { from: list } = await weights.above(1.5 * unit);
  expect([...list]).toEqual([2]);
  // 1 · 1 in seven pairs, not in the two of e1 and e2.
  expect((await weights.above(0.5 * unit)).from.length).toBe(7);
  expect((await weights.strongest(9)).from.length).toBe(7);
  const { counts } = await weights.histogram({ bins: 4, top: 2 * unit });
  expect([...counts]).toEqual([2, 0, 6, 1]);
  const maxima = await weights.maxima('from');
  expect([...maxima.value].map((v) => Math.round(v / unit))).toEqual([1, 1, 2]);
});

it('where float64 ends, pairs are uncertain and bounds are not zero', async () => {
  const small = scale(2 ** -600);
  const weights = claims.virtualWeights(one, 'identity', one, { fromScale: small, toScale: small });
  const { bound } = await weights.maximum();
  expect(bound).toBeGreaterThan(0);
  const above = await weights.above(0);
  expect(above.from.length + above.uncertain).toBeGreaterThanOrEqual(7);
  expect(above.error).toBeGreaterThan(0);
});

it('a faint row beside strong ones is uncertain, not zero', async () => {
  const mixed = Float64Array.of(1, 2 ** -600, 1);
  const weights = claims.virtualWeights(one, 'identity', one, { fromScale: mixed });
  const { from, uncertain } = await weights.above(0);
  expect([...from].filter((i) => i !== 1)).toHaveLength(5);
  // Feature 1 with the three: two of its pairs are not zero.
  expect(uncertain).toBeGreaterThanOrEqual(2 - [...from].filter((i) => i === 1).length);
  expect((await weights.above(0.5)).uncertain).toBe(0);
});

it('no claim takes underflow for a proof', async () => {
  const pair = await claims.claimNoPair(tiny, W, tiny, 0);
  expect([pair.result.holds, pair.result.fails]).toEqual([false, true]);
  expect(pair.result.strongest?.from).toBe(2);
  expect(
    (await claims.verify(JSON.stringify(pair), { from: tiny, to: tiny, 'weight.0': W })).failures,
  ).toEqual([]);
  const connection = claims.connection({ to: 'to', weight: 'w', above: 0 });
  const every = await claims.everyFeature(connection, { dictionary: tiny, to: tiny, w: W });
  expect(every.result.truth).toBe('true');
  // Seven products of 2^-265: below the smallest float64.
  const path = [
    'identity',
    tiny,
    'identity',
    tiny,
    'identity',
    tiny,
    'identity',
    tiny,
    'identity',
    tiny,
    'identity',
  ] as const;
  const verdict = await claims.noCircuit(tiny, path, tiny, 0);
  expect(verdict.holds).toBe(false);
  expect(verdict.bound).toBeGreaterThan(0);
  const circuit = await claims.claimNoCircuit(tiny, path, tiny, 0);
  const data: Record<string, Dictionary> = { from: tiny, to: tiny };
  for (let l = 1; l < 6; l++) data[`dictionary.${l}`] = tiny;
  expect((await claims.verify(circuit, data as never)).failures).toEqual([]);
});
