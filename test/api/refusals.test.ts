// Bad input of every kind: an UnsuperposeError with its code, a message that names the argument, and a library that
// still works afterwards.
import { describe, expect, it } from 'vitest';
import { Dictionary, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import {
  type Anything,
  atoms,
  calls,
  codes,
  DIMS,
  dictionary,
  FEATURES,
  failure,
  SAMPLES,
  samples,
  valid,
} from './calls.js';
import { type Name, NOT_COUNT, refuses, stillWorks } from './refuses.js';

stillWorks();

const names = Object.keys(calls) as Name[];

it.each(names)('%s accepts its valid arguments', async (name) => {
  expect(await failure(() => calls[name](...valid[name]))).toBeUndefined();
});

it('positional arguments of ops', async () => {
  for (const k of [...NOT_COUNT, FEATURES + 1].filter((v) => v !== null))
    await refuses(() => calls.topK(samples, atoms, { k }), 'ERR_OPTION', /\bk\b/);
  for (const threshold of [Number.NaN, '1', {}])
    await refuses(() => calls.above(samples, atoms, { threshold }), 'ERR_OPTION', /threshold/);
  for (const limit of [-1, 0.5, '1'])
    await refuses(() => calls.above(samples, atoms, { options: { limit } }), 'ERR_OPTION', /limit/);
  await refuses(() => calls.topK(samples, atoms, { options: { absolut: true } }), 'ERR_OPTION', /absolut\b/);
});

it('the message of an unknown method says which there are; of an unknown option, its name', async () => {
  await refuses(
    () => unfoldSync(samples, dictionary, { method: 'spgl1' } as Anything),
    'ERR_OPTION',
    /lasso.*fista.*ista.*homotopy.*bpdn.*reweighted.*omp.*mp.*gradient-pursuit.*iht.*htp.*nhtp.*cosamp.*amp/,
  );
  await refuses(
    () => unfoldSync(samples, dictionary, { lambda: 1, alpha: 2 } as Anything),
    'ERR_OPTION',
    /alpha/,
  );
});

it('refusals of the methods on the path, word for word', async () => {
  const refusal = async (options: Anything): Promise<string> =>
    ((await failure(() => unfoldSync(samples, dictionary, options))) as Error).message;
  expect(await refusal({ lambda: 1, epsilon: 1 })).toBe(
    'epsilon is an option of methods bpdn and reweighted, not of method lasso',
  );
  expect(await refusal({ method: 'bpdn', epsilon: 1, lambda: 1 })).toBe(
    'lambda is an option of the methods with a λ, not of method bpdn',
  );
  expect(await refusal({ method: 'bpdn' })).toBe(
    'epsilon must be a finite number ≥ 0, or one a sample, got undefined',
  );
  expect(await refusal({ method: 'bpdn', epsilon: 1, reweightings: 1 })).toBe(
    'reweightings is an option of method reweighted, not of method bpdn',
  );
  expect(await refusal({ method: 'bpdn', epsilon: 1, ridge: 1 })).toBe(
    'ridge is an option of the methods that solve one LASSO, not of method bpdn',
  );
  expect(await refusal({ method: 'reweighted', lambda: 1, weights: [1] })).toBe(
    'weights is an option of methods that make no weights of their own, not of method reweighted',
  );
  expect(await refusal({ method: 'reweighted', lambda: 1, reweightings: 1001 })).toBe(
    'reweightings must be an integer between 0 and 1000, got 1001',
  );
  const knots = async (options: Anything): Promise<string> =>
    ((await failure(() => calls.unfoldPath(samples, dictionary, options))) as Error).message;
  expect(await knots({ knots: true })).toBe('knots needs method homotopy, got lasso');
  expect(await knots({ method: 'homotopy', knots: true, count: 3 })).toBe(
    'count is an option of paths over a grid of λ, not of a path by knots',
  );
  expect(await knots({ method: 'homotopy', knots: true, maxIterations: 3 })).toBe(
    'maxIterations is an option of paths over a grid of λ, not of a path by knots (see maxKnots)',
  );
  expect(await knots({ method: 'homotopy', knots: true, lambda: 1, ratio: 0.1 })).toBe(
    'ratio is for paths without lambda: give one of them',
  );
  expect(await knots({ method: 'homotopy', count: 3, lambda: 1 })).toBe(
    'lambda is an option of paths by knots, not of a path over a grid of λ',
  );
  expect(await knots({ method: 'homotopy' })).toBe('unfoldPath needs lambdas or count, or knots');
});

const matrixCalls: [Name, argument: 0 | 1][] = [
  ['unfold', 0],
  ['unfoldSync', 0],
  ['unfoldPath', 0],
  ['learnDictionary', 0],
  ['lambdaMax', 0],
  ['from', 0],
  ['correlate', 0],
  ['correlate', 1],
  ['topK', 0],
  ['topK', 1],
  ['above', 0],
  ['above', 1],
  ['maximum', 0],
  ['maximum', 1],
  ['gram', 0],
  ['spectralNorm', 0],
];

const data = samples.data;
const badMatrices: [string, unknown, RegExp][] = [
  ['undefined', undefined, /^ERR_(DTYPE|SHAPE)$/],
  ['null', null, /^ERR_(DTYPE|SHAPE)$/],
  ['a number', 7, /^ERR_(DTYPE|SHAPE)$/],
  ['a bare array', data, /^ERR_(DTYPE|SHAPE)$/],
  [
    'nested arrays',
    [
      [1, 2],
      [3, 4],
    ],
    /^ERR_(DTYPE|SHAPE)$/,
  ],
  ['no data', { shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['plain numbers', { data: Array.from(data), shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['integers', { data: new Int32Array(data.length), shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['bytes', { data: new Uint8Array(data.buffer), shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['an ArrayBuffer', { data: data.buffer, shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['a DataView', { data: new DataView(new ArrayBuffer(80)), shape: [SAMPLES, DIMS] }, /^ERR_DTYPE$/],
  ['no shape', { data }, /^ERR_SHAPE$/],
  ['a flat shape', { data, shape: [data.length] }, /^ERR_SHAPE$/],
  ['three axes', { data, shape: [SAMPLES, DIMS, 1] }, /^ERR_SHAPE$/],
  ['too many rows', { data, shape: [SAMPLES + 1, DIMS] }, /^ERR_SHAPE$/],
  ['too few rows', { data, shape: [SAMPLES - 1, DIMS] }, /^ERR_SHAPE$/],
  ['negative', { data, shape: [-SAMPLES, -DIMS] }, /^ERR_SHAPE$/],
  ['fractions', { data, shape: [2.5, 8] }, /^ERR_SHAPE$/],
  ['NaN', { data, shape: [Number.NaN, DIMS] }, /^ERR_SHAPE$/],
  ['infinite', { data, shape: [Number.POSITIVE_INFINITY, DIMS] }, /^ERR_SHAPE$/],
  ['strings', { data, shape: ['4', '5'] }, /^ERR_SHAPE$/],
  ['2³² rows', { data, shape: [2 ** 32, DIMS] }, /^ERR_(SHAPE|TOO_LARGE)$/],
  [
    'a product that overflows 32 bits',
    { data: new Float32Array(0), shape: [2 ** 16, 2 ** 16] },
    /^ERR_(SHAPE|TOO_LARGE)$/,
  ],
  [
    'a product that overflows 53 bits',
    { data: new Float32Array(0), shape: [2 ** 31, 2 ** 31] },
    /^ERR_(SHAPE|TOO_LARGE)$/,
  ],
  [
    'a product that wraps to the right size',
    { data, shape: [2 ** 32 + SAMPLES, DIMS] },
    /^ERR_(SHAPE|TOO_LARGE)$/,
  ],
];

describe.each(matrixCalls)('%s, argument %i', (name, argument) => {
  const spoil = (matrix: unknown) => () => {
    const args = [...valid[name]] as [Anything, Anything, Anything];
    args[argument] = matrix;
    return calls[name](...args);
  };

  it.each(badMatrices)('%s', async (_, matrix, code) => {
    const error = await failure(spoil(matrix));
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect((error as UnsuperposeError).code, (error as Error).message).toMatch(code);
    expect((error as Error).message.length).toBeGreaterThan(10);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%s is named with its row',
    async (bad) => {
      const [rows, cols] = (argument === 0 ? (name === 'from' ? atoms : samples) : atoms).shape;
      for (const row of [0, rows - 1]) {
        for (const array of [Float32Array, Float64Array]) {
          const spoilt = new array((argument === 0 && name !== 'from' ? samples : atoms).data);
          spoilt[row * cols + cols - 1] = bad;
          await refuses(
            spoil({ data: spoilt, shape: [rows, cols] }),
            'ERR_NOT_FINITE',
            new RegExp(`row ${row}\\b`),
          );
        }
      }
    },
  );

  it('a float64 value beyond float32 is not finite either', async () => {
    const [rows, cols] = (argument === 0 ? (name === 'from' ? atoms : samples) : atoms).shape;
    const wide = new Float64Array(rows * cols);
    wide[cols] = 1e300;
    await refuses(spoil({ data: wide, shape: [rows, cols] }), 'ERR_NOT_FINITE', /row 1\b/);
  });
});

it('dims that do not fit, naming both', async () => {
  const wrong = { data: new Float32Array(SAMPLES * (DIMS + 1)), shape: [SAMPLES, DIMS + 1] };
  for (const name of [
    'unfold',
    'unfoldSync',
    'unfoldPath',
    'lambdaMax',
    'correlate',
    'topK',
    'above',
    'maximum',
  ] as const)
    await refuses(() => calls[name](wrong, valid[name][1], valid[name][2]), 'ERR_SHAPE', /5.*6|6.*5/s);
});

it('a dictionary without features or dims', async () => {
  await refuses(
    () => calls.from({ data: new Float32Array(0), shape: [0, 5] }, 0, undefined),
    'ERR_SHAPE',
    /feature/,
  );
  await refuses(
    () => calls.from({ data: new Float32Array(0), shape: [5, 0] }, 0, undefined),
    'ERR_SHAPE',
    /dim/,
  );
});

it('learning from nothing', async () => {
  const nothing = { data: new Float32Array(0), shape: [0, DIMS] };
  await refuses(
    () => calls.learnDictionary(nothing, 0, { features: 3, lambda: 0.1 }),
    'ERR_SHAPE',
    /sample|activations|row/,
  );
});

it('a warm start of another shape', async () => {
  const fewer = { ...codes, indptr: codes.indptr.slice(0, 2), shape: [1, FEATURES] };
  await refuses(
    () => unfoldSync(samples, dictionary, { lambda: 0.1, warmStart: fewer } as Anything),
    'ERR_SHAPE',
    /warmStart/,
  );
});

it('codes that do not fit the dictionary', async () => {
  const wide = {
    indptr: new Uint32Array(2),
    indices: new Uint32Array(0),
    values: new Float32Array(0),
    shape: [1, FEATURES + 1],
  };
  await refuses(() => calls.fold(calls.codesFrom(wide, 0, 0), dictionary, 0), 'ERR_SHAPE', /12.*13|13.*12/s);
});

it('the first of several rows that are not finite is named, for any number of threads', async () => {
  const [rows, cols] = [9000, 64]; // some blocks of rows, each checked by one thread
  const spoilt = { data: new Float32Array(rows * cols).fill(0.1), shape: [rows, cols] };
  for (const row of [8999, 4100, 4099, 7000]) spoilt.data[row * cols + (row % 7)] = Number.NEGATIVE_INFINITY;
  spoilt.data[4099 * cols + 50] = Number.NaN;
  const wide = Dictionary.from({ data: new Float32Array(3 * cols).fill(0.5), shape: [3, cols] });
  const message = 'activations must be finite in float32: row 4099, column 4 is -Infinity';
  const given = { unfold: { lambda: 0.1 }, unfoldSync: { lambda: 0.1 }, unfoldPath: { count: 2 } };
  const learning = { features: 3, lambda: 0.1, epochs: 1 };
  for (const threads of [1, 2, 7])
    for (const [name, options] of Object.entries({ ...given, learnDictionary: learning })) {
      const error = await failure(() => calls[name as Name](spoilt, wide, { ...options, threads }));
      expect((error as UnsuperposeError).code, name).toBe('ERR_NOT_FINITE');
      expect((error as Error).message).toBe(message);
    }
});
