// Samples that learning does not see, so that figures can be measured on them.
import { allocate, type NativeMatrix } from '../call/matrix.js';
import { type Note, warning } from '../call/notes.js';
import type { Options } from '../call/options.js';

/** Options of calls that can hold samples out. */
export interface HoldoutOptions {
  /**
   * Share of the samples, 0 ≤ share < 1, that is never learned from; figures of them are reported beside the others. Which ones these are depends on
   * `seed` and on what they hold: the same in every pass, in whatever order it comes, for every batch size, and after `resume`. Equal samples
   * are held out together. Of a stream's first pass at most 16,384 held-out samples are kept to be scored, or as many as fit in 128 MiB of
   * activations, chosen at random. All of these are scored in the end; progress reports score 1,024 of them at most. Default 0.
   */
  readonly holdout?: number | undefined;
}

export const HOLDOUT_NAMES = ['holdout'] as const;

const WORD = 2 ** 32;
/** Most samples of a stream that are kept, and most of their entries. */
const MOST_ROWS = 2 ** 14;
const MOST_ENTRIES = 2 ** 25;

/** Held-out samples that a progress report scores, at most. */
const MOST_REPORTED = 1024;
/** Samples of a stream that are learned from before a report scores again: so many times as many. */
const LEARNED_BETWEEN = 16 * MOST_REPORTED;

/** Do the reports of a stream score again, once it has seen `now` samples, `before` at the last report? Whatever it was resumed from. */
export const scoresAgain = (before: number, now: number): boolean =>
  Math.floor(before / LEARNED_BETWEEN) < Math.floor(now / LEARNED_BETWEEN);

/** What to say where a share was asked for, and there are so few samples that none was drawn. */
export const nothingHeldOut = (): Note =>
  warning(
    'NOTE_NOTHING_HELD_OUT',
    'holdout chose none of the samples, as there are few of them: give more samples, or a larger share',
  );

/** 32 bits that depend on each bit of all words: MurmurHash3 of them (Appleby 2011, in the public domain), begun with `start`. */
function hashOf(words: ArrayLike<number>, start = 0): number {
  let h = start;
  for (let at = 0; at < words.length; at++) {
    const k = Math.imul(words[at] as number, 0xcc9e2d51);
    h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  h ^= words.length * 4;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Of some rows: which are learned from (1) and which are not (0), and the numbers of those that are held out, ascending. */
export interface Split {
  readonly mask: Uint8Array;
  readonly held: Uint32Array;
}

/** Which samples are held out. */
export class Holdout {
  readonly share: number;
  readonly #seed: number;

  constructor(share: number, seed: number) {
    this.share = share;
    this.#seed = seed;
  }

  /** Undefined where nothing is to be held out. */
  static read(read: Options, seed: number): Holdout | undefined {
    const share = read.number('holdout', { min: 0, below: 1 }, 0);
    return share > 0 ? new Holdout(share, seed) : undefined;
  }

  /** A number below 2³² of every row, by its entries' bits: held out where it is below share·2³². */
  draws({ data, rows, cols }: NativeMatrix): Uint32Array {
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
    const begun = hashOf([this.#seed, Math.floor(this.#seed / WORD)]);
    return Uint32Array.from({ length: rows }, (_, i) =>
      hashOf(words.subarray(i * cols, (i + 1) * cols), begun),
    );
  }

  /** Rows that `given` hides are neither learned from nor held out. */
  split(matrix: NativeMatrix, given?: Uint8Array): Split {
    const draws = this.draws(matrix);
    const rows = draws.length;
    const mask = new Uint8Array(rows);
    const held = new Uint32Array(rows);
    let count = 0;
    for (let i = 0; i < rows; i++) {
      if (given !== undefined && given[i] === 0) continue;
      if ((draws[i] as number) < this.share * WORD) held[count++] = i;
      else mask[i] = 1;
    }
    return { mask, held: held.slice(0, count) };
  }
}

/** Those of some held-out samples that progress reports score: evenly spread over all, as neighbours are often alike. */
export function reported<T>(held: ArrayLike<T>): T[] {
  const count = Math.min(MOST_REPORTED, held.length);
  return Array.from({ length: count }, (_, i) => held[Math.floor((i * held.length) / count)] as T);
}

/** Some rows of a matrix, copied. */
export function takeRows({ data, cols }: NativeMatrix, rows: ArrayLike<number>): NativeMatrix {
  const out = allocate(rows.length, cols, 'the samples held out');
  for (let to = 0; to < rows.length; to++) {
    const i = rows[to] as number;
    out.set(data.subarray(i * cols, (i + 1) * cols), to * cols);
  }
  return { data: out, rows: rows.length, cols };
}

interface Row {
  readonly draw: number;
  readonly place: number;
  readonly parts: readonly Float32Array[];
}

/**
 * Held-out rows of a stream, of bounded size: those that were drawn lowest, so that it depends on no order and no batches. A row may have several parts
 * (activations and targets).
 */
export class HeldOutRows {
  readonly #holdout: Holdout;
  readonly #most: number;
  #rows: Row[] = [];
  #seen = 0;

  constructor(holdout: Holdout, cols: number) {
    this.#holdout = holdout;
    this.#most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_ENTRIES / Math.max(1, cols))));
  }

  /** Rows that are kept. */
  get count(): number {
    return Math.min(this.#rows.length, this.#most);
  }

  /** Copies rows `held` of matrices that belong together, the first of which says which rows these are. */
  add(parts: readonly [NativeMatrix, ...NativeMatrix[]], held: Uint32Array): void {
    const draws = this.#holdout.draws(parts[0]);
    for (const i of held) {
      const row = parts.map(({ data, cols }) => data.slice(i * cols, (i + 1) * cols));
      this.#rows.push({ draw: draws[i] as number, place: this.#seen++, parts: row });
      if (this.#rows.length >= 2 * this.#most) this.#shrink();
    }
  }

  #shrink(): void {
    if (this.#rows.length <= this.#most) return;
    this.#rows.sort((a, b) => a.draw - b.draw || a.place - b.place);
    this.#rows = this.#rows.slice(0, this.#most);
  }

  /** What was kept, one matrix a part, in the order of the pass; no matrices where there are no rows. */
  take(): NativeMatrix[] {
    return HeldOutRows.#matrices(this.#kept());
  }

  /** The same of those that a progress report scores. */
  takeReported(): NativeMatrix[] {
    return HeldOutRows.#matrices(reported(this.#kept()));
  }

  #kept(): Row[] {
    this.#shrink();
    return this.#rows.sort((a, b) => a.place - b.place);
  }

  static #matrices(rows: readonly Row[]): NativeMatrix[] {
    return (rows[0]?.parts ?? []).map(({ length: cols }, part) => {
      const data = allocate(rows.length, cols, 'the samples held out');
      for (const [i, { parts }] of rows.entries()) data.set(parts[part] as Float32Array, i * cols);
      return { data, rows: rows.length, cols };
    });
  }
}
