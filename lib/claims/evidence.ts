// What claims about features state, whichever kind they are of.

/** A feature and its quantity. */
export interface FeatureValue {
  readonly feature: number;
  readonly value: number;
}

/** What was measured, over all features. */
export interface QuantityEvidence {
  /** In words. */
  readonly quantity: string;
  readonly smallest: FeatureValue;
  readonly largest: FeatureValue;
  /** No value of this quantity is further from the exact one: the rounding of float64, bounded. */
  readonly error: number;
}

/** What all claims about features answer. */
export interface FeatureResult {
  /** How many features there are. */
  readonly count: number;
  /** Features whose quantities are so near to a threshold that rounding leaves the predicate open. Never counted as proof. Ascending. */
  readonly undecided: readonly number[];
  /** The quantities of the undecided features: a row a feature, in the order of `quantities`. */
  readonly undecidedValues: readonly (readonly number[])[];
  /** What was measured, in the order in which the predicate names it. */
  readonly quantities: readonly QuantityEvidence[];
}

/** What `everyFeature` and `someFeature` also answer. */
export interface Holds {
  /** Whether it is proved. */
  readonly holds: boolean;
  /** `'false'` is proved too; `'undecided'`: rounding leaves it open. */
  readonly truth: 'true' | 'false' | 'undecided';
}
