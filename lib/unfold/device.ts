// Which methods of unfolding can use a GPU.
import { readDevice, readNoDevice, type Wanted } from '../call/device.js';
import type { Options } from '../call/options.js';

const ON_DEVICES: readonly string[] = ['lasso', 'omp'];

/** The device that a call with this method is to use; `those`: what of its methods can use a GPU. */
export function deviceOf(options: Options, method: string, those = ON_DEVICES): Wanted {
  if (those.includes(method)) return readDevice(options);
  return readNoDevice(
    options,
    `method ${method}`,
    `method${those.length > 1 ? 's' : ''} ${those.join(', ')}`,
  );
}
