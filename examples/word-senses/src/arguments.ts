import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export interface Arguments {
  words: string[];
  /** Leave out the built-in list. */
  only: boolean;
  fresh: boolean;
  help: boolean;
  vectors: string | undefined;
  output: string | undefined;
}

/** What the reader runs this by: npm start in its folder, or the root's command, which sets the variable. */
const COMMAND = process.env.UNSUPERPOSE_EXAMPLE ?? 'npm start --';
export const HELP = readFileSync(new URL('../help.txt', import.meta.url), 'utf8')
  .replaceAll('COMMAND', COMMAND)
  .trimEnd();

/** An argument that cannot be used; the message is all the reader needs. */
export class ArgumentError extends Error {}

/** @throws ArgumentError, or TypeError from node:util on an unknown option. */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      vectors: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const { only, fresh, help, vectors, output } = values;
  if (only && positionals.length === 0 && !help) throw new ArgumentError('--only needs at least one word');
  return { words: positionals.map((word) => word.toLowerCase()), only, fresh, help, vectors, output };
}
