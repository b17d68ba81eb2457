// Tensors of a checkpoint: taken by name, in the shape that the format has them in and no other.

import { UnsuperposeError } from '../../call/errors.js';
import { toRows } from '../../call/layout.js';
import { type Floats, makeFloats, type StoredArray } from '../../files/arrays.js';
import { broken, some } from '../../files/refuse.js';
import { native } from '../../native/runtime.js';

/** Rows of numbers, in memory of ours. */
export interface Grid {
  readonly data: Floats;
  readonly shape: readonly [rows: number, cols: number];
}

/** A tensor, for reports. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** The same numbers with rows and columns exchanged. */
export function turned({ data, shape: [rows, cols] }: Grid): Grid {
  const out = makeFloats(data instanceof Float64Array ? 'float64' : 'float32', data.length, 'a matrix');
  return { data: toRows(data, out, cols, rows), shape: [cols, rows] };
}

const shown = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

export class Tensors {
  /** The file: for messages. */
  readonly where: string;
  readonly #arrays: ReadonlyMap<string, StoredArray>;
  readonly #signal: AbortSignal | undefined;
  readonly #taken = new Set<string>();

  constructor(where: string, arrays: ReadonlyMap<string, StoredArray>, signal: AbortSignal | undefined) {
    this.where = where;
    this.#arrays = arrays;
    this.#signal = signal;
  }

  list(): TensorInfo[] {
    return [...this.#arrays].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  }

  has(name: string): boolean {
    return this.#arrays.has(name);
  }

  /** The first of these names that the file has; the first of all where it has none. */
  either(...names: readonly [string, ...string[]]): string {
    return names.find((name) => this.has(name)) ?? names[0];
  }

  #array(name: string): StoredArray {
    const found = this.#arrays.get(name);
    if (found === undefined)
      return broken(this.where, `has no tensor ${name}; there are: ${some(this.#arrays.keys()) || 'none'}`);
    this.#taken.add(name);
    return found;
  }

  /** @throws UnsuperposeError `ERR_FORMAT` where the file has no such tensor */
  shape(name: string): readonly number[] {
    return this.#array(name).shape;
  }

  async #values(name: string): Promise<Floats> {
    const array = this.#array(name);
    const values = await array.floats(this.#signal);
    const strange = native((binding) => binding.firstNotFinite(values));
    if (strange >= 0)
      throw new UnsuperposeError('ERR_NOT_FINITE', `${array.where}: entry ${strange} is ${values[strange]}`);
    if (!array.fortranOrder || array.shape.length < 2) return values;
    const [rows = 0, cols = 0] = array.shape;
    const out = makeFloats(array.floatType, values.length, array.where);
    return toRows(values, out, rows, cols);
  }

  /** How many entries a vector has, which must have one axis. */
  size(name: string): number {
    const { where, shape } = this.#array(name);
    const [size] = shape;
    if (shape.length === 1 && size !== undefined && size > 0) return size;
    return broken(
      where,
      `has the shape ${shown(shape)}; it must have one axis and at least one entry${squeeze(shape)}`,
    );
  }

  /** @throws UnsuperposeError `ERR_FORMAT` for another shape than [size] */
  async vector(name: string, size: number): Promise<Floats> {
    const { where, shape } = this.#array(name);
    if (shape.length !== 1 || shape[0] !== size)
      broken(where, `has the shape ${shown(shape)}; it must be [${size}]${squeeze(shape)}`);
    return this.#values(name);
  }

  /** As it is stored. @throws UnsuperposeError `ERR_FORMAT` for another shape than [rows, cols], or [cols, rows] where that is allowed */
  async matrix(name: string, rows: number, cols: number, either = false): Promise<Grid> {
    const { where, shape } = this.#array(name);
    const [first = 0, second = 0] = shape;
    const fits = first === rows && second === cols;
    const fitsTurned = either && first === cols && second === rows;
    if (shape.length !== 2 || !(fits || fitsTurned)) {
      const other = either && rows !== cols ? ` or [${cols}, ${rows}]` : '';
      broken(where, `has the shape ${shown(shape)}; it must be [${rows}, ${cols}]${other}`);
    }
    return { data: await this.#values(name), shape: [first, second] };
  }

  /** The one entry of a tensor without axes, or of one with one entry: of any type of number. */
  async scalar(name: string): Promise<number> {
    const array = this.#array(name);
    if (array.count !== 1) broken(array.where, `has the shape ${shown(array.shape)}; it must be one number`);
    if (array.dtype.includes('float')) return Number((await this.#values(name))[0]);
    return Number((await array.values(this.#signal))[0]);
  }

  /** This one belongs to the format, but says nothing here. */
  ignore(name: string): void {
    this.#taken.add(name);
  }

  /** Refuses tensors that were not taken: they would be left out of what is computed. */
  end(of: string): void {
    const left = [...this.#arrays.keys()].filter((name) => !this.#taken.has(name));
    if (left.length > 0)
      broken(
        this.where,
        `holds ${some(left)}, which ${of} does not have: read without, it would be another autoencoder. It may be of another architecture than its configuration says`,
      );
  }
}

/** What to do about the axes of length 1 that PyTorch broadcasts without a word. */
function squeeze(shape: readonly number[]): string {
  return shape.length > 1 && shape.filter((size) => size !== 1).length <= 1
    ? ', without axes of length 1 (PyTorch would broadcast them without a word): save it squeezed'
    : '';
}
