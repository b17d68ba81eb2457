// Claims about all features, each with its evidence.

export { claimNoCircuit, type NoCircuitParameters, type NoCircuitResult } from './circuit-claims.js';
export {
  type CircuitPath,
  type CircuitVerdict,
  type FeatureSet,
  type NoCircuitOptions,
  noCircuit,
} from './circuits.js';
export {
  type Claim,
  type ClaimOptions,
  type PairClaimOptions,
  parseClaim,
  type Verification,
  verify,
} from './claim.js';
export {
  type Coverage,
  type CoverageBaseOptions,
  type CoverageOptions,
  coverage,
  type GivenCoverageOptions,
  type UnfoldedCoverageOptions,
} from './coverage.js';
export type { ClaimData, ClaimDatum, Fingerprint } from './data.js';
export type { FeatureResult, FeatureValue, Holds, QuantityEvidence } from './evidence.js';
export {
  type EveryFeatureResult,
  everyFeature,
  type FeatureData,
  type FeatureParameters,
  type FeaturesWhereResult,
  featuresWhere,
  type SomeFeatureResult,
  someFeature,
} from './features.js';
export { claimNoPair, type NoPairParameters, type NoPairResult, type PairEvidence } from './pair-claims.js';
export {
  type AlignmentPredicate,
  alignment,
  and,
  type ConnectionPredicate,
  connection,
  type DensityPredicate,
  density,
  type EnergyPredicate,
  energy,
  type MaximumActivationPredicate,
  maximumActivation,
  type NormPredicate,
  norm,
  not,
  or,
  type Predicate,
  type QuantityPredicate,
  type Thresholds,
} from './predicates.js';
export {
  type AboveEpsilonOptions,
  type FeatureMaxima,
  type HistogramOptions,
  type PairHistogram,
  type PairList,
  type PairsAbove,
  type StrongestPair,
  type VirtualWeights,
  type VirtualWeightsOptions,
  virtualWeights,
} from './virtual-weights.js';
export type { Weight } from './weights.js';
export { describePredicate } from './words.js';
