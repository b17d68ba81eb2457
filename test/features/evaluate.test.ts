// Scores of features: every figure against plain float64 over dense matrices, whole or streamed; baselines; and what is refused.
import { describe, expect, it } from 'vitest';
import {
  type CodesParts,
  Dictionary,
  type Evaluation,
  evaluate,
  type FeatureModel,
  fold,
  type Matrix,
  SparseCodes,
  UnsuperposeError,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, failure, gone } from '../api/calls.js';
import { bestBySubsets } from '../reference/assignment.js';
import { toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';
import { plainCosines, plainDetection, plainScores } from '../reference/scores.js';

const random = makeRandom(1207);
const g = (rows: number, cols: number): Matrix<Float32Array> => ({
  data: Float32Array.from({ length: rows * cols }, () => random.normal()),
  shape: [rows, cols],
});
const dense = (matrix: Matrix<Float32Array>): number[][] => toRows(matrix).map((row) => [...row]);

/** Codes of some 3 in 10 features, feature 2 never; sample 4 has none. */
function someCodes(samples: number, features: number): SparseCodes {
  const indices: number[] = [];
  const indptr = [0];
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < features; j++) if (j !== 2 && i !== 4 && random.uniform() < 0.3) indices.push(j);
    indptr.push(indices.length);
  }
  return SparseCodes.from({
    indptr: Uint32Array.from(indptr),
    indices: Uint32Array.from(indices),
    values: Float32Array.from(indices, () => random.normal()),
    shape: [samples, features],
  });
}

const FEATURES = 12;
const TRUTHS = 9;
const DIMS = 7;
const SAMPLES = 301;
const truthMatrix = g(TRUTHS, DIMS);
const truth = Dictionary.from(truthMatrix, { normalize: true });
const trueCodes = someCodes(SAMPLES, TRUTHS);
const found = Dictionary.from(g(FEATURES, DIMS));
const codes = someCodes(SAMPLES, FEATURES);
/** far from the origin: a variance that is a difference of large sums has no digits left */
const x: Matrix<Float32Array> = (() => {
  const { data, shape } = fold(trueCodes, truth);
  return { data: data.map((value, i) => value + (i % DIMS === 0 ? 3000 : 0) + 0.1 * random.normal()), shape };
})();

const plain = plainScores(dense(x), dense(fold(codes, found)), dense(codes.toDense()));

function expectFigures(scores: Evaluation, tolerance = 1e-9): void {
  // fold() rounds to float32 what evaluate keeps in float64: 2⁻²⁴ of entries up to 3000, against a variance of some SAMPLES · DIMS
  expect(Math.abs(scores.explainedVariance.value / plain.explainedVariance - 1)).toBeLessThan(1e-6);
  expect(Math.abs(scores.normRatio.value / plain.normRatio - 1)).toBeLessThan(1e-6);
  expect(Math.abs(scores.l0.value.mean - plain.l0)).toBeLessThan(tolerance);
  expect([...scores.density.value.each]).toEqual(plain.density);
  expect(scores.dead.value).toBe(plain.density.filter((each) => each === 0).length);
  expect(scores.dense.value).toBe(plain.density.filter((each) => each > 0.3).length);
  const { histogram } = scores.l0.value;
  expect(histogram.length).toBe(scores.l0.value.maximum + 1);
  const counts = dense(codes.toDense()).map((row) => row.filter((value) => value !== 0).length);
  expect([...histogram]).toEqual(
    Array.from(histogram, (_, k) => counts.filter((count) => count === k).length),
  );
}

describe('figures of given codes', () => {
  const given = { codes, dictionary: found };
  const options = { truth: { dictionary: truth, codes: trueCodes }, denseAbove: 0.3 };

  it('are those of plain float64, however the samples are cut', async () => {
    const whole = await evaluate(given, x, options);
    expect([whole.samples, whole.features, whole.dims]).toEqual([SAMPLES, FEATURES, DIMS]);
    expectFigures(whole);
    const cut = await evaluate(given, x, { ...options, batchSize: 7 });
    expectFigures(cut);
    async function* stream(): AsyncGenerator<Matrix<Float32Array>> {
      for (let first = 0; first < SAMPLES; first += 50) {
        const count = Math.min(50, SAMPLES - first);
        yield { data: x.data.slice(first * DIMS, (first + count) * DIMS), shape: [count, DIMS] };
      }
    }
    const streamed = await evaluate(given, stream(), options);
    expectFigures(streamed);
    expect(streamed.recovery?.f1).toEqual(whole.recovery?.f1);
    expect(cut.recovery).toEqual(whole.recovery);
  });

  it('counts densities into bins of a quarter of a decade, all of them', async () => {
    const { density, dead } = await evaluate(given, x, options);
    const { edges, counts } = density.value.histogram;
    expect(edges.length).toBe(counts.length + 1);
    expect(edges.at(-1)).toBe(1);
    expect(edges[0]).toBeLessThanOrEqual(1 / SAMPLES);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(FEATURES - dead.value);
    density.value.each.forEach((each) => {
      if (each === 0) return;
      const bin = edges.findLastIndex((edge) => edge <= each);
      expect(counts[Math.min(bin, counts.length - 1)]).toBeGreaterThan(0);
    });
  });

  it('recovery: the best pairs, the nearest, and detection from confusion matrices', async () => {
    const { recovery } = await evaluate(given, x, options);
    if (recovery === undefined) throw new Error('no recovery');
    const cosines = plainCosines(toRows(truth.toMatrix()), toRows(found.toMatrix()));
    const best = bestBySubsets(cosines) / Math.min(TRUTHS, FEATURES);
    expect(Math.abs(recovery.mcc.value - best)).toBeLessThan(1e-6);
    const mmcs = cosines.reduce((sum, row) => sum + Math.max(...row), 0) / TRUTHS;
    expect(Math.abs(recovery.mmcs.value - mmcs)).toBeLessThan(1e-6);
    const nearest = Array.from({ length: FEATURES }, (_, j) => {
      const column = cosines.map((row) => row[j] as number);
      return column.indexOf(Math.max(...column));
    });
    expect([...recovery.nearest.value]).toEqual(nearest);
    expect(recovery.uniqueness.value).toBe(new Set(nearest).size / FEATURES);
    const table = plainDetection(dense(codes.toDense()), dense(trueCodes.toDense()), nearest);
    const detection = recovery.detection?.value;
    for (const name of ['precision', 'recall', 'f1'] as const) {
      const got = detection?.[name] ?? [];
      table[name].forEach((expected, j) => {
        expect(Math.abs((got[j] as number) - expected), `${name} of ${j}`).toBeLessThan(1e-12);
      });
      const mean = table[name].reduce((sum, value) => sum + value, 0) / FEATURES;
      expect(Math.abs((recovery[name]?.value ?? Number.NaN) - mean)).toBeLessThan(1e-12);
    }
    expect(recovery.trueL0).toBe(trueCodes.indices.length / SAMPLES);
  });

  it('fewer features than there are: pairs are as many as the features', async () => {
    const few = Dictionary.from({ data: found.toMatrix().data.slice(0, 4 * DIMS), shape: [4, DIMS] });
    const { recovery } = await evaluate(few, x, { unfold: { lambda: 1 }, truth: { dictionary: truth } });
    const cosines = plainCosines(toRows(few.toMatrix()), toRows(truth.toMatrix()));
    expect(Math.abs((recovery?.mcc.value ?? 0) - bestBySubsets(cosines) / 4)).toBeLessThan(1e-6);
    expect(recovery?.f1).toBeUndefined();
  });

  it('the same bits for any number of threads', async () => {
    const one = await evaluate(given, x, { ...options, seeds: [truth], threads: 1 });
    expect(await evaluate(given, x, { ...options, seeds: [truth], threads: 3 })).toEqual(one);
  });

  it('the truth itself scores 1, a frozen random dictionary less', async () => {
    const scores = await evaluate({ codes: trueCodes, dictionary: truth }, fold(trueCodes, truth), {
      ...options,
      seeds: [truth, truthMatrix],
    });
    const { recovery, stability } = scores;
    expect(scores.explainedVariance.value).toBeGreaterThan(1 - 1e-12);
    const figures = [recovery?.mcc, recovery?.mmcs, recovery?.recovered, stability?.mcc, stability?.shared];
    for (const figure of figures) {
      expect(figure?.value).toBeGreaterThan(1 - 1e-6);
      expect(figure?.baseline).toBeLessThan(0.95);
    }
    // feature 2 is dead: it detects nothing
    expect(recovery?.f1?.value).toBe((TRUTHS - 1) / TRUTHS);
    expect(recovery?.f1?.baseline).toBeLessThan(0.8);
  });
});

describe('what is evaluated', () => {
  const unfoldOptions = { lambda: 0.3, nonnegative: true } as const;
  const centred: Matrix<Float32Array> = fold(trueCodes, truth);
  const whole = { data: new Float32Array(centred.data), shape: centred.shape };

  it('a dictionary: codes are those of unfold, of the baseline too', async () => {
    const scores = await evaluate(found, whole, { unfold: unfoldOptions, batchSize: 100 });
    const made = unfoldSync(whole, found, unfoldOptions).codes;
    const again = await evaluate({ codes: made, dictionary: found }, whole, { unfold: unfoldOptions });
    expect(scores.l0.value).toEqual(again.l0.value);
    expect(scores.density.value).toEqual(again.density.value);
    expect(scores.density.baseline).toEqual(again.density.baseline);
    expect(Math.abs(scores.explainedVariance.value - again.explainedVariance.value)).toBeLessThan(1e-12);
  });

  it('given codes: the baseline has as many active features, sample by sample', async () => {
    const sparse = unfoldSync(whole, found, { method: 'omp', sparsity: 2 }).codes;
    const { l0 } = await evaluate({ codes: sparse, dictionary: found }, whole);
    expect(l0.baseline.histogram).toEqual(l0.value.histogram);
  });

  /** encodes by unfold around a bias, and decodes */
  function model(bias: number): FeatureModel {
    const shift = ({ data, shape }: Matrix<Float32Array>, by: number): Matrix<Float32Array> => ({
      data: data.map((value) => value + by),
      shape,
    });
    return {
      encode: async (batch) => unfoldSync(shift(batch, -bias), found, unfoldOptions).codes,
      decode: (sparse) => shift(fold(sparse, found), bias),
      dictionary: () => found,
      encoder: () => found.toMatrix(),
    };
  }

  it('a model: its own codes, its decoder, its bias, its encoder', async () => {
    const scores = await evaluate(found, whole, { unfold: unfoldOptions });
    const own = await evaluate(model(0), whole, { unfold: unfoldOptions });
    expect(own.density).toEqual(scores.density);
    expect(Math.abs(own.explainedVariance.value - scores.explainedVariance.value)).toBeLessThan(1e-6);
    expect(own.encoderCosine?.value).toBeCloseTo(1, 12);
    expect(Math.abs(own.encoderCosine?.baseline ?? 1)).toBeLessThan(0.6);
    // Moved together with its data, a model and its baseline score the same.
    const moved = { data: whole.data.map((value) => value + 4), shape: whole.shape };
    const shifted = await evaluate(model(4), moved);
    const still = await evaluate(model(0), whole);
    expect(shifted.explainedVariance.value).toBeCloseTo(still.explainedVariance.value, 5);
    expect(shifted.explainedVariance.baseline).toBeCloseTo(still.explainedVariance.baseline, 5);
  });

  it('another baseline, and true codes that the matrices bring along', async () => {
    const options = { unfold: unfoldOptions, truth: { dictionary: truth } };
    const batches = [0, 1].map((half) => {
      const rows = half === 0 ? 200 : SAMPLES - 200;
      const first = half * 200;
      const [begin, end] = [trueCodes.indptr[first] as number, trueCodes.indptr[first + rows] as number];
      const part: CodesParts = {
        indptr: trueCodes.indptr.slice(first, first + rows + 1).map((at) => at - begin),
        indices: trueCodes.indices.slice(begin, end),
        values: trueCodes.values.slice(begin, end),
        shape: [rows, TRUTHS],
      };
      const data = whole.data.slice(first * DIMS, (first + rows) * DIMS);
      return { data, shape: [rows, DIMS] as const, codes: part };
    });
    const along = await evaluate(found, batches, options);
    const apart = await evaluate(found, whole, {
      ...options,
      truth: { dictionary: truth, codes: trueCodes },
    });
    expect(along.recovery).toEqual(apart.recovery);
    const against = await evaluate(found, whole, { ...options, baseline: found });
    expect(against.l0.baseline).toEqual(against.l0.value);
    expect(against.recovery?.mcc.baseline).toBe(against.recovery?.mcc.value);
    const mixed = [batches[0], { data: whole.data.slice(0, DIMS), shape: [1, DIMS] }];
    const error = await failure(() => evaluate(found, mixed as Anything, options));
    expect((error as Error).message).toMatch(/some matrices bring true codes along/);
  });

  it('inputs may change at once', async () => {
    const mine = { data: new Float32Array(whole.data), shape: whole.shape };
    const promise = evaluate(found, mine, { unfold: unfoldOptions });
    mine.data.fill(Number.NaN);
    const options = { unfold: unfoldOptions };
    expect(await promise).toEqual(await evaluate(found, whole, options));
    const taken = { data: new Float32Array(whole.data), shape: whole.shape };
    const other = evaluate(found, taken, options);
    gone(taken.data);
    expect(await other).toEqual(await promise);
  });

  it('prints a table with a baseline beside every figure', async () => {
    const { inspect } = await import('node:util');
    const scores = await evaluate(found, whole, { unfold: unfoldOptions, truth: { dictionary: truth } });
    expect(inspect(scores)).toMatch(
      /Evaluation 301 samples × 7 dims, 12 features\n\s+features {2}baseline\n/,
    );
    expect(inspect(scores)).toMatch(/MCC\s+0\.\d+\s+0\.\d+/);
  });

  it('progress and abort', async () => {
    const seen: string[] = [];
    await evaluate(found, whole, {
      unfold: unfoldOptions,
      truth: { dictionary: truth },
      batchSize: 100,
      onProgress: ({ stage, done, total }) => seen.push(`${stage} ${done}/${total}`),
    });
    expect(seen.filter((line) => line.startsWith('scoring'))).toEqual([
      'scoring 100/301',
      'scoring 200/301',
      'scoring 300/301',
      'scoring 301/301',
    ]);
    expect(seen[0]).toMatch(/^matching/);
    const controller = new AbortController();
    const error = await failure(() =>
      evaluate(found, whole, {
        unfold: unfoldOptions,
        batchSize: 1,
        signal: controller.signal,
        onProgress: () => controller.abort('enough'),
      }),
    );
    expect(error).toBe('enough');
  });
});

const some = { codes, dictionary: found };
const by = { unfold: { lambda: 0.1 } };
const bad: [string, Anything[], string, RegExp][] = [
  [
    'nothing to evaluate',
    [undefined, x],
    'ERR_DTYPE',
    /features must be a Dictionary, \{ codes, dictionary \}/,
  ],
  ['what learnDictionary answers', [{ dictionary: found }, x, by], 'ERR_DTYPE', /give its \.dictionary/],
  ['a dictionary without options', [found, x], 'ERR_OPTION', /unfold must say how codes are made/],
  ['an unknown option', [found, x, { ...by, truths: 1 }], 'ERR_OPTION', /did you mean truth\?/],
  ['an unknown option of unfold', [found, x, { unfold: { lamda: 1 } }], 'ERR_OPTION', /did you mean lambda/],
  [
    'λ one a sample',
    [found, x, { unfold: { lambda: [1, 2] } }],
    'ERR_OPTION',
    /unfold\.lambda must be one number for all samples/,
  ],
  [
    'a start',
    [found, x, { unfold: { lambda: 1, warmStart: codes } }],
    'ERR_OPTION',
    /unfold must not have warmStart/,
  ],
  ['other dims', [found, g(3, 8), by], 'ERR_SHAPE', /activations have 8 dims, the dictionary has 7/],
  [
    'codes of more features',
    [{ codes: trueCodes, dictionary: found }, x],
    'ERR_SHAPE',
    /features\.codes has 9 features, the dictionary has 12/,
  ],
  [
    'more codes than samples',
    [some, g(300, DIMS)],
    'ERR_SHAPE',
    /features\.codes has 301 samples \(rows\), activations have 300/,
  ],
  [
    'fewer codes than samples',
    [some, g(302, DIMS)],
    'ERR_SHAPE',
    /features\.codes has 301 samples \(rows\), activations have at least 302/,
  ],
  [
    'truth of other dims',
    [some, x, { truth: { dictionary: g(3, 4) } }],
    'ERR_SHAPE',
    /truth\.dictionary has 4 dims, the features have 7/,
  ],
  ['a dictionary as truth', [some, x, { truth }], 'ERR_OPTION', /truth must be \{ dictionary \}/],
  [
    'true codes that do not fit',
    [some, x, { truth: { dictionary: truth, codes } }],
    'ERR_SHAPE',
    /truth\.codes has 12 features, truth\.dictionary has 9/,
  ],
  ['seeds of other dims', [some, x, { seeds: [found, g(3, 4)] }], 'ERR_SHAPE', /seeds\[1\] has 4 dims/],
  [
    'no seeds',
    [some, x, { seeds: [] }],
    'ERR_OPTION',
    /seeds must be an array of dictionaries, at least one/,
  ],
  [
    'a baseline of other dims',
    [found, x, { ...by, baseline: Dictionary.from(g(3, 4)) }],
    'ERR_SHAPE',
    /baseline has 4 dims/,
  ],
  [
    'codes as a baseline',
    [found, x, { ...by, baseline: some }],
    'ERR_DTYPE',
    /baseline must be a Dictionary, or a model/,
  ],
  ['no samples', [found, [], by], 'ERR_SHAPE', /activations gave no samples to evaluate/],
  ['no activations', [found, 3, by], 'ERR_DTYPE', /activations must be a matrix/],
  [
    'NaN',
    [found, { data: new Float32Array(DIMS).fill(Number.NaN), shape: [1, DIMS] }, by],
    'ERR_NOT_FINITE',
    /row 0/,
  ],
  [
    'a model that gives codes of other samples',
    [{ encode: () => codes, decode: () => x, dictionary: () => found }, g(3, DIMS)],
    'ERR_SHAPE',
    /features\.decode\(\) gave \[301, 7\], expected \[1, 7\]/,
  ],
];
it.each(bad)('refuses %s', async (_, args, code, message) => {
  const error = await failure(() => (evaluate as Anything)(...args));
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect([(error as UnsuperposeError).code, (error as Error).message]).toEqual([
    code,
    expect.stringMatching(message),
  ]);
});
