// Sparse codes in compressed sparse rows.
import { types } from 'node:util';
import { type ErrorCode, UnsuperposeError } from '../call/errors.js';
import { count, digits, printsAs } from '../call/inspect.js';
import { allocate, type Matrix, readShape } from '../call/matrix.js';
import { copyFloat32, lengthOf, unshared } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import type { Path } from '../files/index.js';
import { readPath } from '../files/refuse.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import type { GivenCodes, NativeCodes } from '../native/values.js';
import { type CodesByFeature, transpose, zerosLike } from './by-feature.js';
import { readSaving, type SaveCodesOptions, saveCodes } from './codes-files.js';
import { type CodesJSON, fromCodesJSON, isCodesJSON, toCodesJSON } from './codes-json.js';
import { loadCodes } from './codes-load.js';

/** Values of codes: float32, or float64 where that was asked for. */
export type CodeValues = Float32Array | Float64Array;

/** One row of codes: which features are active (ascending), and how much. Views, not copies. */
export interface CodesRow<V extends CodeValues = Float32Array> {
  readonly indices: Uint32Array;
  readonly values: V;
}

/** What codes are made of; see {@link SparseCodes}. */
export interface CodesParts<V extends CodeValues = Float32Array> {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: V;
  readonly shape: readonly [samples: number, features: number];
}

/** Options of {@link SparseCodes.load}. */
export interface LoadCodesOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Codes as callers have them: {@link SparseCodes}, their {@link CodesParts}, or what `structuredClone` and `postMessage` made of them. The shape
 * may be any list, which must turn out to be `[samples, features]`.
 */
export interface CodesLike<V extends CodeValues = CodeValues> {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: V;
  readonly shape: readonly number[];
}

/** The arrays of {@link CodesParts}. */
type Arrays<V extends CodeValues> = Omit<CodesParts<V>, 'shape'>;

/**
 * Codes of `samples` samples over `features` features, as compressed sparse rows (the layout of scipy's csr_matrix): row i is
 * `indices[indptr[i] … indptr[i + 1])` with the `values` at the same places. Indices ascend in each row.
 *
 * Codes can be stored and sent. `JSON.stringify(codes)` keeps every bit: `SparseCodes.from(JSON.parse(text))` has the same values.
 * `structuredClone` and `postMessage` carry the arrays, not the methods: `SparseCodes.from(clone)` is whole again.
 *
 * @example
 * ```ts
 * import { SparseCodes } from 'unsuperpose';
 *
 * const codes = SparseCodes.from({
 *   indptr: Uint32Array.of(0, 2, 3),
 *   indices: Uint32Array.of(0, 3, 1),
 *   values: Float32Array.of(0.5, -2, 1),
 *   shape: [2, 4],
 * });
 * for (const { indices, values } of codes) console.log([...indices], [...values]);
 * console.log(codes.toDense().data.join(' ')); // → 0.5 0 0 -2 0 1 0 0
 * ```
 */
export class SparseCodes<V extends CodeValues = Float32Array> implements CodesParts<V> {
  /** Where rows begin: samples + 1 entries, from 0 to the number of active features in all. */
  readonly indptr: Uint32Array;
  /** Feature of each entry. */
  readonly indices: Uint32Array;
  /** Weight of each entry. */
  readonly values: V;
  readonly shape: readonly [samples: number, features: number];

  private constructor({ indptr, indices, values }: Arrays<V>, samples: number, features: number) {
    this.indptr = indptr;
    this.indices = indices;
    this.values = values;
    this.shape = [samples, features];
  }

  /**
   * Codes over the given arrays, which are kept, not copied (shared memory, which other threads may write, is copied); or from what `JSON.parse` made of codes.
   *
   * @example
   * ```ts
   * import { SparseCodes } from 'unsuperpose';
   *
   * const codes = SparseCodes.from({
   *   indptr: Uint32Array.of(0, 2),
   *   indices: Uint32Array.of(0, 3),
   *   values: Float32Array.of(0.1, -2),
   *   shape: [1, 4],
   * });
   * const again = SparseCodes.from(JSON.parse(JSON.stringify(codes)));
   * console.log(again.values[0] === Math.fround(0.1)); // → true
   * console.log(SparseCodes.from(structuredClone(codes)).row(0).indices.join(' ')); // → 0 3
   * ```
   *
   * @throws UnsuperposeError `ERR_DTYPE` for other types; `ERR_SHAPE` unless indptr runs from 0 to the number of entries without
   *   falling and indices ascend in each row and are below `features`; `ERR_NOT_FINITE` for NaN or ±Infinity
   */
  static from<V extends CodeValues>(parts: CodesLike<V>): SparseCodes<V>;
  static from(json: CodesJSON): SparseCodes<CodeValues>;
  static from<V extends CodeValues>(parts: CodesLike<V> | CodesJSON): SparseCodes<V> {
    const given = isCodesJSON(parts) ? fromCodesJSON(parts, 'codes') : parts;
    const { given: own, shape } = checked(given);
    return new SparseCodes({ ...own, values: own.values as V }, ...shape);
  }

  /**
   * Reads codes from a `.npz` file: compressed sparse rows, as `codes.save` and `scipy.sparse.save_npz` write them. Indices must ascend in each row
   * (in Python: `matrix.sort_indices()`).
   * @throws UnsuperposeError (as a rejection) `ERR_FILE`; `ERR_FORMAT` for what is no such file; `ERR_DTYPE` for other than float32 and float64;
   *   `ERR_SHAPE`, `ERR_NOT_FINITE` as {@link SparseCodes.from}; `ERR_OPTION`; `ERR_TOO_LARGE`; `signal.reason` once aborted
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { SparseCodes } from 'unsuperpose';
   *
   * const parts = { indptr: Uint32Array.of(0, 2), indices: Uint32Array.of(0, 3), values: Float32Array.of(0.5, -2) };
   * const path = join(mkdtempSync(join(tmpdir(), 'codes-')), 'codes.npz');
   * await SparseCodes.from({ ...parts, shape: [1, 4] }).save(path);
   * const codes = await SparseCodes.load(path);
   * console.log(codes.shape.join(' × '), [...codes.row(0).values]); // → 1 × 4 [ 0.5, -2 ]
   * ```
   */
  static async load(path: Path, options?: LoadCodesOptions): Promise<SparseCodes<CodeValues>> {
    const read = new Options(options, ['signal'], 'SparseCodes.load');
    const file = readPath(path, 'path');
    const signal = read.signal();
    throwIfAborted(signal);
    return SparseCodes.from(await loadCodes(file, signal));
  }

  /** @internal What native code made needs no check. */
  static adopt<V extends CodeValues = Float32Array>(
    codes: Arrays<V>,
    samples: number,
    features: number,
  ): SparseCodes<V> {
    return new SparseCodes(codes, samples, features);
  }

  /**
   * The active features of sample `i` and their weights.
   * @throws UnsuperposeError `ERR_OPTION` for a row that is not there, `ERR_SHAPE` once the arrays were transferred
   */
  row(i: number): CodesRow<V> {
    if (!Number.isInteger(i) || i < 0 || i >= this.shape[0])
      refuseOption('i', `a row, an integer ≥ 0 and < ${this.shape[0]}`, i);
    const begin = this.indptr[i];
    const end = this.indptr[i + 1];
    const entries = lengthOf(this.values);
    if (begin === undefined || end === undefined || end > entries || end > lengthOf(this.indices))
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `codes: row ${i} ends at entry ${end}, there are ${entries}: their buffers were detached, or written`,
        'codes',
      );
    // Detached arrays give no views, not even empty ones.
    if (begin >= end) return { indices: new Uint32Array(0), values: zerosLike(this.values, 0) };
    return { indices: this.indices.subarray(begin, end), values: this.values.subarray(begin, end) as V };
  }

  /**
   * The same codes as a dense matrix, samples × features.
   * @throws UnsuperposeError `ERR_TOO_LARGE` if that does not fit, `ERR_SHAPE` once the arrays were transferred
   */
  toDense(): Matrix<V> {
    const [samples, features] = this.shape;
    const wide = types.isFloat64Array(this.values);
    // Two float32 to a float64.
    const floats = allocate(samples, wide ? 2 * features : features, 'toDense()');
    const data = (wide ? new Float64Array(floats.buffer) : floats) as V;
    let first = 0;
    for (const { indices, values } of this) {
      for (const [at, feature] of indices.entries()) data[first + feature] = values[at] ?? 0;
      first += features;
    }
    return { data, shape: [samples, features] };
  }

  /**
   * The same codes by feature: for each the samples that use it, how many they are, and how strongly. Takes time linear in the number of
   * active features: some 0.5 s for 10 million.
   * @throws UnsuperposeError `ERR_SHAPE` or `ERR_NOT_FINITE` if somebody changed the arrays since they were made
   *
   * @example
   * ```ts
   * import { SparseCodes } from 'unsuperpose';
   *
   * const codes = SparseCodes.from({
   *   indptr: Uint32Array.of(0, 2, 3),
   *   indices: Uint32Array.of(0, 3, 3),
   *   values: Float32Array.of(0.5, -2, 1),
   *   shape: [2, 4],
   * });
   * const features = codes.byFeature();
   * console.log([...features.density]); // → [ 0.5, 0, 0, 1 ]
   * console.log([...features.feature(3).samples], [...features.feature(3).values]); // → [ 0, 1 ] [ -2, 1 ]
   * ```
   */
  byFeature(): CodesByFeature<V> {
    const { given, shape } = checked(this);
    return transpose({ ...given, values: given.values as V }, shape);
  }

  /**
   * Plain JSON with every bit of the values; `JSON.stringify` calls it.
   * @throws UnsuperposeError `ERR_SHAPE` or `ERR_NOT_FINITE` if somebody changed the arrays since they were made
   */
  toJSON(): CodesJSON {
    const { given, shape } = checked(this);
    return toCodesJSON(given, shape);
  }

  /**
   * Writes the codes for other tools; see {@link SaveCodesOptions}. Whatever fails, what was there before stays whole; the arrays may change
   * once the call was made.
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`; `ERR_SHAPE` also for tokens of other samples; `ERR_NOT_FINITE` also for weights
   *   too large for float16; `ERR_TOO_LARGE` for more features than the format counts; `ERR_FILE`; `signal.reason` once aborted
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { SparseCodes } from 'unsuperpose';
   *
   * const codes = SparseCodes.from({
   *   indptr: Uint32Array.of(0, 2, 3),
   *   indices: Uint32Array.of(0, 3, 1),
   *   values: Float32Array.of(0.5, -2, 1),
   *   shape: [2, 4],
   * });
   * const folder = mkdtempSync(join(tmpdir(), 'codes-'));
   * await codes.save(join(folder, 'codes.npz')); // scipy.sparse.load_npz reads it
   * await codes.save(join(folder, '0_3.safetensors'), { format: 'delphi', positions: 2 });
   * ```
   */
  async save(path: Path, options?: SaveCodesOptions): Promise<void> {
    const saving = readSaving(path, options);
    const { given, shape } = checked(this);
    await saveCodes(given, shape, saving);
  }

  *[Symbol.iterator](): IterableIterator<CodesRow<V>> {
    for (let i = 0; i < this.shape[0]; i++) yield this.row(i);
  }
}

/** Does this look like codes, rather than a matrix? Whether they are any is for {@link readCodes} to say. */
export function hasCodes(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'indptr' in value;
}

/** Rows, and entries of a row, that are printed. */
const SHOWN = 6;

function rowText({ indices, values }: CodesRow<CodeValues>, i: number): string {
  const entries = Array.from(indices.subarray(0, SHOWN), (j, at) => `${j}: ${digits(values[at] ?? 0)}`);
  if (indices.length > SHOWN) entries.push(`… ${count(indices.length - SHOWN)} more`);
  return `\n  ${i} { ${entries.join(', ')} }`;
}

printsAs(SparseCodes.prototype as SparseCodes<CodeValues>, 'SparseCodes', (codes) => {
  const [samples, features] = codes.shape;
  const type = types.isFloat64Array(codes.values) ? 'float64' : 'float32';
  const each = samples > 0 ? `, ${digits(codes.indices.length / samples)} a sample` : '';
  const rows = Array.from({ length: Math.min(SHOWN, samples) }, (_, i) => rowText(codes.row(i), i));
  const more = samples > SHOWN ? `\n  … ${count(samples - SHOWN)} more` : '';
  return (
    `SparseCodes ${count(samples)} samples × ${count(features)} features, ` +
    `${count(codes.indices.length)} active${each}, ${type}${rows.join('')}${more}`
  );
});

/** All of it checked. */
function checked(value: unknown): { given: GivenCodes; shape: readonly [samples: number, features: number] } {
  const { given, samples, features } = readCodes(value, 'codes', 'ERR_DTYPE');
  native((binding) => binding.checkCodes(given, samples, features, 'codes'));
  return { given, shape: [samples, features] };
}

/** Types and shape of codes, each property read once; native code checks the rest. `codes` have float64 values rounded to float32, `given` as they are. */
export function readCodes(
  value: unknown,
  name: string,
  code: ErrorCode,
): { codes: NativeCodes; given: GivenCodes; values: CodeValues; samples: number; features: number } {
  const refuse = (what: string, got: unknown): never => {
    throw new UnsuperposeError(code, `${name} must be SparseCodes${what}, got ${describe(got)}`, name);
  };
  const fail = (what: string, got: unknown): never => refuse(`: ${name}.${what}`, got);
  if (typeof value !== 'object' || value === null)
    return refuse(' { indptr, indices, values, shape }', value);
  const { indptr, indices, values, shape } = value as Partial<Record<keyof CodesParts, unknown>>;
  if (indptr === undefined) return refuse(' { indptr, indices, values, shape }', value);
  if (!types.isUint32Array(indptr)) return fail('indptr must be a Uint32Array', indptr);
  if (!types.isUint32Array(indices)) return fail('indices must be a Uint32Array', indices);
  if (!types.isFloat32Array(values) && !types.isFloat64Array(values))
    return fail('values must be a Float32Array or a Float64Array', values);
  const [samples, features] = readShape(shape, name);
  // Copied before anything is checked; from here on nobody else writes them.
  const own = {
    indptr: unshared(indptr, name),
    indices: unshared(indices, name),
    values: unshared(values, name),
  };
  const floats = types.isFloat32Array(own.values) ? own.values : copyFloat32(own.values, name);
  return { codes: { ...own, values: floats }, given: own, values: own.values, samples, features };
}
