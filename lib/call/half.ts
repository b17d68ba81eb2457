// 16-bit floats among matrices: float16 and bfloat16, every value of which is a float32.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';
import { lengthOf, newArray } from './memory.js';
import { describe } from './options.js';

/** What the 16 bits of an entry are: IEEE binary16, or the upper half of a float32. */
export type HalfType = 'float16' | 'bfloat16';

/** Their names among libraries and file formats. */
export const HALF_NAMES = {
  float16: ['float16', 'f2', '<f2', '=f2', 'f16', 'half'],
  bfloat16: ['bfloat16', 'bf16'],
} as const;

function halfType(dtype: unknown): HalfType | undefined {
  const spelled = typeof dtype === 'string' ? dtype.toLowerCase() : dtype;
  return (['float16', 'bfloat16'] as const).find((type) =>
    (HALF_NAMES[type] as readonly unknown[]).includes(spelled),
  );
}

/** A Float16Array, by what tells it: older engines and older libraries of types have none. */
export interface Float16Values {
  readonly length: number;
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly [index: number]: number;
}

/** `out[i]` = the float whose bits are `bits[i]`. */
export type Widen = (bits: Uint16Array, dtype: HalfType, out: Float32Array) => void;

let widen: Widen | undefined;

/** lib/native/ gives the function when it has loaded the module: it lies above this floor. */
export function provideWiden(given: Widen): void {
  widen = given;
}

const tagOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get;

/** By the tag of the typed array itself, which no property can feign and every realm shares. */
function isFloat16Array(value: unknown): value is Float16Values {
  return types.isTypedArray(value) && tagOf?.call(value) === 'Float16Array';
}

/** What a matrix's `data` may be, for messages. */
export const DATA_TYPES =
  "a Float32Array, a Float64Array, a Float16Array, or a Uint16Array with dtype 'float16' or 'bfloat16'";

/** Float32 values of 16-bit data; undefined for data of any other type. */
export function widenHalf(
  data: unknown,
  dtype: unknown,
  name: string,
): { data: Float32Array; type: HalfType } | undefined {
  const refuse = (message: string): never => {
    throw new UnsuperposeError('ERR_DTYPE', message, name);
  };
  if (isFloat16Array(data)) {
    if (dtype !== undefined && halfType(dtype) !== 'float16')
      refuse(`${name}.dtype must be 'float16' for a Float16Array, got ${describe(dtype)}`);
    const out = newArray(Float32Array, lengthOf(data), name);
    if (out.length > 0) out.set(data);
    return { data: out, type: 'float16' };
  }
  if (!types.isUint16Array(data)) return undefined;
  const type =
    halfType(dtype) ??
    refuse(
      dtype === undefined
        ? `${name}.data is a Uint16Array, which may hold either 16-bit float: say dtype: 'float16' or dtype: 'bfloat16' beside it`
        : `${name}.dtype must be 'float16' or 'bfloat16' for a Uint16Array, got ${describe(dtype)}`,
    );
  const out = newArray(Float32Array, lengthOf(data), name);
  widen?.(data, type, out);
  return { data: out, type };
}
