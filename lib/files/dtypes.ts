// The types of number that files have, and their names in each format.
import { Buffer } from 'node:buffer';
import { UnsuperposeError } from '../call/errors.js';
import type { HalfType } from '../call/half.js';
import { refuseOption } from '../call/options.js';

/** The types of number that matrices are read from and written as. */
export type FloatType = 'float32' | 'float64' | HalfType;

/** All types of number that arrays of files may have here. */
export type Dtype =
  | FloatType
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** Entries as they are stored: 16-bit floats as their bits, true as 1. */
export type Values =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface Described {
  readonly make: (buffer: ArrayBuffer) => Values;
  readonly bytes: number;
  /** as safetensors has it */
  readonly safetensors: string;
  /** as numpy has it, without the order of bytes */
  readonly numpy?: string;
}

export const DTYPES: Readonly<Record<Dtype, Described>> = {
  float64: { make: (b) => new Float64Array(b), bytes: 8, safetensors: 'F64', numpy: 'f8' },
  float32: { make: (b) => new Float32Array(b), bytes: 4, safetensors: 'F32', numpy: 'f4' },
  float16: { make: (b) => new Uint16Array(b), bytes: 2, safetensors: 'F16', numpy: 'f2' },
  bfloat16: { make: (b) => new Uint16Array(b), bytes: 2, safetensors: 'BF16' },
  int64: { make: (b) => new BigInt64Array(b), bytes: 8, safetensors: 'I64', numpy: 'i8' },
  int32: { make: (b) => new Int32Array(b), bytes: 4, safetensors: 'I32', numpy: 'i4' },
  int16: { make: (b) => new Int16Array(b), bytes: 2, safetensors: 'I16', numpy: 'i2' },
  int8: { make: (b) => new Int8Array(b), bytes: 1, safetensors: 'I8', numpy: 'i1' },
  uint64: { make: (b) => new BigUint64Array(b), bytes: 8, safetensors: 'U64', numpy: 'u8' },
  uint32: { make: (b) => new Uint32Array(b), bytes: 4, safetensors: 'U32', numpy: 'u4' },
  uint16: { make: (b) => new Uint16Array(b), bytes: 2, safetensors: 'U16', numpy: 'u2' },
  uint8: { make: (b) => new Uint8Array(b), bytes: 1, safetensors: 'U8', numpy: 'u1' },
  bool: { make: (b) => new Uint8Array(b), bytes: 1, safetensors: 'BOOL', numpy: 'b1' },
};

const NAMES = Object.keys(DTYPES) as Dtype[];
export const FLOAT_TYPES = ['float32', 'float64', 'float16', 'bfloat16'] as const;

/** The type of this name in safetensors; undefined for one that is not read here. */
export function ofSafetensors(name: string): Dtype | undefined {
  return NAMES.find((dtype) => DTYPES[dtype].safetensors === name);
}

/** The type of this name in numpy, without its order of bytes; undefined for one that is not read here. */
export function ofNumpy(name: string): Dtype | undefined {
  return NAMES.find((dtype) => DTYPES[dtype].numpy === name);
}

export function isFloatType(dtype: string): dtype is FloatType {
  return (FLOAT_TYPES as readonly string[]).includes(dtype);
}

export function readFloatType(value: unknown): FloatType {
  const found = FLOAT_TYPES.find((dtype) => dtype === value);
  return found ?? refuseOption('dtype', `one of ${FLOAT_TYPES.join(', ')}`, value);
}

/** How many entries a shape has: an exact integer, or undefined. */
export function entries(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return count;
}

/** Memory for this many entries. */
export function makeValues(dtype: Dtype, count: number, where: string): Values {
  const { bytes, make } = DTYPES[dtype];
  try {
    return make(new ArrayBuffer(count * bytes));
  } catch {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${where} holds ${count} entries: ${count * bytes} bytes, which do not fit in memory`,
    );
  }
}

/** The memory of an array as bytes. */
export function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Turns the order of bytes in place. */
export function swapBytes(values: Values): void {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (values.BYTES_PER_ELEMENT === 2) bytes.swap16();
  else if (values.BYTES_PER_ELEMENT === 4) bytes.swap32();
  else if (values.BYTES_PER_ELEMENT === 8) bytes.swap64();
}
