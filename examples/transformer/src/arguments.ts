import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Half } from './text/corpus.js';

export interface Arguments {
  seed: number;
  words: Half;
  output: string | undefined;
  help: boolean;
}

/** An argument that cannot be used; the message is all the reader needs. */
export class ArgumentError extends Error {}

/** What the reader runs this by: npm start in its folder, or the root's command, which sets the variable. */
const COMMAND = process.env.UNSUPERPOSE_EXAMPLE ?? 'npm start --';
export const HELP = readFileSync(new URL('../help.txt', import.meta.url), 'utf8')
  .replaceAll('COMMAND', COMMAND)
  .trimEnd();

/** @throws ArgumentError, or TypeError from node:util on an unknown option */
export function parseArguments(args: string[]): Arguments {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { seed: text, words: text, output: text, help: { type: 'boolean', default: false, short: 'h' } },
  });
  const { seed = '1', words = 'test', output, help } = values;
  if (!/^\d{1,9}$/.test(seed))
    throw new ArgumentError(`--seed must be an integer from 0 to 999999999, got "${seed}"`);
  if (words !== 'test' && words !== 'dev')
    throw new ArgumentError(`--words must be test or dev, got "${words}"`);
  return { seed: Number(seed), words, output, help };
}
