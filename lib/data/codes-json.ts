// Codes as JSON, and back, without loss.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { mapEntries } from '../call/memory.js';
import { describe } from '../call/options.js';

/** Codes as plain JSON: what `SparseCodes.toJSON` gives and `SparseCodes.from` takes. */
export interface CodesJSON {
  readonly shape: readonly number[];
  /** Type of the values. */
  readonly dtype: 'float32' | 'float64';
  readonly indptr: readonly number[];
  readonly indices: readonly number[];
  /** JSON has no negative zero: it is written as a string. */
  readonly values: readonly (number | '-0')[];
}

interface Arrays {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array | Float64Array;
}

/** Digits that tell any two float32 apart. */
const FLOAT32_DIGITS = 9;

export function toCodesJSON({ indptr, indices, values }: Arrays, shape: readonly number[]): CodesJSON {
  const float32 = types.isFloat32Array(values);
  const write = (value: number): number | '-0' => {
    if (Object.is(value, -0)) return '-0';
    return float32 ? Number(value.toPrecision(FLOAT32_DIGITS)) : value;
  };
  return {
    shape: [...shape],
    dtype: float32 ? 'float32' : 'float64',
    indptr: Array.from(indptr),
    indices: Array.from(indices),
    values: Array.from(values, write),
  };
}

/** Is it JSON's form? Others have typed arrays and no `dtype`. */
export function isCodesJSON(value: unknown): value is Record<keyof CodesJSON, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Array.isArray((value as Partial<CodesJSON>).indptr) &&
    typeof (value as Partial<CodesJSON>).dtype === 'string'
  );
}

/** The arrays, with types as they were; what they hold is for the caller to check. */
export function fromCodesJSON(
  json: Record<keyof CodesJSON, unknown>,
  name: string,
): Arrays & { shape: unknown } {
  const { shape, dtype, indptr, indices, values } = json;
  const fail = (what: string, got: unknown): never => {
    throw new UnsuperposeError('ERR_DTYPE', `${name} from JSON: ${what}, got ${describe(got)}`, name);
  };
  if (dtype !== 'float32' && dtype !== 'float64') fail("dtype must be 'float32' or 'float64'", dtype);
  const list = (key: string, value: unknown): readonly unknown[] =>
    Array.isArray(value) ? value : fail(`${key} must be an array of numbers`, value);
  const integers = (key: string, value: unknown): Uint32Array =>
    new Uint32Array(
      mapEntries(list(key, value), (entry, at) =>
        typeof entry === 'number' && Number.isInteger(entry) && entry >= 0 && entry < 2 ** 32
          ? entry
          : fail(`${key}[${at}] must be an integer ≥ 0 and < 2³²`, entry),
      ),
    );
  const read = (entry: unknown, at: number): number => {
    if (entry === '-0') return -0;
    return typeof entry === 'number' ? entry : fail(`values[${at}] must be a number`, entry);
  };
  const arrays = { indptr: integers('indptr', indptr), indices: integers('indices', indices) };
  const numbers = mapEntries(list('values', values), read);
  return {
    ...{ shape, ...arrays },
    values: dtype === 'float32' ? new Float32Array(numbers) : new Float64Array(numbers),
  };
}
