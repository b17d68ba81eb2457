// What can be evaluated: a dictionary, a dictionary with ready codes, or a model that encodes and decodes.
import type { Device } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix, type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { copyOf } from '../call/memory.js';
import { describe } from '../call/options.js';
import { type CodesLike, readCodes, SparseCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { native } from '../native/runtime.js';
import type { DictionaryHandle, NativeCodes } from '../native/values.js';
import { type UnfoldOptions, unfold } from '../unfold/unfold.js';

/**
 * Whatever finds features: it encodes activations into sparse codes, decodes them, and has a dictionary. A `SparseAutoencoder` is one, and
 * anything of yours with these methods.
 */
export interface FeatureModel {
  /** samples × dims → samples × features. */
  encode(activations: Matrix<Float32Array>): CodesLike | Promise<CodesLike>;
  /** samples × features → samples × dims, biases included. */
  decode(codes: SparseCodes): MatrixLike | Promise<MatrixLike>;
  dictionary(): Dictionary;
  /** Where there is one: its rows, features × dims. */
  encoder?(): MatrixLike;
}

/** A dictionary and codes over it that are there already: `{ codes, dictionary }`. */
export interface CodedFeatures {
  readonly codes: CodesLike;
  readonly dictionary: Dictionary;
}

/** Samples that are evaluated together. */
export interface Chunk {
  readonly matrix: Matrix<Float32Array>;
  /** The number of its first sample. */
  readonly first: number;
}

export interface Coded {
  readonly codes: NativeCodes;
  /** What they are decoded by, or into. */
  readonly made: DictionaryHandle | NativeMatrix;
}

export interface Subject {
  readonly dictionary: Dictionary;
  readonly encoder: NativeMatrix | undefined;
  /** What no features at all are decoded into: where it is a model and that is not zero. */
  bias(): Promise<Float64Array | undefined>;
  /** `reference`: the codes of what this is the baseline of. */
  code(chunk: Chunk, reference?: NativeCodes): Promise<Coded>;
  /** Called once all samples have been seen. */
  finish(samples: number): void;
}

/** Options of `unfold` that are the same for all samples. */
export type CodeOptions = Readonly<Record<string, unknown>>;

export interface Run {
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly device: Device | undefined;
}

/** What is asked of `unfold`. */
export const unfolding = (options: CodeOptions, { device, ...run }: Run): UnfoldOptions =>
  ({ ...(device !== undefined && { device }), ...options, ...run }) as UnfoldOptions;

const nothing = (): void => undefined;
const noBias = (): Promise<undefined> => Promise.resolve(undefined);

/** Codes by `unfold`. */
export function byUnfolding(dictionary: Dictionary, options: CodeOptions, run: Run): Subject {
  const handle = Dictionary.handleOf(dictionary);
  return {
    dictionary,
    encoder: undefined,
    bias: noBias,
    async code({ matrix }) {
      const { codes } = await unfold(matrix, dictionary, unfolding(options, run));
      return { codes: readCodes(codes, 'codes', 'ERR_DTYPE').codes, made: handle };
    },
    finish: nothing,
  };
}

/** Rows `first` … of codes that hold all samples. */
export function rowsOf({ indptr, indices, values }: NativeCodes, first: number, count: number): NativeCodes {
  const [begin, end] = [indptr[first] as number, indptr[first + count] as number];
  return {
    indptr: indptr.slice(first, first + count + 1).map((at) => at - begin),
    indices: indices.subarray(begin, end),
    values: values.subarray(begin, end),
  };
}

export interface AllCodes {
  readonly codes: NativeCodes;
  readonly samples: number;
  readonly features: number;
}

/** A copy of codes that are given for all samples, whole. */
export function copyCodes(value: unknown, name: string): AllCodes {
  const { codes, samples, features } = readCodes(value, name, 'ERR_DTYPE');
  const { indptr, indices, values } = codes;
  const own = {
    indptr: copyOf(indptr, name),
    indices: copyOf(indices, name),
    values: copyOf(values, name),
  };
  native((binding) => binding.checkCodes(own, samples, features, name));
  return { codes: own, samples, features };
}

export function checkRows(there: number, name: string, samples: number, ended: boolean): void {
  if (there === samples || (!ended && there > samples)) return;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${name} has ${there} samples (rows), activations have ${ended ? samples : `at least ${samples}`}`,
    name,
  );
}

function checkFeatures(got: number, name: string, dictionary: Dictionary): void {
  if (got === dictionary.features) return;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${name} has ${got} features, the dictionary has ${dictionary.features}`,
    name,
  );
}

function byCodes(all: AllCodes, dictionary: Dictionary): Subject {
  const name = 'features.codes';
  const handle = Dictionary.handleOf(dictionary);
  checkFeatures(all.features, name, dictionary);
  return {
    dictionary,
    encoder: undefined,
    bias: noBias,
    code({ matrix, first }) {
      const count = matrix.shape[0];
      checkRows(all.samples, name, first + count, false);
      return Promise.resolve({ codes: rowsOf(all.codes, first, count), made: handle });
    },
    finish: (samples) => checkRows(all.samples, name, samples, true),
  };
}

function byModel(
  model: OwnModel,
  dictionary: Dictionary,
  { name, device }: { readonly name: string; readonly device: Device | undefined },
): Subject {
  const { features, dims } = dictionary;
  const more = device === undefined ? [] : [{ device }];
  const encoder =
    typeof model.encoder === 'function'
      ? readMatrix(model.encoder(), `${name}.encoder()`, { copy: true })
      : undefined;
  if (encoder !== undefined && (encoder.rows !== features || encoder.cols !== dims))
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.encoder() has the shape [${encoder.rows}, ${encoder.cols}], the dictionary has [${features}, ${dims}]`,
      name,
    );
  return {
    dictionary,
    encoder,
    bias: () => biasOf(model, dictionary, name),
    async code({ matrix }) {
      const count = matrix.shape[0];
      const read = readCodes(await model.encode(matrix, ...more), `${name}.encode()`, 'ERR_DTYPE');
      checkFeatures(read.features, `${name}.encode()`, dictionary);
      if (read.samples !== count)
        throw new UnsuperposeError(
          'ERR_SHAPE',
          `${name}.encode() gave codes of ${read.samples} samples for ${count}`,
          name,
        );
      return { codes: read.codes, made: await decoded(model, read.codes, [count, features], dims, name) };
    },
    finish: nothing,
  };
}

/** What a model makes of codes, which must be samples × dims. */
async function decoded(
  model: FeatureModel,
  codes: NativeCodes,
  [samples, features]: readonly [number, number],
  dims: number,
  name: string,
): Promise<NativeMatrix> {
  const given = await model.decode(SparseCodes.adopt(codes, samples, features));
  const made = readMatrix(given, `${name}.decode()`, { copy: true });
  if (made.rows !== samples || made.cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.decode() gave [${made.rows}, ${made.cols}], expected [${samples}, ${dims}]`,
      name,
    );
  return made;
}

/** What a model makes of no features at all: its bias. */
async function biasOf(
  model: FeatureModel,
  dictionary: Dictionary,
  name: string,
): Promise<Float64Array | undefined> {
  const { features, dims } = dictionary;
  const none = { indptr: new Uint32Array(2), indices: new Uint32Array(0), values: new Float32Array(0) };
  const { data } = await decoded(model, none, [1, features], dims, name);
  return data.some((entry) => entry !== 0) ? Float64Array.from(data) : undefined;
}

interface OwnModel extends FeatureModel {
  encode(...given: readonly unknown[]): CodesLike | Promise<CodesLike>;
}

/** A model's methods, each property read once; undefined for what is no model. */
function readModel(value: unknown): OwnModel | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { encode, decode, dictionary, encoder } = value as Partial<FeatureModel>;
  if (typeof encode !== 'function' || typeof decode !== 'function' || typeof dictionary !== 'function')
    return undefined;
  return {
    encode: (...given) => encode.call(value, ...(given as Parameters<FeatureModel['encode']>)),
    decode: (codes) => decode.call(value as FeatureModel, codes),
    dictionary: () => dictionary.call(value as FeatureModel),
    ...(typeof encoder === 'function' ? { encoder: () => encoder.call(value as FeatureModel) } : {}),
  };
}

/** `features` or `baseline` as what it is. `options`: what `unfold` makes codes with, where that was given. */
export function readSubject(
  value: unknown,
  name: string,
  options: CodeOptions | undefined,
  run: Run,
): Subject {
  if (Dictionary.is(value)) {
    const dictionary = Dictionary.share(value);
    if (options === undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        'unfold must say how codes are made of activations where features is a Dictionary: unfold: { lambda: 0.1 }, or unfold: { method: "omp", sparsity: 20 }',
        'unfold',
      );
    return byUnfolding(dictionary, options, run);
  }
  const model = readModel(value);
  if (model !== undefined) {
    const dictionary: unknown = model.dictionary();
    Dictionary.handleOf(dictionary, `${name}.dictionary()`);
    return byModel(model, Dictionary.share(dictionary as Dictionary), { name, device: run.device });
  }
  const { codes, dictionary } = (typeof value === 'object' && value !== null ? value : {}) as {
    codes?: unknown;
    dictionary?: unknown;
  };
  if (codes !== undefined && name === 'features') {
    Dictionary.handleOf(dictionary, 'features.dictionary');
    return byCodes(copyCodes(codes, 'features.codes'), Dictionary.share(dictionary as Dictionary));
  }
  const hint = Dictionary.is(dictionary) ? ' that has one: give its .dictionary' : '';
  const pair = name === 'features' ? ', { codes, dictionary }' : '';
  throw new UnsuperposeError(
    'ERR_DTYPE',
    `${name} must be a Dictionary${pair}, or a model with encode(), decode() and dictionary(), got ${describe(value)}${hint}`,
    name,
  );
}

/** Random unit directions, as many as there are atoms. */
export function randomDictionary({ features, dims }: Dictionary, seed: number, threads: number): Dictionary {
  const data = allocate(features, dims, 'the baseline');
  native((binding) => binding.randomDirections(seed, data, features, dims, threads));
  return Dictionary.from({ data, shape: [features, dims] });
}
