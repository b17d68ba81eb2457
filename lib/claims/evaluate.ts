// Predicates evaluated over all features of a dictionary, by native code.
import { UnsuperposeError } from '../call/errors.js';
import { Dictionary } from '../data/dictionary.js';
import type { NativePredicate, NativePredicateValues, NativeQuantity } from '../native/features.js';
import { runCounted } from '../native/job.js';
import { binding } from '../native/runtime.js';
import type { Snapshot } from './data.js';
import { type Predicate, type QuantityPredicate, quantitiesOf } from './predicates.js';
import type { Run } from './read.js';

/** Where the data of a predicate are. */
export interface Sources {
  readonly dictionaries: ReadonlyMap<string, Dictionary>;
  readonly copies: ReadonlyMap<string, Snapshot>;
}

/** The dictionary that all predicates are about, and the codes that some need. */
export const SUBJECT = 'dictionary';
export const CODES = 'codes';

/** The names of the data that a predicate needs: its dictionaries first. */
export function namesOf(predicate: Predicate): { dictionaries: string[]; others: string[] } {
  const dictionaries = new Set([SUBJECT]);
  const others = new Set<string>();
  for (const quantity of quantitiesOf(predicate)) {
    if (quantity.is === 'density' || quantity.is === 'maximumActivation') others.add(CODES);
    if (quantity.is !== 'connection') continue;
    dictionaries.add(quantity.to);
    if (quantity.weight !== undefined) others.add(quantity.weight);
  }
  for (const name of others)
    if (dictionaries.has(name) || (name === CODES && weighs(predicate, CODES)))
      throw new UnsuperposeError('ERR_OPTION', `data.${name} cannot be two things at once`, `data.${name}`);
  return { dictionaries: [...dictionaries], others: [...others] };
}

const weighs = (predicate: Predicate, name: string): boolean =>
  quantitiesOf(predicate).some((quantity) => quantity.is === 'connection' && quantity.weight === name) &&
  quantitiesOf(predicate).some(({ is }) => is === 'density' || is === 'maximumActivation');

function dictionaryNamed(sources: Sources, name: string): Dictionary {
  const found = sources.dictionaries.get(name);
  if (found !== undefined) return found;
  const got = sources.copies.get(name)?.type ?? 'nothing of that name';
  throw new UnsuperposeError(
    'ERR_DTYPE',
    `data.${name} must be a Dictionary (see Dictionary.from), got ${got === 'matrix' ? 'a matrix' : got}`,
    `data.${name}`,
  );
}

function toRows(rows: readonly (readonly number[])[], dims: number, what: string): NativeQuantity['rows'] {
  const cols = rows[0]?.length ?? 0;
  if (cols !== dims)
    throw new UnsuperposeError('ERR_SHAPE', `${what} has ${cols} dims, the dictionary has ${dims}`, what);
  return { data: Float32Array.from(rows.flat()), rows: rows.length, cols };
}

const KINDS = ['norm', 'alignment', 'energy', 'density', 'maximumActivation', 'connection'] as const;

function toNative(quantity: QuantityPredicate, sources: Sources): NativeQuantity {
  const { dims } = dictionaryNamed(sources, SUBJECT);
  const base = { kind: KINDS.indexOf(quantity.is), above: quantity.above, below: quantity.below };
  if (quantity.is === 'alignment') return { ...base, rows: toRows([quantity.direction], dims, 'direction') };
  if (quantity.is === 'energy') return { ...base, rows: toRows(quantity.subspace, dims, 'subspace') };
  if (quantity.is !== 'connection') return base;
  const to = dictionaryNamed(sources, quantity.to);
  for (const feature of quantity.features ?? [])
    if (feature >= to.features)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `features of ${quantity.to} are 0 to ${to.features - 1}, got ${feature}`,
        'features',
      );
  const weight = quantity.weight === undefined ? undefined : sources.copies.get(quantity.weight);
  if (weight !== undefined && weight.type === 'codes')
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `data.${quantity.weight} must be a matrix, got codes`,
      `data.${quantity.weight}`,
    );
  const [rows, cols] = weight === undefined ? [dims, dims] : [weight.matrix.rows, weight.matrix.cols];
  if (rows !== to.dims || cols !== dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      weight === undefined
        ? `a connection without weight needs dictionaries of equal dims, got ${dims} and ${to.dims}`
        : `data.${quantity.weight} is ${rows} × ${cols}, expected ${to.dims} (dims of ${quantity.to}) × ${dims}`,
      'weight',
    );
  return {
    ...base,
    to: Dictionary.handleOf(to, quantity.to),
    // Each once: a list may be longer than the dictionary, and is copied atom by atom.
    features: quantity.features === undefined ? undefined : Uint32Array.from(new Set(quantity.features)),
    weight: weight?.matrix,
  };
}

const AND = -1;
const OR = -2;
const NOT = -3;

function compile(predicate: Predicate, sources: Sources): NativePredicate {
  const program: number[] = [];
  let quantities = 0;
  const visit = (part: Predicate): void => {
    if (part.is === 'not') {
      visit(part.of);
      program.push(NOT);
    } else if (part.is === 'and' || part.is === 'or') {
      for (const [i, each] of part.of.entries()) {
        visit(each);
        if (i > 0) program.push(part.is === 'and' ? AND : OR);
      }
    } else {
      program.push(quantities++);
    }
  };
  visit(predicate);
  return { quantities: quantitiesOf(predicate).map((quantity) => toNative(quantity, sources)), program };
}

/** Starts the evaluation at once: the caller's dictionaries may be disposed afterwards. */
export function evaluate(
  predicate: Predicate,
  sources: Sources,
  again: boolean,
  run: Run,
): Promise<NativePredicateValues> {
  const dictionary = dictionaryNamed(sources, SUBJECT);
  const codes = sources.copies.get(CODES);
  const needsCodes = quantitiesOf(predicate).some(({ is }) => is === 'density' || is === 'maximumActivation');
  if (needsCodes && codes?.type !== 'codes')
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `data.codes must be SparseCodes, got ${codes === undefined ? 'none' : `a ${codes.type}`}`,
      'data.codes',
    );
  if (needsCodes && codes?.type === 'codes') {
    if (codes.features !== dictionary.features)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `data.codes have ${codes.features} features, the dictionary has ${dictionary.features}`,
        'data.codes',
      );
    if (codes.samples === 0)
      throw new UnsuperposeError('ERR_SHAPE', 'data.codes must have at least one sample', 'data.codes');
  }
  const handle = Dictionary.handleOf(dictionary, SUBJECT);
  const compiled = compile(predicate, sources);
  const { signal, onProgress, threads } = run;
  const parts =
    needsCodes && codes?.type === 'codes' ? { ...codes.codes, samples: codes.samples } : undefined;
  return runCounted<NativePredicateValues>(signal, onProgress, (...rest) =>
    binding.evaluatePredicate(handle, parts, compiled, again, threads, ...rest),
  );
}
