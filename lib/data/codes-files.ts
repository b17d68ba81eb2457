// Codes as files of other tools.
import { Buffer } from 'node:buffer';
import { extname } from 'node:path';
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { readShape } from '../call/matrix.js';
import { copyOf, isList, lengthOf, newArray } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import type { Path } from '../files/index.js';
import { writeNpz } from '../files/npz.js';
import { readPath } from '../files/refuse.js';
import { writeSafetensors } from '../files/safetensors.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import type { GivenCodes } from '../native/values.js';

/** Token ids as other libraries have them, sequences × positions. */
export interface TokenIds {
  readonly data: Int32Array | Uint32Array | BigInt64Array | readonly number[];
  readonly shape: readonly number[];
}

/**
 * Options of `codes.save`.
 *
 * - `'npz'` (SciPy): compressed sparse rows as `scipy.sparse.save_npz` writes them; float32 or float64 as the codes are.
 * - `'delphi'` (automatic interpretation): safetensors with `locations` [entries, 3], which are sequence, position and latent,
 *   `activations` as float16, and `tokens` if given. delphi takes the latents from the file's name, first to last: `0_4095.safetensors`.
 */
export interface SaveCodesOptions {
  /** Default: by the ending, `.npz` or `.safetensors`. */
  readonly format?: 'npz' | 'delphi' | undefined;
  /** `'delphi'`: sequences × positions, one a sample. */
  readonly tokens?: TokenIds | undefined;
  /** `'delphi'`, without tokens: how many samples are one sequence. Sample s is position s mod positions of sequence ⌊s / positions⌋. */
  readonly positions?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** {@link SaveCodesOptions}, read and checked. */
export interface Saving {
  readonly path: string;
  readonly format: 'npz' | 'delphi';
  readonly tokens?: { readonly ids: BigInt64Array; readonly shape: readonly [number, number] };
  readonly positions?: number;
  readonly signal: AbortSignal | undefined;
}

const ENDINGS = { npz: '.npz', delphi: '.safetensors' } as const;
const FORMATS = ['npz', 'delphi'] as const;
const MOST_INT32 = 2 ** 31 - 1;
const MOST_SAMPLES = 2 ** 32 - 1;

function readTokens(value: unknown): NonNullable<Saving['tokens']> {
  const expected = '{ data, shape: [sequences, positions] } of token ids, integers ≥ 0';
  if (typeof value !== 'object' || value === null) return refuseOption('tokens', expected, value);
  const { data, shape } = value as Partial<TokenIds>;
  if (!isList(data)) return refuseOption('tokens.data', 'a list of token ids', data);
  const [sequences, positions] = readShape(shape, 'tokens');
  const count = lengthOf(data);
  if (count !== sequences * positions)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `tokens.data holds ${count} ids, the shape [${sequences}, ${positions}] needs ${sequences * positions}`,
      'tokens',
    );
  const ids = new BigInt64Array(newArray(Float64Array, count, 'tokens').buffer);
  for (let i = 0; i < count; i++) {
    const id: unknown = data[i];
    const valid =
      typeof id === 'bigint' ? id >= 0n && id < 2n ** 63n : Number.isSafeInteger(id) && (id as number) >= 0;
    if (!valid) refuseOption(`tokens.data[${i}]`, 'a token id, an integer ≥ 0', id);
    ids[i] = BigInt(id as number | bigint);
  }
  return { ids, shape: [sequences, positions] };
}

export function readSaving(path: Path, options: SaveCodesOptions | undefined): Saving {
  const read = new Options(options, ['format', 'tokens', 'positions', 'signal'], 'codes.save');
  const file = readPath(path, 'path');
  const ending = extname(file).toLowerCase();
  const told = FORMATS.find((name) => ENDINGS[name] === ending);
  if (told === undefined)
    throw new UnsuperposeError(
      'ERR_FORMAT',
      `${file} must end in .npz or .safetensors to hold codes`,
      'path',
    );
  const format = read.choice('format', FORMATS, told);
  if (format !== told)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `codes of format ${format} are ${ENDINGS[format]} files, got ${file}`,
      'format',
    );
  const signal = read.signal();
  throwIfAborted(signal);
  if (format === 'npz') {
    read.exclude(['tokens', 'positions'], 'format delphi', 'format npz');
    return { path: file, format, signal };
  }
  if (read.has('tokens')) {
    read.exclude(['positions'], 'calls without tokens', 'a call with tokens, whose shape says it');
    return { path: file, format, signal, tokens: readTokens(read.get('tokens')) };
  }
  if (!read.has('positions'))
    throw new UnsuperposeError(
      'ERR_OPTION',
      'format delphi tells samples by sequence and position: give tokens, or positions, how many samples are one sequence',
      'positions',
    );
  return {
    path: file,
    format,
    signal,
    positions: read.requiredInteger('positions', { min: 1, max: MOST_SAMPLES }),
  };
}

/** Valid codes. All that is written is copied before this returns its promise. */
export async function saveCodes(
  codes: GivenCodes,
  shape: readonly [number, number],
  saving: Saving,
): Promise<void> {
  await (saving.format === 'npz' ? saveNpz(codes, shape, saving) : saveDelphi(codes, shape, saving));
}

/** SciPy has signed indices: int32 here, whose bits are those of a Uint32Array below 2³¹. */
function signed(places: Uint32Array): Int32Array {
  const copy = newArray(Uint32Array, places.length, 'codes');
  copy.set(places);
  return new Int32Array(copy.buffer);
}

async function saveNpz(
  codes: GivenCodes,
  [samples, features]: readonly [number, number],
  { path, signal }: Saving,
): Promise<void> {
  const { indptr, indices, values } = codes;
  if (features > MOST_INT32 || indices.length > MOST_INT32)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `codes with ${features} features and ${indices.length} entries have more than the 2³¹ − 1 that are written`,
      'codes',
    );
  const text = Buffer.from('csr');
  // The arrays and their order are SciPy's.
  const arrays = new Map([
    ['indices', { dtype: 'int32', shape: [indices.length], values: signed(indices) }],
    ['indptr', { dtype: 'int32', shape: [indptr.length], values: signed(indptr) }],
    ['format', { dtype: 'text', shape: [], values: new Uint8Array(text) }],
    ['shape', { dtype: 'int64', shape: [2], values: BigInt64Array.of(BigInt(samples), BigInt(features)) }],
    [
      'data',
      {
        dtype: types.isFloat64Array(values) ? 'float64' : 'float32',
        shape: [values.length],
        values: copyOf(values, 'codes'),
      },
    ],
  ] as const);
  await writeNpz(path, arrays, { compress: true, signal });
}

function locate(codes: GivenCodes, positions: number, out: Uint16Array | Uint32Array): void {
  const { indptr, indices } = codes;
  let at = 0;
  for (let sample = 0; sample + 1 < indptr.length; sample++) {
    const sequence = Math.floor(sample / positions);
    const position = sample % positions;
    for (let entry = indptr[sample] ?? 0; entry < (indptr[sample + 1] ?? 0); entry++) {
      out[at] = sequence;
      out[at + 1] = position;
      out[at + 2] = indices[entry] ?? 0;
      at += 3;
    }
  }
}

async function saveDelphi(
  codes: GivenCodes,
  [samples, features]: readonly [number, number],
  saving: Saving,
): Promise<void> {
  const { path, signal, tokens } = saving;
  const { values, indices } = codes;
  const [sequences, positions] = tokens?.shape ?? [
    Math.ceil(samples / (saving.positions ?? 1)),
    saving.positions ?? 1,
  ];
  if (sequences * positions !== samples)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      tokens === undefined
        ? `codes have ${samples} samples, no whole number of sequences of ${positions} positions`
        : `tokens are of ${sequences} × ${positions} samples, codes have ${samples}`,
      tokens === undefined ? 'positions' : 'tokens',
    );
  const bits = new Uint16Array(values.length);
  const over = native((binding) => binding.narrow(values, 'float16', bits));
  if (over >= 0)
    throw new UnsuperposeError(
      'ERR_NOT_FINITE',
      `codes: entry ${over} is ${describe(values[over])}, too large for the float16 of format delphi: scale the activations`,
      'codes',
    );
  // As delphi chooses: 16 bits where they do.
  const narrow = Math.max(sequences, positions, features) <= 2 ** 16;
  const locations = narrow
    ? new Uint16Array(3 * indices.length)
    : newArray(Uint32Array, 3 * indices.length, 'locations');
  locate(codes, positions, locations);
  await writeSafetensors(
    path,
    new Map([
      [
        'locations',
        {
          dtype: narrow ? ('uint16' as const) : ('uint32' as const),
          shape: [indices.length, 3],
          values: locations,
        },
      ],
      ['activations', { dtype: 'float16' as const, shape: [indices.length], values: bits }],
      ...(tokens === undefined
        ? []
        : [['tokens', { dtype: 'int64' as const, shape: [...tokens.shape], values: tokens.ids }] as const]),
    ]),
    {},
    signal,
  );
}
