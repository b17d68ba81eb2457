// Toy models of superposition: training many at once, running one, its loss and gradient.
import { types } from 'node:util';
import type { NativeToyModel, NativeToyOptions, NativeToyParameters } from './binding-toy.js';
import { SparseCodes } from './codes.js';
import { Dictionary } from './dictionary.js';
import { UnsuperposeError } from './errors.js';
import { fold } from './fold.js';
import { runJob, throwIfAborted } from './job.js';
import { allocate, type Matrix, readMatrix } from './matrix.js';
import { correlate, softThreshold } from './ops.js';
import { describe, Options, refuseOption } from './options.js';
import { binding, native } from './runtime.js';
import { readThreads } from './threads.js';
import {
  DEFAULT_DENSITY,
  type Densities,
  type FeatureStructure,
  type Importances,
  MOST_TOY_FEATURES,
  readDensities,
  readImportances,
  readStructure,
  STRUCTURE_NAMES,
} from './toy-features.js';
import { ASYNC_NAMES, type AsyncOptions } from './unfold.js';

/** What a toy model computes with: h = x·W, x̂ = relu(h·Wᵀ + b), or without relu where `activation` is `'linear'`. */
export interface ToyParameters {
  /** W, features × dims: row i is where feature i is written in the hidden layer. */
  readonly weights: Matrix<Float32Array>;
  /** b, one a feature. */
  readonly bias: Float32Array;
  /** Default `'relu'`. */
  readonly activation?: 'relu' | 'linear' | undefined;
}

/** A trained toy model, and what it was trained on. */
export interface ToyModel extends ToyParameters {
  readonly activation: 'relu' | 'linear';
  readonly density: Float64Array;
  readonly importance: Float32Array;
  /** Means over equal parts of the training (at most 100): the loss a sample, with penalties, without weight decay. */
  readonly losses: Float64Array;
  /** The last of them. */
  readonly loss: number;
}

/** What one of many models trained together has of its own. */
export interface ToyInstance {
  readonly density?: Densities | undefined;
  readonly importance?: Importances | undefined;
}

/** How to deal with superposition; all weights are those of {@link trainToyModel}'s loss. */
export type ToyStrategy =
  /** Let it happen, and find the overcomplete basis afterwards. The default. */
  | { readonly strategy?: 'afterwards' | undefined }
  /** α > 0 makes hidden activations sparse: features move onto the dims (a privileged basis), at most opposite pairs share one. */
  | { readonly strategy: 'sparse-activations'; readonly penalty: number }
  /** Train without superposition: β > 0 makes the features orthogonal, so that there are at most as many as dims. */
  | { readonly strategy: 'orthogonal'; readonly penalty: number }
  /** Both: β > 0 on overlaps above τ ≥ 0 only, which leaves superposition that ℓ1 can take apart afterwards. */
  | { readonly strategy: 'hybrid'; readonly penalty: number; readonly allowedInterference: number };

/** Options of {@link trainToyModel}; `presets` holds the paper's. */
export type TrainToyModelOptions = ToyStrategy &
  FeatureStructure &
  AsyncOptions & {
    readonly features: number;
    readonly dims: number;
    /** Models to train, each with its own data. Default: one. */
    readonly instances?: readonly ToyInstance[] | undefined;
    /** For instances that say nothing else. Default 0.1. */
    readonly density?: Densities | undefined;
    /** For instances that say nothing else. Default 1. */
    readonly importance?: Importances | undefined;
    /** Default `'relu'`. */
    readonly activation?: 'relu' | 'linear' | undefined;
    /** Samples a step, fresh ones each. Default 1024. */
    readonly batchSize?: number | undefined;
    /** Default 10,000. */
    readonly steps?: number | undefined;
    /** Default 1e-3. */
    readonly learningRate?: number | undefined;
    /** How the rate goes on from there: `'constant'` (default), or down to 0 as a line or half a cosine. */
    readonly schedule?: 'constant' | 'linear' | 'cosine' | undefined;
    /** Of weights and biases, decoupled from the gradient. Default 0.01. */
    readonly weightDecay?: number | undefined;
    /** What AdamW's moments keep a step, each ≥ 0 and < 1. Default [0.9, 0.999]. */
    readonly betas?: readonly [first: number, second: number] | undefined;
    /** AdamW's ε > 0. Default 1e-8. */
    readonly epsilon?: number | undefined;
    /** Where to start, one an instance. Default: Glorot's normal weights, biases 0. */
    readonly initial?: readonly ToyParameters[] | undefined;
    /** Integer, 0 … 2⁵³ − 1. Default 0. */
    readonly seed?: number | undefined;
    /** Instances are shared among them. Results do not depend on it, bit for bit. */
    readonly threads?: number | undefined;
  };

const STRATEGY_NAMES = ['strategy', 'penalty', 'allowedInterference'];
const LOSS_NAMES = ['importance', 'activation', ...STRATEGY_NAMES];
const NAMES = [
  'features',
  'dims',
  'instances',
  'density',
  ...LOSS_NAMES,
  'batchSize',
  'steps',
  'learningRate',
  'schedule',
  'weightDecay',
  'betas',
  'epsilon',
  'initial',
  'seed',
  'threads',
  ...STRUCTURE_NAMES,
  ...ASYNC_NAMES,
];
const ACTIVATIONS = ['relu', 'linear'] as const;
const MOST_DIMS = 65536;
const MOST_STEPS = 10_000_000;
const MOST_BATCH = 2 ** 24;
const MOST_VALUES = 2 ** 31 - 1;
const RECORDS = 100;

function readPenalties(read: Options) {
  const strategy = read.choice(
    'strategy',
    ['afterwards', 'sparse-activations', 'orthogonal', 'hybrid'],
    'afterwards',
  );
  const choice = `strategy ${strategy}`;
  if (strategy === 'afterwards')
    read.exclude(['penalty'], 'strategies sparse-activations, orthogonal and hybrid', choice);
  if (strategy !== 'hybrid') read.exclude(['allowedInterference'], 'strategy hybrid', choice);
  const penalty = strategy === 'afterwards' ? 0 : read.requiredNumber('penalty', { above: 0 });
  const allowed = strategy === 'hybrid' ? read.requiredNumber('allowedInterference', { min: 0 }) : 0;
  return {
    activationPenalty: strategy === 'sparse-activations' ? penalty : 0,
    interferencePenalty: strategy === 'orthogonal' || strategy === 'hybrid' ? penalty : 0,
    allowedInterference: allowed,
  };
}

/** Weights and bias of `features` × `dims`, copied. */
function readParameters(
  value: unknown,
  name: string,
  shape?: { readonly features: number; readonly dims: number },
): NativeToyParameters & { readonly features: number; readonly dims: number; readonly relu: boolean } {
  if (typeof value !== 'object' || value === null) refuseOption(name, 'a model { weights, bias }', value);
  const { weights, bias, activation } = value as Partial<Record<keyof ToyParameters, unknown>>;
  const matrix = readMatrix(weights, `${name}.weights`, { copy: true });
  const [features, dims] = shape ? [shape.features, shape.dims] : [matrix.rows, matrix.cols];
  if (matrix.rows !== features || matrix.cols !== dims || features === 0 || dims === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.weights must be features × dims${shape ? ` [${features}, ${dims}]` : ', at least one of each'}, got [${matrix.rows}, ${matrix.cols}]`,
      name,
    );
  if (!types.isFloat32Array(bias))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name}.bias must be a Float32Array, got ${describe(bias)}`,
      name,
    );
  if (bias.length !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.bias must be one a feature (${features}), got ${bias.length}`,
      name,
    );
  if (activation !== undefined && !ACTIVATIONS.includes(activation as 'relu'))
    refuseOption(`${name}.activation`, `one of ${ACTIVATIONS.join(', ')}`, activation);
  return { weights: matrix.data, bias: bias.slice(), features, dims, relu: activation !== 'linear' };
}

function readInitial(value: unknown, instances: number, features: number, dims: number) {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) refuseOption('initial', 'an array of models { weights, bias }', value);
  if (value.length !== instances)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `initial must be one an instance (${instances}), got ${value.length}`,
      'initial',
    );
  const weights = allocate(instances, features * dims, 'initial');
  const bias = new Float32Array(instances * features);
  for (const [e, entry] of value.entries()) {
    const model = readParameters(entry, `initial[${e}]`, { features, dims });
    weights.set(model.weights, e * features * dims);
    bias.set(model.bias, e * features);
  }
  return { weights, bias };
}

function readInstances(read: Options, features: number) {
  const given = read.get('instances') ?? [{}];
  if (!Array.isArray(given) || given.length === 0)
    refuseOption('instances', 'an array of at least one { density, importance }', given);
  const density = readDensities('density', read.get('density') ?? DEFAULT_DENSITY, features);
  const importance = readImportances('importance', read.get('importance') ?? 1, features);
  return given.map((entry: unknown, e) => {
    const name = `instances[${e}]`;
    if (typeof entry !== 'object' || entry === null)
      refuseOption(name, 'an object { density, importance }', entry);
    const own = new Options(entry, ['density', 'importance'], name);
    return {
      name: own.has('density') ? `${name}.density` : 'density',
      density: own.has('density') ? readDensities(`${name}.density`, own.get('density'), features) : density,
      importance: own.has('importance')
        ? readImportances(`${name}.importance`, own.get('importance'), features)
        : importance,
    };
  });
}

function readBetas(value: unknown): [number, number] {
  if (value === undefined) return [0.9, 0.999];
  const valid = (beta: unknown): beta is number => typeof beta === 'number' && beta >= 0 && beta < 1;
  if (!Array.isArray(value) || value.length !== 2 || !valid(value[0]) || !valid(value[1]))
    refuseOption('betas', 'two numbers ≥ 0 and < 1', value);
  return [value[0], value[1]];
}

function readTraining(read: Options, features: number, dims: number): NativeToyOptions {
  const [beta1, beta2] = readBetas(read.get('betas'));
  const steps = read.integer('steps', { min: 1, max: MOST_STEPS }, 10_000);
  return {
    features,
    dims,
    relu: read.choice('activation', ACTIVATIONS, 'relu') === 'relu',
    ...readPenalties(read),
    batchSize: read.integer('batchSize', { min: 1, max: MOST_BATCH }, 1024),
    steps,
    learningRate: read.number('learningRate', { above: 0, max: 1 }, 1e-3),
    schedule: read.choice('schedule', ['constant', 'linear', 'cosine'], 'constant'),
    weightDecay: read.number('weightDecay', { min: 0, max: 1 }, 0.01),
    beta1,
    beta2,
    epsilon: read.number('epsilon', { above: 0 }, 1e-8),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
    records: Math.min(steps, RECORDS),
  };
}

/**
 * Trains toy models of superposition (Elhage et al. 2022, "Toy Models of Superposition"): h = x·W, x̂ = relu(h·Wᵀ + b), with W features ×
 * dims, on sparse features as `sampleFeatures` draws them, fresh ones at each step. AdamW (Loshchilov & Hutter 2019) minimises the mean over samples of
 *
 *   Σ_i I_i (x_i − x̂_i)²  +  α Σ_k |h_k|  +  β Σ_{i<j} max(0, |W_i·W_j| − τ)²
 *
 * I is `importance`; α, β and τ are 0 unless a `strategy` sets them. One call trains many instances, each with its own density and
 * importance. Does not block the JavaScript thread.
 *
 * @returns one model an instance
 * @throws UnsuperposeError (as a rejection) `ERR_OPTION` (also when training diverges), `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_TOO_LARGE`;
 *   `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * // two features in one dim: dense data keeps one of them, sparse data both, as antipodes
 * const [dense, sparse] = await toy.trainToyModel({
 *   features: 2,
 *   dims: 1,
 *   instances: [{ density: 1, importance: [1, 0.5] }, { density: 0.02 }],
 *   steps: 2000,
 *   learningRate: 1e-2,
 *   seed: 1,
 * });
 * const kept = (model: toy.ToyModel) => model.weights.data.filter((w) => Math.abs(w) > 0.5).length;
 * console.log(kept(dense), kept(sparse)); // → 1 2
 * ```
 */
export async function trainToyModel(options: TrainToyModelOptions): Promise<ToyModel[]> {
  const read = new Options(options, NAMES, 'trainToyModel');
  const signal = read.signal();
  const onProgress = read.callback<{ done: number; total: number }>('onProgress');
  const features = read.requiredInteger('features', { min: 1, max: MOST_TOY_FEATURES });
  const dims = read.requiredInteger('dims', { min: 1, max: MOST_DIMS });
  const training = readTraining(read, features, dims);
  const instances = readInstances(read, features);
  const structure = readStructure(
    read,
    features,
    instances.map(({ name, density }) => ({ name, values: density })),
  );
  if (instances.length * features * dims > MOST_VALUES)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `instances would hold ${instances.length} × ${features} × ${dims} weights, more than 2³¹ − 1`,
      'instances',
    );
  const initial = readInitial(read.get('initial'), instances.length, features, dims);
  const threads = readThreads(read);
  const densities = new Float64Array(instances.length * features);
  const importances = new Float32Array(instances.length * features);
  for (const [e, { density, importance }] of instances.entries()) {
    densities.set(density, e * features);
    importances.set(importance, e * features);
  }
  throwIfAborted(signal);
  const { weights, bias, losses } = await runJob<NativeToyModel>(signal, (onSettled, guard) => {
    const report = onProgress && guard((done: number, total: number) => onProgress({ done, total }));
    return binding.toyTrain(training, structure, densities, importances, initial, threads, report, onSettled);
  });
  const { records, relu } = training;
  return instances.map(({ density, importance }, e) => {
    const curve = losses.slice(e * records, (e + 1) * records);
    return {
      weights: {
        data: weights.slice(e * features * dims, (e + 1) * features * dims),
        shape: [features, dims],
      },
      bias: bias.slice(e * features, (e + 1) * features),
      activation: relu ? 'relu' : 'linear',
      density: density.slice(),
      importance: importance.slice(),
      losses: curve,
      loss: curve[records - 1] ?? Number.NaN,
    };
  });
}

/** What {@link applyToyModel} answers. */
export interface ToyActivations {
  /** h = x·W, samples × dims. */
  readonly hidden: Matrix<Float32Array>;
  /** x̂, samples × features. */
  readonly output: Matrix<Float32Array>;
}

/**
 * Runs a toy model: hidden activations and outputs.
 *
 * @param x samples × features, a Matrix or SparseCodes
 * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_OPTION`, `ERR_TOO_LARGE`
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * const model = { weights: { data: Float32Array.of(1, -1), shape: [2, 1] as const }, bias: Float32Array.of(0, 0) };
 * const { hidden, output } = toy.applyToyModel(model, { data: Float32Array.of(0.5, 0), shape: [1, 2] });
 * console.log(hidden.data.join(), output.data.join()); // → 0.5 0.5,0
 * ```
 */
export function applyToyModel(model: ToyParameters, x: Matrix | SparseCodes): ToyActivations {
  const { weights, bias, features, dims, relu } = readParameters(model, 'model');
  const sparse = x instanceof SparseCodes;
  const columns = sparse ? x.shape[1] : readMatrix(x, 'x').cols;
  if (columns !== features)
    throw new UnsuperposeError('ERR_SHAPE', `x has ${columns} features, model has ${features}`, 'x');
  let hidden: Matrix<Float32Array>;
  if (sparse) {
    using atoms = Dictionary.from({ data: weights, shape: [features, dims] });
    hidden = fold(x, atoms);
  } else {
    hidden = correlate(x, { data: transposed(weights, features, dims), shape: [dims, features] });
  }
  // The bias is one more dim, which is always 1.
  const output = correlate(
    withColumn(hidden, () => 1),
    withColumn({ data: weights, shape: [features, dims] }, (i) => bias[i] ?? 0),
  );
  return {
    hidden,
    output: relu ? { ...output, data: softThreshold(output.data, 0, { nonnegative: true }) } : output,
  };
}

function transposed(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j] ?? 0;
  return out;
}

function withColumn(
  { data, shape: [rows, cols] }: Matrix<Float32Array>,
  value: (row: number) => number,
): Matrix<Float32Array> {
  const out = allocate(rows, cols + 1, 'x');
  for (let i = 0; i < rows; i++) {
    out.set(data.subarray(i * cols, (i + 1) * cols), i * (cols + 1));
    out[i * (cols + 1) + cols] = value(i);
  }
  return { data: out, shape: [rows, cols + 1] };
}

/** Options of {@link toyGradient}: the loss that {@link trainToyModel} minimises. */
export type ToyGradientOptions = ToyStrategy & { readonly importance?: Importances | undefined };

/** What {@link toyGradient} answers. */
export interface ToyGradient {
  /** Mean over the samples, with penalties. */
  readonly loss: number;
  /** Its derivative by W, features × dims. */
  readonly weights: Matrix<Float32Array>;
  /** Its derivative by b. */
  readonly bias: Float32Array;
}

/**
 * The loss of {@link trainToyModel} at given samples, and its gradient: what one step of training starts from. At a kink
 * (an output, activation or overlap right on its threshold) the derivative is the one from below.
 *
 * @param x samples × features, at least one
 * @throws UnsuperposeError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_OPTION`
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * const model = { weights: { data: Float32Array.of(1, 0), shape: [2, 1] as const }, bias: Float32Array.of(0, 0) };
 * const { loss } = toy.toyGradient(model, { data: Float32Array.of(1, 0.5), shape: [1, 2] }, { importance: [1, 2] });
 * console.log(loss); // → 0.5
 * ```
 */
export function toyGradient(model: ToyParameters, x: Matrix, options?: ToyGradientOptions): ToyGradient {
  const read = new Options(options, ['importance', ...STRATEGY_NAMES], 'toyGradient');
  const penalties = readPenalties(read);
  const { weights, bias, features, dims, relu } = readParameters(model, 'model');
  const importance = readImportances('importance', read.get('importance') ?? 1, features);
  const samples = readMatrix(x, 'x');
  if (samples.rows === 0)
    throw new UnsuperposeError('ERR_SHAPE', 'x must have at least one sample (row), got none', 'x');
  if (samples.cols !== features)
    throw new UnsuperposeError('ERR_SHAPE', `x has ${samples.cols} features, model has ${features}`, 'x');
  const gradient = native((module) =>
    module.toyGradient({ features, dims, relu, ...penalties }, importance, { weights, bias }, samples),
  );
  return {
    loss: gradient.loss,
    weights: { data: gradient.weights, shape: [features, dims] },
    bias: gradient.bias,
  };
}
