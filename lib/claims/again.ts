// What claims about pairs and paths of features share: their data by name, and how stated numbers are compared with those found again.
import { UnsuperposeError } from '../call/errors.js';
import type { Matrix, NativeMatrix } from '../call/matrix.js';
import { runCounted } from '../native/job.js';
import { native } from '../native/runtime.js';
import type { DictionaryHandle, JobId, Report, Settled } from '../native/values.js';
import { snapshots } from './claim.js';
import { type ClaimDatum, type Fingerprint, fingerprint, type Snapshot } from './data.js';
import type { Run } from './read.js';
import { readWeight } from './weights.js';

/** A stated float64 and one found again may differ by this besides what both may be off by. */
export const ROUNDING = 2 ** -40;

export const verdict = (holds: boolean, fails: boolean): string =>
  holds ? 'none does' : fails ? 'one does' : 'rounding hides whether one does';

export async function fingerprints(
  data: Readonly<Record<string, ClaimDatum>>,
  run: Run,
): Promise<{ prints: Record<string, Fingerprint>; copies: Map<string, Snapshot> }> {
  const copies = snapshots(data, Object.keys(data));
  const prints: Record<string, Fingerprint> = {};
  for (const [name, copy] of copies) prints[name] = await fingerprint(copy, run.signal);
  return { prints, copies };
}

const asMatrix = (copy: Snapshot | undefined, name: string): NativeMatrix => {
  if (copy === undefined || copy.type === 'codes')
    throw new UnsuperposeError('ERR_FORMAT', `claim.data.${name} must be a matrix or a dictionary`, name);
  return copy.matrix;
};
const toMatrix = ({ data, rows, cols }: NativeMatrix): Matrix<Float32Array> => ({
  data: data as Float32Array,
  shape: [rows, cols],
});

/** The chain of a claim's weight, from its data. */
export function chainOf(
  data: ReadonlyMap<string, Snapshot>,
  prefix: string,
  count: number,
  [toDims, fromDims]: readonly [number, number],
): NativeMatrix[] {
  const matrices = Array.from({ length: count }, (_, i) =>
    toMatrix(asMatrix(data.get(`${prefix}.${i}`), `${prefix}.${i}`)),
  );
  return readWeight(count === 0 ? 'identity' : matrices, prefix, toDims, fromDims);
}

export function handleOf(
  data: ReadonlyMap<string, Snapshot>,
  name: string,
): { handle: DictionaryHandle; rows: number; cols: number } {
  const matrix = asMatrix(data.get(name), name);
  const { rows, cols } = matrix;
  return { handle: native((module) => module.createDictionary(matrix, false)), rows, cols };
}

/** Runs one of the plain native checks. */
export function runAgain<T>(
  { threads, signal, onProgress }: Run,
  start: (threads: number, report: Report, onSettled: Settled<T>) => JobId,
): Promise<T> {
  return runCounted<T>(signal, onProgress, (...rest) => start(threads, ...rest));
}

/** Says where a stated bound is not what was found again: too low, so that something exceeds it, or higher than it was made. */
export function checkBound(
  stated: number,
  found: number,
  error: number,
  name: string,
  fail: (what: string) => void,
  slack = 0,
): void {
  const margin = 2 * error + ROUNDING * found;
  if (found > stated + margin) fail(`${name} is ${stated}, but ${found} was found`);
  else if (stated > found + margin + slack * found)
    fail(`${name} is ${stated}, above what was found, ${found}`);
}
