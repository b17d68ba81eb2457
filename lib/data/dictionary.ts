/// <reference lib="esnext.disposable" preserve="true" />
// The handle of a native dictionary.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { count, digits, keepFromCloning, megabytes, printsAs } from '../call/inspect.js';
import { allocate, type Matrix, type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { describe, Options } from '../call/options.js';
import {
  type FloatType,
  type OpenOptions,
  type Path,
  readMatrix as readFile,
  writeMatrix,
} from '../files/index.js';
import { native } from '../native/runtime.js';
import type { DictionaryHandle } from '../native/values.js';

/** Options of {@link Dictionary.from}. */
export interface DictionaryOptions {
  /** Scale every atom to unit norm (a zero atom stays zero). Default false: atoms are taken as they are. */
  readonly normalize?: boolean | undefined;
}

/** Options of {@link Dictionary.load}. */
export interface LoadDictionaryOptions extends DictionaryOptions, OpenOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of `dictionary.save`. */
export interface SaveDictionaryOptions {
  /** What entries are written as, rounded to the nearest. Default float32, which keeps every bit. */
  readonly dtype?: FloatType | undefined;
  /** The array's name in `.npz` and `.safetensors`. Default `'dictionary'`. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A dictionary: `features` atoms (rows) of `dims` entries, packed once for the kernels and shared by all calls.
 *
 * It owns native memory, which is freed by `dispose()`, `using`, or the garbage collector. Calls that run keep what
 * they need: disposing in the middle of one is safe.
 *
 * It belongs to its thread: `structuredClone` and `postMessage` of one throw a DataCloneError. Post `toMatrix()` and call
 * `Dictionary.from` there.
 *
 * @example
 * ```ts
 * import { Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(3, 4, 0, 2), shape: [2, 2] }, { normalize: true });
 * console.log(dictionary.features, dictionary.dims); // → 2 2
 * console.log(dictionary.toMatrix().data.map((v) => Math.round(10 * v)).join(' ')); // → 6 8 0 10
 * dictionary.dispose();
 * ```
 */
export class Dictionary {
  readonly #handle: DictionaryHandle;
  #disposed = false;
  /** Number of atoms. */
  readonly features: number;
  /** Length of each atom: the dims of the activations. */
  readonly dims: number;

  /** Smallest and largest norm of atoms that are not zero; 0 where all are. */
  readonly #norms: readonly [smallest: number, largest: number];

  private constructor(handle: DictionaryHandle) {
    const { features, dims, minNorm, maxNorm } = native((binding) => binding.dictionaryInfo(handle));
    this.#handle = handle;
    this.features = features;
    this.dims = dims;
    this.#norms = [minNorm, maxNorm];
    keepFromCloning(
      this,
      'a Dictionary has native memory of its thread: post dictionary.toMatrix() and call Dictionary.from there',
    );
  }

  /**
   * Copies a features × dims matrix. Float64 data are kept to 2⁻⁴⁸ of each entry, in two float32 parts, for `precision: 'float64'`; everything
   * else knows the atoms as float32 has them.
   * @throws UnsuperposeError `ERR_SHAPE` without at least one feature and one dim, `ERR_DTYPE`, `ERR_NOT_FINITE` with the row, `ERR_OPTION`
   *   (also for atoms of a norm above 1e18, whose products overflow), `ERR_TOO_LARGE`
   */
  static from(matrix: MatrixLike, options?: DictionaryOptions): Dictionary {
    const normalize = new Options(options, ['normalize'], 'Dictionary.from').flag('normalize');
    const atoms = readMatrix(matrix, 'matrix', { exact: true });
    return new Dictionary(native((binding) => binding.createDictionary(atoms, normalize)));
  }

  /**
   * Reads a dictionary from `.npy`, `.npz`, `.safetensors` or raw `.bin`: features × dims, an atom a row, in any of the float types.
   * Of a file with several arrays `name` says which (`W_dec` of many sparse autoencoders). A file says nothing of which side is which:
   * `features` and `dims` of the answer tell whether it was written the other way round.
   * @throws UnsuperposeError (as a rejection) what `files.readMatrix` and `Dictionary.from` throw
   *
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs';
   * import { tmpdir } from 'node:os';
   * import { join } from 'node:path';
   * import { Dictionary } from 'unsuperpose';
   *
   * const path = join(mkdtempSync(join(tmpdir(), 'dictionary-')), 'dictionary.safetensors');
   * await Dictionary.from({ data: Float32Array.of(3, 4, 0, 2, 1, 0), shape: [3, 2] }).save(path);
   * const dictionary = await Dictionary.load(path, { normalize: true });
   * console.log(dictionary.features, dictionary.dims); // → 3 2
   * ```
   */
  static async load(path: Path, options?: LoadDictionaryOptions): Promise<Dictionary> {
    const names = ['normalize', 'name', 'shape', 'dtype', 'signal'] as const;
    const read = new Options(options, names, 'Dictionary.load');
    const normalize = read.flag('normalize');
    const { name, shape, dtype, signal } = Object.fromEntries(names.map((key) => [key, read.get(key)]));
    const matrix = await readFile(path, { name, shape, dtype, signal } as OpenOptions);
    return Dictionary.from(matrix, { normalize });
  }

  /** @internal */
  static adopt(handle: DictionaryHandle): Dictionary {
    return new Dictionary(handle);
  }

  /** @internal */
  static is(value: unknown): value is Dictionary {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  /** @internal The native handle; refuses what is no dictionary, or no longer one. */
  static handleOf(value: unknown, name = 'dictionary'): DictionaryHandle {
    if (!Dictionary.is(value))
      throw new UnsuperposeError(
        'ERR_DTYPE',
        `${name} must be a Dictionary (see Dictionary.from), got ${describeOther(value)}`,
        name,
      );
    if (value.#disposed)
      throw new UnsuperposeError(
        'ERR_DISPOSED',
        `${name} was disposed: a Dictionary cannot be used after that`,
        name,
      );
    return value.#handle;
  }

  /** @internal Smallest and largest norm of the atoms that are not zero. */
  static normsOf(dictionary: Dictionary): readonly [smallest: number, largest: number] {
    return dictionary.#norms;
  }

  /** @internal Another handle of the same atoms, for a call of several steps: it stays when this one is disposed. */
  static share(dictionary: Dictionary): Dictionary {
    const handle = Dictionary.handleOf(dictionary);
    return new Dictionary(native((binding) => binding.shareDictionary(handle)));
  }

  /** Native memory held, in bytes: atoms, their packed copy, and the Gram matrix once a method has needed it. 0 once disposed. */
  get bytes(): number {
    return this.#disposed ? 0 : native((binding) => binding.dictionaryInfo(this.#handle).bytes);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * A copy of the atoms, features × dims.
   * @throws UnsuperposeError `ERR_DISPOSED`
   */
  toMatrix(): Matrix<Float32Array> {
    const handle = Dictionary.handleOf(this);
    const data = allocate(this.features, this.dims, 'toMatrix()');
    native((binding) => binding.dictionaryAtoms(handle, data));
    return { data, shape: [this.features, this.dims] };
  }

  /**
   * Writes the atoms as `toMatrix` gives them, features × dims, to `.npy`, `.npz`, `.safetensors` or raw `.bin`. Whatever fails, what was
   * there before stays whole; the dictionary may be disposed once the call was made.
   * @throws UnsuperposeError (as a rejection) `ERR_DISPOSED`; what `files.writeMatrix` throws
   */
  async save(path: Path, options?: SaveDictionaryOptions): Promise<void> {
    const read = new Options(options, ['dtype', 'name', 'signal'], 'dictionary.save');
    const [dtype, name, signal] = [read.get('dtype'), read.get('name') ?? 'dictionary', read.signal()];
    await writeMatrix(path, this.toMatrix(), { dtype, name, signal } as SaveDictionaryOptions);
  }

  /** Lets go of the native memory. Running calls keep what they use until they end. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    native((binding) => binding.disposeDictionary(this.#handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

printsAs(Dictionary.prototype, 'Dictionary', (dictionary) => {
  const { features, dims, disposed } = dictionary;
  const [smallest, largest] = Dictionary.normsOf(dictionary).map(digits);
  const norms = smallest === largest ? smallest : `${smallest} to ${largest}`;
  const held = disposed ? 'disposed' : megabytes(dictionary.bytes);
  return `Dictionary ${count(features)} features × ${count(dims)} dims, atoms of norm ${norms} (${held})`;
});

/** What was given for a dictionary, and what to make of it. */
function describeOther(value: unknown): string {
  const got = describe(value);
  if (got === 'a Dictionary') return 'one of another copy of the package';
  const learned = typeof value === 'object' && value !== null && !types.isProxy(value);
  return learned && Dictionary.is(Object.getOwnPropertyDescriptor(value, 'dictionary')?.value)
    ? `${got} that has one: give its .dictionary`
    : got;
}

/** Refuses activations of other dims than the dictionary has. */
export function checkDims(matrix: NativeMatrix, dims: number): void {
  if (matrix.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `activations have ${matrix.cols} dims, the dictionary has ${dims}`,
      'activations',
    );
}
