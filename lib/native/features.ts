// What the native module exports about pairs of features, geometry, recoverability and claims. Internal.
import type { NativeMatrix } from '../call/matrix.js';
import type { DictionaryHandle, JobId, NativeCodes, Report, Resources, Settled } from './values.js';

/** All pairs of two sets of features: an opaque, tagged object. */
export interface PairsHandle {
  readonly __pairs: never;
}

export interface NativePairs {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly value: Float64Array;
  readonly error: number;
  readonly uncertain: number;
}

export interface NativeCircuit {
  readonly bound: number;
  readonly strength: number;
  readonly path: Uint32Array;
  readonly values: Float64Array;
  readonly sumBound: number;
  readonly sumFeature: number;
}

/** One entry a sample. */
export interface NativeRecoverability {
  readonly fuchs: Float64Array;
  readonly erc: Float64Array;
  readonly fuchsFeature: Uint32Array;
  readonly ercFeature: Uint32Array;
  readonly eigenvalue: Float64Array;
  readonly bias: Float64Array;
  readonly smallest: Float64Array;
  readonly limit: Float64Array;
  /** 0 not recovered, 1 recovered, 2 undecided */
  readonly lasso: Uint8Array;
  readonly basisPursuit: Uint8Array;
  /** entries of each code */
  readonly active: Uint32Array;
}

/** One quantity of a predicate and its thresholds; see native/features/predicates.hpp. */
export interface NativeQuantity {
  readonly kind: number;
  readonly above: number | undefined;
  readonly below: number | undefined;
  /** alignment (one), energy */
  readonly rows?: NativeMatrix | undefined;
  /** connection */
  readonly to?: DictionaryHandle | undefined;
  /** connection: all if absent */
  readonly features?: Uint32Array | undefined;
  /** connection: the identity if absent */
  readonly weight?: NativeMatrix | undefined;
}

/** In reverse Polish notation: an index of a quantity, −1 and, −2 or, −3 not. */
export interface NativePredicate {
  readonly quantities: readonly NativeQuantity[];
  readonly program: readonly number[];
}

/** Of feature f and quantity q: entry q · features + f. */
export interface NativePredicateValues {
  /** One a feature: 0 no, 1 yes, 2 undecided. Empty of the second evaluation. */
  readonly truth: Uint8Array;
  readonly values: Float64Array;
  /** Of the second evaluation: what float64 could not hold of the values. */
  readonly lows: Float64Array;
  readonly errors: Float64Array;
}

export interface NativeCoverageOptions {
  /** 0: codes are given */
  readonly lambda: number;
  readonly codes: NativeCodes | undefined;
  readonly calibrationCodes: NativeCodes | undefined;
  readonly ridge: number;
  readonly nonnegative: boolean;
  readonly tolerance: number;
  readonly falseAlarmRate: number;
  readonly relative: boolean;
  readonly significance: number;
  readonly mostDirections: number;
}

export interface NativeCoverage {
  readonly energy: Float64Array;
  readonly unexplained: Float64Array;
  readonly pValue: Float64Array;
  readonly flagged: Uint8Array;
  readonly threshold: number;
  readonly directions: Float32Array;
  readonly strength: Float64Array;
  readonly samples: Uint32Array;
  readonly significance: Float64Array;
  readonly nearest: Uint32Array;
  readonly cosine: Float64Array;
}

/** Part of {@link NativeBinding}. */
export interface NativeFeatures {
  /** Copies the matrices and scales; the work is done by the first question. */
  createPairs(
    from: DictionaryHandle,
    chain: readonly NativeMatrix[],
    to: DictionaryHandle,
    fromScale: Float64Array | undefined,
    toScale: Float64Array | undefined,
  ): PairsHandle;
  disposePairs(pairs: PairsHandle): void;
  pairsAbove(
    pairs: PairsHandle,
    epsilon: number,
    limit: number,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativePairs>,
  ): JobId;
  pairsStrongest(
    pairs: PairsHandle,
    k: number,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativePairs>,
  ): JobId;
  pairsMaxima(
    pairs: PairsHandle,
    ofTo: boolean,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<{ partner: Uint32Array; value: Float64Array; error: number }>,
  ): JobId;
  pairsHistogram(
    pairs: PairsHandle,
    top: number,
    bins: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<Float64Array>,
  ): JobId;
  strongestCircuit(
    from: DictionaryHandle,
    steps: readonly { readonly chain: readonly NativeMatrix[]; readonly to: DictionaryHandle }[],
    fromFeatures: Uint32Array | undefined,
    toFeatures: Uint32Array | undefined,
    sums: boolean,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<NativeCircuit>,
  ): JobId;
  /** The same by plain float64 over all pairs, and the virtual weights along `path`. */
  circuitAgain(
    from: DictionaryHandle,
    steps: readonly { readonly chain: readonly NativeMatrix[]; readonly to: DictionaryHandle }[],
    fromFeatures: Uint32Array | undefined,
    toFeatures: Uint32Array | undefined,
    path: Uint32Array,
    threads: number,
    onProgress: Report,
    onSettled: Settled<{ strength: number; sum: number; values: Float64Array; error: number }>,
  ): JobId;
  /** The strongest of all pairs by plain float64, and the value `there` of the pair asked about (−1: none). */
  strongestAgain(
    from: DictionaryHandle,
    chain: readonly NativeMatrix[],
    to: DictionaryHandle,
    fromFeature: number,
    toFeature: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<{ value: number; error: number; there: number }>,
  ): JobId;

  coherence(
    dictionary: DictionaryHandle,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<{ value: number; error: number; first: number; second: number }>,
  ): JobId;
  babel(
    dictionary: DictionaryHandle,
    most: number,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<{ value: Float64Array; feature: Uint32Array; error: number }>,
  ): JobId;
  clusters(
    dictionary: DictionaryHandle,
    threshold: number,
    given: Resources,
    onProgress: Report,
    onSettled: Settled<{ labels: Uint32Array; count: number }>,
  ): JobId;
  featureDimensionality(
    dictionary: DictionaryHandle,
    threads: number,
    onProgress: Report,
    onSettled: Settled<Float64Array>,
  ): JobId;
  /** Rows of unit norm, or zero. */
  matchFeatures(
    found: NativeMatrix,
    truth: NativeMatrix,
    signed: boolean,
    threads: number,
    onProgress: Report,
    onSettled: Settled<{
      found: Uint32Array;
      cosine: Float64Array;
      mcc: number;
      nearest: Uint32Array;
      mmcs: number;
      uniqueness: number;
      nearestTruth: Uint32Array;
      truthCosine: Float64Array;
      foundUniqueness: number;
    }>,
  ): JobId;

  recoverability(
    dictionary: DictionaryHandle,
    codes: NativeCodes,
    samples: number,
    nonnegative: boolean,
    /** of the search for a proof about basis pursuit, a code */
    steps: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativeRecoverability>,
  ): JobId;
  plantedCodes(
    samples: number,
    features: number,
    active: number,
    nonnegative: boolean,
    seed: number,
  ): NativeCodes;
  relativeDistances(codes: NativeCodes, truth: NativeCodes, samples: number, features: number): Float64Array;

  /** `again`: by the second, independent path. */
  evaluatePredicate(
    handle: DictionaryHandle,
    codes: (NativeCodes & { readonly samples: number }) | undefined,
    predicate: NativePredicate,
    again: boolean,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativePredicateValues>,
  ): JobId;
  coverage(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    calibration: NativeMatrix,
    options: NativeCoverageOptions,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativeCoverage>,
  ): JobId;
}
