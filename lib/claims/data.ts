// The data that a claim is about: copied once, and known by its hash.
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { copyOf } from '../call/memory.js';
import { describe } from '../call/options.js';
import { type CodesLike, hasCodes, readCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';

/** Something that claims can be about. */
export type ClaimDatum = MatrixLike | Dictionary | CodesLike;
/** Data by name. */
export type ClaimData = Readonly<Record<string, ClaimDatum>>;

/** What a claim remembers of its data. */
export interface Fingerprint {
  /** float32 values; csr: the three arrays of `SparseCodes`. */
  readonly dtype: 'float32' | 'float32 csr';
  readonly shape: readonly [rows: number, cols: number];
  /** Over type, shape and bytes, in hexadecimal digits. A Dictionary has the hash of its matrix. */
  readonly sha256: string;
}

/** @internal A copy that nobody else holds. Float64 data count as the float32 that the package computes with. */
export type Snapshot =
  | { readonly type: 'matrix' | 'dictionary'; readonly matrix: NativeMatrix }
  | {
      readonly type: 'codes';
      readonly codes: NativeCodes;
      readonly samples: number;
      readonly features: number;
    };

/** @internal */
export function snapshot(value: unknown, name: string): Snapshot {
  if (Dictionary.is(value)) {
    Dictionary.handleOf(value, name);
    const { data, shape } = value.toMatrix();
    return { type: 'dictionary', matrix: { data, rows: shape[0], cols: shape[1] } };
  }
  if (hasCodes(value)) {
    const { codes, samples, features } = readCodes(value, name, 'ERR_DTYPE');
    const copy: NativeCodes = {
      indptr: copyOf(codes.indptr, name),
      indices: copyOf(codes.indices, name),
      values: copyOf(codes.values, name),
    };
    native((binding) => binding.checkCodes(copy, samples, features, name));
    return { type: 'codes', codes: copy, samples, features };
  }
  if (typeof value === 'object' && value !== null && types.isTypedArray((value as Partial<MatrixLike>).data))
    return { type: 'matrix', matrix: readMatrix(value, name, { copy: true }) };
  throw new UnsuperposeError(
    'ERR_DTYPE',
    `${name} must be a Dictionary, SparseCodes or a matrix { data, shape }, got ${describe(value)}`,
    name,
  );
}

/** Bytes hashed between two turns of the event loop: some 10 ms. */
const CHUNK = 1 << 23;

/** @internal */
export async function fingerprint(copy: Snapshot, signal?: AbortSignal): Promise<Fingerprint> {
  const [dtype, shape, arrays] =
    copy.type === 'codes'
      ? ([
          'float32 csr',
          [copy.samples, copy.features],
          [copy.codes.indptr, copy.codes.indices, copy.codes.values],
        ] as const)
      : (['float32', [copy.matrix.rows, copy.matrix.cols], [copy.matrix.data]] as const);
  const hash = createHash('sha256');
  const lengths = arrays.map((array) => array.length).join(',');
  hash.update(`unsuperpose ${dtype} ${shape.join('x')} ${lengths}\n`);
  for (const array of arrays) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      if (at > 0) {
        await new Promise((resolve) => setImmediate(resolve));
        throwIfAborted(signal);
      }
      hash.update(bytes.subarray(at, at + CHUNK));
    }
  }
  return { dtype, shape: [shape[0], shape[1]], sha256: hash.digest('hex') };
}
