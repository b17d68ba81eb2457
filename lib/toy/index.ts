// Toy models of superposition: features with known truth, models that put them into superposition, and how much there is of it.
export {
  type Densities,
  densities,
  type FeatureStructure,
  type Importances,
  importances,
  type Magnitudes,
  type SampleFeaturesOptions,
  sampleFeatures,
} from './features.js';
export {
  applyToyModel,
  type ToyActivations,
  type ToyGradient,
  type ToyGradientOptions,
  toyGradient,
  trainToyModel,
} from './model.js';
export type { ToyInstance, ToyModel, ToyParameters, ToyStrategy, TrainToyModelOptions } from './options.js';
export { presets } from './presets.js';
export {
  type MeasureSuperpositionOptions,
  measureSuperposition,
  type Superposition,
} from './superposition.js';
export {
  type DrawOptions,
  type FeatureHierarchy,
  type MagnitudesByRank,
  type ProbabilitiesByRank,
  type SyntheticBatchesOptions,
  SyntheticFeatures,
  type SyntheticOptions,
  type SyntheticSamples,
  syntheticFeatures,
} from './synthetic.js';
