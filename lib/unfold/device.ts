// Which methods of unfolding can use a GPU.
import { readDevice, readNoDevice, type Wanted } from '../call/device.js';
import type { Options } from '../call/options.js';

const ON_DEVICES: readonly string[] = ['lasso', 'omp'];

/** The device that a call with this method is to use. */
export function deviceOf(options: Options, method: string): Wanted {
  if (ON_DEVICES.includes(method)) return readDevice(options);
  return readNoDevice(options, `method ${method}`, `methods ${ON_DEVICES.join(', ')}`);
}
