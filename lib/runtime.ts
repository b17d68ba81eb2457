// The native module once it is loaded and fit for use, and its errors as ours.
import type { NativeBinding } from './binding.js';
import { ERROR_CODES, type ErrorCode, UnsuperposeError } from './errors.js';
import { loadNative } from './native.js';

const CODES: ReadonlySet<string> = new Set(ERROR_CODES);

function start(): NativeBinding {
  const native = loadNative();
  const { isaError } = native.info();
  if (isaError !== '') throw new UnsuperposeError('ERR_OPTION', isaError, 'UNSUPERPOSE_ISA');
  return native;
}

export const binding: NativeBinding = start();

/** An error of the native module as an UnsuperposeError; anything else unchanged. */
export function translate(error: unknown): unknown {
  if (error instanceof UnsuperposeError || !(error instanceof Error)) return error;
  if (error instanceof RangeError)
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
