// The vocabulary of claims about features: plain values, closed, and the same in JSON.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, readMatrix } from '../call/matrix.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { checkInteger, checkNumber, Options, refuseOption } from '../call/options.js';
import { checkName } from './read.js';

/** Strict thresholds; at least one is given. Both: between them. */
export interface Thresholds {
  /** True for quantities > this. */
  readonly above?: number | undefined;
  /** True for quantities < this. */
  readonly below?: number | undefined;
}

/** ‖e‖ of a feature e; see {@link norm}. */
export interface NormPredicate extends Thresholds {
  readonly is: 'norm';
}
/** |cos| with a direction; see {@link alignment}. */
export interface AlignmentPredicate extends Thresholds {
  readonly is: 'alignment';
  /** float32 values */
  readonly direction: readonly number[];
}
/** Projection energy in a subspace; see {@link energy}. */
export interface EnergyPredicate extends Thresholds {
  readonly is: 'energy';
  /** Rows that span it, float32 values. */
  readonly subspace: readonly (readonly number[])[];
}
/** Fraction of samples that a feature is active in; see {@link density}. */
export interface DensityPredicate extends Thresholds {
  readonly is: 'density';
}
/** Its largest |code|; see {@link maximumActivation}. */
export interface MaximumActivationPredicate extends Thresholds {
  readonly is: 'maximumActivation';
}
/** Its strongest connection to a set of features; see {@link connection}. */
export interface ConnectionPredicate extends Thresholds {
  readonly is: 'connection';
  /** The name of a dictionary in the data. */
  readonly to: string;
  /** Which of its features; all if absent. */
  readonly features?: readonly number[] | undefined;
  /** The name of a matrix in the data, `to`'s dims × the dictionary's dims; the identity if absent. */
  readonly weight?: string | undefined;
}

/** A statement about one quantity of a feature. */
export type QuantityPredicate =
  | NormPredicate
  | AlignmentPredicate
  | EnergyPredicate
  | DensityPredicate
  | MaximumActivationPredicate
  | ConnectionPredicate;

/** What can be said of a feature. Made by {@link norm}, {@link alignment}, …, {@link and}, {@link or}, {@link not}, or written out. */
export type Predicate =
  | QuantityPredicate
  | { readonly is: 'and'; readonly of: readonly Predicate[] }
  | { readonly is: 'or'; readonly of: readonly Predicate[] }
  | { readonly is: 'not'; readonly of: Predicate };

/** Nesting, and quantities in all: enough for any question, and not for exhausting the stack. */
const MOST_DEPTH = 64;
const MOST_QUANTITIES = 256;

/**
 * The norm ‖e‖ of a feature.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * console.log(claims.describePredicate(claims.norm({ above: 0.5, below: 2 }))); // → 0.5 < norm < 2
 * ```
 */
export function norm(thresholds: Thresholds): NormPredicate {
  return readPredicate({ ...thresholds, is: 'norm' }, 'norm') as NormPredicate;
}

/**
 * |e · v| / ‖e‖‖v‖ with a direction v, which is taken in float32; 0 for a zero feature.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * const predicate = claims.alignment({ direction: [1, 0], above: 0.9 });
 * console.log(claims.describePredicate(predicate)); // → |cos with (1, 0)| > 0.9
 * ```
 */
export function alignment(
  options: Thresholds & { readonly direction: readonly number[] | Float32Array | Float64Array },
): AlignmentPredicate {
  return readPredicate({ ...options, is: 'alignment' }, 'alignment') as AlignmentPredicate;
}

/**
 * The fraction ‖Pe‖²/‖e‖² of a feature's energy that lies in the span of some rows, P the orthogonal projection; 0 for a zero feature. The
 * rows need not be orthogonal, but must be independent. With one row it is the square of {@link alignment}.
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 0.6, 0, 0.8), shape: [2, 3] });
 * const plane = { data: Float32Array.of(1, 0, 0, 1, 1, 0), shape: [2, 3] as const };
 * const { result } = await claims.featuresWhere(claims.energy({ subspace: plane, above: 0.5 }), { dictionary });
 * console.log(result.features, result.quantities[0].smallest.value.toFixed(2)); // → [ 0 ] 0.36
 * ```
 */
export function energy(
  options: Thresholds & { readonly subspace: readonly (readonly number[])[] | MatrixLike },
): EnergyPredicate {
  return readPredicate({ ...options, is: 'energy' }, 'energy') as EnergyPredicate;
}

/**
 * The fraction of samples in whose code (`data.codes`) a feature is not zero. Decided exactly.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * console.log(claims.describePredicate(claims.not(claims.density({ above: 0.1 })))); // → not density > 0.1
 * ```
 */
export function density(thresholds: Thresholds): DensityPredicate {
  return readPredicate({ ...thresholds, is: 'density' }, 'density') as DensityPredicate;
}

/**
 * The largest |code| of a feature over all samples (`data.codes`), 0 if it is never active. Decided exactly.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * const dead = claims.not(claims.maximumActivation({ above: 0 }));
 * console.log(claims.describePredicate(dead)); // → not maximum activation > 0
 * ```
 */
export function maximumActivation(thresholds: Thresholds): MaximumActivationPredicate {
  return readPredicate(
    { ...thresholds, is: 'maximumActivation' },
    'maximumActivation',
  ) as MaximumActivationPredicate;
}

/**
 * max_j |d_j ᵀ W e| of a feature e over a set of features d_j of another dictionary: its strongest virtual weight to them. Dictionary and
 * weight are named, and handed over with the data under these names.
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const next = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const silent = claims.connection({ to: 'next', features: [0], below: 0.1 });
 * const { result } = await claims.featuresWhere(silent, { dictionary, next });
 * console.log(result.features); // → [ 1 ]
 * ```
 */
export function connection(
  options: Thresholds & {
    readonly to: string;
    readonly features?: readonly number[] | Uint32Array | undefined;
    readonly weight?: string | undefined;
  },
): ConnectionPredicate {
  return readPredicate({ ...options, is: 'connection' }, 'connection') as ConnectionPredicate;
}

/**
 * True where all are; false where one is false; else undecided.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * const predicate = claims.and(claims.norm({ above: 1 }), claims.density({ below: 0.5 }));
 * console.log(claims.describePredicate(predicate)); // → (norm > 1 and density < 0.5)
 * ```
 */
export function and(...of: readonly Predicate[]): Predicate {
  return readPredicate({ is: 'and', of }, 'and');
}

/**
 * True where one is; false where all are false; else undecided.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * const predicate = claims.or(claims.norm({ above: 1 }), claims.density({ below: 0.5 }));
 * console.log(claims.describePredicate(predicate)); // → (norm > 1 or density < 0.5)
 * ```
 */
export function or(...of: readonly Predicate[]): Predicate {
  return readPredicate({ is: 'or', of }, 'or');
}

/**
 * True where false, false where true, undecided where undecided.
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * console.log(JSON.stringify(claims.not(claims.norm({ above: 1 })))); // → {"is":"not","of":{"is":"norm","above":1}}
 * ```
 */
export function not(of: Predicate): Predicate {
  return readPredicate({ is: 'not', of }, 'not');
}

const THRESHOLDS = ['is', 'above', 'below'];
const NAMES: Readonly<Record<Predicate['is'], readonly string[]>> = {
  norm: THRESHOLDS,
  alignment: [...THRESHOLDS, 'direction'],
  energy: [...THRESHOLDS, 'subspace'],
  density: THRESHOLDS,
  maximumActivation: THRESHOLDS,
  connection: [...THRESHOLDS, 'to', 'features', 'weight'],
  and: ['is', 'of'],
  or: ['is', 'of'],
  not: ['is', 'of'],
};

function readFloats(value: unknown, where: string): number[] {
  if (!Array.isArray(value) && !types.isFloat32Array(value) && !types.isFloat64Array(value))
    return refuseOption(where, 'an array of numbers', value);
  if (lengthOf(value) === 0) throw new UnsuperposeError('ERR_SHAPE', `${where} must not be empty`, where);
  return mapEntries(value, (entry, k) => {
    const rounded = Math.fround(
      typeof entry === 'number' && Number.isFinite(entry) ? entry : checkNumber(`${where}[${k}]`, entry, {}),
    );
    if (Number.isFinite(rounded)) return rounded;
    throw new UnsuperposeError('ERR_NOT_FINITE', `${where}[${k}] must be finite in float32`, where);
  });
}

function readDirection(value: unknown, where: string): number[] {
  const direction = readFloats(value, where);
  if (direction.every((entry) => entry === 0))
    throw new UnsuperposeError('ERR_OPTION', `${where} must not be zero`, where);
  return direction;
}

function readSubspace(value: unknown, where: string): number[][] {
  if (Array.isArray(value)) {
    if (value.length === 0)
      throw new UnsuperposeError('ERR_SHAPE', `${where} must have at least one row`, where);
    const rows = mapEntries(value, (row, i) => readDirection(row, `${where}[${i}]`));
    for (const [i, row] of rows.entries())
      if (row.length !== rows[0]?.length)
        throw new UnsuperposeError(
          'ERR_SHAPE',
          `${where}[${i}] has ${row.length} entries, the first row has ${rows[0]?.length}`,
          where,
        );
    return rows;
  }
  const { data, rows, cols } = readMatrix(value, where);
  if (rows === 0 || cols === 0)
    throw new UnsuperposeError('ERR_SHAPE', `${where} must have at least one row and one column`, where);
  return Array.from({ length: rows }, (_, i) =>
    readDirection(data.subarray(i * cols, (i + 1) * cols), `${where}[${i}]`),
  );
}

interface Count {
  quantities: number;
}

function readNested(value: unknown, where: string, depth: number, count: Count): Predicate {
  if (depth > MOST_DEPTH)
    throw new UnsuperposeError('ERR_OPTION', `${where} is nested more than ${MOST_DEPTH} deep`, where);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuseOption(where, 'a predicate { is, … }', value);
  const kinds = Object.keys(NAMES) as Predicate['is'][];
  const kind = (value as { is?: unknown }).is;
  const is = kinds.find((name) => name === kind);
  if (is === undefined) return refuseOption(`${where}.is`, `one of ${kinds.join(', ')}`, kind);
  const read = new Options(value, NAMES[is], `the predicate ${is}`);
  if (is === 'not') return { is, of: readNested(read.get('of'), `${where}.of`, depth + 1, count) };
  if (is === 'and' || is === 'or') {
    const of = read.get('of');
    if (!Array.isArray(of) || of.length === 0)
      return refuseOption(`${where}.of`, 'an array of at least one predicate', of);
    return {
      is,
      of: mapEntries(of, (each, i) => readNested(each, `${where}.of[${i}]`, depth + 1, count)),
    };
  }
  if (++count.quantities > MOST_QUANTITIES)
    throw new UnsuperposeError('ERR_OPTION', `${where} has more than ${MOST_QUANTITIES} quantities`, where);
  const above = read.number(`above`, {}, undefined);
  const below = read.number(`below`, {}, undefined);
  if (above === undefined && below === undefined)
    throw new UnsuperposeError('ERR_OPTION', `the predicate ${is} needs above or below`, where);
  const thresholds = {
    ...(above === undefined ? {} : { above }),
    ...(below === undefined ? {} : { below }),
  };
  switch (is) {
    case 'alignment':
      return { is, direction: readDirection(read.get('direction'), `${where}.direction`), ...thresholds };
    case 'energy':
      return { is, subspace: readSubspace(read.get('subspace'), `${where}.subspace`), ...thresholds };
    case 'connection':
      return { is, ...readConnection(read, where), ...thresholds };
    default:
      return { is, ...thresholds };
  }
}

function readConnection(read: Options, where: string): Omit<ConnectionPredicate, 'is'> {
  const to = checkName(read.get('to'), `${where}.to`);
  const weight = read.has('weight') ? { weight: checkName(read.get('weight'), `${where}.weight`) } : {};
  const given = read.get('features');
  if (given === undefined) return { to, ...weight };
  if (!Array.isArray(given) && !types.isUint32Array(given))
    return refuseOption(`${where}.features`, 'an array of indices', given);
  if (lengthOf(given) === 0)
    throw new UnsuperposeError('ERR_SHAPE', `${where}.features must name at least one feature`, where);
  const most = 2 ** 32 - 2;
  const features = mapEntries(given, (entry, i) =>
    typeof entry === 'number' && Number.isInteger(entry) && entry >= 0 && entry <= most
      ? entry
      : checkInteger(`${where}.features[${i}]`, entry, { min: 0, max: most }),
  );
  return { to, features, ...weight };
}

/** @internal A copy in its normal form, everything checked that does not depend on the data. */
export function readPredicate(value: unknown, where: string): Predicate {
  return readNested(value, where, 0, { quantities: 0 });
}

/** @internal The quantities in the order of their appearance. */
export function quantitiesOf(predicate: Predicate): QuantityPredicate[] {
  switch (predicate.is) {
    case 'and':
    case 'or':
      return predicate.of.flatMap(quantitiesOf);
    case 'not':
      return quantitiesOf(predicate.of);
    default:
      return [predicate];
  }
}
