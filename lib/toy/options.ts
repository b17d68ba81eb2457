// What toy models are made of, and the options of their training.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { copyOf, lengthOf, mapEntries } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions } from '../call/progress.js';
import type { NativeToyOptions, NativeToyParameters } from '../native/toy.js';
import {
  DEFAULT_DENSITY,
  type Densities,
  type FeatureStructure,
  type Importances,
  readDensities,
  readImportances,
  STRUCTURE_NAMES,
} from './features.js';

/** What a toy model computes with: h = x·W, x̂ = relu(h·Wᵀ + b), or without relu where `activation` is `'linear'`. */
export interface ToyParameters {
  /** W, features × dims: row i is where feature i is written in the hidden layer. */
  readonly weights: MatrixLike<Float32Array>;
  /** b, one a feature. */
  readonly bias: Float32Array;
  /** Default `'relu'`. */
  readonly activation?: 'relu' | 'linear' | undefined;
}

/** A trained toy model, and what it was trained on. */
export interface ToyModel extends ToyParameters {
  readonly weights: Matrix<Float32Array>;
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
    /**
     * Models trained an instance, each from its own draw of weights and on its own samples; the one of the least `loss` is answered.
     * Small models get caught where others do not (two features in one dim: one in two or so). Time and memory grow with it.
     * 1 … 10,000; default 1. Excludes `initial`.
     */
    readonly starts?: number | undefined;
    /** Integer, 0 … 2⁵³ − 1. Default 0. */
    readonly seed?: number | undefined;
    /** Instances are shared among them. Results do not depend on it, bit for bit. */
    readonly threads?: number | undefined;
  };

export const STRATEGY_NAMES = ['strategy', 'penalty', 'allowedInterference'];
export const LOSS_NAMES = ['importance', 'activation', ...STRATEGY_NAMES];
export const NAMES = [
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
  'starts',
  'seed',
  'threads',
  ...STRUCTURE_NAMES,
  ...ASYNC_NAMES,
];
export const ACTIVATIONS = ['relu', 'linear'] as const;
export const MOST_DIMS = 65536;
const MOST_STEPS = 10_000_000;
const MOST_BATCH = 2 ** 24;
export const MOST_VALUES = 2 ** 31 - 1;
const RECORDS = 100;
const MOST_STARTS = 10_000;

export function readPenalties(read: Options) {
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
export function readParameters(
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
  if (lengthOf(bias) !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.bias must be one a feature (${features}), got ${lengthOf(bias)}`,
      name,
    );
  if (activation !== undefined && !ACTIVATIONS.includes(activation as 'relu'))
    refuseOption(`${name}.activation`, `one of ${ACTIVATIONS.join(', ')}`, activation);
  return { weights: matrix.data, bias: copyOf(bias, name), features, dims, relu: activation !== 'linear' };
}

/** How many models are trained for each instance. */
export function readStarts(read: Options): number {
  const starts = read.integer('starts', { min: 1, max: MOST_STARTS }, 1);
  if (starts > 1) read.exclude(['initial'], 'calls with one start', `a call with ${starts} starts`);
  return starts;
}

export function readInitial(
  value: unknown,
  instances: number,
  features: number,
  dims: number,
): NativeToyParameters | undefined {
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
  for (let e = 0; e < instances; e++) {
    const model = readParameters(value[e], `initial[${e}]`, { features, dims });
    weights.set(model.weights, e * features * dims);
    bias.set(model.bias, e * features);
  }
  return { weights, bias };
}

interface ReadInstance {
  /** Of its densities, for messages. */
  readonly name: string;
  readonly density: Float64Array;
  readonly importance: Float32Array;
}

export function readInstances(read: Options, features: number): ReadInstance[] {
  const given = read.get('instances') ?? [{}];
  if (!Array.isArray(given) || lengthOf(given) === 0)
    refuseOption('instances', 'an array of at least one { density, importance }', given);
  const density = readDensities('density', read.get('density') ?? DEFAULT_DENSITY, features);
  const importance = readImportances('importance', read.get('importance') ?? 1, features);
  return mapEntries(given, (entry, e) => {
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
  const [first, second]: unknown[] =
    Array.isArray(value) && lengthOf(value) === 2 ? mapEntries(value, (beta) => beta) : [];
  if (!valid(first) || !valid(second)) refuseOption('betas', 'two numbers ≥ 0 and < 1', value);
  return [first, second];
}

export function readTraining(read: Options, features: number, dims: number): NativeToyOptions {
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
