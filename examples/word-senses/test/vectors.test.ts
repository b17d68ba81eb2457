import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meanOfRows, toDirections } from '../src/vectors/directions.js';
import { editDistance, nearSpellings } from '../src/vectors/near-spellings.js';
import { readWordVectors } from '../src/vectors/read.js';

const DIMS = 3;
/** Words that a careless scanner trips over: quotes, brackets, escapes, more than one byte a letter. */
const WORDS = ['the', '"', '],"vectors":{', '\\', 'café', ']', '𝄞', '\n', 'vectors', 'spring'];

const vectorOf = (rank: number) => Array.from({ length: DIMS }, (_, k) => Math.fround(rank - 1.5 * k + 0.25));

function fixture(words: readonly string[] = WORDS) {
  const vectors = Object.fromEntries(
    words.map((word, rank) => [word, [...vectorOf(rank), Math.hypot(...vectorOf(rank)), rank]]),
  );
  const counts = {
    precision: 8,
    l2NormIndex: DIMS,
    wordIndex: DIMS + 1,
    size: words.length,
    dimensions: DIMS,
  };
  return { ...counts, words, vectors, unkVector: [0, 0, 0, 0, -1] };
}

describe('word vectors', () => {
  let folder: string;
  let path: string;
  const write = async (text: string) => {
    await writeFile(path, text);
    return path;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'word-senses-'));
    path = join(folder, 'vectors.json');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([1, 2, 7, 64, 1 << 16])(
    'agree with JSON.parse when read %i bytes at a time',
    async (chunkBytes) => {
      const text = JSON.stringify(fixture());
      const parsed = JSON.parse(text) as ReturnType<typeof fixture>;
      const read = await readWordVectors(await write(text), { first: WORDS.length, chunkBytes });
      expect(read.words).toEqual(parsed.words);
      const rows = parsed.words.flatMap((word) => parsed.vectors[word].slice(0, DIMS));
      expect([...read.rows]).toEqual(rows);
    },
  );

  it('keep the first words and the asked-for ones only', async () => {
    const words = ['spring', 'the', 'absent', 'vectors'];
    const read = await readWordVectors(await write(JSON.stringify(fixture())), { first: 2, words });
    expect(read.count).toBe(2);
    expect([...read.rows]).toEqual([...vectorOf(0), ...vectorOf(1)]);
    expect([...read.extra.keys()]).toEqual(['vectors', 'spring']);
    expect([...(read.extra.get('spring') ?? [])]).toEqual(vectorOf(9));
  });

  it('stop at the last wanted word', async () => {
    const text = JSON.stringify(fixture());
    const cut = text.slice(0, text.indexOf('"vectors":[') + 1);
    const read = await readWordVectors(await write(cut), { first: 2 });
    expect(read.count).toBe(2);
  });

  it('say that the file is missing', async () => {
    const reading = readWordVectors(join(folder, 'absent.json'), { first: 1 });
    await expect(reading).rejects.toMatchObject({
      code: 'MISSING',
      message: expect.stringContaining('npm install'),
    });
  });

  it('say where a truncated file ends', async () => {
    const text = JSON.stringify(fixture());
    const reading = readWordVectors(await write(text.slice(0, text.lastIndexOf('"spring":[') + 14)), {
      first: 10,
    });
    await expect(reading).rejects.toMatchObject({
      code: 'TRUNCATED',
      message: expect.stringContaining('"spring"'),
    });
  });

  const damage: [string, (text: string) => string][] = [
    ['is something else', () => '{"name":"wink"}'],
    ['is empty', () => ''],
    ['holds another word than its header', (text) => text.replace('"café":[', '"cafe":[')],
    ['holds white space', (text) => text.replace('"café":[', '"café": [')],
    ['lacks a number', (text) => text.replace('"the":[0.25,', '"the":[')],
    ['has a number that is none', (text) => text.replace('"the":[0.25,', '"the":[null,')],
    ['has another vector than its norm says', (text) => text.replace('"the":[0.25,', '"the":[0.75,')],
    ['states another size', (text) => text.replace('"size":10', '"size":11')],
    ['ends its vectors early', (text) => text.replace(/,"vectors":\[[^\]]*\],"spring":\[[^\]]*\]\}/, '}')],
  ];
  it.each(damage)('are refused when the file %s', async (_, change) => {
    const reading = readWordVectors(await write(change(JSON.stringify(fixture()))), { first: 10 });
    await expect(reading).rejects.toMatchObject({ name: 'VectorsError', code: 'MALFORMED' });
  });

  it('become centred rows of unit norm', () => {
    const rows = Float32Array.from(WORDS.flatMap((_, rank) => vectorOf(rank ** 2)));
    const mean = meanOfRows(rows, DIMS);
    const directions = toDirections(rows, mean);
    for (let start = 0; start < directions.length; start += DIMS) {
      expect(Math.hypot(...directions.subarray(start, start + DIMS))).toBeCloseTo(1, 5);
    }
    expect([...toDirections(Float32Array.from(mean), Float64Array.from(Float32Array.from(mean)))]).toEqual([
      0, 0, 0,
    ]);
  });
});

describe('near spellings', () => {
  it.each([
    ['spring', 'spring', 0],
    ['spirng', 'spring', 1],
    ['sprng', 'spring', 1],
    ['string', 'spring', 1],
    ['bring', 'spring', 2],
    ['bank', 'spring', Number.POSITIVE_INFINITY],
  ])('%s is %s within %d edits', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits);
    expect(editDistance(b, a)).toBe(edits);
  });

  it('put the nearest first, then the most frequent', () => {
    expect(nearSpellings('tei', ['the', 'tie', 'tea', 'bank', 'ti'])).toEqual(['tie', 'tea', 'ti', 'the']);
  });
});
