// Options of training: what each architecture takes, and what native code makes of it.
import type { Device } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { isList, lengthOf, readEntries } from '../call/memory.js';
import { checkInteger, describe, type Options } from '../call/options.js';
import type { AsyncOptions } from '../call/progress.js';
import { HOLDOUT_NAMES, type HoldoutOptions } from '../data/holdout.js';
import type { NativeTrainerOptions } from '../native/sae.js';
import type { Architecture, TrainingProgress } from './training.js';

/** Options of every architecture. */
export interface LearnerBaseOptions {
  /** Number of features. */
  readonly features: number;
  /** Adam's rate. Default 2e-4/√(features/2¹⁴) (Gao et al. 2024). */
  readonly learningRate?: number | undefined;
  /** Adam's moments: default 0.9 and 0.999. */
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  /** Adam's ε. Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Largest norm of a step's gradient, where the objective is relative to ½E‖y − median‖². Default 1; Infinity clips nothing. */
  readonly clip?: number | undefined;
  /** Steps in which the rate rises from 0. Default 1,000, but at most a twentieth of the steps. */
  readonly warmUp?: number | undefined;
  /** Share of the steps, at the end, in which the rate falls to 0; only where their number is known. Default 0.2. */
  readonly decay?: number | undefined;
  /** Steps without use after which a feature counts as dead. Default 1,000, but at most a tenth of the steps. */
  readonly deadAfter?: number | undefined;
  /** Is b_dec taken from the input? Default: true for autoencoders, false for transcoders. */
  readonly subtractDecoderBias?: boolean | undefined;
  /** A linear connection from input to output besides, S (starts at 0). Default false. */
  readonly skip?: boolean | undefined;
  /** Keeps ⟨w_j, d_j⟩ = 1 after every step (as ALISTA's analytic weights have it). Default false. */
  readonly aligned?: boolean | undefined;
  /** Integer, 0 … 2⁵³ − 1, of the first decoder rows. Default: the call's. */
  readonly seed?: number | undefined;
}

/** Revival of dead features: they learn to explain what the others leave (AuxK of Gao et al. 2024). */
export interface RevivalOptions {
  /** c, the weight of their part of the objective. Default 1; 0 revives nothing. */
  readonly auxiliary?: number | undefined;
  /** How many of them a sample uses for that. Default: half the dims of the output; `sparsity` with matching-pursuit. */
  readonly auxiliaryK?: number | undefined;
}

/** λ Σ_j a_j. Decoder rows have norm 1, so this is the L1 norm weighted by them. */
export interface ReluLearner extends LearnerBaseOptions {
  readonly architecture: 'relu';
  /** λ > 0, in ½‖y − ŷ‖² + λ Σ_j a_j: as in `unfold`. */
  readonly lambda: number;
  /** Steps in which λ rises from 0. Default: a tenth of the steps, 1,000 where their number is unknown. */
  readonly sparsityWarmUp?: number | undefined;
}

/** The k largest pre-activations of each sample (Gao et al. 2024, arXiv 2406.04093). */
export interface TopKLearner extends LearnerBaseOptions, RevivalOptions {
  readonly architecture: 'topk';
  /** k: active features a sample. */
  readonly sparsity: number;
  /** k of the first step, from where it falls to `sparsity` over `sparsityWarmUp` steps. Default: `sparsity`. */
  readonly startSparsity?: number | undefined;
  /** Default: a fifth of the steps with `startSparsity`, 1,000 where their number is unknown. */
  readonly sparsityWarmUp?: number | undefined;
}

/**
 * The k·batch largest of a batch (Bussmann et al. 2024, arXiv 2412.06410). What is trained becomes a `jumprelu` autoencoder: its one θ is the moving
 * mean of the smallest activation kept, over some of the last steps: a tenth of them, at most 1,000.
 */
export interface BatchTopKLearner extends Omit<TopKLearner, 'architecture'> {
  readonly architecture: 'batchtopk';
}

/** BatchTopK whose first features must explain alone what they can (Bussmann et al. 2025, arXiv 2503.17547). */
export interface MatryoshkaLearner extends Omit<TopKLearner, 'architecture'> {
  readonly architecture: 'matryoshka';
  /** How many first features each prefix has, ascending; the last is `features`. Default: a 32nd, an eighth, a half, all of them. */
  readonly prefixes?: ArrayLike<number> | undefined;
}

/** a = max(h, 0) where h > θ, with θ learned (Rajamanoharan et al. 2024, arXiv 2407.14435). */
export interface JumpReluLearner extends LearnerBaseOptions {
  readonly architecture: 'jumprelu';
  /** λ, in ½‖y − ŷ‖² + λ‖a‖₀. With `targetL0` it weighs that; default there: targetL0 times the mean square of an output's entry. */
  readonly lambda?: number | undefined;
  /** λ(‖a‖₀/targetL0 − 1)² of a batch's mean in place of λ‖a‖₀. */
  readonly targetL0?: number | undefined;
  /** ε of the straight-through estimators, on inputs scaled to E‖x‖ = √dims. Default 0.5. */
  readonly bandwidth?: number | undefined;
  /** The first θ, likewise. Default 1, a pre-activation's usual size: from 0 it would have to rise there, at most `learningRate` a step. */
  readonly threshold?: number | undefined;
  /** Steps in which λ rises from 0. Default: a tenth of the steps, 1,000 where their number is unknown. */
  readonly sparsityWarmUp?: number | undefined;
}

/** Gates decide which features are active, magnitudes how much (Rajamanoharan et al. 2024, arXiv 2404.16014). */
export interface GatedLearner extends Omit<ReluLearner, 'architecture'> {
  readonly architecture: 'gated';
}

/**
 * No encoder: a sample's codes are `sparsity` steps of matching pursuit with the decoder's rows, from x − b_dec on (Costa et al. 2025, "From Flat to
 * Hierarchical: Extracting Sparse Representations with Matching Pursuit"). Training goes back through all steps.
 */
export interface MatchingPursuitLearner
  extends Omit<TopKLearner, 'architecture' | 'subtractDecoderBias' | 'skip' | 'aligned'> {
  readonly architecture: 'matching-pursuit';
}

/** What one autoencoder is to be. */
export type LearnerOptions =
  | ReluLearner
  | TopKLearner
  | BatchTopKLearner
  | MatryoshkaLearner
  | JumpReluLearner
  | GatedLearner
  | MatchingPursuitLearner;

/** Options of a whole run, for any number of autoencoders. */
export interface RunOptions extends AsyncOptions<TrainingProgress>, HoldoutOptions {
  /** Samples a step. Default 1,024. */
  readonly batchSize?: number | undefined;
  /** Passes over the samples. Default 10 for a matrix, 1 for a stream. Excludes `steps`. */
  readonly epochs?: number | undefined;
  /** Steps in all. A stream that ends before is read again if it can be. */
  readonly steps?: number | undefined;
  /** Outputs to be made of the activations, samples × any dims: a transcoder. Not for streams, whose items have their own. */
  readonly targets?: MatrixLike | undefined;
  /** One entry a sample: 0 for those that do not count. Not for streams. */
  readonly mask?: Uint8Array | undefined;
  /** Decoder rows to start from, features × dims of the output; scaled to norm 1. Default: random directions. */
  readonly initial?: MatrixLike | undefined;
  /** Integer, 0 … 2⁵³ − 1: the same seed and data give the same bits, for any number of threads. Default 0. */
  readonly seed?: number | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
  /**
   * Where steps are made: `'cpu'` (default, or UNSUPERPOSE_DEVICE), `'cuda'`, `'cuda:N'`, or `'auto'`, a GPU where there is one and the run has at least
   * 2³⁴ multiply-adds: samples · features · dims of the input, over all learners and all steps (over one batch where the number of steps is unknown: of a
   * stream without `steps`). `learnDictionary` counts one batch, whatever its steps.
   *
   * A GPU trains architectures `topk`, `batchtopk` and `jumprelu`, without `skip`, of 9,000 dims at most, and all learners of a call must be such. Others
   * run on the CPU, and refuse a GPU that they are asked for (`ERR_OPTION`; dims once they are known).
   *
   * On one GPU the same seed and data give the same bits; those of the CPU are others, as float32 sums go in another order. A checkpoint of either
   * goes on on the other. What is held out is scored on the CPU. Parameters and moments stay on the GPU:
   * 12 bytes an entry of encoder and decoder, and 2 more of the encoder. `ERR_NO_DEVICE` where it cannot be used, `ERR_TOO_LARGE` where its memory
   * does not suffice.
   */
  readonly device?: Device | undefined;
}

export const RUN_NAMES = [
  'batchSize',
  'epochs',
  'steps',
  'targets',
  'mask',
  'initial',
  'seed',
  'threads',
  'device',
  'signal',
  'onProgress',
  ...HOLDOUT_NAMES,
] as const;

const BASE = [
  'architecture',
  'features',
  'learningRate',
  'beta1',
  'beta2',
  'epsilon',
  'clip',
  'warmUp',
  'decay',
  'deadAfter',
  'subtractDecoderBias',
  'skip',
  'aligned',
];
const BY_K = ['sparsity', 'startSparsity', 'sparsityWarmUp', 'auxiliary', 'auxiliaryK'];
const OWN: Readonly<Record<Architecture, readonly string[]>> = {
  relu: ['lambda', 'sparsityWarmUp'],
  topk: BY_K,
  batchtopk: BY_K,
  matryoshka: [...BY_K, 'prefixes'],
  jumprelu: ['lambda', 'targetL0', 'bandwidth', 'threshold', 'sparsityWarmUp'],
  gated: ['lambda', 'sparsityWarmUp'],
  'matching-pursuit': BY_K,
};
const ARCHITECTURES = Object.keys(OWN) as Architecture[];
/** All names that one autoencoder's options may have, but `seed`, which a run has too. */
export const LEARNER_NAMES = [...new Set([...BASE, ...Object.values(OWN).flat()])];

const MOST_FEATURES = 2 ** 31 - 1;
const MOST_STEPS = Number.MAX_SAFE_INTEGER;
const WARM_UP = 1000;
const DEAD_AFTER = 1000;

/** What the run knows: dims, and steps that there will be (0: unknown). */
export interface Planned {
  readonly inputs: number;
  readonly outputs: number;
  /** Are there targets other than the input? */
  readonly transcoder: boolean;
  readonly steps: number;
}

/** One autoencoder's options, checked; what depends on the data waits for it. */
export interface Learner {
  readonly architecture: Architecture;
  readonly features: number;
  readonly skip: boolean;
  readonly seed: number;
  readonly plan: (planned: Planned) => NativeTrainerOptions;
}

function readPrefixes(read: Options, features: number): Uint32Array {
  const value = read.get('prefixes');
  if (value === undefined) {
    const parts = [32, 8, 2, 1].map((part) => Math.floor(features / part)).filter((size) => size > 0);
    return Uint32Array.from([...new Set(parts)]);
  }
  if (!isList(value))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `prefixes must be a list of integers, got ${describe(value)}`,
      'prefixes',
    );
  let before = 0;
  const prefixes = readEntries(Uint32Array, value, lengthOf(value), 'prefixes', (entry, i) => {
    before = checkInteger(`prefixes[${i}]`, entry, {
      min: before + 1,
      max: features,
      note: 'ascending, up to features',
    });
    return before;
  });
  if (before !== features)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `prefixes must end with features, ${features}, got ${prefixes.length === 0 ? 'no entries' : before}`,
      'prefixes',
    );
  return prefixes;
}

/** Infinity, or a number > 0. */
function readClip(read: Options): number {
  return read.get('clip') === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : read.number('clip', { above: 0 }, 1);
}

/** Reads one autoencoder's options: `read` may have those of a run besides. */
export function readLearner(read: Options, seed: number): Learner {
  const given = read.get('architecture');
  const architecture = ARCHITECTURES.find((name) => name === given);
  if (architecture === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `architecture must be one of ${ARCHITECTURES.join(', ')}, got ${describe(given)}`,
      'architecture',
    );
  for (const name of new Set(Object.values(OWN).flat())) {
    if (OWN[architecture].includes(name)) continue;
    const owners = ARCHITECTURES.filter((other) => OWN[other].includes(name)).join(', ');
    read.exclude([name], `architecture ${owners}`, `architecture ${architecture}`);
  }
  const features = read.requiredInteger('features', { min: 1, max: MOST_FEATURES });
  const byK = OWN[architecture] === BY_K || architecture === 'matryoshka';
  const jumps = architecture === 'jumprelu';
  const pursues = architecture === 'matching-pursuit';
  if (pursues)
    read.exclude(
      ['skip', 'aligned', 'subtractDecoderBias'],
      'architectures with an encoder',
      'architecture matching-pursuit',
    );
  const most = { min: 1, max: features, note: 'features' };
  const sparsity = byK ? read.requiredInteger('sparsity', most) : 0;
  const startSparsity = byK ? read.integer('startSparsity', most, 0) : 0;
  const targetL0 = jumps ? read.number('targetL0', { above: 0, max: features, note: 'features' }, 0) : 0;
  const lambda =
    byK || targetL0 > 0
      ? read.number('lambda', { above: 0 }, 0)
      : read.requiredNumber('lambda', { above: 0 });
  const prefixes = architecture === 'matryoshka' ? readPrefixes(read, features) : new Uint32Array(0);
  const share = { min: 0, below: 1 };
  const steps = { min: 0, max: MOST_STEPS };
  const fixed = {
    features,
    sparsity,
    startSparsity,
    lambda,
    targetL0,
    prefixes,
    learningRate: read.number('learningRate', { above: 0 }, 2e-4 / Math.sqrt(features / 2 ** 14)),
    beta1: read.number('beta1', share, 0.9),
    beta2: read.number('beta2', share, 0.999),
    epsilon: read.number('epsilon', { above: 0 }, 1e-8),
    clip: readClip(read),
    decay: read.number('decay', { min: 0, max: 1 }, 0.2),
    auxiliary: byK ? read.number('auxiliary', { min: 0 }, 1) : 0,
    auxiliaryK: byK ? read.integer('auxiliaryK', most, 0) : 0,
    bandwidth: read.number('bandwidth', { above: 0 }, 0.5),
    threshold: read.number('threshold', { min: 0 }, 1),
    skip: read.flag('skip'),
    aligned: read.flag('aligned'),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, seed),
  };
  const subtract = read.has('subtractDecoderBias') ? read.flag('subtractDecoderBias') : undefined;
  const warmUp = read.integer('warmUp', steps, undefined);
  const deadAfter = read.integer('deadAfter', { min: 1, max: MOST_STEPS }, undefined);
  const sparsityWarmUp = read.integer('sparsityWarmUp', steps, undefined);
  return {
    architecture,
    features,
    skip: fixed.skip,
    seed: fixed.seed,
    plan: ({ inputs, outputs, transcoder, steps: planned }) => {
      const upTo = (limit: number, part: number): number =>
        planned > 0 ? Math.max(1, Math.min(limit, Math.floor(planned / part))) : limit;
      const slowly = planned > 0 ? Math.floor(planned / (byK ? 5 : 10)) : WARM_UP;
      if (pursues && transcoder)
        throw new UnsuperposeError(
          'ERR_OPTION',
          'targets are for architectures with an encoder: the codes of matching-pursuit are found by making the input itself again',
          'targets',
        );
      const name = architecture === 'matryoshka' ? 'batchtopk' : architecture;
      if (inputs !== outputs && (subtract === true || fixed.aligned))
        throw new UnsuperposeError(
          'ERR_OPTION',
          `${fixed.aligned ? 'aligned' : 'subtractDecoderBias'} needs targets of the activations' dims: those have ${outputs}, these ${inputs}`,
          fixed.aligned ? 'aligned' : 'subtractDecoderBias',
        );
      return {
        ...fixed,
        architecture: name,
        planned,
        subtractBias: subtract ?? !transcoder,
        warmUp: warmUp ?? upTo(WARM_UP, 20),
        deadAfter: deadAfter ?? upTo(DEAD_AFTER, 10),
        sparsityWarmUp: sparsityWarmUp ?? (byK && startSparsity === 0 ? 0 : slowly),
      };
    },
  };
}
