// An array in a file: known by its header, read when asked.
import { UnsuperposeError } from '../call/errors.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import { type ByteStream, type Bytes, PIECE } from './bytes.js';
import {
  bytesOf,
  DTYPES,
  type Dtype,
  type FloatType,
  isFloatType,
  makeValues,
  swapBytes,
  type Values,
} from './dtypes.js';

/** What a header says of an array. */
export interface Described {
  /** One of {@link Dtype}, or the format's own name of a type that is not read here. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bigEndian?: boolean;
  /** Entries lie with the first index running fastest. */
  readonly fortranOrder?: boolean;
}

/** Float32 values, or float64 ones where the file has these. */
export type Floats = Float32Array | Float64Array;

/** An array of a file, by its name there. Its bytes were found to be all there, and as many as its shape needs. */
export class StoredArray {
  /** The file, and the name of the array in it: for messages. */
  readonly where: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly bytes: Bytes;
  /** Where the entries begin in `bytes`. */
  readonly begin: number;

  constructor(where: string, described: Described, bytes: Bytes, begin = 0) {
    const { dtype, shape, bigEndian = false, fortranOrder = false } = described;
    this.where = where;
    this.dtype = dtype;
    this.shape = shape;
    this.bigEndian = bigEndian;
    this.fortranOrder = fortranOrder;
    this.bytes = bytes;
    this.begin = begin;
  }

  get count(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Its type of number. @throws UnsuperposeError `ERR_DTYPE` for one that is not read here */
  get known(): Dtype {
    if (Object.hasOwn(DTYPES, this.dtype)) return this.dtype as Dtype;
    throw new UnsuperposeError('ERR_DTYPE', `${this.where} holds ${this.dtype}, which is not read here`);
  }

  /** Its type of floats. @throws UnsuperposeError `ERR_DTYPE` for any other */
  get floatType(): FloatType {
    if (isFloatType(this.dtype)) return this.dtype;
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${this.where} holds ${this.dtype}; a matrix must be float16, bfloat16, float32 or float64`,
    );
  }

  /** Reads the entries in order, from entry `first` on. */
  async open(first = 0): Promise<EntryReader> {
    const { bytes } = DTYPES[this.known];
    const stream = this.bytes.stream();
    try {
      await stream.skip(this.begin + first * bytes);
    } catch (error) {
      await stream.close();
      throw error;
    }
    return new EntryReader(this, stream);
  }

  /** All entries as they are stored, in the order in which they are. */
  async values(signal?: AbortSignal): Promise<Values> {
    const values = makeValues(this.known, this.count, this.where);
    const reader = await this.open();
    try {
      await reader.fill(values, signal);
      await reader.end();
    } finally {
      await reader.close();
    }
    return values;
  }

  /** All entries as floats, in the order in which they are stored. @throws UnsuperposeError `ERR_DTYPE` where they are none */
  async floats(signal?: AbortSignal): Promise<Floats> {
    const out = makeFloats(this.floatType, this.count, this.where);
    const reader = await this.open();
    try {
      await reader.fillFloats(out, signal);
      await reader.end();
    } finally {
      await reader.close();
    }
    return out;
  }
}

/** Memory for floats of a file: float64 as they are, anything else as float32. */
export function makeFloats(dtype: FloatType, count: number, where: string): Floats {
  return makeValues(dtype === 'float64' ? 'float64' : 'float32', count, where) as Floats;
}

/** Entries of an array, one after the other. */
export class EntryReader {
  readonly #array: StoredArray;
  readonly #stream: ByteStream;
  #bits: Uint16Array | undefined;

  constructor(array: StoredArray, stream: ByteStream) {
    this.#array = array;
    this.#stream = stream;
  }

  /** Fills `values`, which are of the array's type. */
  async fill(values: Values, signal?: AbortSignal): Promise<void> {
    const bytes = bytesOf(values);
    for (let done = 0; done < bytes.length; done += PIECE) {
      throwIfAborted(signal);
      await this.#stream.read(bytes.subarray(done, done + PIECE));
    }
    if (this.#array.bigEndian) swapBytes(values);
  }

  /** Fills `out` with the next entries as floats. */
  async fillFloats(out: Floats, signal?: AbortSignal): Promise<void> {
    const { floatType } = this.#array;
    if (floatType === 'float32' || floatType === 'float64') return this.fill(out, signal);
    const most = PIECE / Uint16Array.BYTES_PER_ELEMENT;
    if ((this.#bits?.length ?? 0) < Math.min(out.length, most))
      this.#bits = new Uint16Array(Math.min(out.length, most));
    const bits = this.#bits ?? new Uint16Array(0);
    for (let done = 0; done < out.length; done += bits.length) {
      const piece = bits.subarray(0, out.length - done);
      await this.fill(piece, signal);
      const into = out.subarray(done, done + piece.length) as Float32Array;
      native((binding) => binding.widen(piece, floatType, into));
    }
  }

  skip(entries: number): Promise<void> {
    return this.#stream.skip(entries * DTYPES[this.#array.known].bytes);
  }

  /** Once all entries were read: refuses what does not have its checksum. */
  end(): Promise<void> {
    return this.#stream.end();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}
