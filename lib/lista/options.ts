// Options of training unrolled networks.
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { checkInteger, describe, Options, type Range } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { Checkpoints, RESUMABLE_NAMES, type ResumableOptions } from '../data/checkpoints.js';
import type { CodesLike } from '../data/codes.js';
import type { NativeListaOptions } from '../native/lista.js';
import { MOST_LAYERS } from './parameters.js';
import type { ListaProgress } from './training.js';
import { type ListaSchedule, type ListaVariant, readVariant, type SupportSelection } from './variants.js';

/** When networks are validated, and when they have learned enough. The parameters of the best validation are what is answered. */
export interface ListaValidation {
  /** Steps between two validations. Default 10. */
  readonly every?: number | undefined;
  /** Steps without a better validation after which training (layer-wise: a stage of it) ends. Default 2,000; Infinity: never. */
  readonly patience?: number | undefined;
}

/** Validation of training on a matrix. */
export interface ListaMatrixValidation extends ListaValidation {
  /**
   * Share of the samples that is validated on and not learned from, 0 ≤ share < 1: chosen as `holdout` of the other learners chooses. Default .1;
   * 0: nothing is validated, and the last parameters are answered.
   */
  readonly share?: number | undefined;
}

/** Validation of training on a stream: only on what is given here. */
export interface ListaStreamValidation extends ListaValidation {
  /** Samples to validate on, samples × dims. Default: none. */
  readonly activations?: MatrixLike | undefined;
  /** Their true codes, where codes are learned from. */
  readonly codes?: CodesLike | undefined;
}

/** Options of {@link trainLista} for any source and network. */
export interface TrainListaBaseOptions extends AsyncOptions<ListaProgress>, ResumableOptions {
  /** Layers: 1 … 1,000. Default 16. */
  readonly layers?: number | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /**
   * α ≥ 0 of the analytic weights, which every network begins with and `alista`, `alista-at` and `hyperlista` keep: of all W with w_j·d̂_j = 1 the one with the
   * least Σ_ij (w_i·d̂_j)² + α·Σ_i ‖w_i‖², so w_j is a multiple of (D̂ᵀD̂ + αI)⁻¹d̂_j. The larger α, the less of the samples' noise gets into the codes, and the more of the
   * other codes' errors. It pays where noise is what ends the descent: a single layer would have α = the noise's variance in an entry of x over the mean square of the
   * codes' errors, a ratio that grows from layer to layer, and one W must do for all. Values from .1 to 3 are worth a trial, judged by validation. Default 0: the
   * published closed form (Liu et al. 2019). Beamforming knows the same trade-off as diagonal loading (Cox, Zeskind, Owen 1987).
   */
  readonly ridge?: number | undefined;
  /** Samples a step. Default 512. */
  readonly batchSize?: number | undefined;
  /** Integer, 0 … 2⁵³ − 1: the same seed and data give the same bits, for any number of threads. Default 0. */
  readonly seed?: number | undefined;
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
}

/** Options of networks that descend gradients. */
export interface ListaDescentOptions {
  /** Which layers' codes the loss is of: the last one's (default), or the mean over all layers. */
  readonly supervise?: 'last' | 'every' | undefined;
  /** Adam's rate. Default 5e-4 where matrices are learned, 5e-3 where only steps and thresholds are. */
  readonly learningRate?: number | undefined;
  /** Largest norm of a step's gradient. Default 1; Infinity clips nothing. */
  readonly clip?: number | undefined;
  /** Bytes that a step may keep of its forward pass; what does not fit is computed again, to the same bits. Default 2³⁰. */
  readonly memory?: number | undefined;
}

/** All layers at once. */
export interface ListaEndToEnd {
  /**
   * `'endToEnd'` (default): all layers at once. `'layerwise'`: one layer after the other, each alone at first and then with all before it at .2 and at
   * .02 of the rate (Chen et al. 2018, section 4).
   */
  readonly schedule?: 'endToEnd' | undefined;
  /** Share of the steps, at the end, in which the rate falls to 0; where the number of steps is known. Default .2. */
  readonly decay?: number | undefined;
}

/** One layer after the other. */
export interface ListaLayerwise {
  readonly schedule: 'layerwise';
  readonly decay?: undefined;
}

/** Which network of those that descend gradients; see {@link trainLista}. Default `'alista'`. */
export type ListaDescending =
  | {
      readonly variant?: 'tilista' | 'alista' | 'alista-at' | undefined;
      /** Entries that do not shrink; false: none. Default `{ perLayer: 1.2, most: 13 }`. */
      readonly selection?: false | SupportSelection | undefined;
    }
  | { readonly variant: 'lista-cpss'; readonly selection?: SupportSelection | undefined }
  | { readonly variant: Exclude<ListaVariant, 'hyperlista'>; readonly selection?: undefined };

/** All that `hyperlista` has, whose three numbers are searched for; and so what any variant may be called with. */
export interface ListaSearched {
  readonly variant: ListaVariant;
  readonly selection?: undefined;
  readonly supervise?: undefined;
  readonly schedule?: undefined;
  readonly learningRate?: undefined;
  readonly clip?: undefined;
  readonly decay?: undefined;
  readonly memory?: undefined;
}

/** A network, and how it is trained. */
export type ListaNetworkOptions =
  | ListaSearched
  | (ListaDescending & ListaDescentOptions & (ListaEndToEnd | ListaLayerwise));

/** To learn from true codes. */
export interface ListaByCodes {
  /** True codes of the samples, samples × features. Default: those that the matrix has beside it. */
  readonly codes: CodesLike;
  readonly lambda?: undefined;
}

/** To learn from the samples alone. */
export interface ListaByObjective {
  /**
   * λ > 0: learn from the samples alone, by the objective ½‖x − aD‖² + λ‖a‖₁ of the codes. No true codes are needed then, and less of them is
   * recovered: at best what the LASSO at this λ has, shrunk values included.
   */
  readonly lambda: number;
  readonly codes?: undefined;
}

/** Where true codes are known without the option. */
export interface ListaByOwn {
  readonly codes?: undefined;
  readonly lambda?: undefined;
}

/** How long training takes at most. */
export type ListaLength =
  | {
      /** Most steps: in all, layer-wise of each stage. Default 10,000; a stream is read once, and again for steps that it has not given. */
      readonly steps?: number | undefined;
      readonly epochs?: undefined;
    }
  | {
      /** Most passes over the samples in place of steps. */
      readonly epochs: number;
      readonly steps?: undefined;
    };

interface OnMatrix extends TrainListaBaseOptions {
  readonly validation?: ListaMatrixValidation | undefined;
}

/** Options of {@link trainLista} for a matrix. */
export type TrainListaOptions = OnMatrix &
  ListaNetworkOptions &
  ListaLength &
  (ListaByCodes | ListaByObjective);

/** Options of {@link trainLista} for a matrix with its codes beside it. */
export type TrainListaCodedOptions = OnMatrix &
  ListaNetworkOptions &
  ListaLength &
  (ListaByOwn | ListaByCodes | ListaByObjective);

/** Options of {@link trainLista} for a stream. Layer by layer `steps` must be given, and without them there is no `decay`. */
export type TrainListaStreamOptions = TrainListaBaseOptions & {
  readonly validation?: ListaStreamValidation | undefined;
} & ListaNetworkOptions &
  ListaLength &
  (ListaByOwn | ListaByObjective) &
  (
    | { readonly steps: number }
    | { readonly steps?: undefined; readonly schedule?: 'endToEnd' | undefined; readonly decay?: undefined }
  );

/** Options of {@link trainLista} for a prior. It is validated on 1,000 samples, which are drawn once. */
export type TrainListaPriorOptions = TrainListaBaseOptions & {
  /** Most steps: in all, layer-wise of each stage. Default 10,000. */
  readonly steps?: number | undefined;
  readonly epochs?: undefined;
  readonly validation?: ListaValidation | undefined;
} & ListaNetworkOptions &
  (ListaByOwn | ListaByObjective);

const NAMES = [
  ...['variant', 'layers', 'selection', 'nonnegative', 'ridge', 'codes', 'lambda', 'supervise', 'schedule'],
  ...['steps', 'epochs', 'batchSize', 'learningRate', 'clip', 'decay', 'validation', 'memory'],
  ...['seed', 'threads', ...RESUMABLE_NAMES, ...ASYNC_NAMES],
];

const MOST_COUNT = 2 ** 31 - 1;
const STEPS = 10_000;
const BATCH = 512;
const PATIENCE = 2000;
const EVERY = 10;
const SHARE = 0.1;
/** Of matrices (published: 2e-4 end to end, 5e-4 layer by layer), and of two numbers a layer, which have further to go. */
const MATRIX_RATE = 5e-4;
const NUMBER_RATE = 5e-3;
const DECAY = 0.2;
const MEMORY = 2 ** 30;
const COUNT: Range = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** Where samples come from. */
export type Source = 'matrix' | 'stream' | 'prior';

const CALLS: Readonly<Record<Source, string>> = {
  matrix: 'a matrix',
  stream: 'a stream',
  prior: 'a prior',
};

/** The options of a whole run, but for what depends on its data. */
export interface Run {
  readonly variant: ListaVariant;
  readonly schedule: ListaSchedule;
  /** Undefined: true codes are learned from. */
  readonly lambda: number | undefined;
  readonly steps: number | undefined;
  readonly epochs: number | undefined;
  readonly options: Omit<NativeListaOptions, 'planned' | 'validateEvery' | 'patience'>;
  readonly validation: {
    readonly every: number;
    /** 0: without end */
    readonly patience: number;
    readonly share: number;
    readonly activations: unknown;
    readonly codes: unknown;
  };
  readonly checkpoints: Checkpoints;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: ListaProgress) => void) | undefined;
}

/** Infinity, or a number > 0. */
function readClip(read: Options): number {
  return read.get('clip') === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : read.number('clip', { above: 0 }, 1);
}

const VALIDATION: Readonly<Record<Source, readonly string[]>> = {
  matrix: ['every', 'patience', 'share'],
  stream: ['every', 'patience', 'activations', 'codes'],
  prior: ['every', 'patience'],
};

function readValidation(read: Options, source: Source, supervised: boolean): Run['validation'] {
  const given = read.has('validation') ? read.get('validation') : {};
  const names = VALIDATION[source];
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `validation must be { ${names.join(', ')} }, got ${describe(given)}`,
      'validation',
    );
  const own = new Options(given, names, `validation of ${CALLS[source]}`);
  const activations = own.get('activations');
  const codes = own.get('codes');
  if (source === 'stream' && activations === undefined) {
    own.exclude(
      ['every', 'patience', 'codes'],
      'validation with activations',
      'validation of a stream without them',
    );
    return { every: 0, patience: 0, share: 0, activations, codes };
  }
  if (!supervised) own.exclude(['codes'], 'calls without lambda', 'a call with lambda');
  if (source === 'stream' && supervised && codes === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'validation.codes must be given with validation.activations, unless lambda is: training is supervised',
      'validation.codes',
    );
  const share = source === 'matrix' ? readShare(own) : 0;
  if (source === 'matrix' && share === 0)
    own.exclude(['every', 'patience'], 'validation of a share > 0', 'validation of a share of 0');
  const patience = own.has('patience') ? own.get('patience') : PATIENCE;
  return {
    every: own.has('every') ? checkInteger('validation.every', own.get('every'), COUNT) : EVERY,
    patience:
      patience === Number.POSITIVE_INFINITY
        ? 0
        : checkInteger('validation.patience', patience, COUNT, ', or Infinity'),
    share,
    activations,
    codes,
  };
}

function readShare(own: Options): number {
  const share = own.has('share') ? own.get('share') : SHARE;
  if (typeof share === 'number' && share >= 0 && share < 1) return share;
  throw new UnsuperposeError(
    'ERR_OPTION',
    `validation.share must be a finite number ≥ 0 and < 1, got ${describe(share)}`,
    'validation.share',
  );
}

function readLength(read: Options, source: Source, schedule: ListaSchedule): Pick<Run, 'steps' | 'epochs'> {
  if (source === 'prior')
    read.exclude(['epochs'], 'calls with a matrix or a stream', 'a prior, which has no end');
  const steps = read.integer('steps', COUNT, undefined);
  if (steps !== undefined)
    read.exclude(['epochs'], 'calls without steps', 'a call with steps (give one of the two)');
  if (source === 'stream' && schedule === 'layerwise' && steps === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'steps must be given with schedule layerwise and a stream: the most of each stage',
      'steps',
    );
  const epochs = read.integer('epochs', { min: 1, max: MOST_COUNT }, undefined);
  if (source !== 'stream' && steps === undefined && epochs === undefined) return { steps: STEPS, epochs };
  return { steps, epochs };
}

/** λ, or undefined where true codes are learned from: exactly one of the two. */
function readLambda(read: Options, source: Source, beside: boolean): number | undefined {
  const what = {
    matrix: '',
    stream: ' (its items may be { activations, codes })',
    prior: ', which knows them',
  };
  if (source !== 'matrix') read.exclude(['codes'], 'calls with a matrix', `${CALLS[source]}${what[source]}`);
  if (read.has('lambda')) {
    read.exclude(['codes'], 'calls without lambda', 'a call with lambda (give one of the two)');
    return read.requiredNumber('lambda', { above: 0 });
  }
  if (source === 'matrix' && !read.has('codes') && !beside)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'codes or lambda must be given: true codes of the samples to learn from, or the λ of the objective to learn without them',
      'codes',
    );
  return undefined;
}

export const readOptions = (options: unknown): Options => new Options(options, NAMES, 'trainLista');

/** Reads all of a run's options. `beside`: a matrix has codes of its own. */
export function readRun(read: Options, source: Source, beside: boolean): Run {
  const signal = read.signal();
  const onProgress = read.callback<ListaProgress>('onProgress');
  const { variant, form } = readVariant(read);
  const lambda = readLambda(read, source, beside);
  if (variant === 'hyperlista')
    read.exclude(
      ['supervise', 'schedule', 'learningRate', 'clip', 'decay', 'memory'],
      'variants that descend gradients',
      'variant hyperlista, whose three numbers are searched for',
    );
  const schedule = read.choice('schedule', ['endToEnd', 'layerwise'], 'endToEnd');
  if (schedule === 'layerwise') read.exclude(['decay'], 'schedule endToEnd', 'schedule layerwise');
  const length = readLength(read, source, schedule);
  if (source === 'stream' && length.steps === undefined)
    read.exclude(['decay'], 'calls with a known number of steps', 'a stream without steps');
  const matrices = ['pair', 'layers', 'shared'].includes(form.weights);
  return {
    ...{ variant, schedule, lambda, signal, onProgress },
    ...length,
    options: {
      ...form,
      layers: read.integer('layers', { min: 1, max: MOST_LAYERS }, 16),
      nonnegative: read.flag('nonnegative'),
      ridge: read.number('ridge', { min: 0 }, 0),
      lambda: lambda ?? 0,
      every: read.choice('supervise', ['last', 'every'], 'last') === 'every',
      schedule,
      learningRate: read.number('learningRate', { above: 0 }, matrices ? MATRIX_RATE : NUMBER_RATE),
      ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
      clip: readClip(read),
      decay: schedule === 'endToEnd' ? read.number('decay', { min: 0, max: 1 }, DECAY) : 0,
      firstThreshold: 0,
      batchSize: read.integer('batchSize', { min: 1, max: MOST_COUNT }, BATCH),
      seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
      memory: read.integer('memory', { min: 0, max: Number.MAX_SAFE_INTEGER }, MEMORY),
    },
    validation: readValidation(read, source, lambda === undefined),
    checkpoints: new Checkpoints(read),
    threads: readThreads(read),
  };
}
