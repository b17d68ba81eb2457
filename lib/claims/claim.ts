// Claims: what was found about all features, as a value that can be stored, sent, and checked again against the data.
import type { DeviceOptions } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';
import type { AsyncOptions } from '../call/progress.js';
import { info } from '../native/info.js';
import { throwIfAborted } from '../native/job.js';
import { type ClaimData, type Fingerprint, fingerprint, type Snapshot, snapshot } from './data.js';
import {
  MOST_DATA,
  MOST_TEXT,
  NAME,
  type Run,
  readIndex,
  readList,
  readRecord,
  readRun,
  readText,
  refuseFormat,
  refuseLarge,
} from './read.js';

/** The version of the layout below. */
const FORMAT = 'unsuperpose claim 1';

/**
 * A statement about all features with its evidence, and the hashes of the data that it was checked on. Plain JSON: `JSON.stringify` keeps all
 * of it, {@link parseClaim} reads it back, {@link verify} checks it again.
 */
export interface Claim<Kind extends string = string, Parameters = unknown, Result = unknown> {
  readonly format: typeof FORMAT;
  /** Which statement it is; each kind has its own parameters and result. */
  readonly kind: Kind;
  /** The same in words. */
  readonly statement: string;
  /** What was asked. */
  readonly parameters: Parameters;
  /** What was found, with the evidence. */
  readonly result: Result;
  /** The data, by the names that they had in the call. */
  readonly data: Readonly<Record<string, Fingerprint>>;
  /** Of this package, when the claim was made. */
  readonly version: string;
}

/** What {@link verify} answers. */
export interface Verification {
  /** Whether everything that the claim says was found again. */
  readonly valid: boolean;
  /** What was not, in words; empty if valid. */
  readonly failures: readonly string[];
}

/** Options of calls that make or verify claims. */
export interface ClaimOptions extends AsyncOptions {
  /** Threads to use: 1 … 1024. Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

/** Options of calls that make claims about all pairs. {@link verify} checks them on the CPU. */
export interface PairClaimOptions extends ClaimOptions, DeviceOptions {}

/**
 * @internal Checks one kind of claim, in float64 and on a path of its own. Calls `fail` for each thing that does not hold; throws ERR_FORMAT
 * for parameters or results that are not of its kind. The hashes have been checked.
 */
export type Verifier = (
  claim: Claim,
  data: ReadonlyMap<string, Snapshot>,
  fail: (what: string) => void,
  run: Run,
) => Promise<void>;

const verifiers = new Map<string, Verifier>();

/** @internal Each kind's own file adds its verifier here. */
export function registerKind(kind: string, verifier: Verifier): void {
  verifiers.set(kind, verifier);
}

/** @internal A claim made now. */
export function makeClaim<Kind extends string, Parameters, Result>(
  kind: Kind,
  statement: string,
  parameters: Parameters,
  result: Result,
  data: Readonly<Record<string, Fingerprint>>,
): Claim<Kind, Parameters, Result> {
  return { format: FORMAT, kind, statement, parameters, result, data, version: info().version };
}

const SHA256 = /^[0-9a-f]{64}$/;

function readFingerprint(value: unknown, where: string): Fingerprint {
  const { dtype, shape, sha256 } = readRecord(value, where, ['dtype', 'shape', 'sha256']);
  if (dtype !== 'float32' && dtype !== 'float32 csr')
    return refuseFormat(`${where}.dtype`, '"float32" or "float32 csr"', dtype);
  const sizes = readList(shape, `${where}.shape`, (size, at) => readIndex(size, at, Number.MAX_SAFE_INTEGER));
  const [rows, cols] = sizes;
  if (sizes.length !== 2 || rows === undefined || cols === undefined)
    return refuseFormat(`${where}.shape`, 'two integers', shape);
  if (typeof sha256 !== 'string' || !SHA256.test(sha256))
    return refuseFormat(`${where}.sha256`, '64 lower-case hexadecimal digits', sha256);
  return { dtype, shape: [rows, cols], sha256 };
}

/**
 * Reads a claim from JSON text, or from what `JSON.parse` made of it. Trusts nothing: unknown and missing keys are refused. Parameters
 * and result are checked by {@link verify}.
 *
 * @throws UnsuperposeError `ERR_FORMAT`, `ERR_TOO_LARGE` for more than 2²⁶ characters or 2¹⁶ names of data
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const claim = await claims.everyFeature(claims.norm({ above: 0.5 }), { dictionary });
 * const again = claims.parseClaim(JSON.stringify(claim));
 * console.log(again.kind, again.statement); // → every-feature Every feature of 2 satisfies: norm > 0.5.
 * ```
 */
export function parseClaim(json: unknown): Claim {
  let value = json;
  if (typeof json === 'string') {
    if (json.length > MOST_TEXT) refuseLarge('claim', 'characters', MOST_TEXT, json.length);
    try {
      value = JSON.parse(json);
    } catch (cause) {
      throw new UnsuperposeError('ERR_FORMAT', `claim is not JSON: ${(cause as Error).message}`, 'claim', {
        cause,
      });
    }
  }
  const read = readRecord(value, 'claim', [
    'format',
    'kind',
    'statement',
    'parameters',
    'result',
    'data',
    'version',
  ]);
  if (read.format !== FORMAT) return refuseFormat('claim.format', JSON.stringify(FORMAT), read.format);
  const kind = readText(read.kind, 'claim.kind');
  if (!verifiers.has(kind))
    return refuseFormat('claim.kind', `one of ${[...verifiers.keys()].join(', ')}`, kind);
  const data: Record<string, Fingerprint> = {};
  if (typeof read.data !== 'object' || read.data === null || Array.isArray(read.data))
    return refuseFormat('claim.data', 'an object', read.data);
  const named = Object.entries(read.data);
  if (named.length > MOST_DATA) refuseLarge('claim.data', 'names', MOST_DATA, named.length);
  for (const [name, entry] of named) {
    if (!NAME.test(name)) return refuseFormat('claim.data', 'an object with plain names', name);
    data[name] = readFingerprint(entry, `claim.data.${name}`);
  }
  return {
    format: FORMAT,
    kind,
    statement: readText(read.statement, 'claim.statement'),
    parameters: read.parameters,
    result: read.result,
    data,
    version: readText(read.version, 'claim.version'),
  };
}

const shown = (names: readonly string[]): string => {
  const most = 16;
  return names.length > most
    ? `${names.slice(0, most).join(', ')}, … ${names.length} in all`
    : names.join(', ');
};

/** @internal Copies of the data, by name; `wanted` must all be there. */
export function snapshots(data: unknown, wanted: readonly string[]): Map<string, Snapshot> {
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `data must be an object of data by name, got ${describe(data)}`,
      'data',
    );
  const found = new Map<string, Snapshot>();
  for (const name of wanted) {
    const value = Object.hasOwn(data, name) ? (data as Record<string, unknown>)[name] : undefined;
    if (value === undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `data.${name} is missing; the claim is about: ${shown(wanted)}`,
        `data.${name}`,
      );
    found.set(name, snapshot(value, `data.${name}`));
  }
  return found;
}

const same = (a: Fingerprint, b: Fingerprint): boolean =>
  a.dtype === b.dtype && a.sha256 === b.sha256 && a.shape[0] === b.shape[0] && a.shape[1] === b.shape[1];

/**
 * Checks a claim again: that the data are those it was made on (SHA-256 over type, shape and bytes), and then everything that it says,
 * evaluated anew on a path that shares no arithmetic with the one that made it, in more than float64's precision. Says what was not
 * found again. A claim proves nothing by itself: only that `verify` finds it valid on data that you have.
 *
 * Claims may come from anyone. The text is parsed at once, 2²⁶ characters at most; all else takes time linear in its size and in the data,
 * natively or in slices of some 10 ms, so that nothing else has to wait.
 *
 * @param claim a claim, or its JSON text
 * @param data the data under the names that they had when the claim was made
 * @throws UnsuperposeError (as a rejection) `ERR_FORMAT` for what is no claim, `ERR_TOO_LARGE` as {@link parseClaim}, `ERR_OPTION` for missing data, `ERR_DTYPE`, `ERR_SHAPE`,
 *   `ERR_NOT_FINITE`, `ERR_DISPOSED`; `signal.reason` once aborted
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0.6, 0.8), shape: [2, 2] });
 * const claim = await claims.everyFeature(claims.norm({ above: 0.5 }), { dictionary });
 * console.log((await claims.verify(claim, { dictionary })).valid); // → true
 *
 * const other = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const { failures } = await claims.verify(JSON.stringify(claim), { dictionary: other });
 * console.log(failures[0]); // → dictionary is not the data that the claim was made on: its SHA-256 differs
 * ```
 */
export async function verify(
  claim: Claim | string,
  data: ClaimData,
  options?: ClaimOptions,
): Promise<Verification> {
  const run = readRun(options, 'claims.verify');
  throwIfAborted(run.signal);
  const parsed = parseClaim(typeof claim === 'string' ? claim : structuredCopy(claim));
  const names = Object.keys(parsed.data);
  const copies = snapshots(data, names);
  const failures: string[] = [];
  const fail = (what: string): void => {
    failures.push(what);
  };
  for (const [name, copy] of copies) {
    const found = await fingerprint(copy, run.signal);
    const stated = parsed.data[name] as Fingerprint;
    if (!same(found, stated))
      fail(
        `${name} is not the data that the claim was made on: its ${
          found.sha256 === stated.sha256 ? 'type or shape' : 'SHA-256'
        } differs`,
      );
  }
  if (failures.length === 0) {
    const verifier = verifiers.get(parsed.kind) as Verifier;
    await verifier(parsed, copies, fail, run);
  }
  return { valid: failures.length === 0, failures };
}

/** The claim as its own JSON: what verification reads cannot change meanwhile, and is what would be stored. */
function structuredCopy(claim: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(claim) ?? 'null');
  } catch (cause) {
    throw new UnsuperposeError(
      'ERR_FORMAT',
      `claim is not plain JSON: ${(cause as Error).message}`,
      'claim',
      {
        cause,
      },
    );
  }
}
