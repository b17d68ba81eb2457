#!/usr/bin/env node
// `npx unsuperpose`: the commands by name. Each is loaded when it is asked for, so that `build` works where the native module is missing.
import { messageOf } from '../call/errors.js';
import { readVersion } from '../native/root.js';
import { BUILD_ABOUT, build } from './commands/build.js';
import { interruptible } from './interrupt.js';
import { type Command, STATUS } from './spec.js';

interface Entry {
  readonly about: string;
  /** Gets what follows the name; answers the exit status. */
  readonly run: (words: readonly string[]) => number | Promise<number>;
}

/** A command in a file of its own. */
const inFile = (about: string, load: () => Promise<Command>): Entry => ({
  about,
  async run(words) {
    // From here on, before much is loaded: whoever stops a command at once wants to hear of it, too.
    const interruption = interruptible();
    let command: Command;
    let run: typeof import('./run.js');
    try {
      command = await load();
      run = await import('./run.js');
    } catch (error) {
      console.error(messageOf(error));
      return STATUS.failed;
    }
    return run.runCommand(command, words, interruption);
  },
});

function show(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Every command, in the order of help. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  learn: inFile(
    'learn a dictionary from activations',
    async () => (await import('./commands/learn.js')).learn,
  ),
  train: inFile(
    'train a sparse autoencoder or a transcoder',
    async () => (await import('./commands/train.js')).train,
  ),
  unfold: inFile(
    'codes of activations over a dictionary, with certificates',
    async () => (await import('./commands/unfold.js')).unfold,
  ),
  encode: inFile(
    'codes of activations by a sparse autoencoder',
    async () => (await import('./commands/encode.js')).encode,
  ),
  evaluate: inFile(
    'score features, each figure beside a random baseline',
    async () => (await import('./commands/evaluate.js')).evaluate,
  ),
  inspect: inFile(
    'say what a file or a checkpoint holds',
    async () => (await import('./commands/inspect.js')).inspect,
  ),
  'claims pairs': inFile(
    'claim that no two features interact by more than ε',
    async () => (await import('./commands/claims-pairs.js')).pairs,
  ),
  'claims coverage': inFile(
    'what features leave unexplained, and which are missing',
    async () => (await import('./commands/claims-coverage.js')).coverage,
  ),
  'claims verify': inFile(
    'check a claim again',
    async () => (await import('./commands/claims-verify.js')).verify,
  ),
  convert: inFile(
    'write a matrix, codes or an autoencoder in another format',
    async () => (await import('./commands/convert.js')).convert,
  ),
  info: inFile('say what runs here', async () => (await import('./commands/info.js')).info),
  build: { about: `${BUILD_ABOUT[0]?.toLowerCase()}${BUILD_ABOUT.slice(1, -1)}`, run: build },
  version: { about: 'print the version', run: () => show(readVersion()) },
  help: { about: 'print this, or the help of a command', run: (words) => help(words) },
};

/** Other names that commands have. */
const ALIASES: Readonly<Record<string, string>> = {
  '--version': 'version',
  '-v': 'version',
  '--help': 'help',
  '-h': 'help',
};

const FOOTER = `
Exit status
  0    done
  1    failed: a file, a disk, or what they hold; the message says which
  2    misuse: something in the command line
  3    a claim that was made or checked does not hold
  130  interrupted; learn and train keep what they learned and say how to go on

Every command explains itself: unsuperpose COMMAND --help
Results go to stdout (--json: one JSON document), progress and notes to stderr. Colours heed NO_COLOR.

Examples
  unsuperpose learn activations.npy --features 64 --lambda 0.2 --out dictionary.safetensors
  unsuperpose unfold activations.npy --dictionary dictionary.safetensors --lambda 0.2 --out codes.npz
  unsuperpose evaluate activations.npy --dictionary dictionary.safetensors --lambda 0.2`;

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => {
    const aliases = Object.keys(ALIASES).filter((alias) => ALIASES[alias] === name);
    return [`  unsuperpose ${[name, ...aliases].join(' | ')}`, about] as const;
  });
  const width = Math.max(...lines.map(([usage]) => usage.length));
  return [
    'Find, enumerate and unfold the features that neural networks keep in superposition.',
    '',
    'Commands',
    ...lines.map(([usage, about]) => `${usage.padEnd(width)}  ${about}`),
    FOOTER,
  ].join('\n');
}

function help(words: readonly string[]): number | Promise<number> {
  // Help of help is help: whoever asks twice gets it once.
  const asked = words.filter((word) => word !== 'help' && ALIASES[word] !== 'help');
  if (asked.length === 0) return show(overview());
  return dispatch([...asked, '--help']);
}

/** Letters that two names do not share, roughly: enough to guess what was meant. */
function near(a: string, b: string): boolean {
  const sorted = (text: string): string => [...text].sort().join('');
  const shortened = (text: string): string[] => [...text].map((_, i) => text.slice(0, i) + text.slice(i + 1));
  return (
    sorted(a) === sorted(b) ||
    a.startsWith(b) ||
    b.startsWith(a) ||
    shortened(a).includes(b) ||
    shortened(b).includes(a)
  );
}

function misuse(problem: string): number {
  console.error(`unsuperpose: ${problem}\n(unsuperpose --help lists the commands)`);
  return STATUS.misuse;
}

function dispatch(words: readonly string[]): number | Promise<number> {
  const [first, second] = words;
  if (first === undefined) return show(overview());
  const family = Object.keys(COMMANDS).filter((name) => name.startsWith(`${first} `));
  if (family.length > 0) {
    const pair = `${first} ${second}`;
    const found = Object.hasOwn(COMMANDS, pair) ? COMMANDS[pair] : undefined;
    if (found !== undefined) return found.run(words.slice(2));
    if (second === undefined || second === '--help' || second === '-h')
      return show(
        family.map((name) => `unsuperpose ${name.padEnd(16)}  ${COMMANDS[name]?.about}`).join('\n'),
      );
    return misuse(`unknown command: ${pair} (there are: ${family.join(', ')})`);
  }
  const name = Object.hasOwn(ALIASES, first) ? (ALIASES[first] as string) : first;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command.run(words.slice(1));
  const guess = Object.keys(COMMANDS).find((known) => near(first, known));
  return misuse(`unknown command: ${first}${guess === undefined ? '' : ` (did you mean ${guess}?)`}`);
}

process.exitCode = await dispatch(process.argv.slice(2));
