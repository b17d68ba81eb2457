// A command as commander parses and explains it.
import { type Flag, kebab, Misuse, readValues, usageOf, type Values } from './flags.js';
import { CommanderError, Help, Option, Command as Parser } from './libraries.js';
import type { Command } from './spec.js';

/** What every command has. */
export const COMMON: readonly Flag[] = [
  { name: 'json', kind: 'flag', about: 'print one JSON document in place of text' },
  { name: 'quiet', kind: 'flag', about: 'show no progress' },
  { name: 'debug', kind: 'flag', about: 'show where an error came from' },
];
export const REPORT: Flag = {
  name: 'report',
  kind: 'file',
  value: 'file.html',
  about: 'write a page with figures and pictures: one file, which needs no network',
};

export const flagsOf = ({ groups, reports }: Command): readonly Flag[] => [
  ...groups.flatMap(({ flags }) => flags),
  ...(reports === true ? [REPORT] : []),
  ...COMMON,
];

const WIDEST = 100;

/** Options that are true or false take `--no-…` too, which help need not list one by one. */
function optionsOf(flag: Flag): Option[] {
  const option = new Option(usageOf(flag), flag.required === true ? `${flag.about} (required)` : flag.about);
  if (flag.kind !== 'flag' || COMMON.includes(flag)) return [option];
  return [option, new Option(`--no-${kebab(flag.name)}`).hideHelp()];
}

/** commander's defaults for `--no-x` would make x true where neither was given. */
function withoutDefaults(parser: InstanceType<typeof Parser>, flags: readonly Flag[]): void {
  for (const { name, kind } of flags)
    if (kind === 'flag') parser.setOptionValueWithSource(attribute(name), undefined, 'default');
}

const attribute = (name: string): string =>
  kebab(name)
    .split('-')
    .reduce((all, part) => all + (part[0] ?? '').toUpperCase() + part.slice(1));

/** A command line over several lines, as shells take it: broken before flags. */
function wrapped(line: string): string {
  let text = '';
  let width = 0;
  for (const part of line.split(/ (?=--)/)) {
    const fits = width + part.length + 1 <= WIDEST - 4;
    text += text === '' ? part : fits ? ` ${part}` : ` \\\n    ${part}`;
    width = text === part || fits ? width + part.length + 1 : part.length + 4;
  }
  return text;
}

function footer({ notes = [], examples }: Command): string {
  const shown = examples.map(({ run, about }) => `  ${wrapped(run)}\n      ${about}`);
  const paragraphs = notes.map((note) => new Help().boxWrap(note, WIDEST));
  return ['', ...paragraphs.flatMap((text) => [text, '']), 'Examples:', ...shown].join('\n');
}

function parserOf(command: Command): InstanceType<typeof Parser> {
  const parser = new Parser(`unsuperpose ${command.name}`);
  parser
    .usage(`${command.paths} [options]`.trim())
    .description(command.about)
    .helpOption('-h, --help', 'print this')
    .exitOverride()
    .configureHelp({ helpWidth: WIDEST, showGlobalOptions: false })
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
    .addHelpText('after', footer(command));
  if (command.paths !== '') parser.arguments(command.paths);
  const add = (title: string, flags: readonly Flag[]): void => {
    for (const flag of flags)
      for (const option of optionsOf(flag)) parser.addOption(option.helpGroup(`${title}:`));
  };
  for (const { title, flags } of command.groups) add(title, flags);
  add('Output', [...(command.reports === true ? [REPORT] : []), ...COMMON]);
  withoutDefaults(parser, flagsOf(command));
  return parser;
}

export const helpOf = (command: Command): string => {
  let text = '';
  const parser = parserOf(command).configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  parser.outputHelp();
  return text;
};

/** "error: unknown option '--lamda'\n(Did you mean --lambda?)" → one sentence */
function sentence(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ' (did you mean $1?)')
    .replace(/^option '(.*?)( <.*)?' argument missing$/, '$1 needs a value:$2');
}

/** What stands in the command line; null where help was asked for. */
export function parse(
  command: Command,
  words: readonly string[],
): { paths: string[]; values: Values } | null {
  const parser = parserOf(command).configureOutput({ writeOut: () => {} });
  try {
    parser.parse(words as string[], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return null;
    throw new Misuse(sentence(error.message));
  }
  const values = readValues(flagsOf(command), parser.opts());
  return { paths: parser.args, values };
}
