// Bad input to claims: named, with what was expected.
import { expect, it } from 'vitest';
import { claims, Dictionary, type Matrix, UnsuperposeError } from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';
import { type Anything, failure } from './calls.js';

const three = Dictionary.from(
  toMatrix(
    [
      [1, 0],
      [0, 1],
      [1, 1],
    ],
    2,
  ),
); // 3 features, 2 dims
const two = Dictionary.from(
  toMatrix(
    [
      [1, 0, 0],
      [0, 1, 1],
    ],
    3,
  ),
); // 2 features, 3 dims
const weight: Matrix = { data: new Float32Array(6).fill(1), shape: [3, 2] };
const weights = () => claims.virtualWeights(three, weight, two);
const disposed = Dictionary.from(toMatrix([[1, 2]], 2));
disposed.dispose();

const ask =
  (call: (...args: Anything[]) => unknown, ...args: Anything[]) =>
  () =>
    call(...args);
const virtual = ask.bind(undefined, claims.virtualWeights);
const circuit = ask.bind(undefined, claims.noCircuit);

it.each<[string, () => unknown, string, RegExp]>([
  ['no dictionary', virtual(undefined, weight, two), 'ERR_DTYPE', /^from must be a Dictionary/],
  ['no dictionary at the other end', virtual(three, weight, {}), 'ERR_DTYPE', /^to must be a Dictionary/],
  ['a disposed dictionary', virtual(disposed, 'identity', disposed), 'ERR_DISPOSED', /from was disposed/],
  [
    'no weight',
    virtual(three, undefined, two),
    'ERR_DTYPE',
    /^weight must be a matrix.*'identity', got undefined/,
  ],
  ['no factors', virtual(three, [], two), 'ERR_DTYPE', /an empty array/],
  ['an unknown word', virtual(three, 'eye', two), 'ERR_DTYPE', /got "eye"/],
  ['identity over different dims', virtual(three, 'identity', two), 'ERR_SHAPE', /2 \(from\) and 3 \(to\)/],
  [
    'a transposed weight',
    virtual(three, { ...weight, shape: [2, 3] }, two),
    'ERR_SHAPE',
    /2 × 3, expected 3 .* × 2/,
  ],
  [
    'factors that do not meet',
    virtual(three, [weight, weight], two),
    'ERR_SHAPE',
    /weight\[1\] has 3 rows, expected 2/,
  ],
  [
    'factors that end early',
    virtual(three, [{ data: new Float32Array(9), shape: [3, 3] }], two),
    'ERR_SHAPE',
    /has 3 columns, expected 2/,
  ],
  [
    'NaN in a weight',
    virtual(three, { data: new Float32Array(6).fill(Number.NaN), shape: [3, 2] }, two),
    'ERR_NOT_FINITE',
    /weight.*row 0/,
  ],
  [
    'a negative scale',
    virtual(three, weight, two, { fromScale: [1, -1, 1] }),
    'ERR_OPTION',
    /fromScale\[1\].*≥ 0, got -1/,
  ],
  [
    'a scale too short',
    virtual(three, weight, two, { toScale: [1] }),
    'ERR_SHAPE',
    /toScale must be one a feature \(2\), got 1/,
  ],
  [
    'an unknown option',
    virtual(three, weight, two, { toscale: [1, 1] }),
    'ERR_OPTION',
    /did you mean toScale/,
  ],
  ['a negative epsilon', () => weights().above(-1), 'ERR_OPTION', /epsilon.*≥ 0, got -1/],
  ['epsilon NaN', () => weights().above(Number.NaN), 'ERR_OPTION', /epsilon/],
  ['k = 0', () => weights().strongest(0), 'ERR_OPTION', /k must be an integer between 1/],
  [
    'a side that is none',
    () => weights().maxima('both' as Anything),
    'ERR_OPTION',
    /side must be 'from' or 'to'/,
  ],
  ['no bins', () => weights().histogram({ bins: 0 }), 'ERR_OPTION', /bins/],
  ['a limit below zero', () => weights().above(1, { limit: -1 }), 'ERR_OPTION', /limit/],
  [
    'weights that overflow',
    () =>
      claims.virtualWeights(three, { data: new Float32Array(6).fill(1e30), shape: [3, 2] }, two).maximum(),
    'ERR_OPTION',
    /feature 0 comes to a norm above 1e18/,
  ],
  [
    'an even path',
    circuit(three, [weight, two], two, 1),
    'ERR_SHAPE',
    /path must be an array.*got 2 entries/,
  ],
  ['a path that is none', circuit(three, weight, two, 1), 'ERR_SHAPE', /path must be an array/],
  [
    'no dictionary inside a path',
    circuit(three, [weight, weight, weight], two, 1),
    'ERR_DTYPE',
    /path\[1\] must be a Dictionary/,
  ],
  [
    'a weight of the wrong shape inside a path',
    circuit(three, [weight, two, weight], three, 1),
    'ERR_SHAPE',
    /path\[2\] is 3 × 2, expected 2 .* × 3/,
  ],
  [
    'a feature that is not there',
    circuit({ dictionary: three, features: [3] }, [weight], two, 1),
    'ERR_OPTION',
    /from\.features\[0\].*between 0 and 2/,
  ],
  [
    'no features',
    circuit({ dictionary: three, features: [] }, [weight], two, 1),
    'ERR_SHAPE',
    /at least one feature/,
  ],
  ['a negative epsilon of a circuit', circuit(three, [weight], two, -1), 'ERR_OPTION', /epsilon/],
])('%s', async (_, call, code, message) => {
  const error = await failure(call);
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect([(error as UnsuperposeError).code, (error as Error).message]).toEqual([
    code,
    expect.stringMatching(message),
  ]);
  expect((await weights().maximum()).value).toBe(4);
});

it('disposed virtual weights', async () => {
  const gone = weights();
  const running = gone.maximum();
  gone.dispose();
  gone.dispose();
  expect((await running).value).toBe(4);
  await expect(gone.maximum()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
});

it('dictionaries may be disposed, and weights changed, once the call is made', async () => {
  const a = Dictionary.from(toMatrix([[1, 0]], 2));
  const w = { data: Float32Array.of(2, 0, 0, 2), shape: [2, 2] as const };
  const made = claims.virtualWeights(a, w, a);
  w.data.fill(9);
  a.dispose();
  expect((await made.maximum()).value).toBe(2);
});
