// The public interface, by topic.
export {
  type Certification,
  type CertifyOptions,
  type CertifySyncOptions,
  certify,
  certifySync,
  type Verdict,
} from './certify.js';
export * as claims from './claims/index.js';
export { type CodesParts, type CodesRow, type CodeValues, SparseCodes } from './codes.js';
export { Dictionary, type DictionaryOptions } from './dictionary.js';
export { type ErrorCode, UnsuperposeError } from './errors.js';
export { fold, type LambdaMaxOptions, lambdaMax } from './fold.js';
export * as geometry from './geometry.js';
export type { DenoisingOptions, ReweightedOptions } from './homotopy.js';
export { type Info, type Isa, info } from './info.js';
export type { KnotOptions } from './knots.js';
export {
  type LearnBaseOptions,
  type LearnedDictionary,
  type LearningFigures,
  type LearningProgress,
  type LearnOptions,
  learnDictionary,
} from './learn.js';
export type { Matrix } from './matrix.js';
export * as ops from './ops.js';
export { type UnfoldPathOptions, unfoldPath } from './path.js';
export type {
  MatchingOptions,
  MessagePassingOptions,
  PursuitOptions,
  ThresholdingOptions,
} from './pursuits.js';
export type { QuestionOptions } from './question.js';
export type { PerFeature, PerSample } from './samples.js';
export * as toy from './toy.js';
export {
  type AsyncOptions,
  type CommonOptions,
  type ConvexBaseOptions,
  type ConvexOptions,
  type Float64Options,
  type Progress,
  type UnfoldOptions,
  type UnfoldSyncOptions,
  unfold,
  unfoldSync,
} from './unfold.js';
export { type PathUnfolding, type Unfolding, UnfoldStatus } from './unfolding.js';
