// What a configuration file says, read key by key. Which keys were used is kept, so that the others can be shown.
import { describe } from '../../call/options.js';
import { isRecord } from '../../files/json.js';
import { broken } from '../../files/refuse.js';

/** Values by key; null counts as absent, as these files write None so. */
export class Settings {
  /** The file: for messages. */
  readonly where: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly #used = new Set<string>();

  constructor(where: string, values: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.values = values;
  }

  #value(name: string): unknown {
    this.#used.add(name);
    return Object.hasOwn(this.values, name) ? (this.values[name] ?? undefined) : undefined;
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  #typed<T>(name: string, expected: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#value(name);
    if (value === undefined || is(value)) return value;
    return broken(this.where, `${name} must be ${expected}, got ${describe(value)}`);
  }

  text(name: string): string | undefined {
    return this.#typed(name, 'a text', (value) => typeof value === 'string');
  }

  flag(name: string): boolean | undefined {
    return this.#typed(name, 'true or false', (value) => typeof value === 'boolean');
  }

  number(name: string): number | undefined {
    return this.#typed(name, 'a finite number', (value): value is number => Number.isFinite(value));
  }

  /** A whole number ≥ 1. */
  size(name: string): number | undefined {
    return this.#typed(
      name,
      'a whole number ≥ 1',
      (value): value is number => Number.isSafeInteger(value) && (value as number) >= 1,
    );
  }

  /** The object under this key, as settings of their own. */
  inner(name: string): Settings | undefined {
    const value = this.#typed(name, 'an object', isRecord);
    return value === undefined ? undefined : new Settings(`${this.where}: ${name}`, value);
  }

  /** The same, where only a part of it is asked for: it still counts as unused. */
  peek(name: string): Settings | undefined {
    const value = this.values[name];
    return isRecord(value) ? new Settings(`${this.where}: ${name}`, value) : undefined;
  }

  /** The value; refuses where the file does not say it. */
  required<T>(value: T | undefined, name: string, why = 'it is needed'): T {
    return value ?? broken(this.where, `does not say ${name}: ${why}`);
  }

  choice<T extends string>(name: string, choices: readonly T[], absent: T): T {
    const value = this.text(name) ?? absent;
    return (
      choices.find((choice) => choice === value) ??
      broken(this.where, `${name} must be one of ${choices.join(', ')}, got ${describe(value)}`)
    );
  }

  /** Keys that nobody has asked for. */
  unused(): string[] {
    return Object.keys(this.values).filter((name) => !this.#used.has(name));
  }
}
