// Activations brought to a common origin and size, and back.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { count, digits, printsAs } from '../call/inspect.js';
import { readLayout, toRows } from '../call/layout.js';
import {
  allocate,
  checkLength,
  type Matrix,
  type MatrixData,
  type MatrixLike,
  readMatrix,
  readShape,
} from '../call/matrix.js';
import { copyOf, lengthOf, newArray, readEntries, unshared } from '../call/memory.js';
import { type Note, warning } from '../call/notes.js';
import { checkNumber, Options, refuseOption } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions } from '../call/progress.js';
import { isNumbers, type PerFeature } from '../call/samples.js';
import { defaultThreads, readThreads } from '../call/threads.js';
import type { NativeMatrix64, NativePreparation } from '../native/binding.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';

/** What was done to activations: z = (x − center) · scale. */
export interface Preparation {
  /** One entry a dim. */
  readonly center: Float64Array;
  /** > 0 */
  readonly scale: number;
}

/** What is subtracted: nothing, the mean of the samples, their geometric median, or a vector of one entry a dim. */
export type CenterOf = 'none' | 'mean' | 'geometric-median' | PerFeature;

/**
 * What samples are multiplied by, after the center was subtracted: a number > 0, or what makes the mean of ‖z‖² 1 (`'unit'`) or the number
 * of dims (`'sqrt-dims'`, ‖z‖ ≈ √dims).
 */
export type ScaleTo = number | 'unit' | 'sqrt-dims';

/** Options of {@link prepare}. */
export interface PrepareOptions extends AsyncOptions {
  /** Default `'none'`. */
  readonly center?: CenterOf | undefined;
  /** Default 1. */
  readonly scale?: ScaleTo | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

type Floats = Float32Array | Float64Array;

/** What entries of this type are answered as: float64 stays, all else becomes float32. */
export type FloatsOf<T extends MatrixData> = T extends Float64Array ? Float64Array : Float32Array;

/** A matrix as it is, float64 kept: it is rounded only once it has been moved. */
function readFloats(value: unknown, name: string): NativeMatrix64 {
  const data = typeof value === 'object' && value !== null ? (value as Partial<Matrix>).data : undefined;
  if (!types.isFloat64Array(data)) return readMatrix(value, name);
  const [rows, cols] = readShape((value as Partial<Matrix>).shape, name);
  const byRows = readLayout(value as object, 'Float64Array', rows, cols, name) === 'rows';
  checkLength(data, rows, cols, name);
  if (byRows) return { data: unshared(data, name), rows, cols };
  return { data: toRows(data, newArray(Float64Array, rows * cols, name), rows, cols), rows, cols };
}

function moved<T extends MatrixData>(
  matrix: MatrixLike<T>,
  { center, scale }: Preparation,
  back: boolean,
): Matrix<FloatsOf<T>> {
  const threads = defaultThreads();
  const from = readFloats(matrix, 'matrix');
  const { rows, cols } = from;
  if (cols !== lengthOf(center))
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `matrix has ${cols} columns, what was prepared has ${lengthOf(center)}`,
      'matrix',
    );
  const floats = allocate(rows, cols, back ? 'restore()' : 'apply()');
  const out = types.isFloat64Array(from.data) ? new Float64Array(floats.length) : floats;
  native((module) => module.moveMatrix(from, center, scale, back, out, threads));
  return { data: out as FloatsOf<T>, shape: [rows, cols] };
}

/**
 * Prepared activations: a matrix like any other, which knows the way back. Made by {@link prepare}.
 */
export class Prepared<T extends Floats = Float32Array> implements Matrix<T>, Preparation {
  /** (x − center) · scale. */
  readonly data: T;
  readonly shape: readonly [samples: number, dims: number];
  readonly center: Float64Array;
  readonly scale: number;
  readonly notes: readonly Note[];

  /** @internal */
  constructor({ data, shape }: Matrix<T>, { center, scale }: Preparation, notes: readonly Note[]) {
    this.data = data;
    this.shape = shape;
    this.center = center;
    this.scale = scale;
    this.notes = notes;
  }

  /**
   * The same for other activations, with this center and scale: what a dictionary was learned from and what is unfolded over it must be prepared
   * alike.
   * @param matrix any number of rows of as many dims
   * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`
   */
  apply<U extends MatrixData>(matrix: MatrixLike<U>): Prepared<FloatsOf<U>> {
    return new Prepared(moved(matrix, this, false), this, []);
  }

  /**
   * The way back: z / scale + center, of codes that were folded, say.
   * @param matrix any number of rows of as many dims
   * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`
   */
  restore<U extends MatrixData>(matrix: MatrixLike<U>): Matrix<FloatsOf<U>> {
    return moved(matrix, this, true);
  }
}

printsAs(
  Prepared.prototype as Prepared<Floats>,
  'Prepared',
  ({ shape: [samples, dims], center, scale, notes }) => {
    const from = center.every((c) => c === 0) ? 'not centered' : 'centered';
    return [
      `Prepared ${count(samples)} samples × ${count(dims)} dims, ${from}, times ${digits(scale)}`,
      ...notes.map(({ code, message }) => `${code}: ${message}`),
    ].join('\n  ');
  },
);

/** What was done to these activations, if they say so: {@link Prepared} ones, or a clone of such. */
export function preparationOf(activations: unknown): Preparation | undefined {
  if (typeof activations !== 'object' || activations === null) return undefined;
  const { center, scale } = activations as Partial<Record<keyof Preparation, unknown>>;
  if (!types.isFloat64Array(center) || typeof scale !== 'number') return undefined;
  return {
    center: copyOf(center, 'activations.center'),
    scale: checkNumber('activations.scale', scale, { above: 0 }),
  };
}

function checkCenter(entries: number, dims: number, name: string): void {
  if (entries !== dims)
    throw new UnsuperposeError('ERR_SHAPE', `${name} must be one a dim (${dims}), got ${entries}`, name);
}

/** Refuses what was done to activations of other dims, or whose center was taken away. */
export function checkPreparation(preparation: Preparation | undefined, dims: number): void {
  if (preparation) checkCenter(preparation.center.length, dims, 'activations.center');
}

/** native/learning/preparation.hpp has the same. */
const MEDIAN_TOLERANCE = 1e-6;
const ORIGINS = { none: 'given', mean: 'mean', 'geometric-median': 'median' } as const;
const SIZES = { unit: 'unit', 'sqrt-dims': 'dims' } as const;

function readCenter(
  value: unknown,
  dims: number,
): [origin: 'given' | 'mean' | 'median', center: Float64Array] {
  if (typeof value === 'string' && Object.hasOwn(ORIGINS, value))
    return [ORIGINS[value as keyof typeof ORIGINS], new Float64Array(dims)];
  if (!isNumbers(value))
    return refuseOption('center', `one of ${Object.keys(ORIGINS).join(', ')}, or one number a dim`, value);
  checkCenter(lengthOf(value), dims, 'center');
  return [
    'given',
    readEntries(Float64Array, value, dims, 'center', (entry, k) => checkNumber(`center[${k}]`, entry, {})),
  ];
}

function readScale(value: unknown): [size: 'given' | 'unit' | 'dims', scale: number] {
  if (typeof value === 'string' && Object.hasOwn(SIZES, value))
    return [SIZES[value as keyof typeof SIZES], 1];
  if (typeof value !== 'number')
    return refuseOption('scale', `a number > 0 or one of ${Object.keys(SIZES).join(', ')}`, value);
  return ['given', checkNumber('scale', value, { above: 0 })];
}

/**
 * Centers and scales activations before they are learned from or unfolded: z = (x − center) · scale.
 *
 * A large mean costs every code an atom or more that says nothing, and λ means the same from layer to layer only where activations have the same
 * size. The habits of the field: the geometric median as the center (Bricken et al. 2023, who start the decoder's bias there), a mean
 * of ‖x‖² of 1 (`'unit'`: Rajamanoharan et al. 2024) or of the number of dims (`'sqrt-dims'`: Templeton et al. 2024). With unit atoms and `'unit'`,
 * λ is a share of a typical sample.
 *
 * The answer is a matrix that can be given to any call. What `unfold` and `unfoldPath` answer for it remembers center and scale, so that
 * `fold(unfolding, dictionary)` gives the activations back in their own units; `fold(unfolding.codes, dictionary)` stays in prepared ones. Sums run
 * in float64; a Float64Array is answered by a Float64Array. The geometric median (Weiszfeld's iteration, with the steps of Vardi & Zhang
 * 2000) has a sum of distances within a proved 1e-6 of the least, relatively; it takes some ten passes over the samples, where the others take one.
 *
 * Inputs are copied before this returns.
 *
 * @param activations samples × dims, finite
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE` (also where scaled samples overflow), `ERR_TOO_LARGE`;
 *   `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { Dictionary, fold, prepare, unfold } from 'unsuperpose';
 *
 * const activations = { data: Float32Array.of(11, 5, 9, 5), shape: [2, 2] as const };
 * const prepared = await prepare(activations, { center: 'mean', scale: 'unit' });
 * console.log([...prepared.center], prepared.scale); // → [ 10, 5 ] 1
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const unfolding = await unfold(prepared, dictionary, { lambda: 0.25 });
 * console.log([...unfolding.codes.values].join(' ')); // → 0.75 -0.75
 * console.log([...fold(unfolding, dictionary).data].join(' ')); // → 10.75 5 9.25 5
 * ```
 */
export async function prepare<T extends MatrixData>(
  activations: MatrixLike<T>,
  options?: PrepareOptions,
): Promise<Prepared<FloatsOf<T>>> {
  const read = new Options(options, ['center', 'scale', 'threads', ...ASYNC_NAMES], 'prepare');
  const signal = read.signal();
  const onProgress = read.callback<{ done: number; total: number }>('onProgress');
  const threads = readThreads(read);
  const [size, scale] = readScale(read.has('scale') ? read.get('scale') : 1);
  const given = read.has('center') ? read.get('center') : 'none';
  const matrix = readFloats(activations, 'activations');
  const { rows, cols } = matrix;
  const [origin, center] = readCenter(given, cols);
  throwIfAborted(signal);
  const found = await runCounted<NativePreparation>(signal, onProgress, (...rest) =>
    binding.prepare(matrix, origin, center, size, scale, threads, ...rest),
  );
  const notes =
    found.bound > MEDIAN_TOLERANCE
      ? [
          warning(
            'NOTE_MEDIAN_UNSETTLED',
            `the geometric median was cut off after ${found.iterations} passes: its sum of distances may be ${digits(found.bound)} above the least, relatively`,
          ),
        ]
      : [];
  return new Prepared({ data: found.data as FloatsOf<T>, shape: [rows, cols] }, found, notes);
}
