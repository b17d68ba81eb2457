// `unsuperpose train`: a sparse autoencoder from activations.

import { UnsuperposeError } from '../../call/errors.js';
import { count, digits } from '../../call/inspect.js';
import type { Matrix } from '../../call/matrix.js';
import type { MatrixFiles } from '../../files/index.js';
import type { SparseAutoencoder } from '../../sae/autoencoder.js';
import type { TrainingBatch } from '../../sae/samples.js';
import { type TrainSparseAutoencoderOptions, trainSparseAutoencoder } from '../../sae/train.js';
import type { TrainingProgress, TrainingSummary } from '../../sae/training.js';
import { CHECKPOINTING, keepingOf } from '../checkpointing.js';
import { pick, type Values } from '../flags.js';
import { type Activations, activationsOf, loadRows, matrixAt, streamOf } from '../inputs.js';
import { checkEnding, checkWritable, checkWritableFolder } from '../outputs.js';
import { heldOutText, rows, share } from '../print.js';
import { duration } from '../progress.js';
import { Course, courseCharts, densityChart, geometryCharts } from '../report/charts.js';
import type { Page } from '../report/page.js';
import type { Command, Context, Outcome } from '../spec.js';
import { STREAMING, TRAIN, TRAIN_MORE } from '../tables.js';
import { readSaving, SAVING } from './saving.js';

const DEFAULT_BATCH = 1024;

/** What belongs to the activations row by row. */
interface Beside {
  readonly targets: readonly string[] | undefined;
  readonly mask: readonly string[] | undefined;
}

/** 1 where a row counts. */
const flagsOf = ({ data }: Matrix): Uint8Array =>
  Uint8Array.from(data as Float32Array, (value) => Number(value !== 0));

/** --columns are of the activations alone. */
const whole = (values: Values): Values => ({ ...values, columns: undefined });

async function besideMatrix({ targets, mask }: Beside, context: Context): Promise<object> {
  const reading = { ...context, values: whole(context.values) };
  return {
    ...(targets !== undefined && { targets: await loadRows(targets, reading, 'reading targets') }),
    ...(mask !== undefined && { mask: flagsOf(await loadRows(mask, reading, 'reading the mask')) }),
  };
}

/** Batches of all sources side by side, from some item on. */
async function* together(
  items: number,
  stream: MatrixFiles,
  targets: MatrixFiles | undefined,
  mask: MatrixFiles | undefined,
): AsyncGenerator<TrainingBatch> {
  const [to, counts] = [targets?.readFrom(items), mask?.readFrom(items)];
  try {
    for await (const activations of stream.readFrom(items)) {
      const [target, flags] = [(await to?.next())?.value, (await counts?.next())?.value];
      yield { activations, ...(target && { targets: target }), ...(flags && { mask: flagsOf(flags) }) };
    }
  } finally {
    await to?.return?.(undefined);
    await counts?.return?.(undefined);
  }
}

async function besideStream(
  stream: MatrixFiles,
  rowsOf: number,
  { targets, mask }: Beside,
  values: Values,
  batch: number,
) {
  const open = async (
    paths: readonly string[] | undefined,
    name: string,
  ): Promise<MatrixFiles | undefined> => {
    if (paths === undefined) return undefined;
    const other = streamOf(paths, whole(values), { batch });
    const { rows: there } = await other.inspect();
    if (there === rowsOf) return other;
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `--${name} has ${count(there)} rows, the activations have ${count(rowsOf)}`,
    );
  };
  const [to, counts] = [await open(targets, 'targets'), await open(mask, 'mask')];
  const readFrom = (items: number) => together(items, stream, to, counts);
  return { readFrom, [Symbol.asyncIterator]: () => readFrom(0) };
}

function textOf(out: string, sae: SparseAutoencoder, training: TrainingSummary, seconds: number): string {
  const { features, dims, outputDims } = sae;
  const size = dims === outputDims ? count(dims) : `${count(dims)} → ${count(outputDims)}`;
  return [
    `${out}: ${training.architecture}, ${count(features)} features × ${size} dims`,
    ...rows([
      ['steps', `${count(training.steps)} (${count(training.samples)} samples, ${duration(seconds)})`],
      ['objective', digits(training.objective)],
      ['explained variance', digits(training.explainedVariance)],
      ['L0', digits(training.l0)],
      ['dead features', share(training.dead, features)],
      ['held out', heldOutText(training)],
    ]),
    ...training.notes.map(({ message }) => `  note: ${message}`),
  ].join('\n');
}

async function pageOf(
  context: Context,
  sae: SparseAutoencoder,
  training: TrainingSummary,
  course: Course,
): Promise<Page> {
  const density = densityChart(training.usage.map((used) => used / training.samples));
  return {
    title: `A ${training.architecture} autoencoder of ${count(sae.features)} features`,
    lead: `Trained on ${count(training.samples)} samples of ${count(sae.dims)} dims (each as often as it was seen), in ${count(training.steps)} steps.`,
    facts: [
      ['architecture', training.architecture],
      ['features', count(sae.features)],
      ['explained variance', digits(training.explainedVariance)],
      ['L0', digits(training.l0)],
      ['dead features', count(training.dead)],
      ...(training.heldOut === undefined
        ? []
        : ([
            ['explained variance, held out', digits(training.heldOut.explainedVariance)],
            ['L0, held out', digits(training.heldOut.l0)],
          ] as [string, string][])),
    ],
    charts: [
      ...courseCharts(course.points, '½‖y − ŷ‖² and the sparsity term'),
      ...(density === undefined
        ? []
        : [{ ...density, about: `${density.about} Counted over all of training.` }]),
      ...(await geometryCharts(sae.dictionary(), context.signal)),
    ],
    notes: training.notes.map(({ message }) => message),
    command: context.again(),
  };
}

/** Steps there will be, where the library does not say. */
function totalOf({ info, matrix }: Activations, values: Values, batch: number): number | undefined {
  if (matrix !== undefined || values.steps !== undefined) return undefined;
  return Math.ceil(info.rows / batch) * ((values.epochs as number | undefined) ?? 1);
}

async function run(context: Context): Promise<Outcome> {
  const { values, signal, progress } = context;
  const out = values.out as string;
  const saving = readSaving(values);
  if (saving.format === 'saelens') await checkWritableFolder(values, 'out');
  else {
    checkEnding(out, ['.safetensors']);
    await checkWritable(values, 'out');
  }
  await checkWritable(values, 'checkpoint');
  const beside = pick(values, BESIDE) as unknown as Beside;
  const inOrder = beside.targets !== undefined || beside.mask !== undefined;
  const keeping = await keepingOf(context);
  const initial =
    values.initial === undefined ? {} : { initial: await matrixAt(values.initial as string, signal) };
  const batch = (values.batchSize as number | undefined) ?? DEFAULT_BATCH;
  const given = await activationsOf(context, { batch, inOrder });
  const { matrix, stream, info } = given;
  const total = totalOf(given, values, batch);
  const course = new Course();
  const options = {
    ...pick(values, [...TRAIN, ...TRAIN_MORE]),
    ...initial,
    ...(matrix === undefined ? {} : await besideMatrix(beside, context)),
    ...keeping.options,
    signal,
    onProgress(now: TrainingProgress) {
      course.add({ step: now.done, ...now });
      const { objective, l0: L0, explainedVariance: explained, dead } = now;
      progress.update({
        done: now.done,
        total: now.total ?? total,
        figures: { objective, L0, explained, 'held out': course.heldOut?.explainedVariance, dead },
      });
    },
  } as unknown as TrainSparseAutoencoderOptions;
  const source =
    matrix ??
    (inOrder
      ? await besideStream(stream as MatrixFiles, info.rows, beside, values, batch)
      : (stream as MatrixFiles));
  const began = performance.now();
  progress.start('training', 'steps');
  const sae = await trainSparseAutoencoder(source, options).catch(async (error: unknown) => {
    progress.stop();
    await keeping.interrupted(error);
    throw error;
  });
  progress.stop();
  await sae.save(out, saving);
  await keeping.finish();
  const training = sae.training as TrainingSummary;
  const seconds = (performance.now() - began) / 1000;
  return {
    text: textOf(out, sae, training, seconds),
    json: {
      out,
      features: sae.features,
      dims: sae.dims,
      outputDims: sae.outputDims,
      activation: sae.activation,
      seconds,
      ...training,
    },
    report: () => pageOf(context, sae, training, course),
  };
}

const BESIDE = [
  {
    name: 'targets',
    kind: 'files',
    about: 'outputs to be made of the activations, as many rows: a transcoder',
  },
  { name: 'mask', kind: 'files', about: 'one number a row: 0 for rows that do not count' },
] as const;

export const train: Command = {
  name: 'train',
  paths: '<activations...>',
  about: 'Train a sparse autoencoder, or with --targets a transcoder, on activations.',
  reports: true,
  groups: [
    { title: 'Training', flags: TRAIN },
    {
      title: 'Training, in detail',
      flags: [
        ...TRAIN_MORE,
        {
          name: 'initial',
          kind: 'file',
          about: 'decoder rows to start from (file#name for one of several arrays)',
        },
      ],
    },
    { title: 'Activations', flags: [...STREAMING, ...BESIDE] },
    { title: 'Interruption', flags: CHECKPOINTING },
    {
      title: 'Result',
      flags: [
        {
          name: 'out',
          kind: 'file',
          required: true,
          about: 'the autoencoder: a .safetensors file, or for saelens a folder',
        },
        ...SAVING,
      ],
    },
  ],
  notes: [
    'Activations are files of rows, a sample each: .npy, .npz, .safetensors, .arrow, .bin, the folder of a Hugging Face dataset, or a pattern in quotes that names many. With --targets or --mask, what is read batch by batch is read in the order of the files: shuffle these before.',
    'Ctrl-C (or SIGTERM) writes what was learned and says how to go on; the result is the same to the bit as without the interruption. With --resume from the first try on, a job that is started again and again goes on by itself.',
  ],
  examples: [
    {
      run: 'unsuperpose train activations.npy --architecture topk --features 64 --sparsity 4 --steps 300 --holdout 0.1 --out sae.safetensors --report train.html',
      about: 'Trains on nine tenths of the samples, scores the others, and writes a page with what happened.',
    },
    {
      run: "unsuperpose train 'shards/*.npy' --stream --architecture jumprelu --features 64 --target-l0 4 --out-format saelens --out for-saelens",
      about: 'Reads many files batch by batch, and writes a folder that SAELens loads.',
    },
  ],
  run,
};
