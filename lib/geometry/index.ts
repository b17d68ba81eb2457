// The geometry of dictionaries: how features overlap, and what that leaves to be found.

export {
  type Babel,
  babel,
  type Clusters,
  type Coherence,
  clusters,
  coherence,
  type FeatureMatch,
  featureDimensionality,
  gram,
  type MatchOptions,
  matchFeatures,
  welchBound,
} from './overlap.js';
export { type PhaseTransition, type PhaseTransitionOptions, phaseTransition } from './phase.js';
export type { PhasePoint } from './phase-curve.js';
export {
  donohoTanner,
  type Guarantees,
  guarantees,
  type Recoverability,
  type RecoverabilityOptions,
  recoverability,
  type SignedSupport,
} from './recoverability.js';
export type { RecoveryProof, RecoveryVerdict } from './verdict.js';
