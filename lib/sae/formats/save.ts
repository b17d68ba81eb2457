// Autoencoders to files.
import { types } from 'node:util';
import { UnsuperposeError } from '../../call/errors.js';
import { describe, Options } from '../../call/options.js';
import { type FloatType, readFloatType } from '../../files/dtypes.js';
import { type Path, readPath } from '../../files/refuse.js';
import { throwIfAborted } from '../../native/job.js';
import type { AutoencoderParameters } from '../parameters.js';
import type { TrainingSummary } from '../training.js';
import { writeOwn } from './own.js';
import { writeSaelens } from './saelens-write.js';

/** Options of `sae.save`. */
export interface SaveAutoencoderOptions {
  /**
   * - `'unsuperpose'` (default): one `.safetensors` file, which keeps every bit and how it was trained.
   * - `'saelens'`: a folder that SAELens 6 and later load, with `cfg.json` and `sae_weights.safetensors`.
   */
  readonly format?: 'unsuperpose' | 'saelens' | undefined;
  /** What parameters are written as, rounded to the nearest. Default float32, which keeps every bit. */
  readonly dtype?: FloatType | undefined;
  /** `'saelens'`: goes into `cfg.json` as `metadata`, plain JSON: `model_name`, `hook_name` and what else is to be known. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A copy that nobody changes meanwhile, of what JSON can hold. */
function readMetadata(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  const refuse = (cause?: unknown): never => {
    throw new UnsuperposeError(
      'ERR_OPTION',
      `metadata must be a plain object of JSON, got ${describe(value)}`,
      'metadata',
      {
        cause,
      },
    );
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value) || types.isProxy(value))
    return refuse();
  try {
    return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  } catch (cause) {
    return refuse(cause);
  }
}

export async function saveAutoencoder(
  path: Path,
  options: SaveAutoencoderOptions | undefined,
  parameters: () => AutoencoderParameters,
  training: TrainingSummary | undefined,
): Promise<void> {
  const read = new Options(options, ['format', 'dtype', 'metadata', 'signal'], 'sae.save');
  const at = readPath(path, 'path');
  const format = read.choice('format', ['unsuperpose', 'saelens'], 'unsuperpose');
  const dtype = read.has('dtype') ? readFloatType(read.get('dtype')) : 'float32';
  if (format !== 'saelens') read.exclude(['metadata'], "format 'saelens'", `format '${format}'`);
  const metadata = readMetadata(read.get('metadata'));
  const signal = read.signal();
  throwIfAborted(signal);
  const saving = { dtype, signal };
  if (format === 'saelens') await writeSaelens(at, parameters(), metadata, saving);
  else await writeOwn(at, parameters(), training, saving);
}
