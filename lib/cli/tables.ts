// The flags that stand for options of the library, by call. A new option of a call is a new line here: parsing, help and messages follow.
import type { Flag } from './flags.js';

const DEVICE: Flag = {
  name: 'device',
  kind: 'text',
  value: 'name',
  about: 'cpu (default), cuda, cuda:1 or auto',
};
const THREADS: Flag = {
  name: 'threads',
  kind: 'integer',
  about: 'threads to use; results do not depend on it (default: all that the machine has)',
};

const HOLDOUT: Flag = {
  name: 'holdout',
  kind: 'number',
  value: 'share',
  about: 'share of the samples that is not learned from, but scored in the end (default 0)',
};

const SEED: Flag = {
  name: 'seed',
  kind: 'integer',
  about: 'the same seed and data give the same bits (default 0)',
};

const EPOCHS: Flag = {
  name: 'epochs',
  kind: 'integer',
  about: 'passes over the samples (default 10; batch by batch 1)',
};

/** How files of activations are read. */
export const OPENING: readonly Flag[] = [
  { name: 'name', kind: 'text', about: 'which array of an .npz, .safetensors or .arrow file' },
  {
    name: 'shape',
    kind: 'integers',
    value: 'sizes',
    about: 'of raw .bin files: rows,cols; -1,cols for as many rows as there are',
  },
  {
    name: 'dtype',
    kind: 'choice',
    choices: ['float32', 'float64', 'float16', 'bfloat16'],
    about: 'of raw .bin files: float32 (default), float64, float16, bfloat16',
  },
];

export const READING: readonly Flag[] = [
  ...OPENING,
  { name: 'columns', kind: 'integers', about: 'which columns (dims) to take: 0-511, or 0,3,8' },
];

/** How files are read that need not fit in memory. */
export const STREAMING: readonly Flag[] = [
  ...READING,
  {
    name: 'stream',
    kind: 'flag',
    about: 'read the files batch by batch; --no-stream loads them (default: load what takes up to 1 GiB)',
  },
  {
    name: 'buffer',
    kind: 'integer',
    value: 'rows',
    about: 'batch by batch: rows among which the next is drawn (default 16384)',
  },
];

/** Options of learnDictionary. */
export const LEARN: readonly Flag[] = [
  { name: 'features', kind: 'integer', required: true, about: 'how many features to learn' },
  {
    name: 'lambda',
    kind: 'number',
    about: 'λ > 0 in ½‖x − aD‖² + λ‖a‖₁: larger gives sparser codes; or give --sparsity',
  },
  { name: 'sparsity', kind: 'integer', about: 'active features a sample, at most, in place of λ' },
  {
    name: 'method',
    kind: 'choice',
    choices: ['online', 'mod', 'ksvd'],
    about: 'online (default), mod or ksvd: what a step does to the features',
  },
  {
    name: 'solver',
    kind: 'text',
    value: 'name',
    about:
      'of the codes: with --lambda lasso (default), homotopy, fista or ista; with --sparsity omp (default), mp, gradient-pursuit, iht, htp, nhtp or cosamp',
  },
  {
    name: 'start',
    kind: 'choice',
    choices: ['samples', 'kmeans++'],
    about: 'where features start: samples (default), or kmeans++, samples far from one another',
  },
  { name: 'nonnegative', kind: 'flag', about: 'codes ≥ 0 only' },
  {
    name: 'batchSize',
    kind: 'integer',
    about: 'samples a step (default 512; mod and ksvd: no fewer than features)',
  },
  EPOCHS,
  { name: 'steps', kind: 'integer', about: 'steps in all, in place of epochs (of samples in memory)' },
  {
    name: 'restarts',
    kind: 'integer',
    about: 'learn so many times and keep the best (of samples in memory)',
  },
  {
    name: 'tolerance',
    kind: 'number',
    about: 'of the codes while learning, with --lambda their duality gap (default 0.001)',
  },
  { name: 'forgetting', kind: 'number', about: 'what past steps keep of their weight (default 0.98)' },
  DEVICE,
  HOLDOUT,
  SEED,
  THREADS,
];

/** Options of trainSparseAutoencoder. */
export const TRAIN: readonly Flag[] = [
  {
    name: 'architecture',
    kind: 'choice',
    required: true,
    choices: ['relu', 'topk', 'batchtopk', 'matryoshka', 'jumprelu', 'gated', 'matching-pursuit'],
    about: 'relu, topk, batchtopk, matryoshka, jumprelu, gated or matching-pursuit',
  },
  { name: 'features', kind: 'integer', required: true, about: 'how many features' },
  {
    name: 'sparsity',
    kind: 'integer',
    about: 'topk, batchtopk, matryoshka, matching-pursuit: active features a sample',
  },
  { name: 'lambda', kind: 'number', about: 'relu, gated, jumprelu: λ, the weight of sparsity' },
  {
    name: 'targetL0',
    kind: 'number',
    about: 'jumprelu: active features a sample to aim at, in place of --lambda',
  },
  { name: 'batchSize', kind: 'integer', about: 'samples a step (default 1024)' },
  EPOCHS,
  { name: 'steps', kind: 'integer', about: 'steps in all, in place of epochs' },
  HOLDOUT,
  SEED,
  DEVICE,
  THREADS,
];

/** Options of trainSparseAutoencoder that are seldom needed. */
export const TRAIN_MORE: readonly Flag[] = [
  { name: 'learningRate', kind: 'number', about: "Adam's rate (default 2e-4/√(features/16384))" },
  { name: 'beta1', kind: 'number', about: "Adam's first moment (default 0.9)" },
  { name: 'beta2', kind: 'number', about: "Adam's second moment (default 0.999)" },
  { name: 'epsilon', kind: 'number', about: "Adam's ε (default 1e-8)" },
  { name: 'clip', kind: 'number', about: 'largest norm of a gradient (default 1; Infinity clips nothing)' },
  { name: 'warmUp', kind: 'integer', value: 'steps', about: 'steps in which the rate rises from 0' },
  {
    name: 'decay',
    kind: 'number',
    value: 'share',
    about: 'share of the steps, at the end, in which it falls to 0 (default 0.2)',
  },
  {
    name: 'deadAfter',
    kind: 'integer',
    value: 'steps',
    about: 'steps without use after which a feature is dead',
  },
  {
    name: 'startSparsity',
    kind: 'integer',
    about: 'by sparsity: k of the first step, from where it falls to --sparsity',
  },
  { name: 'sparsityWarmUp', kind: 'integer', value: 'steps', about: 'steps in which λ rises, or k falls' },
  {
    name: 'auxiliary',
    kind: 'number',
    about: 'by sparsity: weight of the revival of dead features (default 1)',
  },
  { name: 'auxiliaryK', kind: 'integer', about: 'by sparsity: dead features a sample uses for that' },
  { name: 'prefixes', kind: 'integers', about: 'matryoshka: how many first features each prefix has' },
  {
    name: 'bandwidth',
    kind: 'number',
    about: 'jumprelu: ε of the straight-through estimators (default 0.5)',
  },
  { name: 'threshold', kind: 'number', about: 'jumprelu: the first θ (default 1)' },
  {
    name: 'subtractDecoderBias',
    kind: 'flag',
    about: 'take b_dec from the input (default; --no-… for transcoders)',
  },
  { name: 'skip', kind: 'flag', about: 'a linear connection from input to output besides' },
  { name: 'aligned', kind: 'flag', about: 'keep ⟨encoder row, decoder row⟩ = 1 for each feature' },
];

/** Options of unfold that hold for all samples. */
export const UNFOLD: readonly Flag[] = [
  {
    name: 'method',
    kind: 'text',
    value: 'name',
    about:
      'lasso (default), homotopy, fista, ista, bpdn, l1-ball, reweighted, omp, mp, gradient-pursuit, iht, htp, nhtp, cosamp, amp',
  },
  {
    name: 'lambda',
    kind: 'number',
    about: 'λ in ½‖x − aD‖² + λ‖a‖₁ (lasso, homotopy, fista, ista, reweighted, amp)',
  },
  {
    name: 'sparsity',
    kind: 'integer',
    about: 'active features a sample, at most (omp and the other pursuits)',
  },
  { name: 'nonnegative', kind: 'flag', about: 'codes ≥ 0 only' },
  { name: 'tolerance', kind: 'number', about: 'stop at this duality gap, relative to ½‖x‖² (default 1e-4)' },
  { name: 'ridge', kind: 'number', about: 'β of the elastic net (default 0)' },
  { name: 'maxIterations', kind: 'integer', about: 'rounds a sample at most' },
  { name: 'residual', kind: 'number', about: 'pursuits: stop once ‖x − aD‖ is at most this' },
  { name: 'epsilon', kind: 'number', about: 'bpdn: how near to the sample; reweighted: ε of the weights' },
  { name: 'radius', kind: 'number', about: 'l1-ball: Σ|a| at most' },
  { name: 'reweightings', kind: 'integer', about: 'reweighted: LASSOs after the first (default 4)' },
  { name: 'thresholdFactor', kind: 'number', about: 'amp: α, in place of --lambda' },
  { name: 'stepSize', kind: 'number', about: 'htp: μ (default 1)' },
  { name: 'gramBudget', kind: 'integer', value: 'bytes', about: 'omp: memory for rows of the Gram matrix' },
  {
    name: 'precision',
    kind: 'choice',
    choices: ['auto', 'float32', 'float64'],
    about: 'auto (default), float32 or float64',
  },
  DEVICE,
  THREADS,
];

/** Options of evaluate itself; how codes are made is UNFOLD. */
export const EVALUATE: readonly Flag[] = [
  {
    name: 'denseAbove',
    kind: 'number',
    value: 'share',
    about: 'features used by more of the samples are dense (default 0.1)',
  },
  {
    name: 'sameAbove',
    kind: 'number',
    value: 'cosine',
    about: 'features with this |cos| are the same (default 0.9)',
  },
  { name: 'batchSize', kind: 'integer', about: 'samples scored at a time (default 4096)' },
  {
    name: 'seed',
    kind: 'integer',
    about: 'of the random dictionary that figures are compared with (default 0)',
  },
];

/** Options of claims.coverage. */
export const COVERAGE: readonly Flag[] = [
  { name: 'lambda', kind: 'number', about: 'λ of the codes, as for unfold (not with --codes)' },
  { name: 'ridge', kind: 'number', about: 'β of the elastic net (default 0)' },
  { name: 'tolerance', kind: 'number', about: 'duality gap of the codes (default 1e-4)' },
  { name: 'nonnegative', kind: 'flag', about: 'codes and directions have a sign that matters' },
  {
    name: 'falseAlarmRate',
    kind: 'number',
    about: 'ordinary samples are flagged this often at most (default 0.01)',
  },
  {
    name: 'score',
    kind: 'choice',
    choices: ['energy', 'relative'],
    about: 'energy (default): ‖x − aD‖²; relative: divided by ‖x‖²',
  },
  {
    name: 'significance',
    kind: 'number',
    about: 'probability of claiming a direction where there is none (default 0.01)',
  },
  { name: 'mostDirections', kind: 'integer', about: 'directions to look for, at most (default 16)' },
  THREADS,
];

/** Options of calls that have no others: claims about pairs, encode of a sparse autoencoder. Of evaluate, they go on to the calls that it makes. */
export const RESOURCES: readonly Flag[] = [DEVICE, THREADS];

export const THREADS_ONLY: readonly Flag[] = [THREADS];

/** Options of SparseAutoencoder.load and inspect. */
export const LOADING: readonly Flag[] = [
  {
    name: 'format',
    kind: 'text',
    value: 'name',
    about: 'of an autoencoder: saelens, sparsify, gemma-scope …; told by its files where they say it',
  },
  { name: 'inputScale', kind: 'number', about: 'scale of inputs, where a checkpoint leaves it open' },
  { name: 'layer', kind: 'integer', about: "circuit-tracer: which layer's transcoder" },
];
