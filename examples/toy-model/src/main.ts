import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { info, toy, UnsuperposeError } from 'unsuperpose';
import { ArgumentError, HELP, parseArguments } from './arguments.js';
import { cosinesInOrder } from './cosines.js';
import { phase, seconds } from './progress.js';
import { type Outcome, percent, renderReport, scientific } from './report/report.js';
import { OUTPUT_FOLDER } from './settings.js';
import { coherence, enlarge, find, StoryError, train, unfoldFresh } from './story.js';
import { phases, plateaus, shapes } from './sweeps.js';

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) return console.log(HELP);
  const started = performance.now();
  const folder = args.output ? resolve(args.output) : OUTPUT_FOLDER;
  const path = join(folder, 'report.html');
  await mkdir(folder, { recursive: true });
  await access(folder, constants.W_OK);

  const models = await phase(
    'Training the networks',
    (report) => train(args, report),
    (trained) => `${trained.size} models of ${args.features} features in ${args.dims} dims`,
  );
  const outcomes: Outcome[] = [];
  for (const [strategy, model] of models) {
    const { featuresPerDimension, meanInterference } = toy.measureSuperposition(model.weights);
    const found = await phase(
      `Finding features: ${strategy}`,
      (report) => find(model, args, report),
      ({ recovered, pairs, meanCosine }) =>
        `${recovered} of ${pairs.length} recovered, mean cosine ${meanCosine.toFixed(4)}`,
    );
    const unfolded = await phase(
      `Unfolding: ${strategy}`,
      () => unfoldFresh(model, found, args),
      ({ precision, recall, exact }) =>
        `precision ${percent(precision)}, recall ${percent(recall)}, proved exact ${percent(exact)}`,
    );
    outcomes.push({
      strategy,
      model,
      featuresPerDimension,
      meanInterference,
      coherence: await coherence(model),
      found,
      unfolded,
    });
  }
  const [{ model, found }] = outcomes;
  const larger = await phase(
    'Building the larger network',
    () => enlarge(model, found, args),
    ({ neurons, largest, rms }) =>
      `${neurons} neurons, outputs at most ${scientific(largest)} apart, rms ${scientific(rms)}`,
  );
  const drawn = {
    shapes: await phase('Five features in two dims', shapes, (all) => `${all.length} densities`),
    cells: await phase('Phase diagram', phases, (all) => `${all.length} models`),
    plateaus: await phase(
      'Plateaus',
      (report) => plateaus(args.full, args.seed, report),
      ({ features, dims, points }) =>
        `${points.length / features} models of ${features} features in ${dims} dims`,
    ),
  };

  await writeFile(
    path,
    renderReport({
      settings: args,
      outcomes,
      cosines: cosinesInOrder(model, found),
      larger,
      info: info(),
      ...drawn,
    }),
  );
  console.log(`\nReport: ${path}\nIn all: ${seconds(performance.now() - started)}`);
}

/** What went wrong, when it is something that the reader can mend; otherwise the whole error. */
function explain(error: unknown): unknown {
  if (error instanceof ArgumentError) return `${error.message}\n\n${HELP}`;
  if (error instanceof UnsuperposeError || error instanceof StoryError) return error.message;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message}\n\n${HELP}`;
  return syscall === undefined ? error : `Cannot write the report: ${message}`;
}

try {
  await main();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
