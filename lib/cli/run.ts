// One command, from its words to its exit status.
import { UnsuperposeError } from '../call/errors.js';
import { asMisuse, Misuse, type Values } from './flags.js';
import { flagsOf, helpOf, parse } from './help.js';
import type { Interruptible } from './interrupt.js';
import { colors } from './libraries.js';
import { checkApart, checkWritable } from './outputs.js';
import { json, shell } from './print.js';
import { progressOn } from './progress.js';
import { type Page, writePage } from './report/page.js';
import { type Command, type Context, Interruption, STATUS } from './spec.js';

/** Whoever reads the other end of a pipe may stop: that is no failure, and nothing to tell. */
function endQuietly(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

function messageFor(command: Command, error: unknown): string | undefined {
  const name = `unsuperpose ${command.name}`;
  if (error instanceof Misuse) return `${name}: ${error.message}\n(${name} --help explains it)`;
  if (error instanceof Interruption) return `interrupted: ${error.left.join('\n') || 'nothing was written'}`;
  if (error instanceof UnsuperposeError)
    return `${name}: ${process.stderr.isTTY ? colors.red('failed') : 'failed'}: ${error.message}`;
  return undefined;
}

function tell(command: Command, error: unknown, debug: boolean): void {
  const message = messageFor(command, error);
  if (message === undefined)
    console.error(`unsuperpose ${command.name}: failed, by a mistake of this program. Please report it:`);
  else console.error(message);
  if (message === undefined || debug) console.error(error);
}

function statusOf(error: unknown): number {
  if (error instanceof Misuse) return STATUS.misuse;
  return error instanceof Interruption ? STATUS.interrupted : STATUS.failed;
}

/** The same command line, without what is given anew. What follows a -- are paths, whatever they look like. */
export function againOf(command: Pick<Command, 'name'>, given: readonly string[]) {
  const end = given.includes('--') ? given.indexOf('--') : given.length;
  const [words, after] = [given.slice(0, end), given.slice(end)];
  return (...more: readonly string[]): string => {
    const kept: string[] = [];
    const renewed = more.filter((word) => word.startsWith('--'));
    for (let i = 0; i < words.length; i++) {
      const [flag = ''] = (words[i] as string).split('=');
      if (!renewed.includes(flag)) kept.push(words[i] as string);
      else if (words[i] === flag && words[i + 1] !== undefined && !(words[i + 1] as string).startsWith('-'))
        i += 1;
    }
    return shell(['unsuperpose', ...command.name.split(' '), ...kept, ...more, ...after]);
  };
}

/** Pictures take their time, too; by then everything else is written. */
async function writeReport(
  path: string,
  report: () => Page | Promise<Page>,
  { progress }: Context,
): Promise<void> {
  progress.start('drawing', 'pictures');
  try {
    await writePage(path, await report());
  } catch (error) {
    if (error instanceof Interruption) error.left.push(`${path} was not written; everything else was`);
    throw error;
  }
  progress.stop();
}

/** Does what the words say, and answers the exit status. */
export async function runCommand(
  command: Command,
  words: readonly string[],
  interruption: Interruptible,
): Promise<number> {
  endQuietly(process.stdout);
  endQuietly(process.stderr);
  const debug = words.includes('--debug');
  let values: Values;
  let paths: readonly string[];
  try {
    const read = parse(command, words);
    if (read === null) {
      process.stdout.write(helpOf(command));
      return STATUS.done;
    }
    ({ values, paths } = read);
  } catch (error) {
    tell(command, error, debug);
    return statusOf(error);
  }
  const progress = progressOn(process.stderr, values.quiet === true);
  const note = (text: string): void => progress.note(text);
  const { signal } = interruption;
  interruption.note = note;
  const context: Context = { paths, values, signal, progress, note, again: againOf(command, words) };
  try {
    signal.throwIfAborted();
    await checkWritable(values, 'report');
    // <from> <to>: convert knows which of its paths is written.
    await checkApart(paths, values, flagsOf(command));
    const { text, json: data, status = STATUS.done, report } = await command.run(context);
    progress.stop();
    process.stdout.write(`${values.json === true ? json(data) : text}\n`);
    if (typeof values.report === 'string' && report !== undefined)
      await writeReport(values.report, report, context);
    return status;
  } catch (error) {
    progress.stop();
    const known = asMisuse(error, flagsOf(command));
    tell(command, known, debug);
    return statusOf(known);
  } finally {
    interruption.end();
  }
}
