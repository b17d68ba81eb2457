// Claims about features checked again: quantities in double-double by plain loops, the predicate by a recursion here.
import { UnsuperposeError } from '../call/errors.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativePredicateValues } from '../native/features.js';
import type { Verifier } from './claim.js';
import { evaluate, namesOf, type Sources, SUBJECT } from './evaluate.js';
import type { FeatureResult, Holds } from './evidence.js';
import { type Predicate, quantitiesOf, readPredicate } from './predicates.js';
import {
  Pace,
  type Run,
  readFinite,
  readFlag,
  readIndex,
  readList,
  readRecord,
  readText,
  refuseFormat,
} from './read.js';
import { describeQuantity } from './words.js';

type Listed = 'counterexamples' | 'witnesses' | 'features';
type InWords = (
  kind: string,
  predicate: Predicate,
  result: FeatureResult & Partial<Holds>,
  listed: number,
) => string;
/** 1 true, 0 false, ½ undecided: and is the minimum, or the maximum. */
type Truth = 0 | 0.5 | 1;

interface Stated extends FeatureResult, Partial<Holds> {
  readonly complete: boolean | undefined;
  readonly listed: readonly number[];
  readonly values: readonly (readonly number[])[];
}

async function readFeatures(value: unknown, where: string, count: number, pace: Pace): Promise<number[]> {
  if (!Array.isArray(value)) return refuseFormat(where, 'an array', value);
  // Ascending indices are no more than there are features.
  if (value.length > count) return refuseFormat(where, `at most ${count} features`, value);
  let last = -1;
  for (let i = 0; i < value.length; i++) {
    const entry: unknown = value[i];
    if (!(typeof entry === 'number' && Number.isInteger(entry) && entry > last && entry < count)) {
      readIndex(entry, `${where}[${i}]`, count);
      return refuseFormat(where, 'ascending indices', value);
    }
    last = entry;
    const turn = pace.step();
    if (turn) await turn;
  }
  return value;
}

async function readRows(value: unknown, where: string, pace: Pace): Promise<number[][]> {
  if (!Array.isArray(value)) return refuseFormat(where, 'an array', value);
  for (let i = 0; i < value.length; i++) {
    const row: unknown = value[i];
    if (!Array.isArray(row)) return refuseFormat(`${where}[${i}]`, 'an array', row);
    for (let k = 0; k < row.length; k++) {
      if (!Number.isFinite(row[k])) readFinite(row[k], `${where}[${i}][${k}]`);
      const turn = pace.step();
      if (turn) await turn;
    }
    const turn = pace.step();
    if (turn) await turn;
  }
  return value;
}

async function readStated(value: unknown, listName: Listed, pace: Pace): Promise<Stated> {
  const verdicts = listName === 'features' ? ['complete'] : ['holds', 'truth'];
  const common = ['count', 'undecided', 'undecidedValues', 'quantities', 'values', listName];
  const read = readRecord(value, 'claim.result', [...verdicts, ...common]) as Record<string, unknown>;
  const count = readIndex(read.count, 'claim.result.count', 2 ** 32);
  const rows = (name: string): Promise<number[][]> => readRows(read[name], `claim.result.${name}`, pace);
  const features = (name: string): Promise<number[]> =>
    readFeatures(read[name], `claim.result.${name}`, count, pace);
  const choices = ['true', 'false', 'undecided'] as const;
  const truth = choices.find((choice) => choice === read.truth);
  if (listName !== 'features' && truth === undefined)
    return refuseFormat('claim.result.truth', `one of ${choices.join(', ')}`, read.truth);
  const extreme = (entry: unknown, at: string): { feature: number; value: number } => {
    const { feature, value: measured } = readRecord(entry, at, ['feature', 'value']);
    return {
      feature: readIndex(feature, `${at}.feature`, count),
      value: readFinite(measured, `${at}.value`),
    };
  };
  return {
    count,
    ...(listName === 'features' || truth === undefined
      ? {}
      : { holds: readFlag(read.holds, 'claim.result.holds'), truth }),
    complete: listName === 'features' ? readFlag(read.complete, 'claim.result.complete') : undefined,
    listed: await features(listName),
    values: await rows('values'),
    undecided: await features('undecided'),
    undecidedValues: await rows('undecidedValues'),
    quantities: readList(read.quantities, 'claim.result.quantities', (entry, at) => {
      const { quantity, smallest, largest, error } = readRecord(entry, at, [
        'quantity',
        'smallest',
        'largest',
        'error',
      ]);
      return {
        quantity: readText(quantity, `${at}.quantity`),
        smallest: extreme(smallest, `${at}.smallest`),
        largest: extreme(largest, `${at}.largest`),
        error: readFinite(error, `${at}.error`),
      };
    }),
  };
}

function readParameters(value: unknown): Predicate {
  const { predicate } = readRecord(value, 'claim.parameters', ['predicate']);
  try {
    return readPredicate(predicate, 'claim.parameters.predicate');
  } catch (cause) {
    if (!(cause instanceof UnsuperposeError)) throw cause;
    throw new UnsuperposeError('ERR_FORMAT', cause.message, 'claim.parameters.predicate', { cause });
  }
}

/** Both evaluations: the one of claims for the bounds that it may state, the other for what is true. */
class Recheck {
  readonly #fast: NativePredicateValues;
  readonly #again: NativePredicateValues;
  readonly #count: number;
  readonly #exact: readonly boolean[];
  readonly predicate: Predicate;

  constructor(
    predicate: Predicate,
    fast: NativePredicateValues,
    again: NativePredicateValues,
    count: number,
  ) {
    this.predicate = predicate;
    this.#fast = fast;
    this.#again = again;
    this.#count = count;
    this.#exact = quantitiesOf(predicate).map(({ is }) => is === 'density' || is === 'maximumActivation');
  }

  #at(q: number, f: number): number {
    return q * this.#count + f;
  }

  value(q: number, f: number): number {
    return (this.#again.values[this.#at(q, f)] as number) + (this.#again.lows[this.#at(q, f)] as number);
  }

  /** How far a value may be from {@link value}, whose error is stated. */
  slack(q: number, f: number, stated = Number.POSITIVE_INFINITY): number {
    const at = this.#at(q, f);
    return (
      (Math.min(this.#fast.errors[at] as number, stated) + (this.#again.errors[at] as number)) * (1 + 1e-9)
    );
  }

  /** The bound that claims state. */
  error(q: number): number {
    return this.#fast.errors
      .subarray(q * this.#count, (q + 1) * this.#count)
      .reduce((most, error) => Math.max(most, error), 0);
  }

  /** With `loose`: what float64 may have left open counts as open. */
  truth(f: number, loose: boolean): Truth {
    let q = 0;
    const exceeds = (sign: 1 | -1, threshold: number): Truth => {
      const at = this.#at(q, f);
      const error =
        (this.#again.errors[at] as number) +
        (loose && !this.#exact[q] ? 2 * (this.#fast.errors[at] as number) : 0);
      const difference =
        sign * ((this.#again.values[at] as number) - threshold + (this.#again.lows[at] as number));
      return difference > error ? 1 : difference <= -error ? 0 : 0.5;
    };
    const visit = (part: Predicate): Truth => {
      if (part.is === 'not') return (1 - visit(part.of)) as Truth;
      if (part.is === 'and' || part.is === 'or')
        return (part.is === 'and' ? Math.min : Math.max)(...part.of.map(visit)) as Truth;
      const above = part.above === undefined ? 1 : exceeds(1, part.above);
      const below = part.below === undefined ? 1 : exceeds(-1, part.below);
      q++;
      return Math.min(above, below) as Truth;
    };
    return visit(this.predicate);
  }
}

const NAMED = 5;

/** Features as they are found: `features 1, 2, 3` or the first few of them. */
class Found {
  readonly #first: number[] = [];
  count = 0;

  add(feature: number): void {
    if (this.count++ < NAMED) this.#first.push(feature);
  }

  toString(): string {
    const more = this.count > NAMED ? ` and ${this.count - NAMED} more` : '';
    return `${this.count === 1 ? 'feature' : 'features'} ${this.#first.join(', ')}${more}`;
  }
}

async function checkTruth(
  stated: Stated,
  listName: Listed,
  recheck: Recheck,
  fail: (what: string) => void,
  pace: Pace,
): Promise<void> {
  const [inList, off]: [Truth, Truth] = listName === 'counterexamples' ? [0, 1] : [1, 0];
  const said = new Array<Truth>(stated.count).fill(off);
  for (const f of stated.listed) said[f] = inList;
  const twice = new Found();
  for (const f of stated.undecided) if (said[f] === inList) twice.add(f);
  if (twice.count > 0) fail(`${twice} cannot be both in ${listName} and undecided`);
  for (const f of stated.undecided) said[f] = 0.5;
  const wrong = new Map<string, Found>();
  const words = { 0: 'false', 0.5: 'undecided', 1: 'true' } as const;
  for (let f = 0; f < stated.count; f++) {
    const turn = pace.step();
    if (turn) await turn;
    const claimed = said[f] as Truth;
    const found = recheck.truth(f, claimed === 0.5);
    if (found === claimed) continue;
    const what = `the predicate is ${words[found]}, not ${words[claimed]} as claimed`;
    const features = wrong.get(what) ?? new Found();
    wrong.set(what, features);
    features.add(f);
  }
  for (const [what, features] of wrong) fail(`${what}, for ${features}`);
  if (stated.truth === undefined) {
    if (stated.complete !== (stated.undecided.length === 0)) fail('complete does not follow from undecided');
    return;
  }
  const open = stated.undecided.length > 0 ? 'undecided' : undefined;
  const truth =
    listName === 'counterexamples'
      ? stated.listed.length > 0
        ? 'false'
        : (open ?? 'true')
      : stated.listed.length > 0
        ? 'true'
        : (open ?? 'false');
  if (stated.truth !== truth) fail(`truth is ${truth} by the lists, not ${stated.truth} as claimed`);
  if (stated.holds !== (stated.truth === 'true')) fail(`holds does not follow from truth`);
}

async function checkEvidence(
  stated: Stated,
  recheck: Recheck,
  fail: (what: string) => void,
  pace: Pace,
): Promise<void> {
  const quantities = quantitiesOf(recheck.predicate);
  const near = (q: number, f: number, value: number): boolean =>
    Math.abs(value - recheck.value(q, f)) <= recheck.slack(q, f, stated.quantities[q]?.error);
  const checkRows = async (
    features: readonly number[],
    rows: readonly (readonly number[])[],
    name: string,
  ): Promise<void> => {
    if (rows.length !== features.length || rows.some((row) => row.length !== quantities.length)) {
      fail(`${name} must have a row a feature and a number a quantity`);
      return;
    }
    const wrong = new Found();
    for (const [i, f] of features.entries()) {
      const turn = pace.step();
      if (turn) await turn;
      if (rows[i]?.some((value, q) => !near(q, f, value))) wrong.add(f);
    }
    if (wrong.count > 0) fail(`${name} are not the quantities of ${wrong}`);
  };
  await checkRows(stated.listed, stated.values, 'values');
  await checkRows(stated.undecided, stated.undecidedValues, 'undecidedValues');
  if (stated.quantities.length !== quantities.length) {
    fail(`there are ${quantities.length} quantities, not ${stated.quantities.length}`);
    return;
  }
  for (const [q, { quantity, smallest, largest, error }] of stated.quantities.entries()) {
    const words = describeQuantity(quantities[q] as (typeof quantities)[number]);
    if (quantity !== words) fail(`quantity ${q} is "${words}"`);
    // Bounds of other instruction sets may differ a little; never by as much.
    const own = recheck.error(q);
    if (!(error <= 2 * own && own <= 2 * error))
      fail(`the error of ${words} is ${own}, not ${error} as claimed`);
    for (const [name, { feature, value }, sign] of [
      ['smallest', smallest, -1],
      ['largest', largest, 1],
    ] as const) {
      if (!near(q, feature, value)) fail(`the ${words} of feature ${feature} is not ${value}`);
      for (let f = 0; f < stated.count; f++) {
        const turn = pace.step();
        if (turn) await turn;
        if (sign * (recheck.value(q, f) - value) > recheck.slack(q, f) + recheck.slack(q, feature)) {
          fail(`feature ${feature} does not have the ${name} ${words}: feature ${f} has`);
          break;
        }
      }
    }
  }
}

/** Parameters that do not fit the data are a failure of the claim, not of the call. */
const MISFITS: readonly string[] = ['ERR_SHAPE', 'ERR_OPTION', 'ERR_DTYPE'];

async function recheck(predicate: Predicate, sources: Sources, count: number, run: Run): Promise<Recheck> {
  const fast = await evaluate(predicate, sources, false, { ...run, onProgress: undefined });
  const again = await evaluate(predicate, sources, true, run);
  return new Recheck(predicate, fast, again, count);
}

/** Whether the claim has hashes of just the data that its predicate is about. */
function checkNames(predicate: Predicate, copies: Sources['copies'], fail: (what: string) => void): boolean {
  const { dictionaries, others } = namesOf(predicate);
  const wanted = [...dictionaries, ...others];
  const lacking = wanted.filter((name) => !copies.has(name));
  const idle = [...copies.keys()].filter((name) => !wanted.includes(name));
  for (const name of lacking) fail(`the predicate is about ${name}, which the claim has no hash of`);
  for (const name of idle) fail(`the predicate is not about ${name}`);
  return lacking.length === 0 && idle.length === 0;
}

/** The verifier of the kind whose features are listed under this name. */
export function verifyFeatures(listName: Listed, inWords: InWords): Verifier {
  return async (claim, copies, fail, run) => {
    const predicate = readParameters(claim.parameters);
    const pace = new Pace(run.signal);
    const stated = await readStated(claim.result, listName, pace);
    const dictionaries = new Map<string, Dictionary>();
    try {
      if (!checkNames(predicate, copies, fail)) return;
      for (const name of namesOf(predicate).dictionaries) {
        const copy = copies.get(name);
        if (copy === undefined || copy.type === 'codes') continue;
        const { data, rows, cols } = copy.matrix;
        dictionaries.set(name, Dictionary.from({ data, shape: [rows, cols] }));
      }
      const count = dictionaries.get(SUBJECT)?.features;
      if (count === undefined || count !== stated.count) {
        fail(`there are ${count ?? 'no'} features, not ${stated.count} as claimed`);
        return;
      }
      const found = await recheck(predicate, { dictionaries, copies }, count, run);
      await checkTruth(stated, listName, found, fail, pace);
      await checkEvidence(stated, found, fail, pace);
      const statement = inWords(claim.kind, predicate, stated, stated.listed.length);
      if (claim.statement !== statement) fail(`the statement is not: ${statement}`);
    } catch (error) {
      if (!(error instanceof UnsuperposeError) || !MISFITS.includes(error.code)) throw error;
      fail(error.message);
    } finally {
      for (const dictionary of dictionaries.values()) dictionary.dispose();
    }
  };
}
