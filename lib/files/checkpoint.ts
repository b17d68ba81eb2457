// A learner's state between two steps, as a safetensors file: any tool can look into it, and a wrong bit is found before it is learned from.
import { types } from 'node:util';
import * as zlib from 'node:zlib';
import { UnsuperposeError } from '../call/errors.js';
import { bytesOf, type Dtype } from './dtypes.js';
import { isRecord, parseJSON } from './json.js';
import { broken } from './refuse.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

/** What state is made of. */
export type StateArray = Float32Array | Float64Array | Uint32Array | BigUint64Array;

export interface Checkpoint {
  readonly arrays: ReadonlyMap<string, StateArray>;
  /** Plain JSON: options, the stream's position, counts. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const TYPES: readonly (readonly [Dtype, (array: StateArray) => boolean])[] = [
  ['float32', (array) => types.isFloat32Array(array)],
  ['float64', (array) => types.isFloat64Array(array)],
  ['uint32', (array) => types.isUint32Array(array)],
  ['uint64', (array) => types.isBigUint64Array(array)],
];
/** The only texts of the file. */
const KEYS = { kind: 'unsuperpose', metadata: 'metadata', checksum: 'crc32' } as const;
const VERSION = 1;

/** Of names, values and metadata, in the order of names: where in the file a tensor lies does not matter. */
function checksum(arrays: ReadonlyMap<string, StateArray>, metadata: string): string {
  let crc = zlib.crc32(metadata);
  for (const name of [...arrays.keys()].sort()) {
    crc = zlib.crc32(name, crc);
    crc = zlib.crc32(bytesOf(arrays.get(name) as StateArray), crc);
  }
  return crc.toString(16).padStart(8, '0');
}

/**
 * Writes a checkpoint: all of it or nothing, and what was there before stays until then. The arrays must not change until it is done. `kind` names
 * the learner, so that no other takes it for its own.
 * @throws UnsuperposeError `ERR_FILE`; `signal.reason` once aborted
 */
export async function writeCheckpoint(
  path: string,
  kind: string,
  { arrays, metadata }: Checkpoint,
  signal?: AbortSignal,
): Promise<void> {
  const tensors = [...arrays].map(([name, values]) => {
    const [dtype] = TYPES.find(([, is]) => is(values)) as (typeof TYPES)[number];
    return [name, { dtype, shape: [values.length], values }] as const;
  });
  const text = JSON.stringify(metadata);
  const texts = {
    [KEYS.kind]: JSON.stringify({ kind, version: VERSION }),
    [KEYS.metadata]: text,
    [KEYS.checksum]: checksum(arrays, text),
  };
  await writeSafetensors(path, new Map(tensors), texts, signal);
}

/**
 * Reads what {@link writeCheckpoint} wrote.
 * @throws UnsuperposeError `ERR_FORMAT` for what is no checkpoint, one of another `kind` or version, or one with a wrong bit; `ERR_FILE`
 */
export async function readCheckpoint(path: string, kind: string): Promise<Checkpoint> {
  const { metadata: texts, tensors } = await readSafetensors(path);
  const said = texts[KEYS.kind];
  const head = said === undefined ? undefined : parseJSON(said, path, KEYS.kind);
  const text = texts[KEYS.metadata];
  if (!isRecord(head) || typeof head.kind !== 'string' || text === undefined)
    return broken(path, 'is a safetensors file, but no checkpoint of this package');
  if (head.version !== VERSION)
    broken(path, `is a checkpoint of version ${String(head.version)}; version ${VERSION} is read`);
  if (head.kind !== kind) broken(path, `is a checkpoint of ${head.kind}, not of ${kind}`);
  const metadata = parseJSON(text, path, 'the metadata');
  if (!isRecord(metadata)) return broken(path, 'has metadata that are no object');
  const arrays = new Map<string, StateArray>();
  for (const [name, tensor] of tensors) {
    if (!TYPES.some(([dtype]) => dtype === tensor.dtype))
      throw new UnsuperposeError(
        'ERR_FORMAT',
        `${tensor.where} holds ${tensor.dtype}, which no checkpoint has`,
      );
    arrays.set(name, (await tensor.values()) as StateArray);
  }
  if (checksum(arrays, text) !== texts[KEYS.checksum]) broken(path, 'is damaged: its checksum is another');
  return { arrays, metadata };
}
