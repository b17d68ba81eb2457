// Options with one number a sample or one a feature.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';
import { isList, lengthOf, readEntries } from './memory.js';
import { checkInteger, checkNumber, type Range, refuseOption } from './options.js';

/** One number, or one a sample. */
export type PerSample = number | Float64Array | Float32Array | readonly number[];
/** One number a feature. */
export type PerFeature = Float32Array | Float64Array | readonly number[];

export function isNumbers(value: unknown): value is Float64Array | Float32Array | readonly unknown[] {
  return types.isFloat32Array(value) || types.isFloat64Array(value) || Array.isArray(value);
}

function requireLength(name: string, length: number, count: number, unit: string): void {
  if (length !== count)
    throw new UnsuperposeError('ERR_SHAPE', `${name} must be one ${unit} (${count}), got ${length}`, name);
}

/** As native code takes them: one number is passed as it is, as an array of one costs a microsecond. */
export type OneOrEach = number | Float64Array;

/** One number, or as many as there are samples, as a Float64Array of our own. */
export function readPerSample(name: string, value: unknown, samples: number, range: Range): OneOrEach {
  if (!isNumbers(value)) return checkNumber(name, value, range, ', or one a sample');
  requireLength(name, lengthOf(value), samples, 'a sample');
  return readEntries(Float64Array, value, samples, name, (entry, i) =>
    checkNumber(`${name}[${i}]`, entry, range),
  );
}

/** As many numbers as there are features, in float64. */
export function readPerFeature(
  name: string,
  value: ArrayLike<unknown>,
  features: number,
  range: Range,
): Float64Array {
  requireLength(name, lengthOf(value), features, 'a feature');
  return readEntries(Float64Array, value, features, name, (entry, i) =>
    checkNumber(`${name}[${i}]`, entry, range),
  );
}

/** Counts: one, or as many as there are samples. */
export function readCounts(
  name: string,
  value: unknown,
  samples: number,
  range: Range,
): number | Uint32Array {
  if (!isList(value)) return checkInteger(name, value, range, ', or one a sample');
  requireLength(name, lengthOf(value), samples, 'a sample');
  return readEntries(Uint32Array, value, samples, name, (entry, i) =>
    checkInteger(`${name}[${i}]`, entry, range),
  );
}

/**
 * Weights of a penalty: 0 leaves a feature unpenalised, Infinity excludes it. What float32 would make 0 or Infinity is refused.
 */
export function readPenaltyWeights(value: unknown, features: number): Float32Array | undefined {
  if (value === undefined) return undefined;
  const name = 'weights';
  if (!isNumbers(value)) refuseOption(name, 'an array of numbers, one a feature', value);
  requireLength(name, lengthOf(value), features, 'a feature');
  return readEntries(Float32Array, value, features, name, (entry, i) => {
    const weight = typeof entry === 'number' ? Math.fround(entry) : Number.NaN;
    const kept = weight === entry || (weight > 0 && Number.isFinite(weight));
    if (!(weight >= 0 && kept))
      refuseOption(
        `${name}[${i}]`,
        'a positive number that float32 holds, 0 (unpenalised) or Infinity (excluded)',
        entry,
      );
    return weight;
  });
}

/** Weights, which must be positive as float32 too. */
export function readWeights(value: unknown, features: number): Float32Array | undefined {
  if (value === undefined) return undefined;
  const name = 'weights';
  if (!isNumbers(value)) refuseOption(name, 'an array of numbers, one a feature', value);
  requireLength(name, lengthOf(value), features, 'a feature');
  return readEntries(Float32Array, value, features, name, (entry, i) => {
    const weight = typeof entry === 'number' ? Math.fround(entry) : entry;
    return checkNumber(`${name}[${i}]`, weight, { above: 0 });
  });
}
