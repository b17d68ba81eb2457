import { expect, it } from 'vitest';
import { ArgumentError, HELP, parseArguments } from '../src/arguments.js';

it('reads words in any case, and options', () => {
  const args = parseArguments(['Fork', '--only', '--output', 'here']);
  expect(args).toMatchObject({ words: ['fork'], only: true, fresh: false, output: 'here' });
});

it('refuses --only without a word, and what it does not know', () => {
  expect(() => parseArguments(['--only'])).toThrow(ArgumentError);
  expect(() => parseArguments(['--olny'])).toThrow(/olny/);
});

it('has a help that names the command of its folder and fits 60 columns', () => {
  expect(HELP).toContain('npm start -- [words…] [options]');
  for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
});
