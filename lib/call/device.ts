// Where a call is to run: its option `device`, else UNSUPERPOSE_DEVICE, else the CPU. What machine there is, lib/native/resources.ts asks.
import { UnsuperposeError } from './errors.js';
import { describe, type Options, refuseOption } from './options.js';

/**
 * Where to compute: the CPU; an NVIDIA GPU by its number (`'cuda'`: number 0); or, with `'auto'`, a GPU where there is one and the work pays for
 * the copies to it, and else the CPU.
 */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** The option of calls that can use a GPU. */
export interface DeviceOptions {
  /**
   * Where to compute. Default: UNSUPERPOSE_DEVICE, or `'cpu'`; nothing looks for a GPU unless it is asked to.
   *
   * - `'cuda'`, `'cuda:1'`, …: that GPU, numbered as CUDA_VISIBLE_DEVICES leaves them. `ERR_NO_DEVICE` where it cannot be used.
   * - `'auto'`: the first GPU that can be used, where the call has at least 2³⁴ multiply-adds (rows · features · dims; pairs of features · dims; fold: codes · dims):
   *   below that the copies cost more than they spare. Else the CPU, without a word.
   *
   * Of the methods of unfold `'lasso'` and `'omp'` can use a GPU, of those of unfoldPath `'lasso'`. The others run on the CPU, and refuse a GPU that they are asked
   * for (`ERR_OPTION`).
   *
   * Answers keep to the same bounds wherever they come from. The first call that asks for a GPU starts CUDA, which takes part of a second.
   */
  readonly device?: Device | undefined;
}

/** Numbers are of CUDA devices. */
export type Wanted = 'auto' | 'cpu' | number;

const EXPECTED = "'auto', 'cpu', 'cuda' or 'cuda:N'";
const CUDA = /^cuda(?::(0|[1-9][0-9]{0,3}))?$/;
const VARIABLE = 'UNSUPERPOSE_DEVICE';

function parse(value: unknown): Wanted | undefined {
  if (value === 'auto' || value === 'cpu') return value;
  const match = typeof value === 'string' ? CUDA.exec(value) : null;
  return match === null ? undefined : Number(match[1] ?? 0);
}

function defaultDevice(): Wanted {
  const text = process.env[VARIABLE];
  if (text === undefined || text === '') return 'cpu';
  const wanted = parse(text);
  if (wanted === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `the environment variable ${VARIABLE} must be ${EXPECTED}, got ${describe(text)}`,
      VARIABLE,
    );
  return wanted;
}

/** Of a call that can use a GPU. */
export function readDevice(options: Options): Wanted {
  if (!options.has('device')) return defaultDevice();
  const value = options.get('device');
  return parse(value) ?? refuseOption('device', EXPECTED, value);
}

/**
 * Of a call that cannot use a GPU, `what`; those of `others` can. Refuses a GPU that the call asks for by itself; what all calls are to
 * use by default is for those that can.
 */
export function readNoDevice(options: Options, what: string, others: string): 'cpu' {
  if (typeof readDevice(options) === 'number' && options.has('device'))
    refuseDevice(options.get('device'), what, others);
  return 'cpu';
}

/** Of a GPU that was asked for, as it was given, and what cannot use it. */
export function refuseDevice(given: unknown, what: string, others: string): never {
  throw new UnsuperposeError(
    'ERR_OPTION',
    `device ${describe(given)} is for ${others}: ${what} runs on the CPU only`,
    'device',
  );
}
