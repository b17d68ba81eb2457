/// <reference lib="esnext.disposable" preserve="true" />
// All pairs of features of two dictionaries, through a weight matrix.
import { UnsuperposeError } from '../call/errors.js';
import { count, keepFromCloning, printsAs } from '../call/inspect.js';
import { checkInteger, checkNumber, Options, refuseOption } from '../call/options.js';
import { isNumbers, type PerFeature, readPerFeature } from '../call/samples.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativePairs, PairsHandle } from '../native/features.js';
import {
  askDevice,
  askNative,
  PAIR_QUESTION_NAMES,
  type PairQuestionOptions,
  QUESTION_NAMES,
  type QuestionOptions,
} from '../native/question.js';
import { binding, native } from '../native/runtime.js';
import { readWeight, type Weight } from './weights.js';

/** Options of {@link virtualWeights}. */
export interface VirtualWeightsOptions {
  /** One factor ≥ 0 for each `from` feature: what it is when active, say its largest activation. Default: ones. */
  readonly fromScale?: PerFeature | undefined;
  /** One factor ≥ 0 for each `to` feature, say one over its largest activation. Default: ones. */
  readonly toScale?: PerFeature | undefined;
}

/** Options of {@link VirtualWeights.above}. */
export interface AboveEpsilonOptions extends PairQuestionOptions {
  /** Most pairs; more are ERR_TOO_LARGE. Default 10 million. */
  readonly limit?: number | undefined;
}

/** Options of {@link VirtualWeights.histogram}. */
export interface HistogramOptions extends QuestionOptions {
  /** Bins of equal width, 1 to 65536. Default 100. */
  readonly bins?: number | undefined;
  /** The upper end of the last bin, > 0; what is larger is counted in it. Default: the largest |value|, or 1 if all are zero. */
  readonly top?: number | undefined;
}

/** A list of pairs: pair p is v(to[p], from[p]) = value[p]. */
export interface PairList {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** With its sign. */
  readonly value: Float32Array;
}

/** The complete list of pairs above ε. */
export interface PairsAbove extends PairList {
  /** Pairs whose float64 value is so near to ε that rounding may have put them on the wrong side. */
  readonly uncertain: number;
  /** No |value|, before it is rounded to float32, is off by more. */
  readonly error: number;
}

/** The strongest pair of all. */
export interface StrongestPair {
  /** With its sign, in float64. 0 if all are zero: then `from` and `to` are −1. */
  readonly value: number;
  readonly from: number;
  readonly to: number;
  /** Certified: no pair exceeds it in absolute value. |value| and what rounding may have hidden. */
  readonly bound: number;
}

/** Each feature's strongest pair. */
export interface FeatureMaxima {
  /** The feature on the other side, ties by the lower index; 2³² − 1 where all pairs are zero. */
  readonly partner: Uint32Array;
  /** With its sign, in float64. */
  readonly value: Float64Array;
  /** No value is off by more. */
  readonly error: number;
}

/** How many pairs have which strength. */
export interface PairHistogram {
  /** bins + 1 edges, from 0 to `top`. */
  readonly edges: Float64Array;
  /** Pairs with edges[b] ≤ |value| < edges[b + 1]; the last bin also has what is larger. They add up to from.features · to.features. */
  readonly counts: Float64Array;
}

const DEFAULT_LIMIT = 1e7;
/** What 32-bit counts and the memory of a process allow. */
const MOST_PAIRS = 2 ** 30;
const MOST_BINS = 65536;
const DEFAULT_BINS = 100;

function readScale(name: string, value: unknown, features: number): Float64Array | undefined {
  if (value === undefined) return undefined;
  if (!isNumbers(value)) refuseOption(name, 'an array of numbers, one a feature', value);
  return readPerFeature(name, value, features, { min: 0 });
}

const toList = ({ from, to, value }: NativePairs): PairList => ({
  from,
  to,
  value: Float32Array.from(value),
});

/**
 * The virtual weights v(j, i) = d_j ᵀ W e_i between all features of two dictionaries: what feature i of the one adds to feature j of the
 * other. Made by {@link virtualWeights}. The features × features values are never stored. Every answer is that of float64
 * over all pairs: they are scored in low precision with a proved bound, and what the bound leaves open is computed in float64.
 */
export class VirtualWeights {
  readonly #handle: PairsHandle;
  /** Multiply-adds of one pass over all pairs. */
  readonly #work: number;
  #disposed = false;
  /** Features of `from` and `to`. */
  readonly shape: readonly [from: number, to: number];

  /** @internal */
  constructor(handle: PairsHandle, shape: readonly [number, number], dims: number) {
    this.#handle = handle;
    this.shape = shape;
    this.#work = shape[0] * shape[1] * dims;
    keepFromCloning(
      this,
      'VirtualWeights have native memory of their thread: post the dictionaries and the weight as matrices instead',
    );
  }

  #use(): PairsHandle {
    if (this.#disposed) throw new UnsuperposeError('ERR_DISPOSED', 'the virtual weights were disposed');
    return this.#handle;
  }

  /**
   * The strongest pair, with the bound that no pair exceeds: "no two features interact by more than that".
   * Cost: one pass over all pairs in low precision, about a quarter of the float32 product with AVX-512 VNNI.
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
   */
  async maximum(options?: PairQuestionOptions): Promise<StrongestPair> {
    const read = new Options(options, PAIR_QUESTION_NAMES, 'maximum');
    const { from, to, value, error } = await this.#strongest(read, 1);
    const strongest = value[0] ?? 0;
    return {
      value: strongest,
      from: from[0] ?? -1,
      to: to[0] ?? -1,
      // Their sum is rounded too, unless there is nothing to add.
      bound: error === 0 ? Math.abs(strongest) : nextUp(Math.abs(strongest) + error),
    };
  }

  /**
   * The complete list of pairs with |value| > ε, ascending by `from`, then `to`.
   * @param epsilon ≥ 0
   * @throws UnsuperposeError (as a rejection) `ERR_TOO_LARGE` if there are more than `limit`, `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`;
   *   `signal.reason` once aborted
   */
  async above(epsilon: number, options?: AboveEpsilonOptions): Promise<PairsAbove> {
    const read = new Options(options, ['limit', ...PAIR_QUESTION_NAMES], 'above');
    checkNumber('epsilon', epsilon, { min: 0 });
    const limit = read.integer('limit', { min: 0, max: MOST_PAIRS }, DEFAULT_LIMIT);
    const handle = this.#use();
    const list = await askDevice<NativePairs>(read, this.#work, (...rest) =>
      binding.pairsAbove(handle, epsilon, limit, ...rest),
    );
    return { ...toList(list), uncertain: list.uncertain, error: list.error };
  }

  /**
   * The k strongest pairs by |value|, strongest first, ties by the lower `from`, then `to`. Fewer if fewer are not zero.
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
   */
  async strongest(k: number, options?: PairQuestionOptions): Promise<PairList> {
    const read = new Options(options, PAIR_QUESTION_NAMES, 'strongest');
    checkInteger('k', k, { min: 1, max: MOST_PAIRS });
    return toList(await this.#strongest(read, k));
  }

  /**
   * For each feature of one side, its strongest pair.
   * @param side whose features
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once aborted
   */
  async maxima(side: 'from' | 'to', options?: PairQuestionOptions): Promise<FeatureMaxima> {
    const read = new Options(options, PAIR_QUESTION_NAMES, 'maxima');
    if (side !== 'from' && side !== 'to') refuseOption('side', "'from' or 'to'", side);
    const handle = this.#use();
    return askDevice<FeatureMaxima>(read, this.#work, (...rest) =>
      binding.pairsMaxima(handle, side === 'to', ...rest),
    );
  }

  /**
   * How many pairs have which |value|, exactly as float64 has it. Every pair is needed for that: it costs somewhat more than the float32
   * product.
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_DISPOSED`; `signal.reason` once aborted
   */
  async histogram(options?: HistogramOptions): Promise<PairHistogram> {
    const read = new Options(options, ['bins', 'top', ...QUESTION_NAMES], 'histogram');
    const bins = read.integer('bins', { min: 1, max: MOST_BINS }, DEFAULT_BINS);
    const given = read.number('top', { above: 0 }, undefined);
    const handle = this.#use();
    // Where all are zero, any width will do.
    const top = given ?? ((await this.#strongest(read, 1)).value.map(Math.abs)[0] || 1);
    const counts = await askNative<Float64Array>(read, (...rest) =>
      binding.pairsHistogram(handle, top, bins, ...rest),
    );
    return { edges: Float64Array.from({ length: bins + 1 }, (_, b) => (b * top) / bins), counts };
  }

  #strongest(read: Options, k: number): Promise<NativePairs> {
    const handle = this.#use();
    return askDevice<NativePairs>(read, this.#work, (...rest) => binding.pairsStrongest(handle, k, ...rest));
  }

  /** Lets go of the native memory. Running questions keep what they use until they end. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    native((module) => module.disposePairs(this.#handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

printsAs(VirtualWeights.prototype, 'VirtualWeights', ({ shape: [from, to] }) => {
  return `VirtualWeights from ${count(from)} to ${count(to)} features`;
});

/** The next larger float64, for x ≥ 0. */
export function nextUp(x: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  view.setBigUint64(0, view.getBigUint64(0) + 1n);
  return view.getFloat64(0);
}

/**
 * The virtual weights v(j, i) = d_j ᵀ W e_i of all pairs: e_i the features of `from` (what they write), d_j those of `to` (what they read),
 * W the weight between. With scales they are toScale[j] · v(j, i) · fromScale[i].
 *
 * Features that overlap interact in raw weights even where they are never active together: a raw weight includes that
 * interference. Scales by observed activations tell what matters in use.
 *
 * Atoms, weights and scales count as the exact numbers that they are (in float32; scales in float64). They are copied or shared: the
 * dictionaries may be disposed afterwards.
 *
 * @param from features × dims
 * @param weight `to.dims` × `from.dims`
 * @param to features × dims
 * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`. Norms above 1e18 under way are
 *   `ERR_OPTION` of the first question.
 * @see Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021 (virtual weights)
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const from = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const to = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const weight = { data: Float32Array.of(0, 2, 0.5, 0), shape: [2, 2] as const };
 * const weights = claims.virtualWeights(from, weight, to);
 * console.log((await weights.maximum()).value); // → 2
 * const { from: i, to: j } = await weights.above(1);
 * console.log([...i], [...j]); // → [ 1, 1 ] [ 0, 1 ]
 * ```
 */
export function virtualWeights(
  from: Dictionary,
  weight: Weight,
  to: Dictionary,
  options?: VirtualWeightsOptions,
): VirtualWeights {
  const read = new Options(options, ['fromScale', 'toScale'], 'virtualWeights');
  const fromHandle = Dictionary.handleOf(from, 'from');
  const toHandle = Dictionary.handleOf(to, 'to');
  const fromScale = readScale('fromScale', read.get('fromScale'), from.features);
  const toScale = readScale('toScale', read.get('toScale'), to.features);
  const chain = readWeight(weight, 'weight', to.dims, from.dims);
  const handle = native((module) => module.createPairs(fromHandle, chain, toHandle, fromScale, toScale));
  return new VirtualWeights(handle, [from.features, to.features], Math.min(from.dims, to.dims));
}
