// What networks learn from: samples, with their true codes where these are known.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { copyOf } from '../call/memory.js';
import { type CodesLike, readCodes } from '../data/codes.js';
import { takeRows } from '../data/holdout.js';
import { native } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';

/** Samples with the codes that they were made of: samples × features, for the atoms as the dictionary has them. */
export interface CodedSamples {
  readonly activations: MatrixLike;
  readonly codes: CodesLike;
}

/** A matrix that has its codes beside it, as `SyntheticFeatures` draws them. */
export interface CodedMatrix extends MatrixLike {
  readonly codes: CodesLike;
}

/** Batches one after the other. */
export type ListaStream =
  | Iterable<MatrixLike | CodedSamples | CodedMatrix>
  | AsyncIterable<MatrixLike | CodedSamples | CodedMatrix>;

/** Samples as native code takes them. */
export interface Samples {
  readonly rows: number;
  readonly cols: number;
  readonly activations: NativeMatrix;
  /** Of supervised training. */
  readonly codes: NativeCodes | undefined;
}

/** What samples must fit. */
export interface Fitting {
  readonly features: number;
  readonly dims: number;
  readonly nonnegative: boolean;
  /** Are true codes learned from? */
  readonly supervised: boolean;
}

/** Where samples stand among the arguments, for messages. */
export interface Named {
  readonly activations: string;
  readonly codes: string;
}

/** Which sample has the entry. */
const sampleOf = ({ indptr }: NativeCodes, entry: number): number =>
  indptr.findIndex((begin) => begin > entry) - 1;

/** Refuses codes that do not fit the samples or the dictionary. */
function checkTruth(
  { codes, samples, features: width }: ReturnType<typeof readCodes>,
  rows: number,
  { features, nonnegative }: Fitting,
  name: Named,
): void {
  if (samples !== rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name.codes} have ${samples} samples, ${name.activations} have ${rows}`,
      name.codes,
    );
  if (width !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name.codes} have ${width} features, the dictionary has ${features}`,
      name.codes,
    );
  native((module) => module.checkCodes(codes, samples, width, name.codes));
  const negative = nonnegative ? codes.values.findIndex((entry) => entry < 0) : -1;
  if (negative >= 0)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${name.codes} must be ≥ 0 with nonnegative, got ${codes.values[negative]} in sample ${sampleOf(codes, negative)}`,
      name.codes,
    );
}

const copyCodes = ({ indptr, indices, values }: NativeCodes, name: string): NativeCodes => ({
  indptr: copyOf(indptr, name),
  indices: copyOf(indices, name),
  values: copyOf(values, name),
});

/** Checks samples and, where there is truth to learn from, their codes. Keeps the caller's memory unless it is to `copy`. */
export function samplesOf(
  activations: unknown,
  codes: unknown,
  fitting: Fitting,
  name: Named,
  copy = false,
): Samples {
  // Both are read before either is looked at: reading may run the caller's code.
  const truth = fitting.supervised ? readCodes(codes, name.codes, 'ERR_DTYPE') : undefined;
  const input = readMatrix(activations, name.activations, { copy });
  const { rows, cols } = input;
  if (cols !== fitting.dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name.activations} have ${cols} dims, the dictionary has ${fitting.dims}`,
      name.activations,
    );
  if (truth === undefined) return { rows, cols, activations: input, codes: undefined };
  checkTruth(truth, rows, fitting, name);
  const own = copy ? copyCodes(truth.codes, name.codes) : truth.codes;
  return { rows, cols, activations: input, codes: own };
}

/** Refuses what native code would, while rows have the numbers that they were given. */
export function checkFinite({ data, cols }: NativeMatrix, name: string): void {
  const at = native((module) => module.firstNotFinite(data));
  if (at < 0) return;
  throw new UnsuperposeError(
    'ERR_NOT_FINITE',
    `${name} must be finite in float32: row ${Math.floor(at / cols)}, column ${at % cols} is ${data[at]}`,
    name,
  );
}

/** The codes that a matrix has beside it. */
export const codesBeside = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'codes' in value ? value.codes : undefined;

/** A stream's item: a matrix, one with its codes beside it, or {@link CodedSamples}. */
export function readItem(value: unknown, fitting: Fitting): Samples {
  const coded = typeof value === 'object' && value !== null && 'activations' in value;
  const { activations } = coded ? (value as { activations?: unknown }) : { activations: value };
  const codes = codesBeside(value);
  const name = {
    activations: coded ? 'activations[…].activations' : 'activations',
    codes: 'activations[…].codes',
  };
  if (fitting.supervised && codes === undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'the items of activations must have true codes, { activations, codes }, unless lambda is given',
      'activations',
    );
  if (!fitting.supervised && coded && codes !== undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'the items of activations have true codes, which a call with lambda does not learn from: give one of the two',
      'activations',
    );
  return samplesOf(activations, codes, fitting, name);
}

/** Some samples, copied. */
export function takeSamples({ activations, codes }: Samples, rows: Uint32Array): Samples {
  const taken = takeRows(activations, rows);
  return { rows: rows.length, cols: taken.cols, activations: taken, codes: codes && takeCodes(codes, rows) };
}

function takeCodes({ indptr, indices, values }: NativeCodes, rows: Uint32Array): NativeCodes {
  const ends = new Uint32Array(rows.length + 1);
  for (const [to, i] of rows.entries())
    ends[to + 1] = (ends[to] as number) + ((indptr[i + 1] as number) - (indptr[i] as number));
  const total = ends[rows.length] as number;
  const taken = {
    indptr: ends,
    indices: new Uint32Array(total),
    values: new Float32Array(total),
  };
  for (const [to, i] of rows.entries()) {
    const [from, end] = [indptr[i] as number, indptr[i + 1] as number];
    taken.indices.set(indices.subarray(from, end), ends[to] as number);
    taken.values.set(values.subarray(from, end), ends[to] as number);
  }
  return taken;
}
