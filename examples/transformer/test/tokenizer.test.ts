import { describe, expect, it } from 'vitest';
import { normalised, Tokenizer } from '../src/model/tokenizer.js';

const RESERVED = ['<unk>', '<s>', '</s>', 'x', 'y', 'z'].map((piece) => [piece, 0] as [string, number]);
const tokenizer = (pieces: Record<string, number>) => new Tokenizer([...RESERVED, ...Object.entries(pieces)]);
const ids = (of: Tokenizer, text: string) => of.segment(normalised(text)).map(({ id }) => id);

describe('segmentation', () => {
  it('has the largest sum of scores, where taking the longest piece each time has not', () => {
    const of = tokenizer({ '▁ab': -3, c: -8, '▁a': -2, bc: -2, b: -4 });
    expect(ids(of, 'abc')).toEqual([8, 9]); // ▁a + bc: −4; greedily ▁ab + c: −11
  });

  it('agrees with all ways of cutting, on every text over three letters', () => {
    const scores: Record<string, number> = {
      '▁': -3,
      a: -2.5,
      b: -3.5,
      c: -4.1,
      ab: -4,
      '▁a': -3.3,
      bca: -5.2,
      '▁cab': -6,
      bb: -6.4,
    };
    const of = tokenizer(scores);
    const best = (text: string): number =>
      text === ''
        ? 0
        : Math.max(
            ...Object.entries(scores).map(([piece, score]) =>
              text.startsWith(piece) ? score + best(text.slice(piece.length)) : Number.NEGATIVE_INFINITY,
            ),
          );
    const names = Object.keys(scores);
    for (let n = 0; n < 3 ** 6; n++) {
      const text = Array.from({ length: 6 }, (_, i) => 'abc'[Math.floor(n / 3 ** i) % 3]).join('');
      const sum = ids(of, text).reduce((total, id) => total + scores[names[id - RESERVED.length]], 0);
      expect(sum).toBeCloseTo(best(`▁${text}`), 10);
    }
  });

  it('says where each piece stands; the space belongs to the piece after it', () => {
    const text = 'ab  abc ';
    const of = tokenizer({ '▁ab': -1, c: -1 });
    const tokens = of.segment(normalised(text));
    expect(tokens.map(({ start, end }) => normalised(text).slice(start, end))).toEqual(['ab', ' ab', 'c']);
  });

  it('makes one unknown token of neighbours that no piece has', () => {
    const of = tokenizer({ '▁ab': -1, c: -1 });
    expect(of.segment('ab☃☃c').map(({ id, start, end }) => [id, start, end])).toEqual([
      [6, 0, 2],
      [0, 2, 4],
      [7, 4, 5],
    ]);
    expect(of.segment('')).toEqual([]);
  });

  it('never uses control symbols', () => {
    expect(ids(tokenizer({ '▁': -1 }), 'x')).toEqual([6, 0]);
  });
});
