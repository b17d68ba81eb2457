// Matrices larger than memory: the rows of many files, batch after batch.
import { UnsuperposeError } from '../call/errors.js';
import type { Matrix } from '../call/matrix.js';
import { describe, Options, refuseOption } from '../call/options.js';
import { native } from '../native/runtime.js';
import { type Floats, makeFloats } from './arrays.js';
import type { FloatType } from './dtypes.js';
import { isRecord } from './json.js';
import { readColumns } from './matrix.js';
import { OPEN_NAMES, type Opening, type OpenOptions, readOpening } from './open.js';
import { type Paths, readPaths } from './paths.js';
import { openShards, type Run, RunReader, type Shards } from './shards.js';

/** How rows are shuffled; see {@link readMatrices}. */
export interface ShuffleOptions {
  /** The same seed, files and options are the same order. Default 0. */
  readonly seed?: number | undefined;
  /** Rows in memory, among which the next one is drawn. Default 16,384. */
  readonly buffer?: number | undefined;
}

/** Options of {@link readMatrices}. */
export interface ReadMatricesOptions extends OpenOptions {
  /** Rows of a batch; the last one of a pass may have fewer. Default 1,024. */
  readonly batch?: number | undefined;
  /** Default false: the order of the files. */
  readonly shuffle?: boolean | ShuffleOptions | undefined;
  /** The columns (dims) to take, in this order. Default: all. */
  readonly columns?: readonly number[] | undefined;
  /** Go on from here. */
  readonly from?: StreamPosition | undefined;
}

/** Where a stream stands: plain JSON. */
export interface StreamPosition {
  readonly version: 1;
  /** Passes over the files before this one. */
  readonly epoch: number;
  /** Rows of this pass that were given. */
  readonly row: number;
  /** What the order of rows depends on; null before the first batch. */
  readonly of: {
    readonly files: string;
    readonly rows: number;
    readonly batch: number;
    readonly seed: number | null;
    readonly buffer: number | null;
  } | null;
}

/** One of the files of a stream. */
export interface MatrixFile {
  readonly path: string;
  readonly rows: number;
}

/** What the headers of a stream's files say. */
export interface MatrixFilesInfo {
  readonly files: readonly MatrixFile[];
  /** Of all files together. */
  readonly rows: number;
  /** Of a batch: those that were chosen. */
  readonly cols: number;
  readonly dtype: FloatType;
}

const NAMES = [...OPEN_NAMES, 'batch', 'shuffle', 'columns', 'from'] as const;
const MOST_ROWS = 2 ** 32 - 1;
/** A buffer is filled from at least as many places of the files. */
const PLACES = 64;

interface Shuffle {
  readonly seed: number;
  readonly buffer: number;
}

function readShuffle(options: Options): Shuffle | undefined {
  const value = options.has('shuffle') ? options.get('shuffle') : false;
  if (value === false) return undefined;
  if (value !== true && !isRecord(value)) refuseOption('shuffle', 'true, false or { seed, buffer }', value);
  const read = new Options(value === true ? {} : value, ['seed', 'buffer'], 'shuffle');
  return {
    seed: read.integer('seed', { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
    buffer: read.integer('buffer', { min: 1, max: MOST_ROWS }, 16_384),
  };
}

function readPosition(options: Options): StreamPosition | undefined {
  const value = options.get('from');
  if (value === undefined) return undefined;
  const refuse = (): never => refuseOption('from', 'what position() of such a stream gave', value);
  if (!isRecord(value)) return refuse();
  const { version, epoch, row, of } = value;
  const isCount = (given: unknown): given is number => Number.isSafeInteger(given) && (given as number) >= 0;
  if (version !== 1 || !isCount(epoch) || !isCount(row)) return refuse();
  if (of === null) return epoch === 0 && row === 0 ? { version, epoch, row, of } : refuse();
  if (!isRecord(of)) return refuse();
  const { files, rows, batch, seed, buffer } = of;
  if (typeof files !== 'string' || !isCount(rows) || !isCount(batch) || row > rows) return refuse();
  if (seed !== null && !isCount(seed)) return refuse();
  if (buffer !== null && !isCount(buffer)) return refuse();
  return { version, epoch, row, of: { files, rows, batch, seed, buffer } };
}

/**
 * Batches of the rows of many files, read while they are asked for. Each `for await` over it is a pass from the start, so learners may take
 * several; shuffled, each pass has an order of its own.
 */
export class MatrixFiles implements AsyncIterable<Matrix> {
  readonly #paths: readonly string[];
  readonly #opening: Opening;
  readonly #chosen: readonly number[] | undefined;
  readonly #batch: number;
  readonly #shuffle: Shuffle | undefined;
  readonly #from: StreamPosition | undefined;
  #shards: Promise<Shards> | undefined;
  #epoch: number;
  #position: StreamPosition;

  /** @internal */
  constructor(paths: unknown, options: unknown) {
    const read = new Options(options, NAMES, 'readMatrices');
    this.#paths = readPaths(paths);
    this.#opening = readOpening(read);
    this.#chosen = readColumns(read);
    this.#batch = read.integer('batch', { min: 1, max: MOST_ROWS }, 1024);
    this.#shuffle = readShuffle(read);
    this.#from = readPosition(read);
    this.#position = this.#from ?? { version: 1, epoch: 0, row: 0, of: null };
    this.#epoch = this.#position.epoch;
  }

  /**
   * Where the pass that began last stands: after the batch that it gave last. `readMatrices` with the same arguments and
   * `from: JSON.parse(JSON.stringify(position))` gives what would have come next, bit for bit, from files with the same contents: first the
   * rest of that pass, in passes after it what later passes would have given.
   */
  position(): StreamPosition {
    return this.#position;
  }

  /**
   * What the headers say: which files there are, and their rows. Reads no rows.
   * @throws UnsuperposeError (as a rejection) what a pass over the files would throw for their headers
   */
  async inspect(): Promise<MatrixFilesInfo> {
    const { names, sources, rows, columns, dtype } = await this.#open();
    const files = sources.map((source, i) => ({ path: names[i] as string, rows: source.rows }));
    return { files, rows, cols: columns.count, dtype };
  }

  /** The files, opened once; what failed is tried again by the next pass. */
  #open(): Promise<Shards> {
    this.#shards ??= openShards(this.#paths, this.#opening, this.#chosen).catch((error: unknown) => {
      this.#shards = undefined;
      throw error;
    });
    return this.#shards;
  }

  #of(shards: Shards): NonNullable<StreamPosition['of']> {
    const { digest: files, rows } = shards;
    const { seed = null, buffer = null } = this.#shuffle ?? {};
    return { files, rows, batch: this.#batch, seed, buffer };
  }

  /** Refuses a position of another stream. */
  #check(of: NonNullable<StreamPosition['of']>): void {
    const before = this.#from?.of;
    if (before === null || before === undefined) return;
    for (const key of ['batch', 'seed', 'buffer', 'rows', 'files'] as const) {
      if (before[key] === of[key]) continue;
      const what =
        key === 'files'
          ? 'files of other names, shapes or types, or of other columns'
          : `${key} ${describe(before[key])}, this one has ${describe(of[key])}`;
      throw new UnsuperposeError('ERR_OPTION', `from is a position in a stream with ${what}`, 'from');
    }
  }

  /** The runs of rows in this pass's order. */
  #runs({ sources, rows }: Shards, epoch: number): Run[] {
    if (this.#shuffle === undefined)
      return sources.map((source) => ({ source, first: 0, count: source.rows }));
    const { seed, buffer } = this.#shuffle;
    const length = Math.max(1, Math.floor(Math.min(buffer, rows) / PLACES));
    const runs: Run[] = [];
    for (const source of sources) {
      // What must be read from its start is one run.
      const step = source.anywhere ? length : Math.max(1, source.rows);
      for (let first = 0; first < source.rows; first += step)
        runs.push({ source, first, count: Math.min(step, source.rows - first) });
    }
    const order = new Uint32Array(runs.length);
    native((binding) => binding.permutation(seed, epoch, 0, order));
    return Array.from(order, (at) => runs[at] as Run);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Matrix, void, undefined> {
    return this.#pass(0);
  }

  /**
   * The next pass from its batch `items` on, counted from 0, without reading those before it; Infinity passes over all of it. Learners ask for
   * that with `resume`.
   */
  readFrom(items: number): AsyncGenerator<Matrix, void, undefined> {
    if (
      !(
        typeof items === 'number' &&
        (Number.isInteger(items) || items === Number.POSITIVE_INFINITY) &&
        items >= 0
      )
    )
      refuseOption('items', 'an integer ≥ 0, or Infinity', items);
    return this.#pass(items);
  }

  async *#pass(items: number): AsyncGenerator<Matrix, void, undefined> {
    const shards = await this.#open();
    const of = this.#of(shards);
    this.#check(of);
    // The first pass goes on where it was left.
    const left = this.#epoch === this.#position.epoch ? this.#position.row : 0;
    const epoch = this.#epoch++;
    const { rows, dtype, columns } = shards;
    const begin = Math.min(rows, left + items * this.#batch);
    const report = (row: number): void => {
      this.#position = { version: 1, epoch, row, of };
    };
    report(begin);
    const where = this.#paths[0] as string;
    const next = this.#rowsFrom(shards, epoch, begin);
    try {
      for (let row = begin; row < rows; ) {
        const count = Math.min(this.#batch, rows - row);
        const data = makeFloats(dtype, count * columns.count, where);
        await next.fill(data, count);
        row += count;
        report(row);
        yield { data, shape: [count, columns.count] };
      }
    } finally {
      await next.close();
    }
  }

  /** The rows of a pass from this one on. */
  #rowsFrom(shards: Shards, epoch: number, begin: number): Pick<RunReader, 'fill' | 'close'> {
    const runs = this.#runs(shards, epoch);
    if (this.#shuffle === undefined) return new RunReader(runs, shards.columns, begin);
    const { seed, buffer: size } = this.#shuffle;
    return new Shuffled(runs, shards, { seed, epoch, size }, begin);
  }
}

/** Which order of all. */
interface Order {
  readonly seed: number;
  readonly epoch: number;
  /** rows of a bufferful */
  readonly size: number;
}

/** Rows in memory and the order in which they are given. */
interface Held {
  readonly rows: Floats;
  readonly order: Uint32Array;
  /** among all rows of the pass */
  readonly first: number;
}

/** Rows of runs in an order of its own within each bufferful, which is filled anew once it is empty. */
class Shuffled {
  readonly #reader: RunReader;
  readonly #shards: Shards;
  readonly #order: Order;
  #at: number;
  #held: Held | undefined;

  constructor(runs: readonly Run[], shards: Shards, order: Order, begin: number) {
    this.#shards = shards;
    this.#order = order;
    this.#at = begin;
    // A bufferful is the same whatever was read before it, so going on in the middle of one is filling it again.
    this.#reader = new RunReader(runs, shards.columns, begin - (begin % order.size));
  }

  async fill(out: Floats, rows: number): Promise<void> {
    const cols = this.#shards.columns.count;
    for (let done = 0; done < rows; ) {
      const { rows: values, order, first } = await this.#holding(this.#at);
      const offset = this.#at - first;
      const now = Math.min(order.length - offset, rows - done);
      const into = out.subarray(done * cols, (done + now) * cols) as Floats;
      native((binding) => binding.takeRows(values, cols, order.subarray(offset, offset + now), into));
      done += now;
      this.#at += now;
    }
  }

  /** The bufferful that has this row. */
  async #holding(row: number): Promise<Held> {
    const held = this.#held;
    if (held !== undefined && row < held.first + held.order.length) return held;
    const { rows, columns, dtype, sources } = this.#shards;
    const { seed, epoch, size } = this.#order;
    const first = row - (row % size);
    const count = Math.min(size, rows - first);
    const values =
      held?.order.length === count
        ? held.rows
        : makeFloats(dtype, count * columns.count, sources[0]?.where ?? '');
    this.#held = undefined; // not half of another, should reading fail
    await this.#reader.fill(values, count);
    const order = new Uint32Array(count);
    native((binding) => binding.permutation(seed, epoch, 1 + first / size, order));
    this.#held = { rows: values, order, first };
    return this.#held;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

/**
 * Streams the rows of `.npy`, `.npz`, `.safetensors` or raw `.bin` files as batches, for learners and for whatever else takes
 * `AsyncIterable<Matrix>`. Of each file no more is in memory than a batch (shuffled: and the buffer). Types and axes are as
 * `readMatrix` has them; batches run on from one file into the next; files without rows are passed over.
 *
 * Activations that SAELens cached, and other datasets that Hugging Face's `save_to_disk` wrote, are read by their folder, or shard by shard as
 * `.arrow` files; `name` is the column, such as a hook's name. A column of sequences gives a row a position.
 *
 * Paths may have wildcards: `*`, `?`, `[0-9]`, `{a,b}`, and `**` for any number of folders. What a pattern matches is read in natural
 * order (`shard-2` before `shard-10`). All headers are read before the first batch is given, and files that differ in columns or type are
 * refused by both names.
 *
 * Shuffled, runs of neighbouring rows are drawn from all over the files into a buffer, at least 64 runs to a buffer, and rows are drawn from
 * the buffer. A compressed `.npz`, which can only be read from its start, is one such run: with these let the buffer have the rows of
 * several files.
 *
 * @throws UnsuperposeError at once `ERR_OPTION` or `ERR_DTYPE`; while it is read `ERR_FILE`, `ERR_FORMAT`, `ERR_SHAPE`, `ERR_DTYPE`,
 *   `ERR_TOO_LARGE`, and `ERR_NOT_FINITE` with the file, the row in it and the column that hold NaN or ±Infinity
 *
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { files, learnDictionary } from 'unsuperpose';
 *
 * const folder = mkdtempSync(join(tmpdir(), 'shards-'));
 * for (const shard of [1, 2, 10]) {
 *   const data = Float32Array.from({ length: 200 }, (_, i) => (i % 2 === shard % 2 ? 1 + (i % 5) : 0));
 *   await files.writeMatrix(join(folder, `layer3-${shard}.npy`), { data, shape: [100, 2] });
 * }
 * const activations = files.readMatrices(join(folder, 'layer3-*.npy'), { batch: 64, shuffle: { seed: 1, buffer: 256 } });
 * const { dictionary } = await learnDictionary(activations, { features: 2, lambda: 0.1, epochs: 2 });
 * console.log(dictionary.dims, activations.position().row); // → 2 300
 * ```
 */
export function readMatrices(paths: Paths, options?: ReadMatricesOptions): MatrixFiles {
  return new MatrixFiles(paths, options);
}
