// Some of the samples, and some of the dims, of what is searched for a λ.
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix, readMatrix } from '../call/matrix.js';

/** Samples that a search looks at, where the caller does not say. */
export const SEARCHED_SAMPLES = 1000;

/** At most so many rows, evenly spread, as a copy: the same for the same matrix. */
export function spreadRows(value: unknown, most: number): Matrix<Float32Array> {
  const { data, rows, cols } = readMatrix(value, 'activations');
  if (rows === 0)
    throw new UnsuperposeError('ERR_SHAPE', 'activations must have at least one sample', 'activations');
  const kept = Math.min(rows, most);
  const out = allocate(kept, cols, 'a sample of the activations');
  for (let i = 0; i < kept; i++) {
    const from = Math.floor((i * rows) / kept) * cols;
    out.set(data.subarray(from, from + cols), i * cols);
  }
  return { data: out, shape: [kept, cols] };
}

/** These columns, in this order. */
export function takeColumns(
  { data, shape: [rows, cols] }: Matrix<Float32Array>,
  columns: Uint32Array,
): Matrix<Float32Array> {
  const out = allocate(rows, columns.length, 'some of the dims');
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < columns.length; k++)
      out[i * columns.length + k] = data[i * cols + (columns[k] as number)] as number;
  return { data: out, shape: [rows, columns.length] };
}

/** The largest of these; 0 if there are none above it. */
export function largestOf(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, value), 0);
}
