// Memory that a call is given, and the one rule about it. Getters of an option run the caller's code, which may detach or resize any buffer;
// other threads write shared memory at any time. So every call
//   1. reads its options, each property once;
//   2. copies what can change under it: shared memory, arrays of numbers, and, where it is asynchronous, all of it (native/node/ does that);
//   3. looks: every check runs on the copy, or on memory of this thread with none of the caller's code in between.
// What an array is, is asked of the array itself: properties that were put on it count for nothing. Lists are read by their places, never by
// iterators or methods of theirs: a detached array has no entries, and what is not there is an undefined that the reader refuses.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';

/** The arrays that calls take. */
export type NumberArray = Float32Array | Float64Array | Uint32Array | Uint8Array;

const TYPED_ARRAY: object = Object.getPrototypeOf(Float32Array.prototype);

function accessor<T>(name: string): (array: NodeJS.TypedArray) => T {
  const get = Object.getOwnPropertyDescriptor(TYPED_ARRAY, name)?.get as () => T;
  return (array) => get.call(array);
}

const bufferOf = accessor<ArrayBufferLike>('buffer');
const entriesOf = accessor<number>('length');

/** Whether other threads may write it. */
export function isShared(array: NodeJS.TypedArray): boolean {
  return types.isSharedArrayBuffer(bufferOf(array));
}

/** An array, or a typed array of any kind. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || types.isTypedArray(value);
}

/** How many entries a list has: of a typed array its own count, 0 once its buffer is detached. */
export function lengthOf(list: ArrayLike<unknown>): number {
  return types.isTypedArray(list) ? entriesOf(list) : list.length;
}

type Constructor<T> = (new (length: number) => T) & { readonly BYTES_PER_ELEMENT: number };

/**
 * A new array of zeros.
 * @throws UnsuperposeError `ERR_TOO_LARGE` with the bytes, where there is no memory for it
 */
export function newArray<T extends NumberArray>(type: Constructor<T>, length: number, name: string): T {
  try {
    return new type(length);
  } catch {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} needs ${length * type.BYTES_PER_ELEMENT} bytes, which do not fit in memory`,
      name,
    );
  }
}

/** A copy of ours, as float32. Each entry is read once. */
export function copyFloat32(array: Float32Array | Float64Array, name: string): Float32Array<ArrayBuffer> {
  const copy = newArray<Float32Array<ArrayBuffer>>(Float32Array, lengthOf(array), name);
  if (copy.length > 0) copy.set(array);
  return copy;
}

/** A copy of ours, of the same type whatever the array says of its species. */
export function copyOf<T extends NumberArray>(array: T, name: string): T {
  const type = types.isFloat32Array(array)
    ? Float32Array
    : types.isFloat64Array(array)
      ? Float64Array
      : types.isUint8Array(array)
        ? Uint8Array
        : Uint32Array;
  const copy = newArray<NumberArray>(type, lengthOf(array), name);
  if (copy.length > 0) copy.set(array);
  return copy as T;
}

/** The array itself; a copy of ours if other threads may write it. */
export function unshared<T extends NumberArray>(array: T, name: string): T {
  return isShared(array) ? copyOf(array, name) : array;
}

/** `count` entries of a list in a new array, each read once, by `read`. */
export function readEntries<T extends NumberArray>(
  type: Constructor<T>,
  list: ArrayLike<unknown>,
  count: number,
  name: string,
  read: (entry: unknown, i: number) => number,
): T {
  const out = newArray(type, count, name);
  for (let i = 0; i < count; i++) out[i] = read(list[i], i);
  return out;
}

/** The entries of a list, each read once, by `read`, which refuses what cannot be one (also `undefined`, for what is not there). */
export function mapEntries<T>(list: ArrayLike<unknown>, read: (entry: unknown, i: number) => T): T[] {
  const out: T[] = [];
  for (let i = 0, count = lengthOf(list); i < count; i++) out.push(read(list[i], i));
  return out;
}
