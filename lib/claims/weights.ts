// What leads from one set of features to another: a matrix, a product of matrices, or nothing.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { describe } from '../call/options.js';

/**
 * W, `to.dims` × `from.dims`: one matrix, the factors M₁, M₂, … of a product W = M₁M₂⋯ (a low-rank weight, or a chain of layers), or
 * `'identity'` where both sides live in one space (a residual stream). A product is never multiplied out.
 */
export type Weight = MatrixLike | readonly MatrixLike[] | 'identity';

/**
 * A weight as it was given, its list of factors as one of our own: whoever reads it twice reads the same.
 * @throws UnsuperposeError `ERR_DTYPE` for what is none; whether matrices are any is for {@link readWeight} to say
 */
export function ownWeight(value: unknown, name: string): Weight {
  if (value === 'identity') return value;
  const refuse = (what: string, expected: string, got: string): never => {
    throw new UnsuperposeError('ERR_DTYPE', `${what} must be ${expected}, got ${got}`, name);
  };
  const expected = "a matrix, an array of at least one matrix, or 'identity'";
  if (typeof value !== 'object' || value === null) return refuse(name, expected, describe(value));
  if (!Array.isArray(value)) return value as MatrixLike;
  if (lengthOf(value) === 0) return refuse(name, expected, 'an empty array');
  return mapEntries(value, (factor, i) =>
    typeof factor === 'object' && factor !== null
      ? (factor as MatrixLike)
      : refuse(`${name}[${i}]`, 'a matrix { data, shape }', describe(factor)),
  );
}

/** The factors of a weight, none of the identity. */
export const factorsOf = (weight: Weight): readonly MatrixLike[] =>
  weight === 'identity' ? [] : Array.isArray(weight) ? weight : [weight as MatrixLike];

/** The factors, copied by the native call that takes them. */
export function readWeight(value: unknown, name: string, toDims: number, fromDims: number): NativeMatrix[] {
  const expected = `${toDims} (dims of to) × ${fromDims} (dims of from)`;
  const weight = ownWeight(value, name);
  if (weight === 'identity') {
    if (toDims !== fromDims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `${name} 'identity' needs dictionaries of equal dims, got ${fromDims} (from) and ${toDims} (to)`,
        name,
      );
    return [];
  }
  const single = !Array.isArray(weight);
  const chain = factorsOf(weight).map((factor, i) => readMatrix(factor, single ? name : `${name}[${i}]`));
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
