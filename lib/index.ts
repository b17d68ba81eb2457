// The public interface, by topic.

export type { CommonOptions } from './call/common.js';
export type { Device, DeviceOptions } from './call/device.js';
export { type ErrorCode, isUnsuperposeError, UnsuperposeError } from './call/errors.js';
export type { Float16Values, HalfType } from './call/half.js';
export type { Matrix, MatrixData, MatrixLike } from './call/matrix.js';
export type { Note, NoteCode } from './call/notes.js';
export type { AsyncOptions, Progress } from './call/progress.js';
export type { PerFeature, PerSample } from './call/samples.js';
export * as claims from './claims/index.js';
export type { SeekableStream } from './data/batches.js';
export { CodesByFeature, type FeatureUse, type FeatureUseOptions } from './data/by-feature.js';
export type { CheckpointOptions, ResumableOptions } from './data/checkpoints.js';
export {
  type CodesLike,
  type CodesParts,
  type CodesRow,
  type CodeValues,
  type LoadCodesOptions,
  SparseCodes,
} from './data/codes.js';
export type { SaveCodesOptions, TokenIds } from './data/codes-files.js';
export type { CodesJSON } from './data/codes-json.js';
export {
  Dictionary,
  type DictionaryOptions,
  type LoadDictionaryOptions,
  type SaveDictionaryOptions,
} from './data/dictionary.js';
export type { HeldOutFigures } from './data/held-out-scores.js';
export type { HoldoutOptions } from './data/holdout.js';
export * as ops from './data/ops.js';
export {
  type CenterOf,
  type FloatsOf,
  type Preparation,
  Prepared,
  type PrepareOptions,
  prepare,
  type ScaleTo,
} from './data/prepared.js';
export { evaluate } from './evaluate/evaluate.js';
export type { Evaluation, Recovery, Stability } from './evaluate/evaluation.js';
export type { Compared, DensityFigures, DetectionFigures, L0Figures } from './evaluate/figures.js';
export type { EvaluateOptions, EvaluationProgress, SharedUnfoldOptions, Truth } from './evaluate/options.js';
export type { CodedFeatures, FeatureModel } from './evaluate/subjects.js';
export * as files from './files/index.js';
export * as geometry from './geometry/index.js';
export type { CodingOptions, PenalisedSolver, SparseSolver } from './learn/coding.js';
export type { LearnedDictionary, LearningFigures, LearningProgress } from './learn/fit.js';
export type { HeldOutCodes } from './learn/held-out.js';
export {
  type AtomStart,
  type LearnBaseOptions,
  type LearningMethod,
  type LearnOptions,
  type LearnStreamOptions,
  learnDictionary,
  type MatrixStream,
} from './learn/learn.js';
export {
  Lista,
  type ListaFileOptions,
  type ListaUnfoldOptions,
  type ListaUnfoldSyncOptions,
} from './lista/lista.js';
export type {
  ListaByCodes,
  ListaByObjective,
  ListaByOwn,
  ListaDescending,
  ListaDescentOptions,
  ListaEndToEnd,
  ListaLayerwise,
  ListaLength,
  ListaMatrixValidation,
  ListaNetworkOptions,
  ListaSearched,
  ListaStreamValidation,
  ListaValidation,
  TrainListaBaseOptions,
  TrainListaCodedOptions,
  TrainListaOptions,
  TrainListaPriorOptions,
  TrainListaStreamOptions,
} from './lista/options.js';
export type {
  ListaLayerNumbers,
  ListaLayerNumbersLike,
  ListaParameters,
  ListaParametersLike,
  ListaTensors,
  ListaTensorsLike,
  ListaWeights,
  PerLayer,
} from './lista/parameters.js';
export type { ListaPrior, ListaPriorBase } from './lista/prior.js';
export type { CodedMatrix, CodedSamples, ListaStream } from './lista/samples.js';
export { trainLista } from './lista/train.js';
export type { ListaFigures, ListaHeldOut, ListaProgress, ListaTraining } from './lista/training.js';
export type { ListaSchedule, ListaVariant, SupportSelection } from './lista/variants.js';
export type { CudaDevice, CudaInfo } from './native/cuda.js';
export { type Info, info } from './native/info.js';
export type { PairQuestionOptions, QuestionOptions } from './native/question.js';
export type { Isa } from './native/values.js';
export { type EncodeOptions, type EncodeSyncOptions, SparseAutoencoder } from './sae/autoencoder.js';
export type { AutoencoderFormat, Decision } from './sae/formats/draft.js';
export type { LoadAutoencoderOptions } from './sae/formats/load.js';
export type { Probe } from './sae/formats/probe.js';
export type {
  AutoencoderReport,
  AutoencoderReportData,
  ProbeFigures,
  ProbeReport,
} from './sae/formats/report.js';
export type { SaveAutoencoderOptions } from './sae/formats/save.js';
export type { TensorInfo } from './sae/formats/tensors.js';
export type {
  BatchTopKLearner,
  GatedLearner,
  JumpReluLearner,
  LearnerBaseOptions,
  LearnerOptions,
  MatchingPursuitLearner,
  MatryoshkaLearner,
  ReluLearner,
  RevivalOptions,
  RunOptions,
  TopKLearner,
} from './sae/options.js';
export type {
  AutoencoderParameters,
  AutoencoderParametersLike,
  InputNorm,
  SaeActivation,
} from './sae/parameters.js';
export type { TrainingBatch, TrainingStream } from './sae/samples.js';
export {
  type TrainSparseAutoencoderOptions,
  type TrainSparseAutoencodersOptions,
  trainSparseAutoencoder,
  trainSparseAutoencoders,
} from './sae/train.js';
export type {
  Architecture,
  ReportedFigures,
  TrainingFigures,
  TrainingProgress,
  TrainingSummary,
} from './sae/training.js';
export * as toy from './toy/index.js';
export type { BallOptions } from './unfold/ball.js';
export {
  type Certification,
  type CertifyOptions,
  type CertifySyncOptions,
  certify,
  certifySync,
  type Verdict,
} from './unfold/certify.js';
export type { ConvexBaseOptions, ConvexOptions, Float64Options } from './unfold/convex.js';
export { type FoldOptions, fold, type LambdaMaxOptions, lambdaMax } from './unfold/fold.js';
export { type HeldOutLambda, type HeldOutOptions, lambdaByHeldOutDims } from './unfold/held-out.js';
export type { DenoisingOptions, ReweightedOptions } from './unfold/homotopy.js';
export type { KnotOptions } from './unfold/knots.js';
export { type LambdaForL0, type LambdaForL0Options, lambdaForL0 } from './unfold/lambda-for-l0.js';
export type { ObservedEntries, ObservedOption } from './unfold/observed.js';
export { type Float64PathOptions, type UnfoldPathOptions, unfoldPath } from './unfold/path.js';
export type {
  MatchingOptions,
  MessagePassingOptions,
  PursuitOptions,
  ThresholdingOptions,
} from './unfold/pursuits.js';
export { UnfoldStatus, type UnfoldStatusName, type UnfoldStatusValue } from './unfold/status.js';
export type { UnfoldingSummary } from './unfold/summary.js';
export { type UnfoldOptions, type UnfoldSyncOptions, unfold, unfoldSync } from './unfold/unfold.js';
export type { PathUnfolding, Unfolding } from './unfold/unfolding.js';
export type { CodeProposer, Proposal, ProposalOptions } from './unfold/warm-start.js';
