// Claims about all features, each with its evidence.
export {
  type CircuitPath,
  type CircuitVerdict,
  type FeatureSet,
  type NoCircuitOptions,
  noCircuit,
} from './circuits.js';
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
