// Options are read once, here: unknown names are refused, values are checked, and the message says what was expected.
import { types } from 'node:util';
import { UnsuperposeError } from './errors.js';

/** %TypedArray%.prototype.length, which an own property cannot hide. */
const lengthOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')
  ?.get as (this: unknown) => number;

/** The own value of a property, without running a getter. */
const ownValue = (object: object, key: string): unknown =>
  Object.getOwnPropertyDescriptor(object, key)?.value;

/** The name of the class that made an object, or '' for a plain one. */
function className(object: object): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (typeof prototype !== 'object' || prototype === null || types.isProxy(prototype)) return '';
  const made = ownValue(prototype, 'constructor');
  if (typeof made !== 'function' || types.isProxy(made)) return '';
  const name = ownValue(made, 'name');
  return typeof name === 'string' && name !== 'Object' && name.length <= 40 ? name : '';
}

/** "a Buffer of 3", "a matrix { data, shape }" … */
function describeObject(value: object): string {
  if (types.isProxy(value)) return 'a Proxy';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (types.isPromise(value)) return 'a Promise (await it)';
  const has = (key: string): boolean => Object.getOwnPropertyDescriptor(value, key) !== undefined;
  const name = className(value);
  const article = /^[AEIO]/i.test(name) ? 'an' : 'a';
  if (types.isTypedArray(value)) return `${article} ${name} of ${lengthOf.call(value)}`;
  if (name !== '') return `${article} ${name}`;
  if (has('indptr') && has('indices')) return 'codes { indptr, indices, values, shape }';
  return has('data') && has('shape') ? 'a matrix { data, shape }' : 'an object';
}

/** What was got, for a message: short, and never running the value's own code. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return describeObject(value);
    default:
      return `a ${typeof value}`;
  }
}

export function refuseOption(name: string, expected: string, got: unknown): never {
  throw new UnsuperposeError('ERR_OPTION', `${name} must be ${expected}, got ${describe(got)}`, name);
}

/** Bounds of a number; `note` explains the upper one ("dims"). */
export interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
  readonly note?: string;
}

function within(value: number, { min, max, above, below }: Range): boolean {
  return (
    Number.isFinite(value) &&
    !(min !== undefined && value < min) &&
    !(max !== undefined && value > max) &&
    !(above !== undefined && value <= above) &&
    !(below !== undefined && value >= below)
  );
}

function rangeText({ min, max, above, below, note }: Range): string {
  if (min !== undefined && max !== undefined && max < min)
    return ` between ${min} and ${note ?? 'the largest allowed'}, which is ${max} here: there is none`;
  const suffix = note === undefined ? '' : ` (${note})`;
  if (min !== undefined && max !== undefined) return ` between ${min} and ${max}${suffix}`;
  const parts = [];
  if (above !== undefined) parts.push(`> ${above}`);
  if (min !== undefined) parts.push(`≥ ${min}`);
  if (below !== undefined) parts.push(`< ${below}`);
  if (max !== undefined) parts.push(`≤ ${max}${suffix}`);
  return parts.length === 0 ? '' : ` ${parts.join(' and ')}`;
}

/** The value if it is a finite number in range. */
export function checkNumber(name: string, value: unknown, range: Range, orElse = ''): number {
  if (typeof value === 'number' && within(value, range)) return value;
  refuseOption(name, `a finite number${rangeText(range)}${orElse}`, value);
}

/** The value if it is an integer in range. */
export function checkInteger(name: string, value: unknown, range: Range, orElse = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && within(value, range)) return value;
  refuseOption(name, `an integer${rangeText(range)}${orElse}`, value);
}

/** Levenshtein distance, for the nearest known name. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const substitution = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(substitution, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What scikit-learn, SPAMS, SAELens and dictionary_learning call our options: in small letters, without underscores. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  alpha: 'lambda',
  lambda1: 'lambda',
  l1coefficient: 'lambda',
  l1penalty: 'lambda',
  k: 'sparsity',
  nnonzerocoefs: 'sparsity',
  dsae: 'features',
  dictsize: 'features',
  ncomponents: 'features',
  lr: 'learningRate',
  positive: 'nonnegative',
  pos: 'nonnegative',
  positivecode: 'nonnegative',
  randomstate: 'seed',
  tol: 'tolerance',
  maxiter: 'maxIterations',
  njobs: 'threads',
  numthreads: 'threads',
};

/** " (did you mean lambda?)" or nothing */
function suggestion(name: string, known: readonly string[]): string {
  const plain = name.toLowerCase().replaceAll('_', '');
  const ours = Object.hasOwn(ELSEWHERE, plain) ? ELSEWHERE[plain] : undefined;
  if (ours !== undefined && known.includes(ours)) return ` (did you mean ${ours}?)`;
  const closest = known
    .map((candidate) => ({ candidate, steps: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.steps - b.steps)[0];
  return closest !== undefined && closest.steps <= Math.max(1, name.length / 3)
    ? ` (did you mean ${closest.candidate}?)`
    : '';
}

/** The options of one call: each property read once; `undefined` counts as absent. */
export class Options {
  readonly #values = new Map<string, unknown>();
  readonly call: string;

  /** Refuses what is no object, and names that are not in `known`; `others` says why of some. */
  constructor(
    options: unknown,
    known: readonly string[],
    call: string,
    others: Readonly<Record<string, string>> = {},
  ) {
    this.call = call;
    if (options === undefined) return;
    if (typeof options !== 'object' || options === null || Array.isArray(options))
      refuseOption('options', 'an object', options);
    for (const name of Object.keys(options)) {
      if (!known.includes(name)) {
        const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name;
        const why = Object.hasOwn(others, name) ? `: ${others[name]}` : suggestion(shown, known);
        throw new UnsuperposeError(
          'ERR_OPTION',
          `${shown} is not an option of ${call}${why}; there are: ${known.join(', ')}`,
          shown,
        );
      }
      const value = (options as Record<string, unknown>)[name];
      if (value !== undefined) this.#values.set(name, value);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  /** Refuses options that exist, but not with this `choice` ("method lasso"). */
  exclude(names: readonly string[], belongsTo: string, choice: string): void {
    for (const name of names)
      if (this.has(name))
        throw new UnsuperposeError(
          'ERR_OPTION',
          `${name} is an option of ${belongsTo}, not of ${choice}`,
          name,
        );
  }

  number<T>(name: string, range: Range, absent: T): number | T {
    return this.has(name) ? checkNumber(name, this.get(name), range) : absent;
  }

  integer<T>(name: string, range: Range, absent: T): number | T {
    return this.has(name) ? checkInteger(name, this.get(name), range) : absent;
  }

  requiredNumber(name: string, range: Range): number {
    return checkNumber(name, this.get(name), range);
  }

  requiredInteger(name: string, range: Range): number {
    return checkInteger(name, this.get(name), range);
  }

  flag(name: string): boolean {
    const value = this.has(name) ? this.get(name) : false;
    if (typeof value !== 'boolean') refuseOption(name, 'true or false', value);
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], absent: T): T {
    const value = this.has(name) ? this.get(name) : absent;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) refuseOption(name, `one of ${choices.join(', ')}`, value);
    return found;
  }

  /** An AbortSignal, or what behaves like one. */
  signal(): AbortSignal | undefined {
    const value = this.get('signal');
    if (value === undefined) return undefined;
    const signal = value as Partial<AbortSignal> | null;
    if (
      typeof signal !== 'object' ||
      signal === null ||
      typeof signal.aborted !== 'boolean' ||
      typeof signal.addEventListener !== 'function' ||
      typeof signal.removeEventListener !== 'function'
    )
      refuseOption('signal', 'an AbortSignal', value);
    return signal as AbortSignal;
  }

  callback<T>(name: string): ((progress: T) => void) | undefined {
    const value = this.get(name);
    if (value !== undefined && typeof value !== 'function') refuseOption(name, 'a function', value);
    return value as ((progress: T) => void) | undefined;
  }
}
