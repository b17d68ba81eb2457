// `unsuperpose evaluate`: scores of features, each beside a frozen random dictionary's.
import { inspect as nodeInspect } from 'node:util';
import { count, digits } from '../../call/inspect.js';
import type { Matrix } from '../../call/matrix.js';
import { SparseCodes } from '../../data/codes.js';
import type { Dictionary } from '../../data/dictionary.js';
import { evaluate as score } from '../../evaluate/evaluate.js';
import type { Evaluation } from '../../evaluate/evaluation.js';
import type { Compared } from '../../evaluate/figures.js';
import type { EvaluateOptions, EvaluationProgress } from '../../evaluate/options.js';
import { Misuse, pick } from '../flags.js';
import { dictionaryAt, featuresOf, streamOf } from '../inputs.js';
import { countsOf, densityChart, evenly, geometryCharts, l0Chart } from '../report/charts.js';
import type { Chart, Page } from '../report/page.js';
import type { Command, Context, Outcome } from '../spec.js';
import { EVALUATE, READING, RESOURCES, UNFOLD } from '../tables.js';
import { DICTIONARY, SAE } from './features.js';

/** What each figure means, for somebody who meets it for the first time. */
const MEANINGS: readonly (readonly [string, (of: Evaluation) => Compared | undefined, string])[] = [
  ['explained variance', (of) => of.explainedVariance, 'of the samples, by their codes'],
  ['norm ratio', (of) => of.normRatio, 'below 1 where codes shrink'],
  [
    'L0, mean',
    ({ l0 }) => ({ value: l0.value.mean, baseline: l0.baseline.mean }),
    'active features a sample',
  ],
  ['dead', (of) => of.dead, 'features that no sample uses'],
  ['dense', (of) => of.dense, 'features that very many samples use'],
  ['encoder cosine', (of) => of.encoderCosine, 'of encoder rows with their decoder rows'],
  ['MCC', (of) => of.recovery?.mcc, 'mean |cosine| of the best one-to-one pairs with true features'],
  ['MMCS', (of) => of.recovery?.mmcs, 'mean over true features of the largest |cosine|'],
  ['uniqueness', (of) => of.recovery?.uniqueness, 'share of features that stand for different true ones'],
  ['recovered', (of) => of.recovery?.recovered, 'share of true features that were found'],
  ['F1', (of) => of.recovery?.f1, 'of features as detectors of true ones'],
  ['precision', (of) => of.recovery?.precision, 'likewise'],
  ['recall', (of) => of.recovery?.recall, 'likewise'],
  ['stability, MCC', (of) => of.stability?.mcc, 'mean |cosine| with the features of other seeds'],
  ['stability, shared', (of) => of.stability?.shared, 'share of features that other seeds find too'],
];

const cosineChart = (
  title: string,
  about: string,
  { value, baseline }: Compared<Float64Array>,
  from: number,
): Chart => {
  const edges = evenly(from, 1, 50);
  return {
    ...{ title, about, kind: 'histogram' as const, at: edges },
    x: { label: 'cosine' },
    y: { label: 'features' },
    series: [
      { label: 'features', values: countsOf(value, edges) },
      { label: 'random dictionary', values: countsOf(baseline, edges), faint: true },
    ],
  };
};

async function pageOf(context: Context, evaluation: Evaluation, dictionary: Dictionary): Promise<Page> {
  const { samples, features, dims, density, l0, encoderCosines, recovery } = evaluation;
  const shown = MEANINGS.flatMap(([name, of, meaning]) => {
    const figure = of(evaluation);
    return figure === undefined ? [] : [[name, digits(figure.value), digits(figure.baseline), meaning]];
  });
  const densities = densityChart(density.value.each, density.baseline.each);
  return {
    title: `Scores of ${count(features)} features`,
    lead: `On ${count(samples)} samples of ${count(dims)} dims. Every figure stands beside that of a frozen random dictionary of as many directions: what knows nothing of the data gets that much.`,
    facts: [
      ['explained variance', digits(evaluation.explainedVariance.value)],
      ['of a random one', digits(evaluation.explainedVariance.baseline)],
      ['L0', digits(l0.value.mean)],
      ['dead', count(evaluation.dead.value)],
      ...(recovery === undefined ? [] : ([['MCC', digits(recovery.mcc.value)]] as [string, string][])),
    ],
    charts: [
      l0Chart(l0.value.histogram, l0.baseline.histogram),
      ...(densities === undefined ? [] : [densities]),
      ...(encoderCosines === undefined
        ? []
        : [
            cosineChart(
              'Encoder and decoder',
              'The cosine of each encoder row with its decoder row.',
              encoderCosines,
              -1,
            ),
          ]),
      ...(recovery === undefined
        ? []
        : [
            cosineChart(
              'Features and truth',
              'The |cosine| of each feature with the true feature nearest to it: 1 is the same direction.',
              recovery.cosine,
              0,
            ),
          ]),
      ...(await geometryCharts(dictionary, context.signal)),
    ],
    tables: [
      {
        title: 'All figures',
        about: 'Never one of them alone: the best reconstruction has been seen with the worst features.',
        heading: ['figure', 'features', 'random', 'what it is'],
        lines: shown,
      },
    ],
    command: context.again(),
  };
}

async function truthOf({ values, signal }: Context): Promise<object> {
  const { truth, truthCodes } = values as { truth?: string; truthCodes?: string };
  if (truth === undefined) {
    if (truthCodes !== undefined)
      throw new Misuse('--truth-codes are of true features: give these by --truth');
    return {};
  }
  const dictionary = await dictionaryAt(truth, signal);
  if (truthCodes === undefined) return { truth: { dictionary } };
  return { truth: { dictionary, codes: await SparseCodes.load(truthCodes, { signal }) } };
}

async function run(context: Context): Promise<Outcome> {
  const { paths, values, signal, progress } = context;
  const { dictionary, sae } = await featuresOf(context);
  const codes =
    values.codes === undefined ? undefined : await SparseCodes.load(values.codes as string, { signal });
  if (codes !== undefined && sae !== undefined)
    throw new Misuse('--codes go with a --dictionary: a --sae makes its own');
  const ways = pick(
    values,
    UNFOLD.filter((flag) => !RESOURCES.includes(flag)),
  );
  if (sae === undefined && codes === undefined && Object.keys(ways).length === 0)
    throw new Misuse(
      '--lambda is missing (or --method and what it needs, or --codes): it says how codes are made with the dictionary',
    );
  const seeds: Dictionary[] = [];
  for (const path of (values.seeds as readonly string[] | undefined) ?? [])
    seeds.push(await dictionaryAt(path, signal));
  const stream = streamOf(paths, values, { batch: 4096 });
  const { rows: total } = await stream.inspect();
  progress.start('scoring', 'samples');
  const options = {
    ...pick(values, [...EVALUATE, ...RESOURCES]),
    ...(Object.keys(ways).length > 0 && { unfold: ways }),
    ...(await truthOf(context)),
    ...(seeds.length > 0 && { seeds }),
    signal,
    onProgress: ({ stage, done, total: of }: EvaluationProgress) => {
      if (stage === 'scoring') progress.update({ done, total: of ?? total });
    },
  } as unknown as EvaluateOptions;
  const features = sae ?? (codes === undefined ? dictionary : { codes, dictionary });
  const evaluation = await score(
    features as Parameters<typeof score>[0],
    stream as AsyncIterable<Matrix>,
    options,
  );
  progress.stop();
  return {
    text: nodeInspect(evaluation),
    json: evaluation,
    report: () => pageOf(context, evaluation, dictionary),
  };
}

export const evaluate: Command = {
  name: 'evaluate',
  paths: '<activations...>',
  about:
    'Score features on activations: what they explain, how sparse and how evenly used they are, and, where more is known, how many of the true features they are.',
  reports: true,
  groups: [
    { title: 'Features', flags: [...DICTIONARY, ...SAE] },
    {
      title: 'Codes over a dictionary',
      flags: [
        ...UNFOLD,
        { name: 'codes', kind: 'file', about: 'codes of all samples that are there already, a .npz file' },
      ],
    },
    {
      title: 'Scores',
      flags: [
        ...EVALUATE,
        {
          name: 'truth',
          kind: 'file',
          about: 'the true features, features × dims (file#name for one of several arrays)',
        },
        { name: 'truthCodes', kind: 'file', about: 'the true codes, a .npz file' },
        {
          name: 'seeds',
          kind: 'files',
          about: 'dictionaries learned by other seeds: how much is found again?',
        },
      ],
    },
    { title: 'Activations', flags: READING },
  ],
  notes: [
    'Every figure stands beside that of a frozen random dictionary of as many directions. Never rank by explained variance alone: the best reconstruction has been seen with the worst recovery.',
  ],
  examples: [
    {
      run: 'unsuperpose evaluate activations.npy --dictionary dictionary.safetensors --lambda 0.2 --report scores.html',
      about: 'A dictionary, with codes by lasso, and a page with pictures.',
    },
    {
      run: 'unsuperpose evaluate activations.npy --sae sae.safetensors --json',
      about: 'An autoencoder; all figures as JSON, a list entry a feature.',
    },
    {
      run: 'unsuperpose evaluate activations.npy --dictionary dictionary.safetensors --codes codes.npz --seeds dictionary.npy',
      about: 'Codes that are there already, and how much another dictionary agrees.',
    },
  ],
  run,
};
