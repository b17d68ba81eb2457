// The native module once it is loaded and fit for use, and its errors as ours.
import { types } from 'node:util';
import { ERROR_CODES, type ErrorCode, isUnsuperposeError, UnsuperposeError } from '../call/errors.js';
import { provideWiden } from '../call/half.js';
import type { NativeBinding, NativeInfo } from './binding.js';
import { loadNative } from './loader.js';

const CODES: ReadonlySet<string> = new Set(ERROR_CODES);

export const binding = loadNative() as NativeBinding;

function readInfo(): NativeInfo {
  const info = binding.info();
  // Its first word is the variable's name.
  if (info.isaError !== '')
    throw new UnsuperposeError('ERR_OPTION', info.isaError, info.isaError.split(' ')[0]);
  return info;
}

/** What the module says of itself. It is asked once: nothing of it changes while the process runs. */
export const nativeInfo: NativeInfo = readInfo();

/** An error of the native module as an UnsuperposeError; anything else unchanged. */
export function translate(error: unknown): unknown {
  // By their nature, not their class: native code throws errors of the realm that the process began with, whichever loaded the package.
  if (isUnsuperposeError(error) || !types.isNativeError(error)) return error;
  if (error.name === 'RangeError')
    return new UnsuperposeError('ERR_TOO_LARGE', `the result does not fit in memory: ${error.message}`);
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && CODES.has(code))
    return new UnsuperposeError(code as ErrorCode, error.message);
  return error;
}

/** Runs a native call; its errors come out as UnsuperposeError. Must not call into user code. */
export function native<T>(call: (binding: NativeBinding) => T): T {
  try {
    return call(binding);
  } catch (error) {
    throw translate(error);
  }
}

provideWiden((bits, dtype, out) => native((module) => module.widen(bits, dtype, out)));
