// `unsuperpose claims coverage`: what features leave unexplained, and which directions are missing.
import { count, digits } from '../../call/inspect.js';
import { type Coverage, type CoverageOptions, coverage as cover } from '../../claims/index.js';
import { SparseCodes } from '../../data/codes.js';
import { writeMatrix } from '../../files/index.js';
import { Misuse, pick } from '../flags.js';
import { featuresOf, loadRows } from '../inputs.js';
import { checkEnding, checkWritable, MATRIX_ENDINGS } from '../outputs.js';
import { rows, share, table } from '../print.js';
import { countsOf, evenly, logHistogram } from '../report/charts.js';
import type { Page } from '../report/page.js';
import type { Command, Context, Outcome } from '../spec.js';
import { COVERAGE, READING } from '../tables.js';
import { DICTIONARY, SAE } from './features.js';

const HEADING = ['direction', 'samples', 'strength', 'p', 'nearest feature', 'cosine'];

const linesOf = ({ strength, samples, significance, nearest, cosine }: Coverage): string[][] =>
  Array.from(strength, (value, i) => [
    String(i),
    count(samples[i] as number),
    digits(value),
    digits(significance[i] as number),
    count(nearest[i] as number),
    digits(cosine[i] as number),
  ]);

function pageOf(context: Context, found: Coverage, flagged: number): Page {
  const edges = evenly(0, 1, 50);
  const unexplained = logHistogram(found.unexplained, {
    title: 'What is left of a sample',
    about: 'The share of each sample’s energy that its code does not explain: left is well explained.',
    x: '‖x − aD‖² / ‖x‖²',
    y: 'samples',
  });
  return {
    title: 'What the features leave unexplained',
    lead: `${share(flagged, found.flagged.length)} samples have more left than ordinary samples do, and ${count(found.strength.length)} directions recur in what is left.`,
    facts: [
      ['samples', count(found.flagged.length)],
      ['flagged', count(flagged)],
      ['threshold', digits(found.threshold)],
      ['missing directions', count(found.strength.length)],
    ],
    charts: [
      ...(unexplained === undefined ? [] : [unexplained]),
      {
        title: 'How unusual samples are',
        about:
          'The p-value of each sample: the share of ordinary samples that have as much left. Flat where samples are ordinary; a peak at the left are those that the features do not know.',
        kind: 'histogram',
        x: { label: 'p-value' },
        y: { label: 'samples' },
        at: edges,
        series: [{ label: 'samples', values: countsOf(found.pValue, edges) }],
      },
    ],
    tables:
      found.strength.length === 0
        ? []
        : [
            {
              title: 'Missing directions',
              about: 'Near ±1 to a feature, a direction is not new: codes fall short of that feature.',
              heading: HEADING,
              lines: linesOf(found),
            },
          ],
    command: context.again(),
  };
}

async function run(context: Context): Promise<Outcome> {
  const { paths, values, signal, progress } = context;
  const { calibration, codes, calibrationCodes, out } = values as Record<string, string | undefined>;
  if (out !== undefined) checkEnding(out, MATRIX_ENDINGS);
  if ((codes === undefined) !== (calibrationCodes === undefined))
    throw new Misuse('--codes and --calibration-codes belong together: give both, or --lambda');
  await checkWritable(values, 'out');
  const { dictionary } = await featuresOf(context);
  const ordinary = await loadRows(
    calibration as unknown as readonly string[],
    context,
    'reading ordinary samples',
  );
  const samples = await loadRows(paths, context);
  const given =
    codes === undefined
      ? {}
      : {
          codes: await SparseCodes.load(codes, { signal }),
          calibrationCodes: await SparseCodes.load(calibrationCodes as string, { signal }),
        };
  if (codes === undefined && values.lambda === undefined)
    throw new Misuse(
      '--lambda is missing (or --codes and --calibration-codes): it says how samples are explained',
    );
  progress.start('looking for what is missing', 'samples');
  const found = await cover(samples, dictionary, {
    ...pick(values, COVERAGE),
    ...given,
    calibration: ordinary,
    signal,
    onProgress: (now) => progress.update(now),
  } as CoverageOptions);
  progress.stop();
  const flagged = found.flagged.reduce((sum, one) => sum + one, 0);
  const directions = found.strength.length;
  if (out !== undefined && directions > 0) await writeMatrix(out, found.directions, { signal });
  if (out !== undefined && directions === 0)
    context.note(`${out} is not written: no direction was found missing`);
  const mean = found.unexplained.reduce((sum, one) => sum + one, 0) / Math.max(1, found.unexplained.length);
  return {
    text: [
      `What ${count(dictionary.features)} features leave of ${count(found.flagged.length)} samples`,
      ...rows([
        ['flagged', share(flagged, found.flagged.length)],
        ['threshold', digits(found.threshold)],
        ['unexplained, mean', digits(mean)],
        ['missing directions', directions === 0 ? 'none' : count(directions)],
        ['written to', directions === 0 ? undefined : out],
      ]),
      ...(directions === 0 ? [] : table(HEADING, linesOf(found))),
    ].join('\n'),
    json: { flaggedSamples: flagged, ...found },
    report: () => pageOf(context, found, flagged),
  };
}

export const coverage: Command = {
  name: 'claims coverage',
  paths: '<activations...>',
  about:
    'Say what features leave unexplained, whether that is more than in ordinary samples, and which directions are missing.',
  reports: true,
  groups: [
    { title: 'Features', flags: [...DICTIONARY, ...SAE] },
    {
      title: 'Samples',
      flags: [
        {
          name: 'calibration',
          kind: 'files',
          required: true,
          about: 'ordinary samples, held out from learning: what they leave is the noise',
        },
        { name: 'codes', kind: 'file', about: 'codes of the activations, a .npz file, in place of --lambda' },
        {
          name: 'calibrationCodes',
          kind: 'file',
          about: 'codes of the ordinary samples, made in the same way',
        },
        ...READING,
      ],
    },
    { title: 'Coverage', flags: COVERAGE },
    {
      title: 'Result',
      flags: [
        {
          name: 'out',
          kind: 'file',
          about: 'the missing directions, a row each: .safetensors, .npy, .npz or .bin',
        },
      ],
    },
  ],
  notes: [
    'A sample is flagged if ordinary samples leave so much with probability --false-alarm-rate at most. Directions are claimed only where samples share them, by an exact test on samples that they were not found from.',
  ],
  examples: [
    {
      run: 'unsuperpose claims coverage other.npy --calibration activations.npy --dictionary dictionary.safetensors --lambda 0.2 --report coverage.html',
      about: 'Are these samples made of the same features?',
    },
  ],
  run,
};
