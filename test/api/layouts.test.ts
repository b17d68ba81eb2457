// Matrices as other libraries give them: read as they lie, or refused by the name of the field that is not honoured.
import { describe, expect, it } from 'vitest';
import { Dictionary, ops, UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { type Anything, atoms, DIMS, dictionary, failure, SAMPLES, samples } from './calls.js';

/** The same matrix, column after column. */
function columns<T extends Float32Array | Float64Array>(data: T, rows: number, cols: number): T {
  return data.map((_, at) => data[(at % rows) * cols + Math.floor(at / rows)] ?? Number.NaN) as T;
}

const shape = [SAMPLES, DIMS];
const rowMajor = samples.data;
const columnMajor = columns(rowMajor, SAMPLES, DIMS);
const expected = ops.correlate(samples, atoms).data;
const read = (matrix: Anything): Float32Array => ops.correlate(matrix, atoms).data;

const honoured: [string, Anything][] = [
  ['npyjs', { dtype: 'float32', data: rowMajor, shape, fortranOrder: false }],
  ['npyjs, in columns', { dtype: 'float32', data: columnMajor, shape, fortranOrder: true }],
  [
    'npyjs, float64 in columns',
    { dtype: 'float64', data: Float64Array.from(columnMajor), shape, fortranOrder: true },
  ],
  ['ndarray', { data: rowMajor, shape, stride: [DIMS, 1], offset: 0, dtype: 'float32', order: [1, 0] }],
  ['ndarray, transposed', { data: columnMajor, shape, stride: [1, SAMPLES], offset: 0, order: [0, 1] }],
  ['stdlib', { data: rowMajor, shape, strides: [DIMS, 1], offset: 0, order: 'row-major', dtype: 'float32' }],
  [
    'stdlib, in columns',
    { data: columnMajor, shape, strides: [1, SAMPLES], offset: 0, order: 'column-major' },
  ],
  ['strides as integers', { data: columnMajor, shape, strides: Int32Array.of(1, SAMPLES) }],
  ['C order', { data: rowMajor, shape, order: 'C' }],
  ['F order', { data: columnMajor, shape, order: 'F' }],
  ['safetensors', { dtype: 'F32', data: rowMajor, shape }],
  ['NumPy type', { dtype: '<f4', data: rowMajor, shape }],
  [
    'flags that change nothing',
    { data: rowMajor, shape, rowMajor: true, columnMajor: false, transposed: false },
  ],
  ['columnMajor', { data: columnMajor, shape, columnMajor: true }],
  ['absent fields', { data: rowMajor, shape, order: undefined, stride: null, dtype: undefined }],
];

it.each(honoured)('%s', (_, matrix) => {
  expect(read(matrix)).toEqual(expected);
});

it('columns of a single row or a single column are rows', () => {
  const data = Float32Array.of(1, 2, 3);
  for (const [rows, cols] of [
    [1, 3],
    [3, 1],
  ] as const)
    for (const steps of [
      [cols, 1],
      [1, rows],
    ])
      expect(
        Dictionary.from({ data, shape: [rows, cols], strides: steps } as Anything).toMatrix().data,
      ).toEqual(data);
  expect(read({ data: new Float32Array(0), shape: [0, DIMS], strides: [7, 7] })).toHaveLength(0);
});

it('a large matrix in columns, entry for entry', () => {
  const [rows, cols] = [71, 133]; // more than one square of the copy in both directions, and a rest
  const data = Float32Array.from({ length: rows * cols }, (_, at) => at);
  const turned = { data: columns(data, rows, cols), shape: [rows, cols], fortranOrder: true };
  expect(Dictionary.from(turned).toMatrix().data).toEqual(data);
});

it('the memory of the caller is left as it is', () => {
  const data = columnMajor.slice();
  unfoldSync({ data, shape, fortranOrder: true } as Anything, dictionary, { lambda: 0.1 });
  expect(data).toEqual(columnMajor);
});

const refused: [Record<string, unknown>, string, RegExp][] = [
  [
    { dtype: 'float64' },
    'ERR_DTYPE',
    /a\.dtype must be 'float32', as a\.data is a Float32Array, got "float64"/,
  ],
  [{ dtype: '>f4' }, 'ERR_DTYPE', /dtype/],
  [{ dtype: 'complex64' }, 'ERR_DTYPE', /dtype/],
  // Turning it into text would run code of its own.
  [{ dtype: { toString: () => 'float32' } }, 'ERR_DTYPE', /dtype/],
  [{ fortranOrder: 1 }, 'ERR_SHAPE', /fortranOrder must be true or false, got 1/],
  [{ order: 'K' }, 'ERR_SHAPE', /order/],
  [{ order: [1, 0] }, 'ERR_SHAPE', /order/],
  [{ order: 7 }, 'ERR_SHAPE', /order/],
  [{ order: 'constructor' }, 'ERR_SHAPE', /order/],
  [{ offset: 3 }, 'ERR_SHAPE', /offset must be 0, got 3/],
  [{ stride: [2 * DIMS, 1] }, 'ERR_SHAPE', /stride must be \[5, 1\].*or \[1, 4\].*got \[10, 1\]/],
  [{ strides: [4 * DIMS, 4] }, 'ERR_SHAPE', /strides/], // in bytes
  [{ strides: [-DIMS, 1] }, 'ERR_SHAPE', /strides/],
  [{ strides: [DIMS] }, 'ERR_SHAPE', /strides/],
  [{ strides: 5 }, 'ERR_SHAPE', /strides/],
  [{ transposed: true }, 'ERR_SHAPE', /transposed must be false, got true/],
  [{ rowMajor: 'yes' }, 'ERR_SHAPE', /rowMajor/],
  [{ fortranOrder: true, strides: [DIMS, 1] }, 'ERR_SHAPE', /strides/],
  [{ order: 'F', strides: [DIMS, 1] }, 'ERR_SHAPE', /order/],
  [{ fortranOrder: true, rowMajor: true }, 'ERR_SHAPE', /rowMajor/],
];

describe('refused by name', () => {
  it.each(refused)('%o', async (fields, code, names) => {
    const error = (await failure(() => read({ ...samples, ...fields }))) as UnsuperposeError;
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect(error.code, error.message).toBe(code);
    expect(error.message).toMatch(names);
  });

  it('an out that is not row-major', async () => {
    const out = { data: new Float32Array(48), shape: [4, 12], fortranOrder: true };
    const error = await failure(() => ops.correlate(samples, atoms, { out }));
    expect((error as UnsuperposeError).message).toMatch(/out must be row-major/);
    expect(out.data.every((value) => value === 0)).toBe(true);
  });
});
