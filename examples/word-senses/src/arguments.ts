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

export const HELP = `Unfolds words into the senses that their vectors hold in superposition.

  npm start -- [words…] [options]

  words            looked up besides the built-in list; any of the 341,479 words with a vector
  --only           nothing but the words given
  --fresh          learn the dictionary anew, even if an earlier run kept one
  --vectors FILE   read the word vectors from this JSON file
  --output FOLDER  where the report and the learned dictionary go (default: output/)
  --help           this text`;

/** @throws TypeError from node:util on an unknown option. */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      vectors: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const { only, fresh, help, vectors, output } = values;
  return { words: positionals.map((word) => word.toLowerCase()), only, fresh, help, vectors, output };
}
