import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { info, UnsuperposeError } from 'unsuperpose';
import { recordAll } from './activations.js';
import { ArgumentError, HELP, parseArguments } from './arguments.js';
import { Encoder } from './model/encoder.js';
import { phase, seconds } from './progress.js';
import { renderReport } from './report/report.js';
import { OUTPUT_FOLDER, SIZES } from './settings.js';
import { circuits, findFeatures, judge, leftOver, look } from './story.js';
import { readCodeLines } from './text/code.js';
import { makeCorpus } from './text/corpus.js';
import { readWordNet } from './text/wordnet.js';

const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
const whole = (value: number) => value.toLocaleString('en');

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) return console.log(HELP);
  const started = performance.now();
  const { seed, words } = args;
  const folder = args.output ? resolve(args.output) : OUTPUT_FOLDER;
  const path = join(folder, 'report.html');
  await mkdir(folder, { recursive: true });
  await access(folder, constants.W_OK);

  const corpus = makeCorpus(readWordNet(), readCodeLines(), SIZES, words, seed);
  const texts = await phase(
    'Running the transformer',
    (report) => recordAll(folder, corpus, report),
    (all) => {
      const of = (count: (each: (typeof all)['learning']) => number) =>
        whole(Object.values(all).reduce((sum, each) => sum + count(each), 0));
      return `${of(({ sentences }) => sentences.length)} sentences, ${of(({ tokens }) => tokens)} tokens`;
    },
  );
  const found = await findFeatures(folder, seed);
  const cards = look(found, texts);
  const senses = await phase(
    'Telling senses apart',
    (report) => judge(folder, found, texts, report),
    ({ judged }) =>
      judged.map(({ title, points }) => `${title} ${percent(points[points.length - 1].mean)}`).join(', '),
  );
  const encoder = await Encoder.load();
  const between = await phase(
    'Circuits between the layers',
    (report) => circuits(folder, encoder, found, texts, seed, report),
    ({ all, bound, correlation }) =>
      `${whole(all)} pairs, none above ${bound.toFixed(2)} (proved); weights against model: correlation ${correlation.toFixed(2)}`,
  );
  const left = await phase(
    'What is left unexplained',
    (report) => leftOver(folder, found, texts, seed, report),
    (kinds) => kinds.map(({ title, flagged }) => `${title} ${percent(flagged)} flagged`).join(', '),
  );
  const elapsed = performance.now() - started;
  await writeFile(
    path,
    renderReport({ args, texts, found, cards, senses, between, left, elapsed, info: info() }),
  );
  console.log(`\nReport: ${path}\nIn all: ${seconds(elapsed)}`);
}

/** What went wrong, when it is something that the reader can mend; otherwise the whole error. */
function explain(error: unknown): unknown {
  if (error instanceof ArgumentError) return `${error.message}\n\n${HELP}`;
  if (error instanceof UnsuperposeError) return error.message;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message}\n\n${HELP}`;
  return syscall === undefined ? error : `Cannot use the files of the example: ${message}`;
}

try {
  await main();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
