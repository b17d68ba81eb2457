// The options of evaluate, read.

import { type Device, readDevice } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { mapEntries } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import type { AsyncOptions } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { type CodesLike, hasCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import type { UnfoldSyncOptions } from '../unfold/unfold.js';
import { type AllCodes, type CodeOptions, copyCodes, type FeatureModel } from './subjects.js';

/** What is known to be true of the data. */
export interface Truth {
  /** The true feature directions: features × dims. */
  readonly dictionary: Dictionary | MatrixLike;
  /**
   * The true codes of all samples. Default: those that the matrices of `activations` bring along as `codes`, as synthetic ones do; without
   * either there are no figures of detection.
   */
  readonly codes?: CodesLike | undefined;
}

/** How far an evaluation has come. */
export interface EvaluationProgress {
  /** `'matching'`: features with true ones, or with those of other seeds, in features; `'scoring'`: in samples. */
  readonly stage: 'matching' | 'scoring';
  readonly done: number;
  /** Unknown for streams. */
  readonly total?: number;
}

/** Options of `unfold` that hold for any sample: λ and sparsity are one number. */
export type SharedUnfoldOptions = Shared<UnfoldSyncOptions>;
/** Of each member of the union by itself. */
type Shared<T> = T extends unknown ? Omit<T, 'warmStart' | 'observed' | 'threads'> : never;

/** Options of {@link evaluate}. */
export interface EvaluateOptions extends AsyncOptions<EvaluationProgress> {
  /**
   * How codes are made of activations: options of `unfold`, such as `{ lambda: 0.1 }` or `{ method: 'omp', sparsity: 20 }`. Required where
   * `features` is a Dictionary. For the others it says how the codes of the baseline are made.
   */
  readonly unfold?: SharedUnfoldOptions | undefined;
  readonly truth?: Truth | undefined;
  /** Dictionaries learned from the same data otherwise, by other seeds mostly: how much of the features is found again? */
  readonly seeds?: readonly (Dictionary | MatrixLike)[] | undefined;
  /** What to compare with in place of the frozen random dictionary: a frozen-decoder autoencoder that was trained, say. */
  readonly baseline?: Dictionary | FeatureModel | undefined;
  /** Features used by a greater share of samples are dense: 0 … 1. Default 0.1. */
  readonly denseAbove?: number | undefined;
  /** Features of two dictionaries with at least this |cos| are the same: 0 … 1. Default 0.9. */
  readonly sameAbove?: number | undefined;
  /** Most samples scored at a time, which bounds the memory: 1 … 2²⁰. Default 4096. */
  readonly batchSize?: number | undefined;
  /** Of the random dictionary: an integer, 0 … 2⁵³ − 1. Default 0. */
  readonly seed?: number | undefined;
  /**
   * Where codes are made: goes to `unfold`, where `unfold` has no `device` of its own, and to `encode` of a model, in its second argument, `{ device }`. A
   * SparseAutoencoder takes it; where a model of yours does not, codes are made as without. Scores are the CPU's. Default: what these calls do without it.
   */
  readonly device?: Device | undefined;
  /** Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

const NAMES = [
  'unfold',
  'truth',
  'seeds',
  'baseline',
  'denseAbove',
  'sameAbove',
  'batchSize',
  'seed',
  'device',
  'threads',
  'signal',
  'onProgress',
];
/** Options of `unfold` that belong to the whole call, or to some samples. */
const NOT_SHARED: Readonly<Record<string, string>> = {
  threads: 'threads is an option of evaluate itself',
  signal: 'signal is an option of evaluate itself',
  onProgress: 'onProgress is an option of evaluate itself',
  warmStart: 'warmStart belongs to some samples, and evaluate cuts them into batches',
  observed: 'observed belongs to some samples, and evaluate cuts them into batches',
};
/** Options of `unfold` that may be one a sample, and here are one for all. */
const ONE_FOR_ALL = ['lambda', 'sparsity', 'epsilon', 'radius'];
const DEFAULT_DENSE = 0.1;
const DEFAULT_SAME = 0.9;
const DEFAULT_BATCH = 4096;
const MOST_BATCH = 2 ** 20;

function readUnfold(value: unknown): CodeOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption('unfold', 'options of unfold, as in { lambda: 0.1 }', value);
  const options: Record<string, unknown> = { ...value };
  for (const [name, given] of Object.entries(options)) {
    const why = Object.hasOwn(NOT_SHARED, name) ? NOT_SHARED[name] : undefined;
    if (why !== undefined && given !== undefined)
      throw new UnsuperposeError('ERR_OPTION', `unfold must not have ${name}: ${why}`, 'unfold');
    if (ONE_FOR_ALL.includes(name) && given !== undefined && typeof given !== 'number')
      refuseOption(`unfold.${name}`, 'one number for all samples', given);
  }
  return options;
}

/** A dictionary of ours: unit directions are made of it later. */
function readDirections(value: unknown, name: string): Dictionary {
  if (Dictionary.is(value)) {
    Dictionary.handleOf(value, name); // refuses what was disposed, by its name
    return Dictionary.share(value);
  }
  if (typeof value !== 'object' || value === null || hasCodes(value))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be a Dictionary or a matrix features × dims, got ${describe(value)}`,
      name,
    );
  return Dictionary.from(value as MatrixLike);
}

export interface OwnTruth {
  readonly dictionary: Dictionary;
  readonly codes: AllCodes | undefined;
}

function readTruth(value: unknown): OwnTruth | undefined {
  if (value === undefined) return undefined;
  if (Dictionary.is(value)) refuseOption('truth', '{ dictionary } or { dictionary, codes }', value);
  const read = new Options(value, ['dictionary', 'codes'], 'truth');
  const dictionary = readDirections(read.get('dictionary'), 'truth.dictionary');
  const codes = read.has('codes') ? copyCodes(read.get('codes'), 'truth.codes') : undefined;
  if (codes !== undefined && codes.features !== dictionary.features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `truth.codes has ${codes.features} features, truth.dictionary has ${dictionary.features}`,
      'truth',
    );
  return { dictionary, codes };
}

function readSeeds(value: unknown): Dictionary[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length === 0)
    refuseOption('seeds', 'an array of dictionaries, at least one', value);
  return mapEntries(value, (one, i) => readDirections(one, `seeds[${i}]`));
}

export function readOptions(options: unknown) {
  const read = new Options(options, NAMES, 'evaluate');
  if (read.has('device')) readDevice(read); // refuses what is none
  return {
    device: read.get('device') as Device | undefined,
    signal: read.signal(),
    onProgress: read.callback<EvaluationProgress>('onProgress'),
    denseAbove: read.number('denseAbove', { min: 0, max: 1 }, DEFAULT_DENSE),
    sameAbove: read.number('sameAbove', { min: 0, max: 1 }, DEFAULT_SAME),
    batchSize: read.integer('batchSize', { min: 1, max: MOST_BATCH }, DEFAULT_BATCH),
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
    threads: readThreads(read),
    unfold: readUnfold(read.get('unfold')),
    truth: readTruth(read.get('truth')),
    seeds: readSeeds(read.get('seeds')),
    baseline: read.get('baseline'),
  };
}

export type EvaluateSettings = ReturnType<typeof readOptions>;
