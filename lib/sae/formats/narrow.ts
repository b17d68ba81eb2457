// What parameters are written as.
import { UnsuperposeError } from '../../call/errors.js';
import type { FloatType, Values } from '../../files/dtypes.js';
import { native } from '../../native/runtime.js';

export interface Saving {
  readonly dtype: FloatType;
  readonly signal: AbortSignal | undefined;
}

/** The values as this type, each rounded once. @throws UnsuperposeError `ERR_NOT_FINITE` for what is too large for it */
export function narrowed(values: Float32Array, dtype: FloatType, name: string): Values {
  if (dtype === 'float32') return values;
  if (dtype === 'float64') return Float64Array.from(values);
  const bits = new Uint16Array(values.length);
  const over = native((binding) => binding.narrow(values, dtype, bits));
  if (over >= 0)
    throw new UnsuperposeError(
      'ERR_NOT_FINITE',
      `${name}: entry ${over} is ${values[over]}, too large for ${dtype}: save as float32 or bfloat16`,
      'dtype',
    );
  return bits;
}
