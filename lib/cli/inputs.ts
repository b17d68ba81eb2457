// What commands read: activations, in memory or batch by batch; matrices, dictionaries and autoencoders by their path.
import { stat } from 'node:fs/promises';
import { UnsuperposeError } from '../call/errors.js';
import { count } from '../call/inspect.js';
import type { Matrix } from '../call/matrix.js';
import { Dictionary } from '../data/dictionary.js';
import { type MatrixFiles, type MatrixFilesInfo, readMatrices, readMatrix } from '../files/index.js';
import { SparseAutoencoder } from '../sae/autoencoder.js';
import { Misuse, pick, type Values } from './flags.js';
import type { Context } from './spec.js';
import { LOADING, READING } from './tables.js';

/** What is loaded into memory at once, unless the caller says otherwise: 1 GiB of float32. */
const MOST_ENTRIES = 2 ** 28;
/** Rows read at a time where all of them are wanted. */
const ROWS_AT_ONCE = 8192;

/** `file#name`: the array of this name. A file that is there under the whole name is that file. */
export async function place(text: string): Promise<{ path: string; name?: string }> {
  const at = text.lastIndexOf('#');
  if (at < 1 || at === text.length - 1) return { path: text };
  const whole = await stat(text).catch(() => undefined);
  return whole === undefined ? { path: text.slice(0, at), name: text.slice(at + 1) } : { path: text };
}

/** What is said of options of files that have no flags of their own here. */
async function naming<T>(path: string, reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    if (!(error instanceof UnsuperposeError) || error.code !== 'ERR_OPTION') throw error;
    const { argument, message } = error;
    if (argument === 'name')
      throw new UnsuperposeError(
        'ERR_FORMAT',
        message.replace('say which by name', `say which by ${path}#NAME`),
      );
    if (argument === 'shape')
      throw new UnsuperposeError(
        'ERR_FORMAT',
        `${path} is a raw file, which does not say its shape: unsuperpose convert ${path} OTHER.npy --shape -1,DIMS makes one of it that does`,
      );
    throw error;
  });
}

/** A matrix of one file; `file#name` for one of several arrays. */
export async function matrixAt(text: string, signal: AbortSignal): Promise<Matrix> {
  const { path, ...name } = await place(text);
  return naming(path, readMatrix(path, { ...name, signal }));
}

export async function dictionaryAt(
  text: string,
  signal: AbortSignal,
  normalize = false,
): Promise<Dictionary> {
  const { path, ...name } = await place(text);
  return naming(path, Dictionary.load(path, { ...name, normalize, signal }));
}

/** One number a row of a matrix with one column, or of one row. */
export async function vectorAt(text: string, signal: AbortSignal): Promise<Float32Array | Float64Array> {
  const { data, shape } = await matrixAt(text, signal);
  if (shape[0] === 1 || shape[1] === 1) return data as Float32Array | Float64Array;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${text} is ${shape[0]} × ${shape[1]}; one row, or one column, is expected`,
  );
}

export const streamOf = (paths: readonly string[], values: Values, more: object = {}): MatrixFiles =>
  readMatrices(paths, { ...pick(values, READING), ...more });

/** All rows of a stream, in one matrix. */
export async function loadAll(
  stream: MatrixFiles,
  { rows, cols, dtype }: MatrixFilesInfo,
  { signal, progress }: Pick<Context, 'signal' | 'progress'>,
  name = 'reading',
): Promise<Matrix> {
  const wide = dtype === 'float64';
  let data: Float32Array | Float64Array;
  try {
    data = wide ? new Float64Array(rows * cols) : new Float32Array(rows * cols);
  } catch {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${count(rows)} rows of ${count(cols)} columns do not fit in memory`,
    );
  }
  progress.start(name, 'rows');
  let done = 0;
  for await (const batch of stream) {
    signal.throwIfAborted();
    data.set(batch.data as Float32Array, done * cols);
    done += batch.shape[0] as number;
    progress.update({ done, total: rows });
  }
  progress.stop();
  return { data, shape: [rows, cols] };
}

/** Rows of several files as one matrix, in their order. */
export async function loadRows(paths: readonly string[], context: Context, name?: string): Promise<Matrix> {
  const stream = streamOf(paths, context.values, { batch: ROWS_AT_ONCE });
  return loadAll(stream, await stream.inspect(), context, name);
}

/** What learners learn from. */
export interface Activations {
  readonly info: MatrixFilesInfo;
  readonly matrix: Matrix | undefined;
  readonly stream: MatrixFiles | undefined;
}

/** In memory what fits, or what the caller says; otherwise batch by batch, shuffled unless `inOrder`. */
export async function activationsOf(
  { paths, values, signal, progress, note }: Context,
  { batch, inOrder }: { readonly batch: number; readonly inOrder: boolean },
): Promise<Activations> {
  const all = streamOf(paths, values, { batch: ROWS_AT_ONCE });
  const info = await all.inspect();
  const large = info.rows * info.cols > MOST_ENTRIES;
  if (!((values.stream as boolean | undefined) ?? large)) {
    if (values.buffer !== undefined)
      throw new Misuse('--buffer is for reading batch by batch: give --stream too, or leave it out');
    return { info, matrix: await loadAll(all, info, { signal, progress }), stream: undefined };
  }
  if (values.stream === undefined)
    note(
      `${count(info.rows)} × ${count(info.cols)} activations are read batch by batch (--no-stream loads them)`,
    );
  const { seed = 0, buffer } = values;
  if (inOrder && buffer !== undefined)
    throw new Misuse('--buffer shuffles, which --targets and --mask do not allow');
  const shuffle = inOrder ? {} : { shuffle: { seed, ...(buffer !== undefined && { buffer }) } };
  return { info, matrix: undefined, stream: streamOf(paths, values, { batch, ...shuffle }) };
}

/** A sparse autoencoder, with a probe of the first rows where the caller gives one. */
export async function autoencoderAt(path: string, { values, signal }: Context): Promise<SparseAutoencoder> {
  return SparseAutoencoder.load(path, { ...(await loadOptions(values, signal)), signal });
}

/** Rows of a probe: plenty to tell readings apart. */
const PROBE_ROWS = 4096;

async function firstRows(text: string, signal: AbortSignal): Promise<Matrix> {
  const { path, ...name } = await place(text);
  for await (const batch of readMatrices(path, { ...name, batch: PROBE_ROWS })) {
    signal.throwIfAborted();
    return batch;
  }
  throw new UnsuperposeError('ERR_SHAPE', `${text} has no rows, so it is no probe`);
}

/** Options of SparseAutoencoder.load. */
export async function loadOptions(values: Values, signal: AbortSignal): Promise<object> {
  const { probe, probeTargets } = values as { probe?: string; probeTargets?: string };
  if (probeTargets !== undefined && probe === undefined)
    throw new Misuse('--probe-targets belong to a probe: give --probe too');
  if (probe === undefined) return pick(values, LOADING);
  const activations = await firstRows(probe, signal);
  const targets = probeTargets === undefined ? {} : { targets: await firstRows(probeTargets, signal) };
  return { ...pick(values, LOADING), probe: { activations, ...targets } };
}

/** The directions that --dictionary or --sae names. */
export async function featuresOf(
  context: Context,
): Promise<{ dictionary: Dictionary; sae?: SparseAutoencoder; path: string }> {
  const { values, signal } = context;
  const { dictionary, sae } = values as { dictionary?: string; sae?: string };
  if ((dictionary === undefined) === (sae === undefined))
    throw new Misuse(
      dictionary === undefined
        ? '--dictionary or --sae is missing: give the features, a dictionary or a sparse autoencoder'
        : '--dictionary and --sae are two ways to give the features: give one of them',
    );
  if (dictionary !== undefined) {
    const loaded = await dictionaryAt(dictionary, signal, values.normalize === true);
    return { dictionary: loaded, path: dictionary };
  }
  if (values.normalize === true) throw new Misuse('--normalize is for a --dictionary, not for a --sae');
  const loaded = await autoencoderAt(sae as string, context);
  return { dictionary: loaded.dictionary(), sae: loaded, path: sae as string };
}
