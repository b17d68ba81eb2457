// ERC and Fuchs's number against a direct float64 computation; what they promise against the solver.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  geometry,
  type Matrix,
  SparseCodes,
  UnsuperposeError,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, failure } from '../api/calls.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom, type Random } from '../reference/random.js';

type Rows = number[][];

const inner = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, k) => sum + v * (b[k] as number), 0);

/** Gauss–Jordan with partial pivoting, in float64. */
function inverse(matrix: Rows): Rows {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, k) => (k === i ? 1 : 0))]);
  for (let c = 0; c < n; c++) {
    let p = c;
    for (let i = c; i < n; i++)
      if (Math.abs((rows[i] as number[])[c] as number) > Math.abs((rows[p] as number[])[c] as number)) p = i;
    [rows[c], rows[p]] = [rows[p] as number[], rows[c] as number[]];
    const pivot = rows[c] as number[];
    const scale = pivot[c] as number;
    pivot.forEach((v, k) => {
      pivot[k] = v / scale;
    });
    rows.forEach((row, i) => {
      const factor = row[c] as number;
      if (i !== c)
        row.forEach((v, k) => {
          row[k] = v - factor * (pivot[k] as number);
        });
    });
  }
  return rows.map((row) => row.slice(n));
}

interface Direct {
  readonly fuchs: number;
  readonly erc: number;
  readonly bias: number;
}

function direct(atoms: Rows, support: number[], signs: number[], nonnegative: boolean): Direct {
  const active = support.map((j) => atoms[j] as number[]);
  const g = inverse(active.map((a) => active.map((b) => inner(a, b))));
  const outside = atoms.flatMap((d, j) =>
    support.includes(j)
      ? []
      : [
          g.map((row) =>
            inner(
              row,
              active.map((a) => inner(a, d)),
            ),
          ),
        ],
  );
  const fuchs = outside.map((p) => inner(p, signs));
  return {
    fuchs: Math.max(0, ...fuchs.map((v) => (nonnegative ? v : Math.abs(v)))),
    erc: Math.max(0, ...outside.map((p) => p.reduce((sum, v) => sum + Math.abs(v), 0))),
    bias: Math.max(...g.map((row) => Math.abs(inner(row, signs)))),
  };
}

const rowsOf = ({ data, shape: [rows, cols] }: Matrix): Rows =>
  Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols)));

function gaussianRows(random: Random, count: number, dims: number): Matrix<Float32Array> {
  return toMatrix(
    Array.from({ length: count }, () => Array.from({ length: dims }, () => random.normal())),
    dims,
  );
}

interface Planted {
  readonly codes: SparseCodes;
  readonly supports: number[][];
  readonly signs: number[][];
}

function plant(
  random: Random,
  samples: number,
  features: number,
  most: number,
  nonnegative: boolean,
): Planted {
  const supports = Array.from({ length: samples }, () =>
    random.choose(1 + random.below(most), features).sort((a, b) => a - b),
  );
  const signs = supports.map((support) => support.map(() => (nonnegative ? 1 : random.sign())));
  const indptr = [0];
  for (const support of supports) indptr.push((indptr.at(-1) as number) + support.length);
  const codes = SparseCodes.from({
    indptr: Uint32Array.from(indptr),
    indices: Uint32Array.from(supports.flat()),
    values: Float32Array.from(signs.flat(), (s) => s * (0.5 + random.uniform())),
    shape: [samples, features],
  });
  return { codes, supports, signs };
}

function settings(): [string, Matrix<Float32Array>, number][] {
  const random = makeRandom(95);
  const close = gaussianRows(random, 60, 12);
  for (let j = 1; j < 60; j += 2)
    for (let k = 0; k < 12; k++)
      close.data[j * 12 + k] = (close.data[(j - 1) * 12 + k] as number) + 0.05 * random.normal();
  const sizes = gaussianRows(random, 50, 20);
  for (let j = 0; j < 50; j++)
    for (let k = 0; k < 20; k++)
      sizes.data[j * 20 + k] = (sizes.data[j * 20 + k] as number) * 10 ** ((j % 5) - 2);
  return [
    ['random atoms', gaussianRows(random, 100, 24), 8],
    ['nearly parallel pairs', close, 4],
    ['atoms of many sizes', sizes, 5],
    ['fewer atoms than dims', gaussianRows(random, 12, 20), 12],
  ];
}

describe.each(settings())('%s', (_, matrix, most) => {
  using dictionary = Dictionary.from(matrix);
  const handle = Dictionary.from(matrix);
  const atoms = rowsOf(matrix);

  it.each([false, true])('as computed directly, nonnegative: %s', async (nonnegative) => {
    const { codes, supports, signs } = plant(makeRandom(96), 40, matrix.shape[0], most, nonnegative);
    const found = await geometry.recoverability(handle, codes, { nonnegative });
    supports.forEach((support, i) => {
      const expected = direct(atoms, support, signs[i] as number[], nonnegative);
      // Both in float64, over Gram matrices whose condition, with atoms of unit norm, is at most |I|/eigenvalue.
      const unit = support.map((j) => Math.sqrt(inner(atoms[j] as number[], atoms[j] as number[])));
      const condition = (support.length * Math.min(...unit) ** 2) / (found.eigenvalue[i] as number);
      const slack = 1e-13 * condition;
      for (const name of ['fuchs', 'erc'] as const)
        expect(Math.abs((found[name][i] as number) - expected[name])).toBeLessThanOrEqual(
          slack * (1 + expected.erc),
        );
      expect(Math.abs((found.bias[i] as number) - expected.bias)).toBeLessThanOrEqual(slack * expected.bias);
      const verdict = found.verdict[i];
      if (expected.fuchs < 0.94) expect(verdict).toBe('recoverable');
      if (expected.fuchs > 1.06)
        expect([verdict, found.lasso[i]]).toEqual([
          found.basisPursuit[i] === 'recovered'
            ? 'basis pursuit only'
            : found.basisPursuit[i] === 'not recovered'
              ? 'not recoverable'
              : 'edge',
          'not recovered',
        ]);
      if (expected.fuchs < 1 - slack * (1 + expected.erc) - 1e-6)
        expect([found.lasso[i], found.basisPursuit[i]]).toEqual(['recovered', 'recovered']);
      expect((found.reason[i] as string).length).toBeGreaterThan(10);
    });
  });
  dictionary.dispose();
});

it('what is called recoverable is found, within its margins, and what is not is not', async () => {
  const random = makeRandom(97);
  const matrix = gaussianRows(random, 80, 24);
  using dictionary = Dictionary.from(matrix, { normalize: true });
  const atoms = rowsOf(dictionary.toMatrix());
  const { codes, supports, signs } = plant(random, 60, 80, 7, false);
  const { verdict, noiseMargin, lambdaLimit, fuchs } = await geometry.recoverability(dictionary, codes);
  expect(new Set(verdict)).toContain('recoverable');
  expect(new Set(verdict)).toContain('not recoverable');
  supports.forEach((support, i) => {
    const { indices, values } = codes.row(i);
    const clean = Array.from({ length: 24 }, (_, k) =>
      indices.reduce((sum, j, p) => sum + (values[p] as number) * ((atoms[j] as number[])[k] as number), 0),
    );
    const solved = (x: number[], lambda: number): string => {
      const { codes: got } = unfoldSync(toMatrix([x], 24), dictionary, {
        lambda,
        tolerance: 1e-12,
        precision: 'float64',
      });
      return JSON.stringify([[...got.indices], Array.from(got.values, Math.sign)]);
    };
    const wanted = JSON.stringify([support, signs[i]]);
    if ((fuchs[i] as number) < 0.999) {
      expect(solved(clean, 0.5 * (lambdaLimit[i] as number))).toBe(wanted);
      // The worst λ for a margin is not asked for: the best one is, λ = margin/(1 − F), and a little more.
      const margin = 0.9 * (noiseMargin[i] as number);
      const direction = Array.from({ length: 24 }, () => random.normal());
      const scale = margin / Math.sqrt(inner(direction, direction));
      const noisy = clean.map((v, k) => v + scale * (direction[k] as number));
      expect(solved(noisy, (1.01 * margin) / (1 - (fuchs[i] as number)))).toBe(wanted);
    }
    if ((fuchs[i] as number) > 1.001)
      expect(solved(clean, 0.01 * Math.min(1, lambdaLimit[i] as number))).not.toBe(wanted);
  });
});

it('a margin at a given λ', async () => {
  using basis = Dictionary.from(
    toMatrix(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      3,
    ),
  );
  const codes = SparseCodes.from({
    indptr: Uint32Array.of(0, 1),
    indices: Uint32Array.of(0),
    values: Float32Array.of(2),
    shape: [1, 3],
  });
  // F = 0: λ itself, or what is left of the code, 2 − λ.
  expect((await geometry.recoverability(basis, codes, { lambda: 0.5 })).noiseMargin[0]).toBeCloseTo(0.5, 12);
  // The eigenvalue is a proved lower bound of 1, at least a third of it.
  const tight = (await geometry.recoverability(basis, codes, { lambda: 1.75 })).noiseMargin[0] as number;
  expect(tight).toBeGreaterThan(0.25 * Math.sqrt(1 / 3));
  expect(tight).toBeLessThanOrEqual(0.25);
  expect((await geometry.recoverability(basis, codes, { lambda: 3 })).noiseMargin[0]).toBe(0);
});

it('dependent atoms, empty codes, supports of everything', async () => {
  using twice = Dictionary.from(
    toMatrix(
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
      2,
    ),
  );
  const dependent = await geometry.recoverability(twice, { support: [0, 1], signs: [1, 1] });
  expect(dependent.verdict).toEqual(['not recoverable']);
  expect(dependent.reason[0]).toMatch(/dependent/);
  expect(dependent.fuchs[0]).toBeNaN();
  // A copy off the support sits on the edge exactly.
  const copy = await geometry.recoverability(twice, { support: [0], signs: [-1] });
  expect([copy.verdict[0], copy.fuchs[0], copy.fuchsFeature[0]]).toEqual(['edge', 1, 1]);
  const empty = SparseCodes.from({
    indptr: Uint32Array.of(0, 0),
    indices: new Uint32Array(0),
    values: new Float32Array(0),
    shape: [1, 3],
  });
  expect((await geometry.recoverability(twice, empty)).verdict).toEqual(['recoverable']);
  using basis = Dictionary.from(
    toMatrix(
      [
        [1, 0],
        [0, 1],
      ],
      2,
    ),
  );
  const whole = await geometry.recoverability(basis, { support: [1, 0], signs: [-1, 1] });
  expect([whole.verdict[0], whole.fuchs[0], whole.fuchsFeature[0]]).toEqual(['recoverable', 0, 2 ** 32 - 1]);
});

it('answers are the same bits for any number of threads', async () => {
  const random = makeRandom(98);
  using dictionary = Dictionary.from(gaussianRows(random, 300, 40));
  const { codes } = plant(random, 70, 300, 12, false);
  const ask = async (threads: number) =>
    JSON.stringify(await geometry.recoverability(dictionary, codes, { threads }));
  expect(await ask(3)).toBe(await ask(1));
});

const some = Dictionary.from(
  toMatrix(
    [
      [1, 0],
      [0, 1],
      [1, 1],
    ],
    2,
  ),
);
const two = SparseCodes.from({
  indptr: Uint32Array.of(0, 1),
  indices: Uint32Array.of(0),
  values: Float32Array.of(-1),
  shape: [1, 3],
});
const bad: [string, (...args: Anything[]) => unknown, Anything[], string, RegExp][] = [
  ['no dictionary', geometry.recoverability, [{}, two], 'ERR_DTYPE', /must be a Dictionary/],
  ['no codes', geometry.recoverability, [some, 3], 'ERR_DTYPE', /codes must be SparseCodes/],
  [
    'a support that is none',
    geometry.recoverability,
    [some, { support: 'all' }],
    'ERR_DTYPE',
    /support must be/,
  ],
  [
    'signs too few',
    geometry.recoverability,
    [some, { support: [0, 1], signs: [1] }],
    'ERR_SHAPE',
    /signs must be one a feature of the support \(2\), got 1/,
  ],
  [
    'a sign of 0',
    geometry.recoverability,
    [some, { support: [0], signs: [0] }],
    'ERR_OPTION',
    /signs\[0\] must be 1 or -1, got 0/,
  ],
  [
    'a feature twice',
    geometry.recoverability,
    [some, { support: [2, 2] }],
    'ERR_OPTION',
    /names feature 2 twice/,
  ],
  [
    'a feature that is not there',
    geometry.recoverability,
    [some, { support: [3] }],
    'ERR_OPTION',
    /support\[0\].*between 0 and 2/,
  ],
  ['λ = 0', geometry.recoverability, [some, two, { lambda: 0 }], 'ERR_OPTION', /lambda/],
  ['an edge of 1', geometry.recoverability, [some, two, { edge: 1 }], 'ERR_OPTION', /edge/],
  [
    'negative codes as nonnegative',
    geometry.recoverability,
    [some, two, { nonnegative: true }],
    'ERR_OPTION',
    /sample 0.*nonnegative/,
  ],
  [
    'codes of another dictionary',
    geometry.recoverability,
    [Dictionary.from(toMatrix([[1, 2]], 2)), two],
    'ERR_SHAPE',
    /3 features, the dictionary has 1/,
  ],
  ['δ = 1', geometry.donohoTanner, [1], 'ERR_OPTION', /delta/],
  ['no active features', geometry.guarantees, [some, 0], 'ERR_OPTION', /active/],
  ['no trials', geometry.phaseTransition, [some, { trials: 0 }], 'ERR_OPTION', /trials/],
  [
    'more active features than dims',
    geometry.phaseTransition,
    [some, { sparsities: [3] }],
    'ERR_OPTION',
    /sparsities\[0\].*between 1 and 2/,
  ],
  ['no sparsities', geometry.phaseTransition, [some, { sparsities: [] }], 'ERR_OPTION', /at least one/],
];
it.each(bad)('refuses %s', async (_, call, args, code, message) => {
  const error = await failure(() => call(...args));
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect([(error as UnsuperposeError).code, (error as Error).message]).toEqual([
    code,
    expect.stringMatching(message),
  ]);
});
