// A network's file: one safetensors file with the parameters under their own names, and what is no tensor as JSON in its metadata.
import { UnsuperposeError } from '../call/errors.js';
import type { Note } from '../call/notes.js';
import { describe } from '../call/options.js';
import type { StoredArray } from '../files/arrays.js';
import type { Values } from '../files/dtypes.js';
import { isRecord, parseJSON } from '../files/json.js';
import { broken, some } from '../files/refuse.js';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../files/safetensors.js';
import type { NativeLista } from '../native/lista.js';
import { native } from '../native/runtime.js';
import { faultOf, MOST_LAYERS, matricesOf, WEIGHTS } from './parameters.js';
import type { ListaHeldOut, ListaTraining } from './training.js';
import { VARIANTS } from './variants.js';

/** The key of the metadata by which a file is known as one of ours. */
const KEY = 'unsuperpose';
const KIND = 'unrolled network';
const VERSION = 1;
const ENDING = '.safetensors';
const FIGURES = 'training.layers';
const VALIDATED = 'training.validated';

/** A network as its file has it. */
export interface StoredLista {
  readonly own: NativeLista;
  readonly training: ListaTraining | undefined;
}

type Head = Readonly<Record<string, unknown>>;

/** A value of the head; refuses another. */
function entry<T>(
  head: Head,
  where: string,
  name: string,
  expected: string,
  is: (value: unknown) => value is T,
): T {
  const value = Object.hasOwn(head, name) ? head[name] : undefined;
  return is(value) ? value : broken(where, `${name} must be ${expected}, got ${describe(value)}`);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isPositive = (value: unknown): value is number => isNumber(value) && value > 0;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isLayers = (value: unknown): value is number => isCount(value) && value >= 1 && value <= MOST_LAYERS;
/** Figures may be infinite or NaN, which JSON has no numbers for: they are text, as String gives it. */
const isFigure = (value: unknown): value is string => isText(value) && String(Number(value)) === value;
const oneOf =
  <T extends string>(choices: readonly T[]) =>
  (value: unknown): value is T =>
    choices.some((choice) => choice === value);

function only(head: Head, where: string, names: readonly string[]): void {
  const left = Object.keys(head).filter((name) => !names.includes(name));
  if (left.length > 0) broken(where, `says ${some(left)}, which is not read here`);
}

/** Tensors by name, each in the one shape and type that it must have. */
class Tensors {
  readonly #where: string;
  readonly #arrays: ReadonlyMap<string, StoredArray>;
  readonly #signal: AbortSignal | undefined;
  readonly #taken = new Set<string>();

  constructor(where: string, arrays: ReadonlyMap<string, StoredArray>, signal: AbortSignal | undefined) {
    this.#where = where;
    this.#arrays = arrays;
    this.#signal = signal;
  }

  has(name: string): boolean {
    return this.#arrays.has(name);
  }

  #array(name: string, dtype: string): StoredArray {
    const found = this.#arrays.get(name);
    if (found === undefined)
      return broken(this.#where, `has no tensor ${name}; there are: ${some(this.#arrays.keys()) || 'none'}`);
    if (found.dtype !== dtype) broken(found.where, `holds ${found.dtype}; it must be ${dtype}`);
    this.#taken.add(name);
    return found;
  }

  /** Rows and columns of a matrix, each ≥ 1. */
  sizes(name: string): readonly [rows: number, cols: number] {
    const { where, shape } = this.#array(name, 'float32');
    const [rows = 0, cols = 0] = shape;
    if (shape.length !== 2 || rows === 0 || cols === 0)
      broken(where, `has the shape [${shape.join(', ')}]; it must be [features, dims], each at least 1`);
    return [rows, cols];
  }

  async #values(name: string, dtype: string, shape: readonly number[]): Promise<Values> {
    const array = this.#array(name, dtype);
    if (array.shape.length !== shape.length || array.shape.some((size, axis) => size !== shape[axis]))
      broken(array.where, `has the shape [${array.shape.join(', ')}]; it must be [${shape.join(', ')}]`);
    return array.values(this.#signal);
  }

  async float32(name: string, ...shape: readonly number[]): Promise<Float32Array> {
    const values = (await this.#values(name, 'float32', shape)) as Float32Array;
    const strange = native((binding) => binding.firstNotFinite(values));
    if (strange >= 0)
      throw new UnsuperposeError(
        'ERR_NOT_FINITE',
        `${this.#where}: ${name}: entry ${strange} is ${values[strange]}`,
      );
    return values;
  }

  async float64(name: string, ...shape: readonly number[]): Promise<Float64Array> {
    return (await this.#values(name, 'float64', shape)) as Float64Array;
  }

  /** How many entries a vector of float64 has. */
  length(name: string): number {
    return this.#array(name, 'float64').count;
  }

  /** Refuses tensors that were not taken. */
  end(): void {
    const left = [...this.#arrays.keys()].filter((name) => !this.#taken.has(name));
    if (left.length > 0) broken(this.#where, `holds ${some(left)}, which such a network does not have`);
  }
}

const HELD_OUT = ['samples', 'explainedVariance', 'squaredError', 'l0', 'dead'] as const;

function readHeldOut(value: unknown, where: string): ListaHeldOut | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) return broken(where, `heldOut must be an object, got ${describe(value)}`);
  only(value, where, [...HELD_OUT, 'loss']);
  const figure = (name: string): number => Number(entry(value, where, name, 'a figure, as text', isFigure));
  return {
    ...(Object.fromEntries(HELD_OUT.map((name) => [name, figure(name)])) as Record<
      (typeof HELD_OUT)[number],
      number
    >),
    ...(Object.hasOwn(value, 'loss') && { loss: figure('loss') }),
  };
}

function isNotes(value: unknown): value is readonly Note[] {
  return (
    Array.isArray(value) &&
    value.every(
      (note) => isRecord(note) && isText(note.code) && note.level === 'warning' && isText(note.message),
    )
  );
}

async function readTraining(
  value: unknown,
  tensors: Tensors,
  path: string,
): Promise<ListaTraining | undefined> {
  if (value === undefined) return undefined;
  const where = `${path}: training`;
  if (!isRecord(value)) return broken(where, `must be an object, got ${describe(value)}`);
  only(value, where, [
    ...['variant', 'schedule', 'lambda', 'ridge', 'steps', 'samples', 'seed', 'loss', 'gradientNorm'],
    ...['best', 'heldOut', 'notes'],
  ]);
  const figure = (name: string): number => Number(entry(value, where, name, 'a figure, as text', isFigure));
  const count = (name: string): number => entry(value, where, name, 'a whole number ≥ 0', isCount);
  const heldOut = readHeldOut(value.heldOut, `${where}: heldOut`);
  return {
    variant: entry(value, where, 'variant', `one of ${VARIANTS.join(', ')}`, oneOf(VARIANTS)),
    schedule: entry(
      value,
      where,
      'schedule',
      'endToEnd or layerwise',
      oneOf(['endToEnd', 'layerwise'] as const),
    ),
    ...(Object.hasOwn(value, 'lambda') && {
      lambda: entry(value, where, 'lambda', 'a number > 0', isPositive),
    }),
    ...(Object.hasOwn(value, 'ridge') && {
      ridge: entry(value, where, 'ridge', 'a number > 0', isPositive),
    }),
    ...{ steps: count('steps'), samples: count('samples'), seed: count('seed') },
    ...{ loss: figure('loss'), gradientNorm: figure('gradientNorm') },
    layers: await tensors.float64(FIGURES, tensors.length(FIGURES)),
    ...(tensors.has(VALIDATED) && { validated: await tensors.float64(VALIDATED, tensors.length(VALIDATED)) }),
    ...(Object.hasOwn(value, 'best') && { best: figure('best') }),
    ...(heldOut && { heldOut }),
    notes: entry(value, where, 'notes', 'a list of { code, level, message }', isNotes),
  };
}

/** @throws UnsuperposeError `ERR_FILE`, `ERR_FORMAT`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE` */
export async function readLista(path: string, signal: AbortSignal | undefined): Promise<StoredLista> {
  checkEnding(path);
  const { metadata, tensors: arrays } = await readSafetensors(path);
  const text = Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined;
  if (text === undefined) return broken(path, 'is no network of this package');
  const head = parseJSON(text, path, KEY);
  if (!isRecord(head) || head.kind !== KIND)
    return broken(path, `is no network of this package, but ${describe(isRecord(head) ? head.kind : head)}`);
  if (head.version !== VERSION)
    broken(path, `is of version ${describe(head.version)} of its format; version ${VERSION} is read`);
  const weights = entry(head, path, 'weights', `one of ${WEIGHTS.join(', ')}`, oneOf(WEIGHTS));
  const layers = entry(head, path, 'layers', `an integer between 1 and ${MOST_LAYERS}`, isLayers);
  const hyper = weights === 'hyper';
  const own = ['weights', 'layers', 'nonnegative', 'scale', 'adaptive', ...(hyper ? ['ridge'] : [])];
  only(head, path, ['kind', 'version', ...own, 'training']);
  const tensors = new Tensors(path, arrays, signal);
  const [features, dims] = tensors.sizes('dictionary');
  const none = new Float32Array(0);
  const perLayer = (name: string): Promise<Float32Array> =>
    hyper ? Promise.resolve(none) : tensors.float32(name, layers);
  const stored: NativeLista = {
    ...{ weights, layers, features, dims },
    nonnegative: entry(head, path, 'nonnegative', 'true or false', isFlag),
    scale: entry(head, path, 'scale', 'a finite number', isNumber),
    adaptive: entry(head, path, 'adaptive', 'a finite number', isNumber),
    dictionary: await tensors.float32('dictionary', features, dims),
    forward: await tensors.float32('forward', matricesOf(weights, layers), features, dims),
    recurrent: weights === 'pair' ? await tensors.float32('recurrent', layers, features, features) : none,
    step: await perLayer('step'),
    threshold: await perLayer('threshold'),
    selection: await perLayer('selection'),
    hyper: hyper ? await tensors.float64('hyper', 3) : new Float64Array(0),
    // Only written where it is not 0.
    ridge: Object.hasOwn(head, 'ridge') ? entry(head, path, 'ridge', 'a finite number', isNumber) : 0,
  };
  const fault = faultOf(stored);
  if (fault !== undefined)
    broken(path, `${fault.name} must be ${fault.expected}, got ${describe(fault.got)}`);
  const strange = stored.hyper.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0)
    throw new UnsuperposeError(
      'ERR_NOT_FINITE',
      `${path}: hyper: entry ${strange} is ${stored.hyper[strange]}`,
    );
  const training = await readTraining(head.training, tensors, path);
  tensors.end();
  return { own: stored, training };
}

function checkEnding(path: string): void {
  if (!path.toLowerCase().endsWith(ENDING))
    throw new UnsuperposeError('ERR_FORMAT', `${path} must end in ${ENDING}: networks are kept so`, 'path');
}

/** Figures as the head has them. */
const figures = (values: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );

/** Writes the file: whole, or not at all. */
export async function writeLista(
  path: string,
  p: NativeLista,
  training: ListaTraining | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  checkEnding(path);
  const { weights, layers, features, dims, nonnegative, scale, adaptive, ridge } = p;
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, values: Float32Array, ...shape: readonly number[]): void => {
    if (values.length > 0) tensors.set(name, { dtype: 'float32', shape, values });
  };
  const add64 = (name: string, values: Float64Array): void => {
    tensors.set(name, { dtype: 'float64', shape: [values.length], values });
  };
  add('dictionary', p.dictionary, features, dims);
  add('forward', p.forward, matricesOf(weights, layers), features, dims);
  add('recurrent', p.recurrent, layers, features, features);
  for (const name of ['step', 'threshold', 'selection'] as const) add(name, p[name], layers);
  if (weights === 'hyper') add64('hyper', p.hyper);
  let told: object | undefined;
  if (training !== undefined) {
    const { layers: after, validated, loss, gradientNorm, best, heldOut, ...rest } = training;
    add64(FIGURES, after);
    if (validated !== undefined) add64(VALIDATED, validated);
    told = {
      ...rest,
      ...figures({ loss, gradientNorm, best }),
      ...(heldOut && { heldOut: figures(heldOut) }),
    };
  }
  const head = {
    ...{ kind: KIND, version: VERSION, weights, layers, nonnegative, scale, adaptive },
    ...(ridge > 0 && { ridge }),
    ...(told && { training: told }),
  };
  await writeSafetensors(path, tensors, { [KEY]: JSON.stringify(head) }, signal);
}
