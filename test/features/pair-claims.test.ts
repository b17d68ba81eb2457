// Claims about all pairs and all paths: valid where they were made, invalid once anything about them is changed.
import { describe, expect, it } from 'vitest';
import { claims, Dictionary, type Matrix } from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(111);
const g = (count: number, dims: number): Matrix<Float32Array> =>
  toMatrix(
    Array.from({ length: count }, () => Array.from({ length: dims }, () => random.normal())),
    dims,
  );
const [a, b, c] = [g(40, 6), g(300, 5), g(30, 4)];
const [from, middle, to] = [Dictionary.from(a), Dictionary.from(b), Dictionary.from(c)];
const [first, second, third] = [g(5, 6), g(4, 2), g(2, 5)];
const pairData = { from, to: middle, 'weight.0': first };
const circuitData = {
  from,
  to,
  'weight.0.0': first,
  'dictionary.1': middle,
  'weight.1.0': second,
  'weight.1.1': third,
};
const makePair = (epsilon: number) => claims.claimNoPair(from, first, middle, epsilon);
const makeCircuit = (epsilon: number, some = false) =>
  claims.claimNoCircuit(
    some ? { dictionary: from, features: [1, 5, 9] } : from,
    [first, middle, [second, third]],
    some ? { dictionary: to, features: [2, 3] } : to,
    epsilon,
  );

/** The claim as JSON with one place changed. */
function spoil(
  claim: claims.Claim,
  path: readonly (string | number)[],
  change: (value: never) => unknown,
): string {
  const copy = JSON.parse(JSON.stringify(claim));
  const last = path.at(-1) as string;
  const owner = path.slice(0, -1).reduce((value, key) => value[key], copy);
  owner[last] = change(owner[last] as never);
  return JSON.stringify(copy);
}

const larger = (v: number): number => v * 1.01 + 1e-3;
const smaller = (v: number): number => v * 0.99 - 1e-3;
const next = (v: number): number => (v === 0 ? 1 : v - 1);
const flip = (v: boolean): boolean => !v;

describe.each([0.5, 1, 2])('at %d times the strongest', (share) => {
  it('a claim about pairs is valid, and not once it is changed', async () => {
    const { bound } = (await makePair(1)).result;
    const claim = await makePair(share === 1 ? bound : share * bound);
    expect([claim.result.holds, claim.result.fails]).toEqual([share >= 1, share < 1]);
    expect(await claims.verify(JSON.stringify(claim), pairData)).toEqual({ valid: true, failures: [] });
    for (const [path, change] of [
      [['result', 'bound'], smaller],
      [['result', 'bound'], larger],
      [['result', 'holds'], flip],
      [['result', 'fails'], flip],
      [['result', 'strongest', 'from'], next],
      [['result', 'strongest', 'to'], next],
      [['result', 'strongest', 'value'], larger],
      [['result', 'strongest', 'value'], (v: number) => -v],
      [['result', 'strongest'], () => null],
      [['parameters', 'epsilon'], (v: number) => (share >= 1 ? v / 3 : v * 9)],
      [['statement'], (v: string) => v.replace('No pair', 'No pair at all')],
      [['data', 'from', 'sha256'], (v: string) => v.replace(/^./, (d) => (d === '0' ? '1' : '0'))],
    ] as const) {
      const { valid, failures } = await claims.verify(spoil(claim, path, change as never), pairData);
      expect(valid, `${path.join('.')} changed`).toBe(false);
      expect(failures.length).toBeGreaterThan(0);
    }
  });

  it.each([false, true])(
    'a claim about paths is valid, and not once it is changed; some features: %s',
    async (some) => {
      const { bound } = (await makeCircuit(1, some)).result;
      const claim = await makeCircuit(share === 1 ? bound : share * bound, some);
      expect([claim.result.holds, claim.result.fails]).toEqual([share >= 1, share < 1]);
      expect(await claims.verify(JSON.stringify(claim), circuitData)).toEqual({ valid: true, failures: [] });
      for (const [path, change] of [
        [['result', 'bound'], smaller],
        [['result', 'bound'], larger],
        [['result', 'sumBound'], smaller],
        [['result', 'sumBound'], larger],
        [['result', 'holds'], flip],
        [['result', 'fails'], flip],
        [['result', 'path', 1], next],
        [['result', 'path', 0], (v: number) => (v === 1 ? 5 : 1)],
        [['result', 'values', 0], larger],
        [['parameters', 'epsilon'], (v: number) => (share >= 1 ? v / 3 : v * 9)],
        [['parameters', 'to'], () => [0]],
        [['statement'], () => 'No path.'],
      ] as const) {
        const { valid } = await claims.verify(spoil(claim, path, change as never), circuitData);
        expect(valid, `${path.join('.')} changed`).toBe(false);
      }
    },
  );
});

it('other data are noticed before anything is computed', async () => {
  const claim = await makePair(1);
  const other = Dictionary.from(g(40, 6));
  const { valid, failures } = await claims.verify(claim, { ...pairData, from: other });
  expect(valid).toBe(false);
  expect(failures).toEqual([expect.stringMatching(/^from is not the data.*SHA-256/)]);
});

it('zeros: no pair, no path', async () => {
  const zero = { data: new Float32Array(4), shape: [2, 2] as const };
  using basis = Dictionary.from(
    toMatrix(
      [
        [1, 0],
        [0, 1],
      ],
      2,
    ),
  );
  const pair = await claims.claimNoPair(basis, zero, basis, 0);
  expect([pair.result.holds, pair.result.strongest]).toEqual([true, null]);
  expect((await claims.verify(pair, { from: basis, to: basis, 'weight.0': zero })).valid).toBe(true);
  const circuit = await claims.claimNoCircuit(basis, [zero], basis, 0);
  expect([circuit.result.holds, circuit.result.path]).toEqual([true, []]);
  expect((await claims.verify(circuit, { from: basis, to: basis, 'weight.0.0': zero })).valid).toBe(true);
});

it.each([
  ['a path of another length', ['result', 'path'], () => [1], /path.*3 features/],
  ['a feature that is not there', ['result', 'path', 0], () => 99, /path\[0\].*< 40/],
  ['a bound that is no number', ['result', 'bound'], () => 'small', /bound must be a finite number/],
  ['a layer too many', ['parameters', 'factors'], () => [1, 2, 1], /weight|dictionary/],
  ['an unknown key', ['result', 'extra'], () => 1, /extra/],
])('refuses %s as malformed', async (_, path, change, message) => {
  const claim = await makeCircuit(1);
  await expect(claims.verify(spoil(claim, path, change), circuitData)).rejects.toMatchObject({
    code: 'ERR_FORMAT',
    message: expect.stringMatching(message),
  });
});
