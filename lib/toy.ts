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
} from './toy-features.js';
export {
  applyToyModel,
  type ToyActivations,
  type ToyGradient,
  type ToyGradientOptions,
  toyGradient,
  trainToyModel,
} from './toy-model.js';
export type {
  ToyInstance,
  ToyModel,
  ToyParameters,
  ToyStrategy,
  TrainToyModelOptions,
} from './toy-options.js';
export { presets } from './toy-presets.js';
export {
  type MeasureSuperpositionOptions,
  measureSuperposition,
  type Superposition,
} from './toy-superposition.js';
