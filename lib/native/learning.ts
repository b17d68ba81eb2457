// What dictionary learning takes and tells.

export interface NativeLearnerOptions {
  readonly method: 'online' | 'mod' | 'ksvd';
  readonly start: 'samples' | 'kmeans++';
  readonly features: number;
  /** 0: none */
  readonly lambda: number;
  /** 0: none */
  readonly sparsity: number;
  readonly solver:
    | 'lasso'
    | 'fista'
    | 'ista'
    | 'homotopy'
    | 'omp'
    | 'mp'
    | 'gradient-pursuit'
    | 'iht'
    | 'htp'
    | 'nhtp'
    | 'cosamp';
  readonly nonnegative: boolean;
  readonly batchSize: number;
  readonly tolerance: number;
  readonly forgetting: number;
  readonly seed: number;
  /** steps that there will be; 0: unknown */
  readonly planned: number;
}

/** Seconds of all steps of a learner, by what they went to. */
export interface NativeLearningSeconds {
  readonly packing: number;
  readonly codes: number;
  readonly statistics: number;
  readonly update: number;
}

export interface NativeStatistics {
  readonly steps: number;
  readonly samples: number;
  readonly objective: number;
  readonly explainedVariance: number;
  readonly l0: number;
  readonly replaced: number;
  readonly seconds: NativeLearningSeconds;
}
