// What every method of unfolding lets the caller choose: the method, threads, device and precision.
import type { DeviceOptions } from './device.js';
import { UnsuperposeError } from './errors.js';
import { describe, type Options } from './options.js';

/** Options of every method. */
export interface CommonOptions extends DeviceOptions {
  /** Threads to use: 1 … 1024. Default: UNSUPERPOSE_THREADS, or what the machine has. Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
  /** Default `'auto'`: float32 codes with float64 certificates. For `'float64'` see `Float64Options`. */
  readonly precision?: 'auto' | 'float32' | undefined;
}

export const COMMON_NAMES = ['method', 'threads', 'device', 'precision'] as const;

/** The method, one of `methods`. */
export function readMethod<T extends string>(options: Options, methods: readonly T[], absent: T): T {
  const value = options.has('method') ? options.get('method') : absent;
  const method = methods.find((name) => name === value);
  if (method === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${describe(value)} is not a method of ${options.call}; there are: ${methods.join(', ')}`,
      'method',
    );
  return method;
}
