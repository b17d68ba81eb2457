// Options that cannot be, of every call: one row a mistake; a new option gets its rows here.
import { describe, expect, it } from 'vitest';
import { UnsuperposeError } from '../../lib/index.js';
import { atoms, calls, codes, DIMS, FEATURES, failure, SAMPLES, valid } from './calls.js';
import { type Name, NOT_COUNT, refuses, stillWorks } from './refuses.js';

stillWorks();

/** `also` are further options that make the call otherwise valid. */
interface Row {
  readonly option: string;
  readonly values: unknown[];
  readonly also?: Record<string, unknown>;
  readonly code?: string;
}

const NOT_POSITIVE = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', true, {}];
const NOT_ZERO_OR_MORE = [-1, Number.NaN, Number.POSITIVE_INFINITY, '1', true, {}];
const NOT_NEGATIVE = [-1e-9, Number.NaN, Number.POSITIVE_INFINITY, '0', null];
const NOT_BOOLEAN = [1, 0, 'yes', null];

const convex: Row[] = [
  { option: 'ridge', values: NOT_NEGATIVE },
  { option: 'tolerance', values: NOT_POSITIVE },
  { option: 'maxIterations', values: NOT_COUNT },
  { option: 'nonnegative', values: NOT_BOOLEAN },
  { option: 'weights', values: [[1, 2], new Float32Array(FEATURES + 1).fill(1)], code: 'ERR_SHAPE' },
  {
    option: 'weights',
    // The last ones would be 0 and Infinity in float32, which mean something else.
    values: [-1, Number.NaN, 1e-60, 1e60].map((weight) => new Array(FEATURES).fill(weight)),
  },
  { option: 'weights', also: { nonnegative: true }, values: [new Float32Array(FEATURES)] },
  { option: 'threads', values: [...NOT_COUNT] },
  { option: 'device', values: ['gpu', 7, null, 'cuda:', 'cuda:-1', 'cuda:01', 'CUDA', 'cuda:1e3'] },
  { option: 'precision', values: ['float16', 'double', 32] },
];

const unfoldRows: Row[] = [
  {
    option: 'lambda',
    values: [...NOT_ZERO_OR_MORE, undefined, null, [0.1, 0.1, 0.1, -1], [0.1, 0.1, 0.1, Number.NaN]],
  },
  // Least squares are for lasso and homotopy.
  ...['fista', 'ista', 'reweighted'].map((method) => ({ option: 'lambda', also: { method }, values: [0] })),
  { option: 'lambda', values: [[0.1, 0.2], new Float64Array(SAMPLES + 1).fill(1), []], code: 'ERR_SHAPE' },
  ...convex,
  { option: 'warmStart', values: [{}, 7, 'codes', []] },
  { option: 'method', values: ['Lasso', '', 'lars', 1, null] },
  { option: 'method', values: ['lars', 'spgl1', 'stomp', 'LASSO', ''] },
  { option: 'sparsity', values: [3] }, // belongs to omp
  { option: 'residual', values: [0.5] },
  { option: 'lamda', values: [0.1] },
  { option: 'constructor', values: [1] },
  {
    option: 'sparsity',
    also: { method: 'omp', lambda: undefined },
    values: [...NOT_COUNT, DIMS + 1, [1, 2, 0, 1]],
  },
  { option: 'sparsity', also: { method: 'omp', lambda: undefined }, values: [[1, 2]], code: 'ERR_SHAPE' },
  { option: 'residual', also: { method: 'omp', lambda: undefined }, values: NOT_NEGATIVE },
  { option: 'gramBudget', also: { method: 'omp', sparsity: 2, lambda: undefined }, values: [-1, 0.5, '1'] },
  { option: 'gramBudget', values: [1] }, // belongs to omp
  { option: 'lambda', also: { method: 'omp', sparsity: 2 }, values: [0.1] },
  { option: 'ridge', also: { method: 'omp', sparsity: 2, lambda: undefined }, values: [0.1] },
  { option: 'sparsity', also: { method: 'omp', lambda: undefined }, values: [undefined] }, // nor residual
];

const bpdn = { method: 'bpdn', lambda: undefined, epsilon: 0.1 };
const reweighted = { method: 'reweighted' };
const knots = { method: 'homotopy', knots: true, lambdas: undefined };
const pathRows: Row[] = [
  { option: 'epsilon', values: [0.1] }, // belongs to bpdn and reweighted
  { option: 'reweightings', values: [1] },
  { option: 'epsilon', also: { method: 'homotopy' }, values: [0.1] },
  { option: 'epsilon', also: { method: 'omp', sparsity: 2, lambda: undefined }, values: [0.1] },
  { option: 'maxIterations', also: { method: 'homotopy' }, values: NOT_COUNT },
  { option: 'sparsity', also: { method: 'homotopy' }, values: [2] },
  { option: 'epsilon', also: bpdn, values: [...NOT_NEGATIVE, undefined, [0.1, 0.1, 0.1, -1]] },
  { option: 'epsilon', also: bpdn, values: [[0.1], new Float64Array(SAMPLES + 1)], code: 'ERR_SHAPE' },
  { option: 'lambda', also: bpdn, values: [0.1] },
  { option: 'ridge', also: bpdn, values: [0.1] },
  { option: 'warmStart', also: bpdn, values: [codes] },
  { option: 'reweightings', also: bpdn, values: [2] },
  { option: 'residual', also: bpdn, values: [0.1] },
  { option: 'tolerance', also: bpdn, values: NOT_POSITIVE },
  { option: 'weights', also: bpdn, values: [[1]], code: 'ERR_SHAPE' },
  { option: 'epsilon', also: reweighted, values: [...NOT_POSITIVE, [0.1, 0.1, 0.1, 0]] },
  { option: 'epsilon', also: reweighted, values: [[0.1]], code: 'ERR_SHAPE' },
  { option: 'lambda', also: reweighted, values: [...NOT_POSITIVE, undefined] },
  { option: 'reweightings', also: reweighted, values: [-1, 1.5, 1001, Number.NaN, '2', null] },
  { option: 'ridge', also: reweighted, values: [0.1] },
  { option: 'weights', also: reweighted, values: [new Float32Array(FEATURES).fill(1)] },
  { option: 'warmStart', also: reweighted, values: [codes] },
  { option: 'sparsity', also: reweighted, values: [2] },
];

const asyncRows: Row[] = [
  { option: 'signal', values: [{}, 7, 'abort', null, new EventTarget()] },
  { option: 'onProgress', values: [7, {}, 'print', null] },
];

const table: Record<string, [Name, Row[]]> = {
  unfold: ['unfold', [...unfoldRows, ...pathRows, ...asyncRows]],
  unfoldSync: [
    'unfoldSync',
    [
      ...unfoldRows,
      ...pathRows,
      { option: 'signal', values: [new AbortController().signal] },
      { option: 'onProgress', values: [() => {}] },
    ],
  ],
  unfoldPath: [
    'unfoldPath',
    [
      ...convex,
      ...asyncRows,
      { option: 'lambda', values: [0.1] },
      { option: 'warmStart', values: [codes] },
      { option: 'method', values: ['omp', 'mp', 'bpdn', 'reweighted'] },
      { option: 'knots', values: [true] }, // needs homotopy
      { option: 'knots', also: knots, values: NOT_BOOLEAN },
      { option: 'lambdas', also: knots, values: [[0.2, 0.1]] },
      { option: 'count', also: knots, values: [3] },
      { option: 'maxIterations', also: knots, values: [3] },
      { option: 'lambda', also: knots, values: NOT_ZERO_OR_MORE },
      { option: 'lambda', also: knots, values: [[0.1]], code: 'ERR_SHAPE' },
      { option: 'ratio', also: knots, values: [0, 1, 2, -0.1, Number.NaN, '0.1'] },
      { option: 'ratio', also: { ...knots, lambda: 0.1 }, values: [0.1] },
      { option: 'maxKnots', also: knots, values: NOT_COUNT },
      { option: 'maxKnots', values: [3] }, // without knots
      { option: 'epsilon', values: [0.1] },
      {
        option: 'lambdas',
        values: [[], [0.1, 0.2], [0.1, 0.1], [0.1, 0, 0], [0.1, Number.NaN], 0.1, 'x', null],
      },
      { option: 'lambdas', also: { method: 'fista' }, values: [[0.1, 0]] },
      { option: 'count', also: { lambdas: undefined }, values: [1, ...NOT_COUNT] },
      { option: 'count', values: [3] }, // beside lambdas
      { option: 'ratio', also: { lambdas: undefined, count: 3 }, values: [0, 1, 2, -0.1, Number.NaN, '0.1'] },
    ],
  ],
  learnDictionary: [
    'learnDictionary',
    [
      ...asyncRows,
      { option: 'features', values: [...NOT_COUNT, undefined] },
      { option: 'lambda', values: [...NOT_POSITIVE, undefined, [0.1]] },
      { option: 'nonnegative', values: NOT_BOOLEAN },
      { option: 'batchSize', values: NOT_COUNT },
      { option: 'epochs', values: NOT_COUNT },
      { option: 'steps', also: { epochs: undefined }, values: NOT_COUNT },
      { option: 'steps', values: [5] }, // beside epochs
      { option: 'tolerance', values: NOT_POSITIVE },
      { option: 'forgetting', values: [0, -1, 1.01, Number.NaN, '0.9'] },
      { option: 'method', values: ['svd', 'K-SVD', 1, null] },
      { option: 'start', values: ['first', true, null] },
      { option: 'holdout', values: [-0.1, 1, Number.NaN, '0.1', null] },
      { option: 'solver', values: ['amp', 'bpdn', 'lars', 7, null] },
      { option: 'sparsity', values: [2] }, // beside lambda
      { option: 'sparsity', also: { lambda: undefined }, values: [...NOT_COUNT, 4, 1.5] }, // features is 3
      { option: 'tolerance', also: { lambda: undefined, sparsity: 2 }, values: [1e-3] },
      { option: 'seed', values: [-1, 0.5, 2 ** 53, Number.NaN, '1', null] },
      { option: 'initial', values: [7, {}, [1, 2]], code: 'ERR_DTYPE|ERR_SHAPE' },
      { option: 'initial', values: [atoms], code: 'ERR_SHAPE' }, // 12 atoms, not 3
      { option: 'threads', values: NOT_COUNT },
      { option: 'ridge', values: [0.1] },
    ],
  ],
  lambdaMax: [
    'lambdaMax',
    [
      { option: 'nonnegative', values: NOT_BOOLEAN },
      { option: 'weights', values: [[1]], code: 'ERR_SHAPE' },
      { option: 'lambda', values: [1] },
    ],
  ],
  'Dictionary.from': [
    'from',
    [
      { option: 'normalize', values: NOT_BOOLEAN },
      { option: 'normalise', values: [true] },
    ],
  ],
  'ops.correlate': [
    'correlate',
    [
      { option: 'threads', values: NOT_COUNT },
      { option: 'out', values: [7, {}, new Float32Array(SAMPLES * FEATURES)], code: 'ERR_DTYPE|ERR_SHAPE' },
      {
        option: 'out',
        values: [{ data: new Float64Array(SAMPLES * FEATURES), shape: [SAMPLES, FEATURES] }],
        code: 'ERR_DTYPE',
      },
      {
        option: 'out',
        values: [{ data: new Float32Array(SAMPLES * FEATURES), shape: [FEATURES, SAMPLES] }],
        code: 'ERR_SHAPE',
      },
      { option: 'transpose', values: [true] },
    ],
  ],
  'ops.maximum': [
    'maximum',
    [
      { option: 'absolute', values: NOT_BOOLEAN },
      { option: 'abs', values: [true] },
    ],
  ],
};

describe.each(Object.entries(table))('options of %s', (_, [name, rows]) => {
  const [x, d, options] = valid[name];
  const flat = rows.flatMap((row) => row.values.map((value) => ({ ...row, value })));
  it.each(flat)('$option: $value', async ({ option, value, also, code = 'ERR_OPTION' }) => {
    const spoilt = { ...options, ...also, [option]: value };
    const error = await failure(() => calls[name](x, d, spoilt));
    expect(error).toBeInstanceOf(UnsuperposeError);
    const { code: got, message } = error as UnsuperposeError;
    expect(got, message).toMatch(new RegExp(`^(${code})$`));
    expect(message).toContain(option);
  });

  it.each([7, 'lasso', null, [], true])('options that are no object: %s', async (value) => {
    await refuses(() => calls[name](x, d, value), 'ERR_OPTION', /options/);
  });
});
