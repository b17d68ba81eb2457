// What the native module exports, as native/node/ writes it. Internal: users see dictionary.ts, unfold.ts and the rest.

/** A native dictionary: an opaque, tagged object. */
export interface DictionaryHandle {
  readonly __dictionary: never;
}

/** A native online learner: an opaque, tagged object. */
export interface LearnerHandle {
  readonly __learner: never;
}

/** The paths of a call's samples: an opaque, tagged object. */
export interface KnotsHandle {
  readonly __knots: never;
}

/** All pairs of two sets of features: an opaque, tagged object. */
export interface PairsHandle {
  readonly __pairs: never;
}

/** A running asynchronous call; see {@link NativeBinding.cancel}. */
export type JobId = number;

/** Called once, on the JavaScript thread. */
export type Settled<T> = (error: Error | undefined, result: T) => void;

/** `data` has rows · cols values. Async calls copy it before they return. */
export interface NativeMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

export interface NativeCodes {
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** Every field is there: lib/ fills in the defaults. */
export interface NativeUnfoldOptions {
  readonly method:
    | 'lasso'
    | 'fista'
    | 'ista'
    | 'homotopy'
    | 'bpdn'
    | 'reweighted'
    | 'omp'
    | 'mp'
    | 'gradient-pursuit'
    | 'iht'
    | 'htp'
    | 'cosamp'
    | 'amp';
  readonly lambda: Float64Array;
  readonly ridge: number;
  readonly weights: Float32Array | undefined;
  readonly nonnegative: boolean;
  /** lasso and homotopy: the values of the codes come as a Float64Array */
  readonly float64: boolean;
  readonly sparsity: Uint32Array;
  readonly residual: number;
  /** empty: the method's default */
  readonly epsilon: Float64Array;
  /** amp without λ */
  readonly thresholdFactor: number;
  readonly reweightings: number;
  /** bytes */
  readonly gramBudget: number;
  readonly tolerance: number;
  /** 0: the method's default */
  readonly maxIterations: number;
  readonly warmStart: NativeCodes | undefined;
  /** unfoldSync with method lasso: answer where the time went. For the benchmarks. */
  readonly profile?: boolean;
}

/** Seconds of all threads together. */
export interface NativeStages {
  readonly score: number;
  readonly rescore: number;
  readonly gram: number;
  readonly solve: number;
  readonly residual: number;
  readonly certify: number;
}

export interface NativeUnfolding {
  readonly codes: NativeCodes;
  readonly gap: Float64Array;
  readonly objective: Float64Array;
  readonly residual: Float32Array;
  readonly status: Uint8Array;
  readonly iterations: Uint32Array;
  /** with `profile` */
  readonly stages?: NativeStages;
  /** bpdn and knots: one a sample; empty otherwise */
  readonly lambda: Float64Array;
}

export interface NativeKnots extends NativeUnfolding {
  /** Whether every sample is at its end. */
  readonly ended: boolean;
}

export interface NativeCertifyOptions {
  readonly lambda: Float64Array;
  readonly ridge: number;
  readonly weights: Float32Array | undefined;
  readonly nonnegative: boolean;
  readonly tolerance: number;
}

export interface NativeCertification {
  /** 0 none, 1 bounded, 2 exact */
  readonly verdict: Uint8Array;
  readonly gap: Float64Array;
  readonly fuchs: Float64Array;
  readonly unique: Uint8Array;
  readonly eigenvalue: Float64Array;
  readonly worst: Uint32Array;
  readonly correlation: Float64Array;
  readonly objective: Float64Array;
  readonly polished: Float64Array;
  readonly error: Float64Array;
}

export interface NativeLearnerOptions {
  readonly features: number;
  readonly lambda: number;
  readonly nonnegative: boolean;
  readonly batchSize: number;
  readonly tolerance: number;
  readonly forgetting: number;
  readonly seed: number;
}

export interface NativeStatistics {
  readonly steps: number;
  readonly samples: number;
  readonly objective: number;
  readonly explainedVariance: number;
  readonly l0: number;
  readonly replaced: number;
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
}

type Report = ((done: number, total: number) => void) | undefined;
/** How toy features depend on each other; 2³² − 1 stands for none. */
export interface NativeToyStructure {
  /** one a feature */
  readonly group: Uint32Array;
  /** one a group: 1 if only one of its features is active at a time, 0 if all are together */
  readonly exclusive: Uint32Array;
  /** one a feature */
  readonly parent: Uint32Array;
  readonly lognormal: boolean;
  readonly location: number;
  readonly scale: number;
}

/** What a toy model's gradient depends on. */
export interface NativeToyLoss {
  readonly features: number;
  readonly dims: number;
  readonly relu: boolean;
  readonly activationPenalty: number;
  readonly interferencePenalty: number;
  readonly allowedInterference: number;
}

export interface NativeToyOptions extends NativeToyLoss {
  readonly batchSize: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly schedule: 'constant' | 'linear' | 'cosine';
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly seed: number;
  /** of the loss, an instance */
  readonly records: number;
}

/** Weights (features × dims) and biases of models, one after the other. */
export interface NativeToyParameters {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface NativeToyModel extends NativeToyParameters {
  /** instances × records */
  readonly losses: Float64Array;
}

/** One entry a feature. */
export interface NativeSuperposition {
  readonly norm: Float64Array;
  readonly dimensionality: Float64Array;
  readonly interference: Float64Array;
  readonly alignment: Float64Array;
  readonly fourth: Float64Array;
  readonly neuron: Uint32Array;
}

/** The right-hand side of a product. */
export type NativeRight = NativeMatrix | { readonly handle: DictionaryHandle };

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

/** All functions throw an Error with a `code`; runtime.ts makes it an UnsuperposeError. */
export interface NativeBinding {
  info(): {
    isa: string;
    isaError: string;
    supportedIsas: string[];
    capabilities: string[];
    precisions: string[];
  };
  /** Asks a job to stop; ids that are not running are ignored. */
  cancel(job: JobId): void;

  createDictionary(matrix: NativeMatrix, normalize: boolean): DictionaryHandle;
  dictionaryInfo(handle: DictionaryHandle): {
    features: number;
    dims: number;
    bytes: number;
    /** of an atom */
    maxNorm: number;
  };
  dictionaryAtoms(handle: DictionaryHandle, out: Float32Array): void;
  disposeDictionary(handle: DictionaryHandle): void;

  unfoldSync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    options: NativeUnfoldOptions,
    threads: number,
  ): NativeUnfolding;
  unfold(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    options: NativeUnfoldOptions,
    threads: number,
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativeUnfolding>,
  ): JobId;
  certifySync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    codes: NativeCodes,
    options: NativeCertifyOptions,
    threads: number,
  ): NativeCertification;
  certify(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    codes: NativeCodes,
    options: NativeCertifyOptions,
    threads: number,
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativeCertification>,
  ): JobId;
  checkCodes(codes: NativeCodes, rows: number, features: number, name: string): void;
  fold(codes: NativeCodes, rows: number, handle: DictionaryHandle, out: Float32Array, threads: number): void;
  lambdaMaxSync(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    weights: Float32Array | undefined,
    nonnegative: boolean,
    threads: number,
  ): Float64Array;
  lambdaMax(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    weights: Float32Array | undefined,
    nonnegative: boolean,
    threads: number,
    onSettled: Settled<Float64Array>,
  ): JobId;

  /** Keeps a copy of the activations. */
  createKnots(handle: DictionaryHandle, activations: NativeMatrix, options: NativeUnfoldOptions): KnotsHandle;
  nextKnot(
    knots: KnotsHandle,
    threads: number,
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativeKnots>,
  ): JobId;

  createLearner(
    dims: number,
    options: NativeLearnerOptions,
    initial: NativeMatrix | undefined,
  ): LearnerHandle;
  /** Publishes figures every `stride` steps, each over the steps since the last. */
  learnerFit(
    learner: LearnerHandle,
    activations: NativeMatrix,
    steps: number,
    stride: number,
    threads: number,
    onProgress: ((statistics: NativeStatistics) => void) | undefined,
    onSettled: Settled<NativeStatistics>,
  ): JobId;
  learnerObserve(
    learner: LearnerHandle,
    activations: NativeMatrix,
    threads: number,
    onSettled: Settled<NativeStatistics>,
  ): JobId;
  learnerFinish(
    learner: LearnerHandle,
    onSettled: Settled<{ dictionary: DictionaryHandle; usage: Float64Array }>,
  ): JobId;

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
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativePairs>,
  ): JobId;
  pairsStrongest(
    pairs: PairsHandle,
    k: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<NativePairs>,
  ): JobId;
  pairsMaxima(
    pairs: PairsHandle,
    ofTo: boolean,
    threads: number,
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
    threads: number,
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
    threads: number,
    onProgress: Report,
    onSettled: Settled<{ value: number; error: number; first: number; second: number }>,
  ): JobId;
  babel(
    dictionary: DictionaryHandle,
    most: number,
    threads: number,
    onProgress: Report,
    onSettled: Settled<{ value: Float64Array; feature: Uint32Array; error: number }>,
  ): JobId;
  clusters(
    dictionary: DictionaryHandle,
    threshold: number,
    threads: number,
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
    }>,
  ): JobId;

  recoverability(
    dictionary: DictionaryHandle,
    codes: NativeCodes,
    samples: number,
    nonnegative: boolean,
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
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativePredicateValues>,
  ): JobId;
  coverage(
    handle: DictionaryHandle,
    activations: NativeMatrix,
    calibration: NativeMatrix,
    options: NativeCoverageOptions,
    threads: number,
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativeCoverage>,
  ): JobId;

  correlate(a: NativeMatrix, b: NativeRight, out: Float32Array, threads: number): void;
  estimate(
    a: NativeMatrix,
    b: NativeRight,
    precision: string,
    out: Float32Array,
    errors: Float64Array,
    threads: number,
  ): void;
  topK(
    a: NativeMatrix,
    b: NativeRight,
    k: number,
    absolute: boolean,
    threads: number,
  ): { indices: Uint32Array; values: Float32Array };
  above(
    a: NativeMatrix,
    b: NativeRight,
    threshold: number,
    absolute: boolean,
    limit: number,
    threads: number,
  ): NativeCodes;
  maximum(a: NativeMatrix, b: NativeRight, absolute: boolean, out: Float32Array, threads: number): void;
  softThreshold(
    v: Float32Array,
    threshold: number,
    weights: Float32Array | undefined,
    nonnegative: boolean,
    out: Float32Array,
  ): void;
  spectralNorm(matrix: NativeRight, threads: number): number;

  toySample(
    structure: NativeToyStructure,
    density: Float64Array,
    seed: number,
    out: Float32Array,
    threads: number,
  ): void;
  toySample(
    structure: NativeToyStructure,
    density: Float64Array,
    seed: number,
    samples: number,
    threads: number,
  ): NativeCodes;
  toyTrain(
    options: NativeToyOptions,
    structure: NativeToyStructure,
    densities: Float64Array,
    importances: Float32Array,
    initial: NativeToyParameters | undefined,
    threads: number,
    onProgress: ((done: number, total: number) => void) | undefined,
    onSettled: Settled<NativeToyModel>,
  ): JobId;
  toyGradient(
    options: NativeToyLoss,
    importance: Float32Array,
    parameters: NativeToyParameters,
    samples: NativeMatrix,
  ): NativeToyParameters & { readonly loss: number };
  toyMeasure(weights: NativeMatrix, threads: number): NativeSuperposition;
}
