// Arrays of files as rows of floats: two axes as they are, of three the first two become one.
import { UnsuperposeError } from '../call/errors.js';
import { toRows } from '../call/layout.js';
import { throwIfAborted } from '../native/job.js';
import { native } from '../native/runtime.js';
import { type EntryReader, type Floats, makeFloats, type StoredArray } from './arrays.js';
import { PIECE } from './bytes.js';
import { DTYPES, type FloatType } from './dtypes.js';

/** Rows that can be read from any row on. */
export interface RowSource {
  /** The file, and what it is in it: for messages. */
  readonly where: string;
  readonly rows: number;
  readonly cols: number;
  readonly dtype: FloatType;
  /** Whether reading from some row on takes no longer than reading from the first. */
  readonly anywhere: boolean;
  open(first: number): Promise<RowReader>;
}

/** Rows one after the other. Whoever opens one closes it. */
export interface RowReader {
  /** Fills `out` with the next rows, out.length / cols of them. */
  read(out: Floats, signal?: AbortSignal): Promise<void>;
  /** Once all rows to the last were read: refuses what does not have its checksum. */
  end(): Promise<void>;
  close(): Promise<void>;
}

function readShape({ where, shape }: StoredArray): [rows: number, cols: number] {
  const refuse = (why: string): never => {
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${where} has the shape [${shape.join(', ')}]; a matrix has [rows, cols] or [batch, positions, cols]: ${why}`,
    );
  };
  const [first = 0, second = 0, third] = shape;
  if (shape.length < 2) refuse('for a single row save it as [1, cols]');
  if (shape.length > 3) refuse('which of the axes make a row is not known, so reshape it');
  return third === undefined ? [first, second] : [first * second, third];
}

/** One row after the other as they lie in the file. */
class InOrder implements RowReader {
  readonly #reader: EntryReader;
  constructor(reader: EntryReader) {
    this.#reader = reader;
  }
  read(out: Floats, signal?: AbortSignal): Promise<void> {
    return this.#reader.fillFloats(out, signal);
  }
  end(): Promise<void> {
    return this.#reader.end();
  }
  close(): Promise<void> {
    return this.#reader.close();
  }
}

/** Columns lie one after the other: some rows are a piece of each. */
class AcrossColumns implements RowReader {
  readonly #array: StoredArray;
  readonly #rows: number;
  readonly #cols: number;
  #row: number;

  constructor(array: StoredArray, rows: number, cols: number, first: number) {
    this.#array = array;
    this.#rows = rows;
    this.#cols = cols;
    this.#row = first;
  }

  async read(out: Floats, signal?: AbortSignal): Promise<void> {
    const array = this.#array;
    const count = this.#cols === 0 ? 0 : out.length / this.#cols;
    const columns = makeFloats(array.floatType, out.length, array.where);
    for (let col = 0; col < this.#cols; col++) {
      const reader = await array.open(col * this.#rows + this.#row);
      try {
        await reader.fillFloats(columns.subarray(col * count, (col + 1) * count), signal);
      } finally {
        await reader.close();
      }
    }
    toRows(columns, out, count, this.#cols);
    this.#row += count;
  }
  async end(): Promise<void> {}
  async close(): Promise<void> {}
}

/**
 * The rows of an array.
 * @throws UnsuperposeError `ERR_SHAPE` for other than two or three axes, `ERR_DTYPE` for other than floats
 */
export function rowsOf(array: StoredArray): RowSource {
  const { where, floatType: dtype, fortranOrder, bytes } = array;
  const [rows, cols] = readShape(array);
  if (fortranOrder && array.shape.length === 3)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${where} has three axes in Fortran order, which is not read: save numpy.ascontiguousarray of it`,
    );
  const anywhere = bytes.read !== undefined;
  const open = async (first: number): Promise<RowReader> => {
    if (!fortranOrder || cols <= 1 || rows <= 1) return new InOrder(await array.open(first * cols));
    if (anywhere) return new AcrossColumns(array, rows, cols, first);
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${where} is compressed and in Fortran order, so its rows can only be read all at once: use readMatrix, or save it uncompressed (numpy.savez) or in C order`,
    );
  };
  return { where, rows, cols, dtype, anywhere, open };
}

/** Which columns are taken, of how many: all of them where nothing was asked for. */
export class Columns {
  readonly #chosen: Uint32Array | undefined;
  readonly of: number;

  /** @throws UnsuperposeError `ERR_OPTION` for a column that the rows of `where` do not have */
  constructor(chosen: readonly number[] | undefined, of: number, where: string) {
    const outside = chosen?.find((column) => column >= of);
    if (outside !== undefined)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `columns has ${outside}, but ${where} has ${of} columns`,
        'columns',
      );
    this.#chosen = chosen === undefined ? undefined : Uint32Array.from(chosen);
    this.of = of;
  }

  get count(): number {
    return this.#chosen?.length ?? this.of;
  }

  /** Fills `out` with the chosen columns of the reader's next rows; refuses NaN and ±Infinity by file and row, `first` being the first. */
  async read(
    reader: RowReader,
    source: RowSource,
    first: number,
    out: Floats,
    signal?: AbortSignal,
  ): Promise<void> {
    const { count, of } = this;
    const chosen = this.#chosen;
    // Of wide rows no more than a piece at a time.
    const most = Math.max(1, Math.floor(PIECE / (of * DTYPES.float64.bytes)));
    const rows = count === 0 ? 0 : out.length / count;
    let wide: Floats | undefined;
    for (let done = 0; done < rows; ) {
      throwIfAborted(signal);
      const now = chosen === undefined ? rows - done : Math.min(most, rows - done);
      const into = out.subarray(done * count, (done + now) * count) as Floats;
      if (chosen === undefined) await reader.read(into, signal);
      else {
        wide ??= makeFloats(source.dtype, Math.min(most, rows) * of, source.where);
        const all = wide.subarray(0, now * of);
        await reader.read(all, signal);
        native((binding) => binding.takeColumns(all, of, chosen, into));
      }
      this.#check(into, source.where, first + done);
      done += now;
    }
  }

  #check(values: Floats, where: string, first: number): void {
    const at = native((binding) => binding.firstNotFinite(values));
    if (at < 0) return;
    const row = first + Math.floor(at / this.count);
    const place = at % this.count;
    const column = this.#chosen?.[place] ?? place;
    throw new UnsuperposeError('ERR_NOT_FINITE', `${where}: row ${row}, column ${column} is ${values[at]}`);
  }
}
