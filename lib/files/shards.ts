// Files that hold one matrix in parts, and their rows as one sequence.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { UnsuperposeError } from '../call/errors.js';
import type { Floats } from './arrays.js';
import type { FloatType } from './dtypes.js';
import { type Opening, openArray } from './open.js';
import { expand } from './paths.js';
import { Columns, type RowReader, type RowSource, rowsOf } from './rows.js';

/** Files of the same columns and type. */
export interface Shards {
  /** The paths of `sources`, in their order. */
  readonly names: readonly string[];
  readonly sources: readonly RowSource[];
  readonly columns: Columns;
  readonly rows: number;
  readonly dtype: FloatType;
  /** Names, sizes and types of all files. */
  readonly digest: string;
}

/** Rows of one file that are read one after the other. */
export interface Run {
  readonly source: RowSource;
  readonly first: number;
  readonly count: number;
}

/** How many headers are read at once. */
const AT_ONCE = 16;

/**
 * Opens all files and compares them: whoever learns for hours must not learn at the end that the last one does not fit.
 * @throws UnsuperposeError `ERR_SHAPE` or `ERR_FORMAT` with both names for files that differ in columns or type
 */
export async function openShards(
  paths: readonly string[],
  opening: Opening,
  chosen: readonly number[] | undefined,
): Promise<Shards> {
  const names = await expand(paths);
  const sources: RowSource[] = [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE);
    sources.push(...(await Promise.all(some.map(async (name) => rowsOf(await openArray(name, opening))))));
  }
  // What an empty file says of its columns does not matter, and not every format says it.
  const filled = sources.filter((source) => source.rows > 0);
  const first = (filled[0] ?? sources[0]) as RowSource;
  for (const source of filled) {
    if (source.cols === 0)
      throw new UnsuperposeError('ERR_SHAPE', `${source.where} has rows without columns`);
    if (source.cols !== first.cols)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `${source.where} has ${source.cols} columns, ${first.where} has ${first.cols}: shards of one stream must agree`,
      );
    if (source.dtype !== first.dtype)
      throw new UnsuperposeError(
        'ERR_FORMAT',
        `${source.where} holds ${source.dtype}, ${first.where} holds ${first.dtype}: shards of one stream must agree`,
      );
  }
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  const said = sources.map(({ where, rows, cols, dtype }) => [basename(where), rows, cols, dtype]);
  const digest = createHash('sha256')
    .update(JSON.stringify([said, chosen]))
    .digest('hex')
    .slice(0, 32);
  return {
    names,
    sources,
    columns: new Columns(rows > 0 ? chosen : undefined, first.cols, first.where),
    rows,
    dtype: first.dtype,
    digest,
  };
}

/** The rows of runs, one run after the other, from some row of them all on. Whoever makes one closes it. */
export class RunReader {
  readonly #runs: readonly Run[];
  readonly #columns: Columns;
  #run = 0;
  /** in the run */
  #row: number;
  #reader: RowReader | undefined;

  constructor(runs: readonly Run[], columns: Columns, from: number) {
    this.#runs = runs;
    this.#columns = columns;
    this.#row = from;
  }

  /** Fills `out` with the next rows, of which there must be so many. */
  async fill(out: Floats, rows: number): Promise<void> {
    const { count } = this.#columns;
    for (let done = 0; done < rows; ) {
      const run = this.#runs[this.#run] as Run;
      const now = Math.min(run.count - this.#row, rows - done);
      if (now > 0) {
        const first = run.first + this.#row;
        this.#reader ??= await run.source.open(first);
        const into = out.subarray(done * count, (done + now) * count) as Floats;
        await this.#columns.read(this.#reader, run.source, first, into);
        done += now;
        this.#row += now;
      }
      if (this.#row < run.count) continue;
      this.#row -= run.count;
      this.#run += 1;
      const whole = run.first + run.count === run.source.rows;
      if (whole) await this.#reader?.end();
      await this.close();
    }
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }
}
