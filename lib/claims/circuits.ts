// Paths of features through a chain of layers.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { lengthOf, mapEntries } from '../call/memory.js';
import { checkInteger, checkNumber, describe, Options } from '../call/options.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativeCircuit } from '../native/features.js';
import { askDevice, PAIR_QUESTION_NAMES, type PairQuestionOptions } from '../native/question.js';
import { binding } from '../native/runtime.js';
import type { DictionaryHandle } from '../native/values.js';
import { ownWeight, readWeight, type Weight } from './weights.js';

/** All features of a dictionary, or some of them by index. */
export type FeatureSet =
  | Dictionary
  | { readonly dictionary: Dictionary; readonly features: Uint32Array | readonly number[] };

/** What lies between two sets of features: a weight, or weight, dictionary, weight, …, weight. */
export type CircuitPath = readonly (Weight | Dictionary)[];

/** Options of {@link noCircuit}. */
export interface NoCircuitOptions extends PairQuestionOptions {
  /** Also bound all paths together, by absolute sums; costs about a float32 product a layer. Default true. */
  readonly sums?: boolean | undefined;
}

/** What {@link noCircuit} found. */
export interface CircuitVerdict {
  /** Proved: no path is stronger than ε. */
  readonly holds: boolean;
  /** Proved: `path` is stronger than ε. If neither is proved, rounding hides which side of ε the strongest path is on. */
  readonly fails: boolean;
  /** Certified: no path is stronger. */
  readonly bound: number;
  /** The strongest path (of those within rounding of it), a feature for each end of a layer; empty if all paths are zero. */
  readonly path: Uint32Array;
  /** The virtual weights along `path`, with their signs, in float64. */
  readonly values: Float64Array;
  /** |product of values|, less what rounding may have added. */
  readonly strength: number;
  /**
   * Certified: for no `to` feature do the strengths of all paths that lead to it, taken together, exceed this, and so neither does their
   * joint effect, however they add up. NaN with `sums: false`.
   */
  readonly sumBound: number;
  /** The `to` feature of that bound; −1 with `sums: false`. */
  readonly sumFeature: number;
}

interface NativeStep {
  readonly chain: ReturnType<typeof readWeight>;
  readonly to: DictionaryHandle;
}

export function readSet(
  value: unknown,
  name: string,
): { dictionary: Dictionary; features: Uint32Array | undefined } {
  if (Dictionary.is(value)) return { dictionary: value, features: undefined };
  const { dictionary, features } = (typeof value === 'object' && value !== null ? value : {}) as {
    dictionary?: unknown;
    features?: unknown;
  };
  if (!Dictionary.is(dictionary))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be a Dictionary, or { dictionary, features }, got ${describe(value)}`,
      name,
    );
  if (!types.isUint32Array(features) && !Array.isArray(features))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name}.features must be a Uint32Array or an array of indices, got ${describe(features)}`,
      name,
    );
  if (lengthOf(features) === 0)
    throw new UnsuperposeError('ERR_SHAPE', `${name}.features must name at least one feature`, name);
  const range = { min: 0, max: dictionary.features - 1, note: 'features − 1' };
  return {
    dictionary,
    features: new Uint32Array(
      mapEntries(features, (entry, i) => checkInteger(`${name}.features[${i}]`, entry, range)),
    ),
  };
}

/** A path as it was given, its lists as ones of our own: whoever reads it twice reads the same. */
export function ownPath(path: unknown): CircuitPath {
  if (!Array.isArray(path) || lengthOf(path) % 2 === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `path must be an array: weight, or weight, dictionary, weight, …, weight, got ${
        Array.isArray(path) ? `${lengthOf(path)} entries` : describe(path)
      }`,
      'path',
    );
  return mapEntries(path, (entry, at) =>
    at % 2 === 0 ? ownWeight(entry, `path[${at}]`) : (entry as Dictionary),
  );
}

export function readPath(path: CircuitPath, from: Dictionary, to: Dictionary): NativeStep[] {
  const steps: NativeStep[] = [];
  let before = from;
  for (let at = 0; at < path.length; at += 2) {
    const last = at + 1 === path.length;
    const next: unknown = last ? to : path[at + 1];
    const handle = Dictionary.handleOf(next, last ? 'to' : `path[${at + 1}]`);
    const dictionary = next as Dictionary;
    steps.push({ chain: readWeight(path[at], `path[${at}]`, dictionary.dims, before.dims), to: handle });
    before = dictionary;
  }
  return steps;
}

/** Multiply-adds of one pass over the pairs of all layers; of a path that {@link readPath} has read. */
function workOf(path: CircuitPath, from: Dictionary, to: Dictionary): number {
  const layers = [from, ...path.filter((_, at) => at % 2 === 1), to] as Dictionary[];
  return layers.slice(1).reduce((sum, layer, at) => {
    const before = layers[at] as Dictionary;
    return sum + before.features * layer.features * Math.min(before.dims, layer.dims);
  }, 0);
}

/**
 * Is there no path of features from `from` to `to` that is stronger than ε? The strength of a path i₀ → i₁ → … is the product of the
 * absolute virtual weights along it, |v₁(i₁, i₀)| · |v₂(i₂, i₁)| · …, through any features of the dictionaries between (linear paths:
 * what the features' activation functions do in between is not part of it).
 *
 * Every path counts, and none is enumerated: the strongest is found layer by layer (m(j) = max_i |v(j, i)| m(i)), with upper bounds
 * that include all rounding. `holds` is therefore a proof, and `path` the counterexample otherwise.
 *
 * @param from where paths begin
 * @param path a weight (shape: dims of what follows × dims of what comes before), or weight, dictionary, weight, …, weight
 * @param to where they end
 * @param epsilon ≥ 0
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_NO_DEVICE`; `signal.reason` once
 *   aborted
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const unit = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const first = { data: Float32Array.of(0, 2, 0, 0), shape: [2, 2] as const }; // feature 1 → feature 0, by 2
 * const second = { data: Float32Array.of(0, 0, 3, 0), shape: [2, 2] as const }; // feature 0 → feature 1, by 3
 * const verdict = await claims.noCircuit(unit, [first, unit, second], unit, 1);
 * console.log(verdict.holds, [...verdict.path], [...verdict.values]); // → false [ 1, 0, 1 ] [ 2, 3 ]
 * ```
 */
export async function noCircuit(
  from: FeatureSet,
  path: CircuitPath,
  to: FeatureSet,
  epsilon: number,
  options?: NoCircuitOptions,
): Promise<CircuitVerdict> {
  const read = new Options(options, ['sums', ...PAIR_QUESTION_NAMES], 'noCircuit');
  checkNumber('epsilon', epsilon, { min: 0 });
  const sums = read.has('sums') ? read.flag('sums') : true;
  const start = readSet(from, 'from');
  const end = readSet(to, 'to');
  const handle = Dictionary.handleOf(start.dictionary, 'from');
  const own = ownPath(path);
  const steps = readPath(own, start.dictionary, end.dictionary);
  const work = workOf(own, start.dictionary, end.dictionary);
  const circuit = await askDevice<NativeCircuit>(read, work, (...rest) =>
    binding.strongestCircuit(handle, steps, start.features, end.features, sums, ...rest),
  );
  const { bound, strength, values, sumBound, sumFeature } = circuit;
  return {
    ...{ holds: bound <= epsilon, fails: strength > epsilon },
    ...{ bound, path: circuit.path, values, strength, sumBound },
    sumFeature: sums ? sumFeature : -1,
  };
}
