// Patterns in paths: which files they name, in which order.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expand, naturally } from '../../lib/files/paths.js';
import { fresh, refused } from './fixtures.js';

describe('patterns', () => {
  const folder = fresh('patterns');
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  mkdirSync(join(folder, '.hidden'));
  for (const name of [
    'a-10.npy',
    'a-2.npy',
    'a-1.npy',
    'b-1.npz',
    '.a-3.npy',
    'x[1].npy',
    'deep/a-7.npy',
    'deep/er/a-8.npy',
    '.hidden/a-9.npy',
  ])
    writeFileSync(join(folder, name), '');
  const matched = async (pattern: string) =>
    (await expand([join(folder, pattern)])).map((path) => path.slice(folder.length + 1));

  it.each([
    ['a-*.npy', ['a-1.npy', 'a-2.npy', 'a-10.npy']],
    ['a-?.npy', ['a-1.npy', 'a-2.npy']],
    ['{a,b}-1.np[yz]', ['a-1.npy', 'b-1.npz']],
    ['a-[!1]*.npy', ['a-2.npy']],
    ['.a*', ['.a-3.npy']],
    ['x[1].npy', ['x[1].npy']],
    ['*/a-*', ['deep/a-7.npy']],
    ['**/a-*', ['a-1.npy', 'a-2.npy', 'a-10.npy', 'deep/a-7.npy', 'deep/er/a-8.npy']],
    ['nothing-here.npy', ['nothing-here.npy']],
  ])('%s', async (pattern, expected) => {
    expect(await matched(pattern)).toEqual(expected);
  });

  it('of no file are refused', async () => {
    await refused(() => matched('z*.npy'), 'ERR_FILE', /no file matches .*z\*\.npy/);
  });

  it('sort numbers as numbers, and totally', () => {
    const names = ['b', 'a', 'a1', 'a01', 'a2', 'a10', 'a1b', 'a1b2', '10', '9', '', 'ä'];
    for (const x of names)
      for (const y of names) {
        expect(Math.sign(naturally(x, y))).toBe(-Math.sign(naturally(y, x)) || 0);
        if (x !== y) expect(naturally(x, y)).not.toBe(0);
      }
    expect([...names].sort(naturally)).toEqual([
      '',
      '9',
      '10',
      'a',
      'a01',
      'a1',
      'a1b',
      'a1b2',
      'a2',
      'a10',
      'b',
      'ä',
    ]);
  });
});
