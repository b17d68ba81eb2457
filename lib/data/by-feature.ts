// Codes turned around: for each feature, the samples that use it.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { count, digits, printsAs } from '../call/inspect.js';
import { lengthOf } from '../call/memory.js';
import { Options, refuseOption } from '../call/options.js';

type Values = Float32Array | Float64Array;

/** Codes by feature: where each begins, and the sample and value of each entry. */
interface Columns<V extends Values> {
  readonly indptr: Uint32Array;
  readonly samples: Uint32Array;
  readonly values: V;
}

/** Zeros of the same type. */
export function zerosLike<V extends Values>(values: V, length: number): V {
  return (types.isFloat32Array(values) ? new Float32Array(length) : new Float64Array(length)) as V;
}

/** One feature in all samples. */
export interface FeatureUse<V extends Values = Float32Array> {
  /** Samples in which it is active, the strongest (by |value|) first, ties by the lower index. */
  readonly samples: Uint32Array;
  /** Its values there. */
  readonly values: V;
  /** Share of all samples in which it is active. */
  readonly density: number;
  /** Its largest |value|; 0 if it is never active. */
  readonly maximum: number;
  /** The mean |value| over the samples in which it is active; 0 if there are none. */
  readonly mean: number;
}

/** Options of {@link CodesByFeature.feature}. */
export interface FeatureUseOptions {
  /** At most so many samples, an integer ≥ 0: the feature's top examples. Default: all in which it is active. */
  readonly top?: number | undefined;
}

const largestFirst = (a: number, b: number): number => b - a;

/**
 * Places of the `most` largest of `sizes`, the largest first, ties by the lower place. Typed arrays sort fast by number and slowly by
 * a function: the limit comes from the first, and the second only sees what is above it.
 */
function strongest(sizes: Float64Array, most: number): Uint32Array {
  const places = Uint32Array.from({ length: Math.min(most, sizes.length) }, (_, at) => at);
  if (most < sizes.length) {
    const limit = sizes.toSorted()[sizes.length - most] as number;
    let ties = most;
    for (const size of sizes) if (size > limit) ties--;
    let next = 0;
    for (let at = 0; at < sizes.length && next < most; at++) {
      const size = sizes[at] as number;
      if (size > limit || (size === limit && ties-- > 0)) places[next++] = at;
    }
  }
  return places.sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || a - b);
}

/**
 * Codes by feature, as compressed sparse columns (the layout of scipy's csc_matrix): feature j is active in the samples
 * `samples[indptr[j] … indptr[j + 1])`, ascending, with the `values` at the same places. Made by `codes.byFeature()`, in time linear in
 * the number of entries. Entries of value 0 are left out.
 */
export class CodesByFeature<V extends Values = Float32Array> implements Columns<V> {
  /** Where features begin: features + 1 entries. */
  readonly indptr: Uint32Array;
  /** Sample of each entry. */
  readonly samples: Uint32Array;
  readonly values: V;
  readonly shape: readonly [samples: number, features: number];
  /** Of each feature, the share of all samples in which it is active. */
  readonly density: Float64Array;
  /** Of each feature, its largest |value|; 0 if it is never active. */
  readonly maximum: Float64Array;
  /** Of each feature, its mean |value| over the samples in which it is active; 0 if there are none. */
  readonly mean: Float64Array;

  /** @internal */
  constructor({ indptr, samples, values }: Columns<V>, shape: readonly [number, number]) {
    this.indptr = indptr;
    this.samples = samples;
    this.values = values;
    this.shape = shape;
    const [rows, features] = shape;
    this.density = new Float64Array(features);
    this.maximum = new Float64Array(features);
    this.mean = new Float64Array(features);
    for (let j = 0; j < features; j++) {
      const begin = indptr[j] as number;
      const end = indptr[j + 1] as number;
      let [sum, largest] = [0, 0];
      for (let at = begin; at < end; at++) {
        const size = Math.abs(values[at] as number);
        sum += size;
        if (size > largest) largest = size;
      }
      if (end === begin) continue;
      this.density[j] = (end - begin) / rows;
      this.maximum[j] = largest;
      this.mean[j] = sum / (end - begin);
    }
  }

  /**
   * Feature `j`: where it is active, the strongest first.
   * @throws UnsuperposeError `ERR_OPTION` for a feature that is not there, `ERR_SHAPE` once the arrays were transferred
   *
   * @example
   * ```ts
   * import { Dictionary, unfoldSync } from 'unsuperpose';
   *
   * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
   * const x = { data: Float32Array.of(1, 0, 3, 0, 2, 5), shape: [3, 2] as const };
   * const features = unfoldSync(x, dictionary, { method: 'omp', residual: 0 }).codes.byFeature();
   * const { samples, values, density } = features.feature(0, { top: 2 });
   * console.log([...samples], [...values], density); // → [ 1, 2 ] [ 3, 2 ] 1
   * ```
   */
  feature(j: number, options?: FeatureUseOptions): FeatureUse<V> {
    const [, features] = this.shape;
    if (!Number.isInteger(j) || j < 0 || j >= features)
      refuseOption('j', `a feature, an integer ≥ 0 and < ${features}`, j);
    const read = new Options(options, ['top'], 'feature');
    const top = read.integer('top', { min: 0, max: Number.MAX_SAFE_INTEGER }, undefined);
    const begin = this.indptr[j];
    const end = this.indptr[j + 1];
    const entries = Math.min(lengthOf(this.values), lengthOf(this.samples));
    if (begin === undefined || end === undefined || end > entries)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `codes by feature: feature ${j} ends at entry ${end}, there are ${entries}: their buffers were detached, or written`,
        'codes',
      );
    // Detached arrays give no views, not even empty ones.
    const values = begin < end ? this.values.subarray(begin, end) : zerosLike(this.values, 0);
    const order = strongest(Float64Array.from(values, Math.abs), top ?? values.length);
    const chosen = zerosLike(this.values, order.length);
    order.forEach((at, place) => {
      chosen[place] = values[at] as number;
    });
    return {
      samples: order.map((at) => this.samples[begin + at] as number),
      values: chosen,
      density: this.density[j] as number,
      maximum: this.maximum[j] as number,
      mean: this.mean[j] as number,
    };
  }
}

printsAs(
  CodesByFeature.prototype,
  'CodesByFeature',
  ({ shape: [samples, features], density, samples: all }) => {
    const dead = density.reduce((sum, share) => sum + (share === 0 ? 1 : 0), 0);
    const most = density.toSorted(largestFirst)[0] ?? 0;
    return (
      `CodesByFeature ${count(features)} features in ${count(samples)} samples: ${count(all.length)} entries, ` +
      `${count(dead)} features never active, the densest in ${digits(100 * most)} % of the samples`
    );
  },
);

/** Valid rows turned into columns, by counting. */
export function transpose<V extends Values>(
  { indptr, indices, values }: { indptr: Uint32Array; indices: Uint32Array; values: V },
  shape: readonly [samples: number, features: number],
): CodesByFeature<V> {
  const [rows, features] = shape;
  const starts = new Uint32Array(features + 1);
  for (let at = 0; at < indices.length; at++) if (values[at] !== 0) starts[(indices[at] as number) + 1]!++;
  for (let j = 0; j < features; j++) starts[j + 1]! += starts[j] as number;
  const kept = starts[features] as number;
  const samples = new Uint32Array(kept);
  const sorted = zerosLike(values, kept);
  const next = starts.slice();
  for (let i = 0; i < rows; i++) {
    const end = indptr[i + 1] as number;
    for (let at = indptr[i] as number; at < end; at++) {
      const value = values[at] as number;
      if (value === 0) continue;
      const place = next[indices[at] as number]!++;
      samples[place] = i;
      sorted[place] = value;
    }
  }
  return new CodesByFeature({ indptr: starts, samples, values: sorted }, shape);
}
