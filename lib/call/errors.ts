// The one error that the package throws on purpose. Codes are stable; messages are not.

/** Every {@link ErrorCode}. Those that native code answers stand in native/core/status.hpp too. */
export const ERROR_CODES = [
  'ERR_SHAPE',
  'ERR_DTYPE',
  'ERR_OPTION',
  'ERR_NOT_FINITE',
  'ERR_DISPOSED',
  'ERR_TOO_LARGE',
  'ERR_NO_DEVICE',
  'ERR_FORMAT',
  'ERR_FILE',
  'ERR_NATIVE',
] as const;

/**
 * What went wrong, in a form that programs can rely on.
 *
 * - `ERR_SHAPE`: shapes or lengths that do not fit (also detached or shrunk buffers)
 * - `ERR_DTYPE`: an argument of the wrong type
 * - `ERR_OPTION`: an unknown option, or a value out of range
 * - `ERR_NOT_FINITE`: NaN or ±Infinity in the data; the message names the row and column
 * - `ERR_DISPOSED`: a handle that was used after `dispose()`
 * - `ERR_TOO_LARGE`: a result or a copy that does not fit in memory or in an array
 * - `ERR_NO_DEVICE`: a device that this build or this machine lacks
 * - `ERR_FORMAT`: a file or structure that breaks its own format
 * - `ERR_FILE`: a file that is missing, or cannot be read or written; `cause` is the system's error
 * - `ERR_NATIVE`: the native module is missing or failed
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * Is this an {@link UnsuperposeError}, whichever copy of the package made it? By its fields: so it holds for errors from another realm
 * (a `vm` context, a Jest test) too, where a class of the same name is another class. `instanceof UnsuperposeError` asks the same.
 *
 * An error that is sent to another thread (`postMessage`, `structuredClone`) arrives as a plain `Error`, without its `code`: send the code.
 *
 * @example
 * ```ts
 * import { isUnsuperposeError, ops } from 'unsuperpose';
 *
 * try {
 *   ops.gram({ data: new Float32Array(6), shape: [2, 4] });
 * } catch (error) {
 *   if (!isUnsuperposeError(error)) throw error;
 *   console.log(error.code); // → ERR_SHAPE
 * }
 * ```
 */
export function isUnsuperposeError(value: unknown): value is UnsuperposeError {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { name, code, message } = value as Partial<UnsuperposeError>;
    return (
      name === 'UnsuperposeError' &&
      typeof message === 'string' &&
      (ERROR_CODES as readonly unknown[]).includes(code)
    );
  } catch {
    return false; // a getter that throws, or a Proxy
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  const message = (error as Partial<Error> | null | undefined)?.message;
  return typeof message === 'string' ? message : String(error);
}

/**
 * Thrown (or rejected with) for every refusal. The message says which argument, what was expected and what was got.
 *
 * @example
 * ```ts
 * import { Dictionary, UnsuperposeError } from 'unsuperpose';
 *
 * try {
 *   Dictionary.from({ data: new Float32Array(6), shape: [2, 4] });
 * } catch (error) {
 *   if (error instanceof UnsuperposeError) console.log(error.code, error.argument); // → ERR_SHAPE matrix
 * }
 * ```
 */
export class UnsuperposeError extends Error {
  override readonly name = 'UnsuperposeError';
  /** Stable, for programs. */
  readonly code: ErrorCode;
  /** The argument or option that was refused, where there is one. */
  readonly argument?: string;

  constructor(code: ErrorCode, message: string, argument?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    if (argument !== undefined) this.argument = argument;
  }
}

// `instanceof` asks by fields too. Classes that extend this one are asked for as usual.
Object.defineProperty(UnsuperposeError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return this === UnsuperposeError
      ? isUnsuperposeError(value)
      : Function.prototype[Symbol.hasInstance].call(this as typeof UnsuperposeError, value);
  },
});
