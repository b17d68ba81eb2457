// Sparse features of toy models: how they are drawn, and samples of them.
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix } from '../call/matrix.js';
import { mapEntries, readEntries } from '../call/memory.js';
import { checkInteger, checkNumber, describe, Options, refuseOption } from '../call/options.js';
import { isNumbers, type PerFeature, readPerFeature } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import { SparseCodes } from '../data/codes.js';
import { native } from '../native/runtime.js';
import type { NativeToyStructure } from '../native/toy.js';
import { NONE } from '../native/values.js';

/**
 * Probability that a feature is active, 0 … 1: one number, one a feature, or Zipf's law, p_i = min(1, c·(i + 1)^−zipf) with c such that
 * the mean is `mean` before any are cut to 1.
 */
export type Densities = number | PerFeature | { readonly zipf: number; readonly mean: number };

/** Importance of a feature in the loss, ≥ 0: one number, one a feature, or `decay`ⁱ for feature i. */
export type Importances = number | PerFeature | { readonly decay: number };

/** Sizes of active features: uniform on (0, 1], or exp(location + scale·z), z standard normal. */
export type Magnitudes = 'uniform' | { readonly location: number; readonly scale: number };

/** How features depend on each other, and how large they are. */
export interface FeatureStructure {
  /** Groups whose features are active together: one draw u decides, feature i is active if u < p_i. Values are independent. */
  readonly correlated?: readonly (readonly number[])[] | undefined;
  /** Groups of which at most one feature is active at a time; the densities of each must sum to at most 1. */
  readonly anticorrelated?: readonly (readonly number[])[] | undefined;
  /**
   * One a feature: the feature that must be active for this one to be, or null. A child's density counts over all samples, so it is
   * at most its parent's. Not for features in a group.
   */
  readonly parents?: readonly (number | null)[] | undefined;
  /** Default `'uniform'`. */
  readonly magnitudes?: Magnitudes | undefined;
}

/** Options of {@link sampleFeatures}. */
export interface SampleFeaturesOptions extends FeatureStructure {
  readonly samples: number;
  readonly features: number;
  /** Default 0.1. */
  readonly density?: Densities | undefined;
  /** `'dense'` (default): a Matrix, samples × features; `'sparse'`: SparseCodes. */
  readonly format?: 'dense' | 'sparse' | undefined;
  /** Integer, 0 … 2⁵³ − 1. Default 0. */
  readonly seed?: number | undefined;
  /** Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

export const STRUCTURE_NAMES = ['correlated', 'anticorrelated', 'parents', 'magnitudes'];
const NAMES = ['samples', 'features', 'density', 'format', 'seed', 'threads', ...STRUCTURE_NAMES];
export const MOST_TOY_FEATURES = 2 ** 20;
const MOST_SAMPLES = 2 ** 31 - 1;
export const DEFAULT_DENSITY = 0.1;
/** Ten times 0.1 is not 1 in floating point. */
const ROUNDING = 1e-9;
/** Lognormal magnitudes up to this many deviations stay within float32. */
const LARGEST_LOCATION = 20;
const LARGEST_SCALE = 8;

/** @internal One density a feature. */
export function readDensities(name: string, value: unknown, features: number): Float64Array {
  const range = { min: 0, max: 1 };
  if (isNumbers(value)) return readPerFeature(name, value, features, range);
  if (typeof value === 'object' && value !== null) {
    const read = new Options(value, ['zipf', 'mean'], name);
    const zipf = checkNumber(`${name}.zipf`, read.get('zipf'), { min: 0 });
    const mean = checkNumber(`${name}.mean`, read.get('mean'), range);
    const shares = Float64Array.from({ length: features }, (_, i) => (i + 1) ** -zipf);
    const scale = (mean * features) / shares.reduce((sum, share) => sum + share, 0);
    return shares.map((share) => Math.min(1, scale * share));
  }
  const density = checkNumber(name, value, range, ', one a feature, or { zipf, mean }');
  return new Float64Array(features).fill(density);
}

/** @internal One importance a feature. */
export function readImportances(name: string, value: unknown, features: number): Float32Array {
  const range = { min: 0 };
  if (isNumbers(value)) return Float32Array.from(readPerFeature(name, value, features, range));
  if (typeof value === 'object' && value !== null) {
    const read = new Options(value, ['decay'], name);
    const decay = checkNumber(`${name}.decay`, read.get('decay'), { above: 0, max: 1 });
    return Float32Array.from({ length: features }, (_, i) => decay ** i);
  }
  return new Float32Array(features).fill(checkNumber(name, value, range, ', one a feature, or { decay }'));
}

function readGroups(name: string, value: unknown, features: number): number[][] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) refuseOption(name, 'an array of groups, each an array of features', value);
  return mapEntries(value, (group, i) => {
    const label = `${name}[${i}]`;
    if (!Array.isArray(group)) refuseOption(label, 'an array of features', group);
    return mapEntries(group, (feature, j) =>
      checkInteger(`${label}[${j}]`, feature, { min: 0, below: features }),
    );
  });
}

/** Whether following parents from any feature comes to an end. */
function endless(parent: Uint32Array): boolean {
  const settled = new Uint8Array(parent.length);
  for (let i = 0; i < parent.length; i++) {
    const path = [];
    let at = i;
    while (at !== NONE && settled[at] === 0) {
      settled[at] = 1;
      path.push(at);
      at = parent[at] ?? NONE;
    }
    if (at !== NONE && settled[at] === 1) return true;
    for (const feature of path) settled[feature] = 2;
  }
  return false;
}

function readMagnitudes(value: unknown): { lognormal: boolean; location: number; scale: number } {
  if (value === undefined || value === 'uniform') return { lognormal: false, location: 0, scale: 1 };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption('magnitudes', "'uniform' or { location, scale }", value);
  const read = new Options(value, ['location', 'scale'], 'magnitudes');
  return {
    lognormal: true,
    location: checkNumber('magnitudes.location', read.get('location'), {
      min: -LARGEST_LOCATION,
      max: LARGEST_LOCATION,
    }),
    scale: checkNumber('magnitudes.scale', read.get('scale'), { min: 0, max: LARGEST_SCALE }),
  };
}

/** @internal The structure, checked against the densities of every instance (`name`: the option they come from). */
export function readStructure(
  read: Options,
  features: number,
  densities: readonly { readonly name: string; readonly values: Float64Array }[],
): NativeToyStructure {
  const correlated = readGroups('correlated', read.get('correlated'), features);
  const anticorrelated = readGroups('anticorrelated', read.get('anticorrelated'), features);
  const group = new Uint32Array(features).fill(NONE);
  const groups = [...correlated, ...anticorrelated];
  for (const [index, members] of groups.entries())
    for (const feature of members) {
      if (group[feature] !== NONE)
        throw new UnsuperposeError(
          'ERR_OPTION',
          `feature ${feature} is twice in correlated and anticorrelated groups, expected at most once`,
          index < correlated.length ? 'correlated' : 'anticorrelated',
        );
      group[feature] = index;
    }
  const exclusive = Uint32Array.from(groups, (_, index) => (index < correlated.length ? 0 : 1));
  const parent = readParents(read.get('parents'), features, group);
  for (const { name, values } of densities) {
    for (const [index, members] of anticorrelated.entries()) {
      const sum = members.reduce((total, feature) => total + (values[feature] ?? 0), 0);
      if (sum > 1 + ROUNDING)
        refuseOption(name, `at most 1 in all for the features of anticorrelated[${index}]`, sum);
    }
    for (const [child, above] of parent.entries())
      if (above !== NONE && (values[child] ?? 0) > (values[above] ?? 0) + ROUNDING)
        refuseOption(
          `${name}[${child}]`,
          `at most its parent's, ${describe(values[above])} (feature ${above})`,
          values[child],
        );
  }
  return { group, exclusive, parent, ...readMagnitudes(read.get('magnitudes')) };
}

function readParents(value: unknown, features: number, group: Uint32Array): Uint32Array {
  if (value === undefined) return new Uint32Array(features).fill(NONE);
  if (!Array.isArray(value))
    refuseOption('parents', 'an array with a feature or null for each feature', value);
  if (value.length !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `parents must be one a feature (${features}), got ${value.length}`,
      'parents',
    );
  const parent = readEntries(Uint32Array, value, features, 'parents', (above, child) => {
    if (above === null) return NONE;
    const name = `parents[${child}]`;
    const read = checkInteger(name, above, { min: 0, below: features }, ' or null');
    if (group[child] !== NONE) refuseOption(name, 'null, as the feature is in a group', above);
    return read;
  });
  if (endless(parent))
    throw new UnsuperposeError(
      'ERR_OPTION',
      'parents must not go in a circle, got one that never ends',
      'parents',
    );
  return parent;
}

/**
 * Samples of sparse features with known truth (Elhage et al. 2022, "Toy Models of Superposition"): feature i is 0 but with probability
 * p_i (`density`), then uniform on (0, 1] or lognormal. Features are independent unless groups or parents say otherwise.
 *
 * Sample s depends on the seed and s alone: more samples begin with the same ones.
 *
 * @returns samples × features: a Matrix, or SparseCodes with `format: 'sparse'`
 * @throws UnsuperposeError `ERR_OPTION`, `ERR_SHAPE`, `ERR_TOO_LARGE`
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * const x = toy.sampleFeatures({ samples: 1000, features: 6, density: 0.2, anticorrelated: [[0, 1]], seed: 7, format: 'sparse' });
 * const both = [...x].filter(({ indices }) => indices.includes(0) && indices.includes(1));
 * console.log(x.shape.join(' × '), both.length); // → 1000 × 6 0
 * ```
 */
export function sampleFeatures(options: SampleFeaturesOptions & { readonly format: 'sparse' }): SparseCodes;
export function sampleFeatures(
  options: SampleFeaturesOptions & { readonly format?: 'dense' | undefined },
): Matrix<Float32Array>;
export function sampleFeatures(options: SampleFeaturesOptions): Matrix<Float32Array> | SparseCodes {
  const read = new Options(options, NAMES, 'sampleFeatures');
  const samples = read.requiredInteger('samples', { min: 0, max: MOST_SAMPLES });
  const features = read.requiredInteger('features', { min: 1, max: MOST_TOY_FEATURES });
  const density = readDensities('density', read.get('density') ?? DEFAULT_DENSITY, features);
  const structure = readStructure(read, features, [{ name: 'density', values: density }]);
  const format = read.choice('format', ['dense', 'sparse'], 'dense');
  const seed = read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0);
  const threads = readThreads(read);
  if (format === 'sparse') {
    const codes = native((module) => module.toySample(structure, density, seed, samples, threads));
    return SparseCodes.adopt(codes, samples, features);
  }
  const data = allocate(samples, features, 'sampleFeatures');
  native((module) => module.toySample(structure, density, seed, data, threads));
  return { data, shape: [samples, features] };
}

/**
 * The importance of each feature in the loss, as `trainToyModel` takes it from `importance`.
 * @throws UnsuperposeError `ERR_OPTION`, `ERR_SHAPE`
 */
export function importances(importance: Importances, features: number): Float32Array {
  return readImportances('importance', importance, checkFeatures(features));
}

/**
 * The density of each feature, as `sampleFeatures` and `trainToyModel` take it from `density`.
 * @throws UnsuperposeError `ERR_OPTION`, `ERR_SHAPE`
 */
export function densities(density: Densities, features: number): Float64Array {
  return readDensities('density', density, checkFeatures(features));
}

function checkFeatures(features: unknown): number {
  return checkInteger('features', features, { min: 1, max: MOST_TOY_FEATURES });
}
