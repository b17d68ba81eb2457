// What leads from one set of features to another: a matrix, a product of matrices, or nothing.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { describe } from '../call/options.js';

/**
 * W, `to.dims` × `from.dims`: one matrix, the factors M₁, M₂, … of a product W = M₁M₂⋯ (a low-rank weight, or a chain of layers), or
 * `'identity'` where both sides live in one space (a residual stream). A product is never multiplied out.
 */
export type Weight = MatrixLike | readonly MatrixLike[] | 'identity';

/** The factors, copied by the native call that takes them. */
export function readWeight(value: unknown, name: string, toDims: number, fromDims: number): NativeMatrix[] {
  const expected = `${toDims} (dims of to) × ${fromDims} (dims of from)`;
  if (value === 'identity') {
    if (toDims !== fromDims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `${name} 'identity' needs dictionaries of equal dims, got ${fromDims} (from) and ${toDims} (to)`,
        name,
      );
    return [];
  }
  const single = !Array.isArray(value);
  const factors: readonly unknown[] = single ? [value] : value;
  if (typeof value !== 'object' || value === null || factors.length === 0)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be a matrix, an array of at least one matrix, or 'identity', got ${
        !single && factors.length === 0 ? 'an empty array' : describe(value)
      }`,
      name,
    );
  const chain = factors.map((factor, i) => readMatrix(factor, single ? name : `${name}[${i}]`));
  let rows = toDims;
  for (const [i, factor] of chain.entries()) {
    if (factor.rows !== rows)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        single
          ? `${name} is ${factor.rows} × ${factor.cols}, expected ${expected}`
          : `${name}[${i}] has ${factor.rows} rows, expected ${rows} (${i === 0 ? 'dims of to' : `columns of ${name}[${i - 1}]`})`,
        name,
      );
    rows = factor.cols;
  }
  if (rows !== fromDims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      single
        ? `${name} is ${chain[0]?.rows} × ${rows}, expected ${expected}`
        : `${name}[${chain.length - 1}] has ${rows} columns, expected ${fromDims} (dims of from)`,
      name,
    );
  return chain;
}
