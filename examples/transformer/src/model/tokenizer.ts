// SentencePiece's unigram segmentation: of all ways to cut a text into pieces of the vocabulary, the one with the largest sum of scores.

/** A piece, and where in the text it stands; the space before a word belongs to its first piece. */
export interface Token {
  id: number;
  start: number;
  end: number;
}

/** A text as the model's vocabulary was made for: Unicode's compatibility form, single spaces. */
export const normalised = (text: string) => text.normalize('NFKC').trim().replace(/\s+/g, ' ');

const SPACE = '▁';
/** Pieces before this one are control symbols: no text leads to them. */
const RESERVED = 6;
/** The piece of what the vocabulary lacks. */
const UNKNOWN = 0;

export class Tokenizer {
  readonly #pieces = new Map<string, { id: number; score: number }>();
  readonly #longest: number;
  /** Score of a character that no piece has: worse than any piece. */
  readonly #unknown: number;

  /** @param vocabulary pieces with their log probability; a piece's place is its id */
  constructor(vocabulary: readonly (readonly [piece: string, score: number])[]) {
    for (const [id, [piece, score]] of vocabulary.entries())
      if (id >= RESERVED) this.#pieces.set(piece, { id, score });
    this.#longest = Math.max(0, ...[...this.#pieces.keys()].map((piece) => piece.length));
    this.#unknown = Math.min(0, ...[...this.#pieces.values()].map(({ score }) => score)) - 10;
  }

  /** Viterbi over the places of a text that is `normalised`. Characters that no piece has become one unknown token. */
  segment(text: string): Token[] {
    if (text === '') return [];
    const symbols = SPACE + text.replaceAll(' ', SPACE);
    const best = new Float64Array(symbols.length + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(symbols.length + 1);
    const ids = new Int32Array(symbols.length + 1);
    best[0] = 0;
    const offer = (start: number, end: number, score: number, id: number) => {
      if (best[start] + score <= best[end]) return;
      best[end] = best[start] + score;
      from[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < symbols.length; start++) {
      offer(start, start + 1, this.#unknown, UNKNOWN);
      const most = Math.min(this.#longest, symbols.length - start);
      for (let length = 1; length <= most; length++) {
        const piece = this.#pieces.get(symbols.slice(start, start + length));
        if (piece) offer(start, start + length, piece.score, piece.id);
      }
    }
    const tokens: Token[] = [];
    // One less: the space before the first word is not in the text.
    for (let end = symbols.length; end > 0; end = from[end]) {
      const start = Math.max(0, from[end] - 1);
      const after = tokens.at(-1);
      if (ids[end] === UNKNOWN && after?.id === UNKNOWN) after.start = start;
      else tokens.push({ id: ids[end], start, end: end - 1 });
    }
    return tokens.reverse();
  }
}
