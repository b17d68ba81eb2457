// Flags of the command line: one line each, of which parsing, help and errors are made.
import { UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';

/** What follows a flag. */
export type Kind =
  | 'number'
  | 'integer'
  | 'text'
  /** true where it is given; `--no-…` is false */
  | 'flag'
  /** one of `choices` */
  | 'choice'
  /** integers and ranges: 0,3,8-15 */
  | 'integers'
  | 'file'
  | 'files'
  /** key=value, each once */
  | 'pairs';

export interface Flag {
  /** The option's name in the library, or one of the command line's own. The flag is the same in kebab-case: targetL0, --target-l0. */
  readonly name: string;
  readonly kind: Kind;
  readonly about: string;
  /** How its value is called in help; by its kind where it says nothing. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** Its value may be left out: true then. */
  readonly optional?: boolean;
  readonly required?: boolean;
}

/** Flags that belong together, with a heading in help. */
export interface FlagGroup {
  readonly title: string;
  readonly flags: readonly Flag[];
}

/** What the caller got wrong in the command line: exit status 2. */
export class Misuse extends Error {
  override readonly name = 'Misuse';
}

/** Values by the names of flags; what was not given is not there. */
export type Values = Readonly<Record<string, unknown>>;

const PLACEHOLDERS: Readonly<Record<Kind, string>> = {
  number: 'number',
  integer: 'n',
  text: 'text',
  flag: '',
  choice: 'name',
  integers: 'list',
  file: 'file',
  files: 'files...',
  pairs: 'key=value...',
};

/** targetL0 → target-l0 */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const flagOf = (name: string): string => `--${kebab(name)}`;

/** What help and commander call it: `--target-l0 <number>`. */
export function usageOf({ name, kind, value, optional }: Flag): string {
  const shown = value ?? PLACEHOLDERS[kind];
  if (kind === 'flag') return flagOf(name);
  return optional === true ? `${flagOf(name)} [${shown}]` : `${flagOf(name)} <${shown}>`;
}

function refuse(flag: Flag, expected: string, got: unknown): never {
  throw new Misuse(`${flagOf(flag.name)} must be ${expected}, got ${describe(got)}`);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function numberOf(flag: Flag, text: string): number {
  if (/^[+-]?infinity$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return NUMBER.test(text) ? Number(text) : refuse(flag, 'a number', text);
}

function integerOf(flag: Flag, text: string): number {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : refuse(flag, 'an integer', text);
}

const MOST_LISTED = 2 ** 24;

/** 0,3,8-15 */
function integersOf(flag: Flag, text: string): number[] {
  const list: number[] = [];
  for (const part of text.split(',')) {
    const range = /^(\d+)-(\d+)$/.exec(part.trim());
    if (range === null) {
      if (!/^-?\d+$/.test(part.trim())) refuse(flag, 'integers and ranges, such as 0,3,8-15', text);
      list.push(integerOf(flag, part.trim()));
      continue;
    }
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (last < first || last - first > MOST_LISTED)
      refuse(flag, 'integers and ranges that rise, such as 0,3,8-15', text);
    for (let value = first; value <= last; value++) list.push(value);
  }
  return list;
}

function pairsOf(flag: Flag, given: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const pair of given) {
    const at = pair.indexOf('=');
    if (at < 1) refuse(flag, 'key=value', pair);
    const key = pair.slice(0, at);
    if (Object.hasOwn(pairs, key)) throw new Misuse(`${flagOf(flag.name)} has ${key} twice`);
    Object.defineProperty(pairs, key, { value: pair.slice(at + 1), enumerable: true });
  }
  return pairs;
}

/** The value as its kind has it, or Misuse with the flag's name, what was expected and what came. */
function checkedValue(flag: Flag, given: unknown): unknown {
  if (typeof given === 'boolean') return given;
  if (Array.isArray(given)) {
    const texts = given as readonly string[];
    if (texts.includes('')) refuse(flag, 'not empty', '');
    return flag.kind === 'pairs' ? pairsOf(flag, texts) : texts;
  }
  const text = String(given);
  switch (flag.kind) {
    case 'number':
      return numberOf(flag, text);
    case 'integer':
      return integerOf(flag, text);
    case 'integers':
      return integersOf(flag, text);
    case 'choice':
      return flag.choices?.includes(text) ? text : refuse(flag, `one of ${flag.choices?.join(', ')}`, text);
    default:
      return text === '' ? refuse(flag, 'not empty', text) : text;
  }
}

/** What commander found, by the names of flags and checked. */
export function readValues(flags: readonly Flag[], given: Readonly<Record<string, unknown>>): Values {
  const values: Record<string, unknown> = {};
  for (const flag of flags) {
    const value = given[camel(kebab(flag.name))];
    if (value !== undefined) values[flag.name] = checkedValue(flag, value);
    else if (flag.required === true) throw new Misuse(`${flagOf(flag.name)} is missing: ${flag.about}`);
  }
  return values;
}

/** As commander makes a name of a flag. */
const camel = (flag: string): string =>
  flag.split('-').reduce((all, part) => all + (part[0] ?? '').toUpperCase() + part.slice(1));

/** The given values of these flags alone, as options for a call of the library. */
export function pick(values: Values, flags: readonly Flag[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const { name } of flags) if (values[name] !== undefined) picked[name] = values[name];
  return picked;
}

/** A refusal of the library about an option that a flag has given: by the flag's name. Anything else as it is. */
export function asMisuse(error: unknown, flags: readonly Flag[]): unknown {
  if (!(error instanceof UnsuperposeError) || error.code !== 'ERR_OPTION') return error;
  const { argument } = error;
  const message = error.message.replace(', or one a sample', '');
  const flag = flags.find(({ name }) => name === argument);
  if (flag === undefined) return error;
  // 'lambda must be …' and 'resume: x is …' name the option themselves.
  const [, after] = new RegExp(`^${flag.name}(:? .*)$`, 's').exec(message) ?? [];
  const named = flagOf(flag.name) + (after ?? `: ${message}`);
  const [, expected] = /^\S+ (must be .*), got undefined$/s.exec(named) ?? [];
  return new Misuse(expected === undefined ? named : `${flagOf(flag.name)} is missing: it ${expected}`, {
    cause: error,
  });
}
