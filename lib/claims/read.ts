// How claims are read: their JSON, which nothing is trusted of, and the options of the calls that make and verify them.
import { type Device, readDevice } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { mapEntries } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import { ASYNC_NAMES, type Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { throwIfAborted } from '../native/job.js';

/** How a verification runs. */
export interface Run {
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** @internal The options of claims: the signal before anything else is read. */
export function readRun(options: unknown, call: string): Run {
  return runOf(new Options(options, ['threads', ...ASYNC_NAMES], call));
}

function runOf(read: Options): Run {
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  return { threads: readThreads(read), signal, onProgress };
}

/** How a claim about pairs is made. */
export interface PairRun extends Run {
  /** As the caller gave it, checked. */
  readonly device: Device | undefined;
}

/** @internal The options of claims that a GPU can help to make. */
export function readPairRun(options: unknown, call: string): PairRun {
  const read = new Options(options, ['threads', 'device', ...ASYNC_NAMES], call);
  readDevice(read);
  return { ...runOf(read), device: read.get('device') as Device | undefined };
}

/** @internal Refuses a claim that is not one. */
export function refuseFormat(where: string, expected: string, got: unknown): never {
  throw new UnsuperposeError('ERR_FORMAT', `${where} must be ${expected}, got ${describe(got)}`, where);
}

/** @internal A plain object with exactly these keys. */
export function readRecord<K extends string>(
  value: unknown,
  where: string,
  keys: readonly K[],
): Record<K, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuseFormat(where, 'an object', value);
  for (const key of Object.keys(value))
    if (!(keys as readonly string[]).includes(key))
      throw new UnsuperposeError(
        'ERR_FORMAT',
        `${where} has the key ${describe(key)}; there are: ${keys.join(', ')}`,
        where,
      );
  for (const key of keys)
    if (!Object.hasOwn(value, key))
      throw new UnsuperposeError('ERR_FORMAT', `${where} lacks the key ${key}`, where);
  // Each property is read once: it may be another the next time.
  const given = value as Record<K, unknown>;
  return Object.fromEntries(keys.map((key) => [key, given[key]])) as Record<K, unknown>;
}

/** @internal */
export function readText(value: unknown, where: string): string {
  return typeof value === 'string' ? value : refuseFormat(where, 'a string', value);
}

/** @internal */
export function readFlag(value: unknown, where: string): boolean {
  return typeof value === 'boolean' ? value : refuseFormat(where, 'true or false', value);
}

/** @internal A finite number. */
export function readFinite(value: unknown, where: string): number {
  return typeof value === 'number' && Number.isFinite(value)
    ? value
    : refuseFormat(where, 'a finite number', value);
}

/** @internal An integer from 0 to below `end`. */
export function readIndex(value: unknown, where: string, end: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < end
    ? value
    : refuseFormat(where, `an integer ≥ 0 and < ${end}`, value);
}

/** @internal */
export function readList<T>(value: unknown, where: string, entry: (value: unknown, where: string) => T): T[] {
  if (!Array.isArray(value)) return refuseFormat(where, 'an array', value);
  return mapEntries(value, (each, i) => entry(each, `${where}[${i}]`));
}

/** @internal Names of data are short and plain: they come back from JSON. */
export const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** @internal */
export function checkName(name: unknown, where: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  return refuseOption(
    where,
    'a name of 1 to 64 letters, digits, ".", "_" or "-" that begins with a letter',
    name,
  );
}

/** @internal JSON text of a claim, and what it names: more is refused before it is looked at. */
export const MOST_TEXT = 2 ** 26;
/** @internal */
export const MOST_DATA = 2 ** 16;

/** @internal Refuses more than a claim may have. */
export function refuseLarge(where: string, what: string, most: number, got: number): never {
  throw new UnsuperposeError('ERR_TOO_LARGE', `${where} has ${got} ${what}, at most ${most} are read`, where);
}

/** Milliseconds of work between two turns of the event loop, and steps between two looks at the clock. */
const SLICE = 8;
const STEPS = 256;

/** @internal Long loops over what a claim says: other things get their turn, and the signal is seen. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();
  #steps = 0;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** A step of a loop: nothing, or a promise to wait for. */
  step(): Promise<void> | undefined {
    return ++this.#steps % STEPS === 0 && performance.now() - this.#since > SLICE ? this.#turn() : undefined;
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(this.#signal);
    this.#since = performance.now();
  }
}
