// Which entries of samples are known.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { readShape } from '../call/matrix.js';
import { copyOf, lengthOf, readEntries } from '../call/memory.js';
import { type Options, refuseOption } from '../call/options.js';

/** Flags, 0 or false where nothing was observed. */
type Flags = Uint8Array | readonly boolean[];
/** Flags for each entry of samples × dims, or one row of dims for all samples. */
export type ObservedEntries = Flags | { readonly data: Flags; readonly shape: readonly number[] };

/** The option of the methods that fit observed entries alone. */
export interface ObservedOption {
  /**
   * Which entries of the activations count: the fit becomes ½‖m∘(x − aD)‖², m the mask. One row of dims for all samples, or
   * `{ data, shape: [samples, dims] }`. Entries that are not observed may be anything, NaN too; `fold` of the codes predicts them.
   * Each different mask costs a copy of the dictionary's columns. Default: all.
   */
  readonly observed?: ObservedEntries | undefined;
}

export const OBSERVING = ['lasso', 'fista', 'ista', 'homotopy', 'bpdn', 'l1-ball', 'reweighted', 'omp'];

const isFlags = (value: unknown): value is Uint8Array | readonly unknown[] =>
  types.isUint8Array(value) || Array.isArray(value);

function readFlags(value: Uint8Array | readonly unknown[], count: number): Uint8Array {
  if (types.isUint8Array(value)) return copyOf(value, 'observed');
  return readEntries(Uint8Array, value, count, 'observed', (flag, i) => {
    if (typeof flag !== 'boolean') refuseOption(`observed[${i}]`, 'true or false', flag);
    return flag ? 1 : 0;
  });
}

/** The flags of all entries, or of one row for all samples; undefined where the option is not given. */
export function readObserved(options: Options, samples: number, dims: number): Uint8Array | undefined {
  const value = options.get('observed');
  if (value === undefined) return undefined;
  const wrong = (got: string): never => {
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `observed must be one row of ${dims} flags for all samples, or [${samples}, ${dims}], got ${got}`,
      'observed',
    );
  };
  if (isFlags(value))
    return lengthOf(value) === dims ? readFlags(value, dims) : wrong(`${lengthOf(value)} flags`);
  if (typeof value !== 'object' || value === null)
    return refuseOption('observed', 'a Uint8Array, an array of booleans, or a matrix of either', value);
  const { data, shape } = value as { data?: unknown; shape?: unknown };
  if (!isFlags(data)) return refuseOption('observed.data', 'a Uint8Array or an array of booleans', data);
  const [rows, cols] = readShape(shape, 'observed');
  const count = lengthOf(data);
  if (rows !== samples || cols !== dims || count !== rows * cols)
    return wrong(`[${rows}, ${cols}] with ${count} flags`);
  return readFlags(data, count);
}
