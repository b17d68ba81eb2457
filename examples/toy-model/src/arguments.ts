import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULTS, type Settings } from './settings.js';

export interface Arguments extends Settings {
  output: string | undefined;
  full: boolean;
  help: boolean;
}

/** An argument that cannot be used; the message is all the reader needs. */
export class ArgumentError extends Error {}

/** What the reader runs this by: npm start in its folder, or the root's command, which sets the variable. */
const COMMAND = process.env.UNSUPERPOSE_EXAMPLE ?? 'npm start --';
export const HELP = readFileSync(new URL('../help.txt', import.meta.url), 'utf8')
  .replaceAll('COMMAND', COMMAND)
  .trimEnd();

/** A number from the command line, which must be one and in range. */
function read(
  name: string,
  text: string | undefined,
  orElse: number,
  min: number,
  max: number,
  whole: boolean,
): number {
  if (text === undefined) return orElse;
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    throw new ArgumentError(
      `--${name} must be ${whole ? 'an integer' : 'a number'} from ${min} to ${max}, got "${text}"`,
    );
  return value;
}

/** @throws ArgumentError, or TypeError from node:util on an unknown option */
export function parseArguments(args: string[]): Arguments {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...{ features: text, dims: text, density: text, allowed: text, seed: text, output: text },
      ...{ full: flag, help: { ...flag, short: 'h' } },
    },
  });
  const features = read('features', values.features, DEFAULTS.features, 4, 512, true);
  return {
    features,
    dims: read('dims', values.dims, Math.min(DEFAULTS.dims, features), 2, features, true),
    density: read('density', values.density, DEFAULTS.density, 0.001, 1, false),
    allowed: read('allowed', values.allowed, DEFAULTS.allowed, 0, 1, false),
    seed: read('seed', values.seed, DEFAULTS.seed, 0, Number.MAX_SAFE_INTEGER, true),
    output: values.output,
    full: values.full,
    help: values.help,
  };
}
