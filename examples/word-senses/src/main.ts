import { join, resolve } from 'node:path';
import { info, type Matrix, UnsuperposeError } from 'unsuperpose';
import { compareAmortised } from './amortised.js';
import { ArgumentError, HELP, parseArguments } from './arguments.js';
import { keepDictionary, learn, recallDictionary } from './dictionary.js';
import { hanging } from './lines.js';
import { printWord } from './print.js';
import { peakMemory, phase, seconds } from './progress.js';
import { renderReport } from './report/report.js';
import { survey, unfoldWords } from './senses.js';
import {
  DEFAULT_WORDS,
  DEMO_AMORTISED,
  DEMO_LEARNING,
  HELD_OUT,
  OUTPUT_FOLDER,
  VOCABULARY,
} from './settings.js';
import { writeAtomically } from './store.js';
import { meanOfRows, toDirections } from './vectors/directions.js';
import { VectorsError } from './vectors/errors.js';
import { locateVectors } from './vectors/locate.js';
import { nearSpellings } from './vectors/near-spellings.js';
import { readWordVectors, type WordVectors } from './vectors/read.js';

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) return console.log(HELP);
  const started = performance.now();
  const output = args.output ? resolve(args.output) : OUTPUT_FOLDER;
  const asked = [...new Set(args.only ? args.words : [...args.words, ...DEFAULT_WORDS])];

  const read = await phase(
    'Reading word vectors',
    (report) =>
      readWordVectors(args.vectors ?? locateVectors(), {
        first: VOCABULARY + HELD_OUT,
        words: asked,
        onProgress: ({ done, total }) => report(done, total),
      }),
    ({ count, dims }) => `${Math.min(count, VOCABULARY).toLocaleString('en')} words of ${dims} dims`,
  );
  const known = Math.min(read.count, VOCABULARY);
  const mean = meanOfRows(read.rows.subarray(0, known * read.dims), read.dims);
  const directions = toDirections(read.rows, mean);
  const rows = (first: number, end: number): Matrix<Float32Array> => ({
    data: directions.subarray(first * read.dims, end * read.dims),
    shape: [end - first, read.dims],
  });
  const vectors = rows(0, known);
  const heldOut = rows(known, read.count);
  const vocabulary = { words: read.words.slice(0, known), vectors };
  const found = vectorsOf(asked, read, directions, mean);
  const missing = asked.filter((word) => !found.has(word));
  // Before anything is learned or written: an earlier report is not overwritten by one of nothing.
  if (args.only && missing.length > 0)
    throw new ArgumentError(missing.map((word) => noVector(word, read.words)).join('\n'));

  const kept = join(output, 'dictionary.bin');
  const recalled = args.fresh ? undefined : await recallDictionary(kept, DEMO_LEARNING);
  const learned =
    recalled ??
    (await phase(
      'Learning a dictionary',
      (report) => learn(vectors, DEMO_LEARNING, report),
      ({ dictionary }) => `${dictionary.features.toLocaleString('en')} atoms`,
    ));
  const { dictionary } = learned;
  const keep = () =>
    attempt(`keep the dictionary at ${kept}`, () => keepDictionary(kept, DEMO_LEARNING, learned));
  if (recalled) console.log('Dictionary of an earlier run; --fresh learns it anew.');
  const writable = recalled !== undefined || (await keep());

  const whole = await phase(
    'Unfolding all words',
    (report) => survey(vectors, dictionary, DEMO_LEARNING, report),
    ({ meanAtoms, explainedVariance }) =>
      `${meanAtoms.toFixed(2)} atoms a word, explained variance ${explainedVariance.toFixed(3)}`,
  );

  if (!learned.amortised && heldOut.shape[0] > 0) {
    learned.amortised = await phase(
      'Guessing codes',
      (report) => compareAmortised(vectors, heldOut, dictionary, DEMO_LEARNING, DEMO_AMORTISED, report),
      ({ words, ways }) => `${ways.length} ways, compared on ${words.toLocaleString('en')} rarer words`,
    );
    if (writable) await keep();
  }

  const words = await unfoldWords(found, dictionary, vocabulary, DEMO_LEARNING);
  for (const word of words) printWord(word);
  for (const word of missing) console.log(`\n${hanging(noVector(word, read.words), 0)}`);

  const path = join(output, args.only ? 'only.html' : 'report.html');
  const { elapsed, curve, amortised } = learned;
  const facts = { settings: DEMO_LEARNING, info: info(), elapsed, curve, amortised };
  const written = await attempt(`write the report to ${path}`, () =>
    writeAtomically(
      path,
      renderReport({ words, survey: whole, vocabulary: known, dims: read.dims, ...facts }),
    ),
  );
  const total = seconds(performance.now() - started);
  console.log(
    `\n${written ? `Report: ${path}\n` : ''}In all: ${total}, at most ${peakMemory().toFixed(0)} MiB of memory`,
  );
  dictionary.dispose();
}

/** Unit vectors of the asked-for words that have one. */
function vectorsOf(
  asked: readonly string[],
  { words, count, dims, extra }: WordVectors,
  directions: Float32Array,
  mean: Float64Array,
): Map<string, Float32Array> {
  const ranks = new Map(words.slice(0, count).map((word, rank) => [word, rank]));
  const found = new Map<string, Float32Array>();
  for (const word of asked) {
    const rank = ranks.get(word);
    const rare = extra.get(word);
    if (rank !== undefined) found.set(word, directions.subarray(rank * dims, (rank + 1) * dims));
    else if (rare) found.set(word, toDirections(rare, mean));
  }
  return found;
}

function noVector(word: string, words: readonly string[]): string {
  const near = nearSpellings(word, words);
  const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
  return `There is no vector for "${word}".${hint}`;
}

/** Does without what cannot be written, and says so. */
async function attempt(what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(
      `Cannot ${what}: ${code === 'EACCES' || code === 'EPERM' ? 'no permission to write there' : message}`,
    );
    process.exitCode = 1;
    return false;
  }
}

/** What went wrong, when it is something that the reader can mend; otherwise the whole error. */
function explain(error: unknown): unknown {
  if ([ArgumentError, VectorsError, UnsuperposeError].some((kind) => error instanceof kind))
    return (error as Error).message;
  const code = (error as NodeJS.ErrnoException).code;
  return code?.startsWith('ERR_PARSE_ARGS') ? `${(error as Error).message}\n\n${HELP}` : error;
}

try {
  await main();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
