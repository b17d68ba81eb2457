// Toy models of superposition: training many at once, running one, its loss and gradient.
import { UnsuperposeError } from '../call/errors.js';
import { allocate, type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import type { Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { type CodesLike, hasCodes, readCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { correlate, softThreshold } from '../data/ops.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeToyModel } from '../native/toy.js';
import { fold } from '../unfold/fold.js';
import { type Importances, MOST_TOY_FEATURES, readImportances, readStructure } from './features.js';
import {
  MOST_DIMS,
  MOST_VALUES,
  NAMES,
  readInitial,
  readInstances,
  readParameters,
  readPenalties,
  readStarts,
  readTraining,
  STRATEGY_NAMES,
  type ToyModel,
  type ToyParameters,
  type ToyStrategy,
  type TrainToyModelOptions,
} from './options.js';

/**
 * Trains toy models of superposition (Elhage et al. 2022, "Toy Models of Superposition"): h = x·W, x̂ = relu(h·Wᵀ + b), with W features ×
 * dims, on sparse features as `sampleFeatures` draws them, fresh ones at each step. AdamW (Loshchilov & Hutter 2019) minimises the mean over samples of
 *
 *   Σ_i I_i (x_i − x̂_i)²  +  α Σ_k |h_k|  +  β Σ_{i<j} max(0, |W_i·W_j| − τ)²
 *
 * I is `importance`; α, β and τ are 0 unless a `strategy` sets them. One call trains many instances, each with its own density and
 * importance, and with `starts` the best of several models of each. Does not block the JavaScript thread.
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
  const onProgress = read.callback<Progress>('onProgress');
  const features = read.requiredInteger('features', { min: 1, max: MOST_TOY_FEATURES });
  const dims = read.requiredInteger('dims', { min: 1, max: MOST_DIMS });
  const training = readTraining(read, features, dims);
  const instances = readInstances(read, features);
  const structure = readStructure(
    read,
    features,
    instances.map(({ name, density }) => ({ name, values: density })),
  );
  const starts = readStarts(read);
  const models = instances.length * starts;
  if (models * features * dims > MOST_VALUES)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `instances${starts > 1 ? ' × starts' : ''} would hold ${models} × ${features} × ${dims} weights, more than 2³¹ − 1`,
      'instances',
    );
  const initial = readInitial(read.get('initial'), instances.length, features, dims);
  const threads = readThreads(read);
  // All instances once, then all again: the first start of each is what it would be alone.
  const densities = new Float64Array(models * features);
  const importances = new Float32Array(models * features);
  for (let e = 0; e < models; e++) {
    const { density, importance } = at(instances, e % instances.length);
    densities.set(density, e * features);
    importances.set(importance, e * features);
  }
  throwIfAborted(signal);
  const { weights, bias, losses } = await runCounted<NativeToyModel>(signal, onProgress, (...rest) =>
    binding.toyTrain(training, structure, densities, importances, initial, threads, ...rest),
  );
  const { records, relu } = training;
  const lossOf = (e: number): number => losses[(e + 1) * records - 1] ?? Number.NaN;
  return instances.map(({ density, importance }, first) => {
    let e = first;
    for (let other = first; other < models; other += instances.length)
      if (lossOf(other) < lossOf(e)) e = other;
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
      loss: lossOf(e),
    };
  });
}

function at<T>(items: readonly T[], index: number): T {
  return items[index] as T;
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
 * @param x samples × features, a matrix or codes
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
export function applyToyModel(model: ToyParameters, x: MatrixLike | CodesLike): ToyActivations {
  const { weights, bias, features, dims, relu } = readParameters(model, 'model');
  const sparse = hasCodes(x) ? readCodes(x, 'x', 'ERR_DTYPE') : undefined;
  const columns = sparse ? sparse.features : readMatrix(x, 'x').cols;
  if (columns !== features)
    throw new UnsuperposeError('ERR_SHAPE', `x has ${columns} features, model has ${features}`, 'x');
  let hidden: Matrix<Float32Array>;
  if (sparse) {
    using atoms = Dictionary.from({ data: weights, shape: [features, dims] });
    const { codes, values, samples } = sparse;
    hidden = fold({ ...codes, values, shape: [samples, features] }, atoms, { device: 'cpu' });
  } else {
    hidden = correlate(x as MatrixLike, {
      data: transposed(weights, features, dims),
      shape: [dims, features],
    });
  }
  const beyond = hidden.data.findIndex((value) => !Number.isFinite(value));
  if (beyond >= 0)
    throw new UnsuperposeError(
      'ERR_NOT_FINITE',
      `x overflows float32 in the hidden layer: row ${Math.floor(beyond / dims)}`,
      'x',
    );
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
export function toyGradient(model: ToyParameters, x: MatrixLike, options?: ToyGradientOptions): ToyGradient {
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
