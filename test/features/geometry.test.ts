// Geometry against plain float64 loops over all pairs, closed forms, and all permutations.
import { describe, expect, it } from 'vitest';
import { Dictionary, geometry, type Matrix, UnsuperposeError } from '../../lib/index.js';
import { type Anything, failure } from '../api/calls.js';
import { dot, norm, toMatrix, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(91);
const g = (count: number, dims: number): Matrix<Float32Array> =>
  toMatrix(
    Array.from({ length: count }, () => Array.from({ length: dims }, () => random.normal())),
    dims,
  );

/** |cos| of all pairs in float64, 0 for zero rows and the diagonal. */
function cosines(matrix: Matrix<Float32Array>): number[][] {
  const rows = toRows(matrix);
  return rows.map((a, i) =>
    rows.map((b, j) => {
      const size = norm(a) * norm(b);
      return i === j || size === 0 ? 0 : Math.abs(dot(a, b)) / size;
    }),
  );
}

/** Float64 over these dims, twice over: in the library, and here. */
const tight = 1e-13;

const withOddRows = g(40, 12);
withOddRows.data.fill(0, 12, 24); // a zero row
withOddRows.data.copyWithin(36, 60, 72); // a copy: row 3 is row 5
for (let k = 0; k < 12; k++) withOddRows.data[7 * 12 + k] = -3e-20 * (withOddRows.data[9 * 12 + k] as number); // tiny, opposed
for (let k = 0; k < 12; k++) withOddRows.data[8 * 12 + k] = 1e15 * (withOddRows.data[8 * 12 + k] as number);
const close = g(90, 8);
for (let k = 8; k < close.data.length; k++)
  close.data[k] = (close.data[k - 8] as number) + 1e-4 * random.normal();
const settings: [string, Matrix<Float32Array>][] = [
  ['random atoms', g(120, 20)],
  ['more than a batch', g(300, 7)],
  ['zero, equal, tiny and huge atoms', withOddRows],
  ['nearly parallel atoms', close],
  [
    'an orthonormal basis',
    toMatrix(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      3,
    ),
  ],
  ['two atoms', g(2, 5)],
];

describe.each(settings)('%s', (_, matrix) => {
  const dictionary = Dictionary.from(matrix);
  const plain = cosines(matrix);
  const features = matrix.shape[0];

  it('coherence', async () => {
    const largest = Math.max(...plain.flat());
    const { value, pair, error } = await geometry.coherence(dictionary);
    expect(Math.abs(value - largest)).toBeLessThanOrEqual(tight);
    expect(error).toBeLessThanOrEqual(tight);
    if (largest === 0) return expect(pair).toBeUndefined();
    const [i, j] = pair as [number, number];
    expect(i).toBeLessThan(j);
    expect((plain[i] as number[])[j]).toBeGreaterThanOrEqual(largest - tight);
  });

  it('Babel function', async () => {
    for (const k of new Set([1, Math.min(5, features - 1), features - 1])) {
      const { value, feature } = await geometry.babel(dictionary, k);
      const sums = plain.map((row) => {
        let sum = 0;
        return [...row]
          .sort((a, b) => b - a)
          .slice(0, k)
          .map((v) => (sum += v));
      });
      for (let m = 0; m < k; m++) {
        const most = Math.max(...sums.map((row) => row[m] as number));
        expect(Math.abs((value[m] as number) - most)).toBeLessThanOrEqual((m + 1) * tight);
        const there = (sums[feature[m] as number] as number[])[m] as number;
        expect(there).toBeGreaterThanOrEqual(most - 2 * (m + 1) * tight);
      }
    }
  });

  it.each([0.999, 0.7, 0.35])('clusters at %d', async (threshold) => {
    const { labels, count } = await geometry.clusters(dictionary, threshold);
    const expected = Array.from({ length: features }, (_, j) => j);
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 0; i < features; i++)
        for (let j = 0; j < features; j++)
          if (
            ((plain[i] as number[])[j] as number) >= threshold &&
            (expected[i] as number) < (expected[j] as number)
          ) {
            expected[j] = expected[i] as number;
            changed = true;
          }
    }
    const numbers = [...new Set(expected)].sort((a, b) => a - b);
    expect([...labels]).toEqual(expected.map((first) => numbers.indexOf(first)));
    expect(count).toBe(numbers.length);
  });

  it('feature dimensionality', async () => {
    const rows = toRows(matrix);
    const got = await geometry.featureDimensionality(matrix);
    rows.forEach((row, i) => {
      const size = norm(row);
      const shared = rows.reduce((sum, other) => sum + (size === 0 ? 0 : dot(row, other) / size) ** 2, 0);
      const expected = size === 0 ? 0 : size ** 2 / shared;
      expect(Math.abs((got[i] as number) - expected)).toBeLessThanOrEqual(1e-11 * expected);
    });
  });
});

describe('closed forms', () => {
  it('simplices and orthoplexes meet the Welch bound, or stay above it', async () => {
    for (const dims of [2, 3, 7, 16]) {
      // n + 1 directions of equal angles: the basis of n + 1 dims less its mean.
      const simplex = toMatrix(
        Array.from({ length: dims + 1 }, (_, i) =>
          Array.from({ length: dims + 1 }, (_, k) => (i === k ? 1 : 0) - 1 / (dims + 1)),
        ),
        dims + 1,
      );
      const { value } = await geometry.coherence(Dictionary.from(simplex));
      expect(Math.abs(value - geometry.welchBound(dims + 1, dims))).toBeLessThanOrEqual(1e-6); // entries are float32
      expect(geometry.welchBound(dims, dims)).toBe(0);
    }
    // Six diagonals of the icosahedron: 1/√5.
    const phi = (1 + Math.sqrt(5)) / 2;
    const diagonals = toMatrix(
      [
        [0, 1, phi],
        [0, 1, -phi],
        [1, phi, 0],
        [1, -phi, 0],
        [phi, 0, 1],
        [-phi, 0, 1],
      ],
      3,
    );
    const { value } = await geometry.coherence(Dictionary.from(diagonals));
    expect(Math.abs(value - geometry.welchBound(6, 3))).toBeLessThanOrEqual(1e-6);
  });

  it('polygons and pairs have their dimensionality', async () => {
    const polygon = (n: number): number[][] =>
      Array.from({ length: n }, (_, i) => [Math.cos((2 * Math.PI * i) / n), Math.sin((2 * Math.PI * i) / n)]);
    for (const n of [3, 5, 8])
      for (const d of await geometry.featureDimensionality(toMatrix(polygon(n), 2)))
        expect(Math.abs(d - 2 / n)).toBeLessThanOrEqual(1e-6);
    expect([
      ...(await geometry.featureDimensionality(
        toMatrix(
          [
            [2, 0],
            [-2, 0],
            [0, 0],
          ],
          2,
        ),
      )),
    ]).toEqual([0.5, 0.5, 0]);
  });
});

describe('matchFeatures', () => {
  const permutations = (items: number[]): number[][] =>
    items.length <= 1
      ? [items]
      : items.flatMap((first, i) => permutations(items.toSpliced(i, 1)).map((rest) => [first, ...rest]));

  it.each([
    ['as many', g(6, 4), g(6, 4), false],
    ['more found', g(7, 3), g(5, 3), false],
    ['fewer found', g(4, 5), g(7, 5), true],
    [
      'ties everywhere',
      toMatrix(
        [
          [1, 0],
          [1, 0],
          [0, 1],
          [-1, 0],
        ],
        2,
      ),
      toMatrix(
        [
          [1, 0],
          [0, 1],
          [2, 0],
          [0, -1],
        ],
        2,
      ),
      true,
    ],
    [
      'zero rows',
      toMatrix(
        [
          [0, 0],
          [1, 1],
        ],
        2,
      ),
      toMatrix(
        [
          [1, 0],
          [0, 0],
          [0, 3],
        ],
        2,
      ),
      false,
    ],
  ])('%s: no permutation does better', async (_, found, truth, signed) => {
    const [f, t] = [toRows(found), toRows(truth)];
    const cosine = (i: number, j: number): number => {
      const size = norm(f[i] as Float64Array) * norm(t[j] as Float64Array);
      const value = size === 0 ? 0 : dot(f[i] as Float64Array, t[j] as Float64Array) / size;
      return signed ? value : Math.abs(value);
    };
    const match = await geometry.matchFeatures(found, truth, { signed });
    // Rows without a partner are as good as a cosine of 0.
    const size = Math.max(f.length, t.length);
    const best = Math.max(
      ...permutations(Array.from({ length: size }, (_, i) => i)).map((order) =>
        order.reduce((sum, i, j) => sum + (i < f.length && j < t.length ? cosine(i, j) : 0), 0),
      ),
    );
    const slack = 1e-6 * size; // float32 cosines
    expect(Math.abs(match.mcc * t.length - best)).toBeLessThanOrEqual(slack);
    const used = [...match.found].filter((i) => i !== 2 ** 32 - 1);
    expect(new Set(used).size).toBe(used.length);
    expect(used.length).toBe(Math.min(f.length, t.length));
    t.forEach((_, j) => {
      const i = match.found[j] as number;
      expect(
        Math.abs((match.cosine[j] as number) - (i === 2 ** 32 - 1 ? 0 : cosine(i, j))),
      ).toBeLessThanOrEqual(1e-6);
      const most = Math.max(...f.map((_, k) => cosine(k, j)));
      expect(cosine(match.nearest[j] as number, j)).toBeGreaterThanOrEqual(most - 1e-6);
    });
    const mean = t.reduce((sum, _, j) => sum + Math.max(...f.map((_, k) => cosine(k, j))), 0) / t.length;
    expect(Math.abs(match.mmcs - mean)).toBeLessThanOrEqual(1e-6);
    expect(match.uniqueness).toBe(new Set(match.nearest).size / t.length);
  });

  it('a planted permutation of many, with signs and noise', async () => {
    const truth = g(200, 32);
    const order = random.choose(200, 200);
    const found = { data: new Float32Array(200 * 32), shape: [200, 32] as const };
    order.forEach((j, i) => {
      const sign = random.sign();
      for (let k = 0; k < 32; k++)
        found.data[i * 32 + k] = sign * (truth.data[j * 32 + k] as number) + 0.3 * random.normal();
    });
    const match = await geometry.matchFeatures(found, Dictionary.from(truth));
    expect(order.filter((j, i) => match.found[j] === i).length).toBe(200);
    expect(match.mcc).toBeGreaterThan(0.9);
  });
});

it('answers are the same bits for any number of threads, and can be stopped', async () => {
  const many = g(900, 40);
  const dictionary = Dictionary.from(many);
  const ask = async (threads: number) =>
    JSON.stringify([
      await geometry.coherence(dictionary, { threads }),
      await geometry.babel(dictionary, 4, { threads }),
      await geometry.clusters(dictionary, 0.5, { threads }),
      [...(await geometry.featureDimensionality(dictionary, { threads }))],
      await geometry.matchFeatures(dictionary, many, { threads }),
    ]);
  expect(await ask(3)).toBe(await ask(1));
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(geometry.coherence(dictionary, { signal })).rejects.toThrow('enough');
});

const some = Dictionary.from(g(4, 3));
const bad: [string, (...args: Anything[]) => unknown, Anything[], string, RegExp][] = [
  ['no dictionary', geometry.coherence, [g(2, 2)], 'ERR_DTYPE', /must be a Dictionary/],
  [
    'k too large',
    geometry.babel,
    [some, 4],
    'ERR_OPTION',
    /k must be an integer between 1 and 3 \(features − 1\), got 4/,
  ],
  ['a threshold of 0', geometry.clusters, [some, 0], 'ERR_OPTION', /threshold/],
  ['a threshold above 1', geometry.clusters, [some, 1.1], 'ERR_OPTION', /threshold/],
  ['an unknown option', geometry.coherence, [some, { thread: 1 }], 'ERR_OPTION', /did you mean threads/],
  [
    'dims that differ',
    geometry.matchFeatures,
    [g(2, 3), g(2, 4)],
    'ERR_SHAPE',
    /found has 3 dims, truth has 4/,
  ],
  [
    'NaN',
    geometry.featureDimensionality,
    [{ data: Float32Array.of(1, Number.NaN), shape: [1, 2] }],
    'ERR_NOT_FINITE',
    /row 0/,
  ],
  [
    'no features',
    geometry.matchFeatures,
    [g(2, 3), { data: new Float32Array(0), shape: [0, 3] }],
    'ERR_SHAPE',
    /at least one feature/,
  ],
  ['a fraction of dims', geometry.welchBound, [3, 1.5], 'ERR_OPTION', /dims must be an integer/],
];
it.each(bad)('refuses %s', async (_, call, args, code, message) => {
  const error = await failure(() => call(...args));
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect([(error as UnsuperposeError).code, (error as Error).message]).toEqual([
    code,
    expect.stringMatching(message),
  ]);
});
