// "For every feature …", "there is a feature …", "the features for which …".
import { Dictionary } from '../data/dictionary.js';
import type { NativePredicateValues } from '../native/features.js';
import { throwIfAborted } from '../native/job.js';
import { type Claim, type ClaimOptions, makeClaim, registerKind, snapshots } from './claim.js';
import { type ClaimData, type Fingerprint, fingerprint } from './data.js';
import { evaluate, namesOf } from './evaluate.js';
import type { FeatureResult, Holds, QuantityEvidence } from './evidence.js';
import { type Predicate, quantitiesOf, readPredicate } from './predicates.js';
import { readRun } from './read.js';
import { verifyFeatures } from './verify-features.js';
import { describePredicate, describeQuantity } from './words.js';

/** The parameters of claims about features. */
export interface FeatureParameters {
  readonly predicate: Predicate;
}

/** What {@link everyFeature} answers. */
export interface EveryFeatureResult extends FeatureResult, Holds {
  /** All features for which the predicate is false, ascending. */
  readonly counterexamples: readonly number[];
  /** Their quantities: a row a feature, in the order of `quantities`. */
  readonly values: readonly (readonly number[])[];
}

/** What {@link someFeature} answers. */
export interface SomeFeatureResult extends FeatureResult, Holds {
  /** All features for which the predicate is true, ascending. */
  readonly witnesses: readonly number[];
  /** Their quantities: a row a feature, in the order of `quantities`. */
  readonly values: readonly (readonly number[])[];
}

/** What {@link featuresWhere} answers. */
export interface FeaturesWhereResult extends FeatureResult {
  /** Whether the list is proved to be complete: nothing is undecided. */
  readonly complete: boolean;
  /** All features for which the predicate is true, ascending. */
  readonly features: readonly number[];
  /** Their quantities: a row a feature, in the order of `quantities`. */
  readonly values: readonly (readonly number[])[];
}

/** The data of claims about features: `dictionary`, `codes` where activity is asked for, and what the predicate names. */
export interface FeatureData extends ClaimData {
  readonly dictionary: Dictionary;
}

const NO = 0;
const YES = 1;
const UNDECIDED = 2;

interface Findings {
  readonly predicate: Predicate;
  readonly truth: Uint8Array;
  readonly data: Readonly<Record<string, Fingerprint>>;
  readonly common: FeatureResult;
  /** The features with this truth, and their quantities. */
  list(truth: number): { features: number[]; values: number[][] };
}

function measured(
  predicate: Predicate,
  { values, errors }: NativePredicateValues,
  count: number,
): QuantityEvidence[] {
  return quantitiesOf(predicate).map((quantity, q) => {
    const at = q * count;
    let [smallest, largest, error] = [0, 0, 0];
    for (let f = 0; f < count; f++) {
      if ((values[at + f] as number) < (values[at + smallest] as number)) smallest = f;
      if ((values[at + f] as number) > (values[at + largest] as number)) largest = f;
      error = Math.max(error, errors[at + f] as number);
    }
    return {
      quantity: describeQuantity(quantity),
      smallest: { feature: smallest, value: values[at + smallest] as number },
      largest: { feature: largest, value: values[at + largest] as number },
      error,
    };
  });
}

async function examine(predicate: unknown, data: unknown, options: unknown, call: string): Promise<Findings> {
  const run = readRun(options, call);
  const read = readPredicate(predicate, 'predicate');
  throwIfAborted(run.signal);
  const names = namesOf(read);
  const copies = snapshots(data, [...names.dictionaries, ...names.others]);
  const dictionaries = new Map(
    names.dictionaries.map((name) => {
      const dictionary = (data as ClaimData)[name] as Dictionary;
      Dictionary.handleOf(dictionary, `data.${name}`);
      return [name, dictionary];
    }),
  );
  const count = (dictionaries.get('dictionary') as Dictionary).features;
  const [found, fingerprints] = await Promise.all([
    evaluate(read, { dictionaries, copies }, false, run),
    Promise.all(
      [...copies].map(async ([name, copy]) => [name, await fingerprint(copy, run.signal)] as const),
    ),
  ]);
  const quantities = quantitiesOf(read).length;
  const list = (truth: number): { features: number[]; values: number[][] } => {
    const features = [...found.truth.keys()].filter((f) => found.truth[f] === truth);
    const values = features.map((f) =>
      Array.from({ length: quantities }, (_, q) => found.values[q * count + f] as number),
    );
    return { features, values };
  };
  const undecided = list(UNDECIDED);
  return {
    predicate: read,
    truth: found.truth,
    data: Object.fromEntries(fingerprints),
    common: {
      count,
      undecided: undecided.features,
      undecidedValues: undecided.values,
      quantities: measured(read, found, count),
    },
    list,
  };
}

/** What is said, in words; verification says it again. */
function inWords(
  kind: string,
  predicate: Predicate,
  result: FeatureResult & Partial<Holds>,
  listed: number,
): string {
  const words = describePredicate(predicate);
  const { count, undecided, truth } = result;
  const open = undecided.length === 0 ? '' : `; ${undecided.length} undecided`;
  if (kind === 'features-where') return `${listed} of ${count} features satisfy: ${words}${open}.`;
  if (kind === 'every-feature')
    return truth === 'true'
      ? `Every feature of ${count} satisfies: ${words}.`
      : truth === 'false'
        ? `Not every feature satisfies: ${words}; ${listed} of ${count} do not${open}.`
        : `No feature of ${count} was found that does not satisfy: ${words}${open}.`;
  return truth === 'true'
    ? `Some feature satisfies: ${words}; ${listed} of ${count} do${open}.`
    : truth === 'false'
      ? `No feature of ${count} satisfies: ${words}.`
      : `No feature of ${count} was found that satisfies: ${words}${open}.`;
}

/**
 * Does every feature satisfy a predicate? Measures all of them, in float64 from float32 data with a bound of the rounding error: what is
 * called true or false is so for the exact numbers, and what the bound leaves open is `undecided`, which is no proof.
 *
 * Errors of float64 at n dims, with γ_n = n·2⁻⁵³/(1 − n·2⁻⁵³) (Higham, Accuracy and Stability, ch. 3): norm γ_{n+2}‖e‖, alignment
 * γ_{4n+16}, energy some γ_n times the condition of the rows; density and maximum activation are exact; connections those of
 * `virtualWeights`. `result.quantities` has them as numbers.
 *
 * @param predicate of {@link norm}, {@link alignment}, {@link energy}, {@link density}, {@link maximumActivation} and {@link connection}, combined by
 *   {@link and}, {@link or} and {@link not}
 * @param data `dictionary`, `codes` where activity is asked for, and the dictionaries and weights that the predicate names
 * @returns a claim: what holds, all counterexamples with their quantities, and the hashes of the data
 * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_SHAPE`, `ERR_DTYPE`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE`;
 *   `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8, 0, 3), shape: [3, 2] });
 * const { result } = await claims.everyFeature(claims.norm({ below: 2 }), { dictionary });
 * console.log(result.holds, result.counterexamples, result.values); // → false [ 2 ] [ [ 3 ] ]
 * ```
 */
export async function everyFeature(
  predicate: Predicate,
  data: FeatureData,
  options?: ClaimOptions,
): Promise<Claim<'every-feature', FeatureParameters, EveryFeatureResult>> {
  const found = await examine(predicate, data, options, 'claims.everyFeature');
  const { features, values } = found.list(NO);
  const truth = features.length > 0 ? 'false' : found.common.undecided.length > 0 ? 'undecided' : 'true';
  const result: EveryFeatureResult = {
    holds: truth === 'true',
    truth,
    ...found.common,
    counterexamples: features,
    values,
  };
  const statement = inWords('every-feature', found.predicate, result, features.length);
  return makeClaim('every-feature', statement, { predicate: found.predicate }, result, found.data);
}

/**
 * Is there a feature that satisfies a predicate? As {@link everyFeature}, with all witnesses in place of counterexamples; `truth: 'false'` is
 * the proof that there is none.
 *
 * @throws UnsuperposeError as {@link everyFeature}
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const up = claims.alignment({ direction: [0, 1], above: 0.7 });
 * const { result } = await claims.someFeature(up, { dictionary });
 * console.log(result.holds, result.witnesses, result.values[0][0].toFixed(3)); // → true [ 1 ] 0.800
 * ```
 */
export async function someFeature(
  predicate: Predicate,
  data: FeatureData,
  options?: ClaimOptions,
): Promise<Claim<'some-feature', FeatureParameters, SomeFeatureResult>> {
  const found = await examine(predicate, data, options, 'claims.someFeature');
  const { features, values } = found.list(YES);
  const truth = features.length > 0 ? 'true' : found.common.undecided.length > 0 ? 'undecided' : 'false';
  const result: SomeFeatureResult = {
    holds: truth === 'true',
    truth,
    ...found.common,
    witnesses: features,
    values,
  };
  const statement = inWords('some-feature', found.predicate, result, features.length);
  return makeClaim('some-feature', statement, { predicate: found.predicate }, result, found.data);
}

/**
 * The features that satisfy a predicate, all of them. As {@link everyFeature}; `complete` says whether the list is proved to be the whole.
 *
 * @throws UnsuperposeError as {@link everyFeature}
 *
 * @example
 * ```ts
 * import { claims, Dictionary, SparseCodes } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const codes = SparseCodes.from({
 *   indptr: Uint32Array.of(0, 2, 3),
 *   indices: Uint32Array.of(0, 2, 0),
 *   values: Float32Array.of(1, 3, 0.5),
 *   shape: [2, 3],
 * });
 * const rareAndStrong = claims.and(claims.density({ below: 0.6 }), claims.maximumActivation({ above: 2 }));
 * const { statement } = await claims.featuresWhere(rareAndStrong, { dictionary, codes });
 * console.log(statement); // → 1 of 3 features satisfy: (density < 0.6 and maximum activation > 2).
 * ```
 */
export async function featuresWhere(
  predicate: Predicate,
  data: FeatureData,
  options?: ClaimOptions,
): Promise<Claim<'features-where', FeatureParameters, FeaturesWhereResult>> {
  const found = await examine(predicate, data, options, 'claims.featuresWhere');
  const { features, values } = found.list(YES);
  const complete = found.common.undecided.length === 0;
  const result: FeaturesWhereResult = { complete, ...found.common, features, values };
  const statement = inWords('features-where', found.predicate, result, features.length);
  return makeClaim('features-where', statement, { predicate: found.predicate }, result, found.data);
}

registerKind('every-feature', verifyFeatures('counterexamples', inWords));
registerKind('some-feature', verifyFeatures('witnesses', inWords));
registerKind('features-where', verifyFeatures('features', inWords));
