// Where samples may come from when there are none: a distribution of codes over a given dictionary.
import { UnsuperposeError } from '../call/errors.js';
import { describe, Options, refuseOption } from '../call/options.js';
import type { NativeListaPrior } from '../native/lista.js';

/** What every prior may have. */
export interface ListaPriorBase {
  /** Values of active features: N(0, 1) (default), uniform on [.5, 1.5], exponential of mean 1, or 1. With `nonnegative` their magnitudes. */
  readonly values?: 'normal' | 'uniform' | 'exponential' | 'one' | undefined;
  /** Signs of values other than normal ones. Default: true, false with `nonnegative`. */
  readonly randomSigns?: boolean | undefined;
  /** 10·log₁₀ of ‖aD‖² over E‖noise‖², in dB, for each sample; the noise is white. Default Infinity: none. */
  readonly snr?: number | undefined;
}

/**
 * Samples x = aD + noise without end: each feature is active with the same probability, whatever the others are. Sample i of batch t depends on the
 * call's seed, t and i alone.
 */
export type ListaPrior =
  /** Probability of each feature to be active: 0 < density ≤ 1. */
  | (ListaPriorBase & { readonly density: number; readonly active?: undefined })
  /** Mean number of active features a sample: 0 < active ≤ features. */
  | (ListaPriorBase & { readonly active: number; readonly density?: undefined });

const NAMES = ['density', 'active', 'values', 'randomSigns', 'snr'] as const;
const VALUES = ['normal', 'uniform', 'exponential', 'one'] as const;

/** Is this meant to be a prior, rather than samples? */
export function isPrior(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('density' in value || 'active' in value);
}

function readDensity(read: Options, features: number): number {
  if (read.has('density') && read.has('active'))
    throw new UnsuperposeError(
      'ERR_OPTION',
      'density and active exclude each other: give one of the two',
      'active',
    );
  if (read.has('density')) return read.requiredNumber('density', { above: 0, max: 1 });
  return read.requiredNumber('active', { above: 0, max: features, note: 'features' }) / features;
}

function readSnr(read: Options): number {
  const snr = read.has('snr') ? read.get('snr') : Number.POSITIVE_INFINITY;
  if (typeof snr !== 'number' || Number.isNaN(snr) || snr === Number.NEGATIVE_INFINITY)
    refuseOption('snr', 'a finite number of dB, or Infinity', snr);
  return snr;
}

/** A prior over `features` features. */
export function readPrior(value: unknown, features: number, nonnegative: boolean): NativeListaPrior {
  if (Array.isArray(value)) refuseOption('the prior', 'an object', value);
  const read = new Options(value, NAMES, 'a prior');
  const density = readDensity(read, features);
  const values = read.choice('values', VALUES, 'normal');
  if (values === 'normal') read.exclude(['randomSigns'], 'values uniform, exponential, one', 'values normal');
  const randomSigns = read.has('randomSigns') ? read.flag('randomSigns') : !nonnegative;
  if (nonnegative && randomSigns)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `randomSigns must be false with nonnegative, got ${describe(randomSigns)}`,
      'randomSigns',
    );
  return { density, values, randomSigns, snr: readSnr(read) };
}
