// What training learns from: matrices, or batches with targets and masks.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { lengthOf, unshared } from '../call/memory.js';
import { describe } from '../call/options.js';

/** What a stream may give in place of a matrix: activations with what is to be made of them, and which of them count. */
export interface TrainingBatch {
  readonly activations: MatrixLike;
  /** As many rows. */
  readonly targets?: MatrixLike | undefined;
  /** One entry a row: 0 for those that do not count. */
  readonly mask?: Uint8Array | undefined;
}

/** Batches one after the other. */
export type TrainingStream = Iterable<MatrixLike | TrainingBatch> | AsyncIterable<MatrixLike | TrainingBatch>;

/** Samples as native code takes them. */
export interface Samples {
  readonly rows: number;
  readonly cols: number;
  readonly activations: NativeMatrix;
  readonly targets: NativeMatrix | undefined;
  readonly mask: Uint8Array | undefined;
}

function readMask(value: unknown, rows: number, name: string): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (!types.isUint8Array(value))
    throw new UnsuperposeError('ERR_DTYPE', `${name} must be a Uint8Array, got ${describe(value)}`, name);
  const own = unshared(value, name);
  if (lengthOf(own) !== rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} must have one entry a sample (${rows}), got ${lengthOf(own)}`,
      name,
    );
  return own;
}

export function samplesOf(activations: unknown, targets: unknown, mask: unknown, name: string): Samples {
  const input = readMatrix(activations, name);
  const output = targets === undefined ? undefined : readMatrix(targets, 'targets');
  if (output !== undefined && output.rows !== input.rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `targets have ${output.rows} samples, ${name} has ${input.rows}`,
      'targets',
    );
  const { rows, cols } = input;
  return { rows, cols, activations: input, targets: output, mask: readMask(mask, rows, 'mask') };
}

/** A stream's item: a matrix, or a {@link TrainingBatch}. */
export function readItem(value: unknown, name: string): Samples {
  if (typeof value !== 'object' || value === null || !('activations' in value))
    return samplesOf(value, undefined, undefined, name);
  const { activations, targets, mask } = value as Partial<Record<keyof TrainingBatch, unknown>>;
  return samplesOf(activations, targets, mask, `${name}[…].activations`);
}
