// `unsuperpose learn`: a dictionary from activations.
import { count, digits } from '../../call/inspect.js';
import type { Dictionary } from '../../data/dictionary.js';
import type { LearnedDictionary, LearningProgress } from '../../learn/fit.js';
import { type LearnOptions, learnDictionary } from '../../learn/learn.js';
import { CHECKPOINTING, keepingOf } from '../checkpointing.js';
import { pick, type Values } from '../flags.js';
import { type Activations, activationsOf, matrixAt } from '../inputs.js';
import { checkEnding, checkWritable, MATRIX_ENDINGS } from '../outputs.js';
import { heldOutText, rows, share } from '../print.js';
import { duration } from '../progress.js';
import { Course, courseCharts, densityChart, geometryCharts } from '../report/charts.js';
import type { Page } from '../report/page.js';
import type { Command, Context, Outcome } from '../spec.js';
import { LEARN, STREAMING } from '../tables.js';

/** As learnDictionary has it: of streams, a batch is what is read at a time. */
function batchOf({ batchSize, method = 'online', features }: Values): number {
  if (batchSize !== undefined) return batchSize as number;
  return method === 'online' ? 512 : Math.max(512, features as number);
}

/** Steps of a run over a stream, which the library does not know. */
function stepsOf({ info }: Activations, batch: number, epochs: number): number {
  return Math.ceil(info.rows / batch) * epochs;
}

function textOf(out: string, learned: LearnedDictionary, seconds: number): string {
  const { dictionary, steps, samples, explainedVariance, objective, l0, dead, replaced, notes } = learned;
  const { features, dims } = dictionary;
  return [
    `${out}: a dictionary of ${count(features)} features × ${count(dims)} dims`,
    ...rows([
      ['steps', `${count(steps)} (${count(samples)} samples, ${duration(seconds)})`],
      ['objective', digits(objective)],
      ['explained variance', digits(explainedVariance)],
      ['L0', digits(l0)],
      ['dead features', share(dead, features)],
      ['held out', heldOutText(learned)],
      ['replaced', count(replaced)],
    ]),
    ...notes.map(({ message }) => `  note: ${message}`),
  ].join('\n');
}

async function pageOf(
  context: Context,
  learned: LearnedDictionary,
  dictionary: Dictionary,
  course: Course,
): Promise<Page> {
  const { features, dims } = dictionary;
  const { lambda, sparsity } = context.values as Record<string, number | undefined>;
  const density = densityChart(learned.usage.map((used) => used / learned.samples));
  return {
    title: `${count(features)} learned features`,
    lead: `A dictionary of ${count(features)} directions in ${count(dims)} dims, learned from ${count(learned.samples)} samples (each as often as it was seen) with ${sparsity === undefined ? `λ = ${lambda}` : `${sparsity} active features a sample at most`}.`,
    facts: [
      ['features', count(features)],
      ['steps', count(learned.steps)],
      ['explained variance', digits(learned.explainedVariance)],
      ['L0', digits(learned.l0)],
      ['dead features', count(learned.dead)],
      ['replaced on the way', count(learned.replaced)],
      ...(learned.heldOut === undefined
        ? []
        : ([['explained variance, held out', digits(learned.heldOut.explainedVariance)]] as [
            string,
            string,
          ][])),
    ],
    charts: [
      ...courseCharts(course.points, sparsity === undefined ? '½‖x − aD‖² + λ‖a‖₁' : '½‖x − aD‖²'),
      ...(density === undefined ? [] : [density]),
      ...(await geometryCharts(dictionary, context.signal)),
    ],
    notes: learned.notes.map(({ message }) => message),
    command: context.again(),
  };
}

async function run(context: Context): Promise<Outcome> {
  const { values, signal, progress } = context;
  const out = values.out as string;
  checkEnding(out, MATRIX_ENDINGS);
  await checkWritable(values, 'out', 'checkpoint');
  const keeping = await keepingOf(context);
  const initial =
    values.initial === undefined ? {} : { initial: await matrixAt(values.initial as string, signal) };
  const batch = batchOf(values);
  const given = await activationsOf(context, { batch, inOrder: false });
  const total = stepsOf(given, batch, (values.epochs as number | undefined) ?? 1);
  const course = new Course();
  const options = {
    ...pick(values, LEARN),
    ...initial,
    ...keeping.options,
    signal,
    onProgress(now: LearningProgress) {
      const { done, explainedVariance, l0 } = now;
      course.add({ step: done, ...now });
      progress.update({
        done,
        total: now.total ?? total,
        figures: {
          objective: now.objective,
          L0: l0,
          explained: explainedVariance,
          'held out': course.heldOut?.explainedVariance,
        },
      });
    },
  } as unknown as LearnOptions;
  const began = performance.now();
  progress.start('learning', 'steps');
  const learned = await (given.matrix === undefined
    ? learnDictionary(given.stream as NonNullable<typeof given.stream>, options)
    : learnDictionary(given.matrix, options)
  ).catch(async (error: unknown) => {
    progress.stop();
    await keeping.interrupted(error);
    throw error;
  });
  progress.stop();
  const { dictionary, ...figures } = learned;
  const { outName: name, outDtype: dtype } = values as { outName?: string; outDtype?: 'float32' };
  await dictionary.save(out, { ...(name !== undefined && { name }), ...(dtype !== undefined && { dtype }) });
  await keeping.finish();
  const seconds = (performance.now() - began) / 1000;
  return {
    text: textOf(out, learned, seconds),
    json: { out, features: dictionary.features, dims: dictionary.dims, seconds, ...figures },
    report: () => pageOf(context, learned, dictionary, course),
  };
}

export const learn: Command = {
  name: 'learn',
  paths: '<activations...>',
  about: 'Learn a dictionary of features from activations, by sparse coding.',
  reports: true,
  groups: [
    {
      title: 'Learning',
      flags: [
        ...LEARN,
        {
          name: 'initial',
          kind: 'file',
          about: 'atoms to start from, features × dims (file#name for one of several arrays)',
        },
      ],
    },
    { title: 'Activations', flags: STREAMING },
    { title: 'Interruption', flags: CHECKPOINTING },
    {
      title: 'Result',
      flags: [
        {
          name: 'out',
          kind: 'file',
          required: true,
          about: 'the dictionary: .safetensors, .npy, .npz or .bin',
        },
        {
          name: 'outName',
          kind: 'text',
          value: 'name',
          about: "its array's name in the file (default dictionary)",
        },
        {
          name: 'outDtype',
          kind: 'choice',
          value: 'type',
          choices: ['float32', 'float64', 'float16', 'bfloat16'],
          about: 'float32 (default), float64, float16 or bfloat16',
        },
      ],
    },
  ],
  notes: [
    'Activations are files of rows, a sample each: .npy, .npz, .safetensors, .arrow, .bin, the folder of a Hugging Face dataset, or a pattern in quotes that names many.',
    'Ctrl-C (or SIGTERM) writes what was learned and says how to go on; the result is the same to the bit as without the interruption.',
  ],
  examples: [
    {
      run: 'unsuperpose learn activations.npy --features 64 --lambda 0.2 --out dictionary.safetensors --report learn.html',
      about: 'Learns 64 features, and writes a page with what happened.',
    },
    {
      run: 'unsuperpose learn activations.npy --features 64 --method ksvd --sparsity 4 --start kmeans++ --out ksvd.npy',
      about: 'By K-SVD, with orthogonal matching pursuit for the codes.',
    },
    {
      run: "unsuperpose learn 'shards/*.npy' --stream --features 64 --lambda 0.2 --epochs 2 --out dictionary.npy",
      about: 'Reads many files batch by batch, twice, shuffled: they need not fit in memory.',
    },
  ],
  run,
};
