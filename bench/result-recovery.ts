// The part of a result file about known features and what finds them.

/** A figure, and that of a frozen random dictionary. */
export interface BesideRandom {
  readonly value: number;
  readonly random: number;
}

/** What one learner made of samples whose features are known. */
export interface FeaturesRecoveredRow {
  readonly name: string;
  readonly features: number;
  readonly seed: number;
  /** of learning; absent where a dictionary that was there is used */
  readonly seconds?: number;
  readonly steps?: number;
  /** samples that the steps took, with repetition; absent in older files */
  readonly visited?: number;
  readonly f1: BesideRandom;
  readonly mcc: BesideRandom;
  readonly uniqueness: BesideRandom;
  readonly explainedVariance: BesideRandom;
  readonly l0: BesideRandom;
  readonly dead: BesideRandom;
}

export interface FeaturesRecovered {
  readonly preset: string;
  readonly batchSize: number;
  readonly threads: number;
  /** how many processes wanted a core before and after: seconds are of a machine that did this beside */
  readonly load: readonly number[];
  readonly cores: number;
  readonly samples: number;
  readonly heldOut: number;
  readonly rows: readonly FeaturesRecoveredRow[];
}
