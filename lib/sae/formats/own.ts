// Our own format: one safetensors file with the parameters under their own names, and what is no tensor as JSON in its metadata.
import { describe } from '../../call/options.js';
import type { HeldOutFigures } from '../../data/held-out-scores.js';
import type { Floats } from '../../files/arrays.js';
import { isRecord, parseJSON } from '../../files/json.js';
import { broken } from '../../files/refuse.js';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../../files/safetensors.js';
import type { RanOn } from '../../native/resources.js';
import { ACTIVATIONS, type AutoencoderParameters } from '../parameters.js';
import type { Architecture, TrainingSummary } from '../training.js';
import { constant, type Draft, type Format, type Parts } from './draft.js';
import { narrowed, type Saving } from './narrow.js';
import type { Place } from './place.js';
import { Settings } from './settings.js';

/** The key of the metadata by which a file is known as one of ours. */
const KEY = 'unsuperpose';
const KIND = 'sparse autoencoder';
const VERSION = 1;
const ENDING = '.safetensors';
const USAGE = 'training.usage';
const ARCHITECTURES: readonly Architecture[] = [
  'relu',
  'topk',
  'batchtopk',
  'matryoshka',
  'jumprelu',
  'gated',
  'matching-pursuit',
];
const FIGURES = [
  'objective',
  'explainedVariance',
  'l0',
  'gradientNorm',
  'dead',
  'steps',
  'samples',
  'seed',
] as const;

const HELD_OUT = ['samples', 'explainedVariance', 'squaredError', 'l0', 'dead'] as const;

function headOf(metadata: Readonly<Record<string, string>>, where: string): Settings | undefined {
  const text = metadata[KEY];
  if (text === undefined) return undefined;
  const head = parseJSON(text, where, KEY);
  if (!isRecord(head) || head.kind !== KIND) return undefined;
  return new Settings(where, head);
}

async function ownFile(place: Place): Promise<string | undefined> {
  const files = place.file === undefined ? place.ending(ENDING) : [place.file];
  const [file] = files;
  if (file === undefined || files.length > 1 || !file.toLowerCase().endsWith(ENDING)) return undefined;
  const { metadata } = await readSafetensors(place.at(file));
  return headOf(metadata, place.at(file)) === undefined ? undefined : file;
}

const isRanOn = (value: unknown): value is RanOn =>
  typeof value === 'string' && /^(cpu|cuda:[0-9]{1,4})$/.test(value);

function readTraining(head: Settings, usage: Floats | undefined): TrainingSummary | undefined {
  const told = head.inner('training');
  if (told === undefined || usage === undefined) return undefined;
  const architecture = told.choice('architecture', ARCHITECTURES, '' as Architecture);
  const figures = FIGURES.map((name) => [name, told.required(told.number(name) ?? Number.NaN, name)]);
  const { notes } = told.values;
  if (
    !Array.isArray(notes) ||
    !notes.every(
      (note) => isRecord(note) && typeof note.code === 'string' && typeof note.message === 'string',
    )
  )
    return broken(told.where, 'notes must be a list of { code, message }');
  const { device } = told.values;
  if (device !== undefined && !isRanOn(device))
    return broken(told.where, `device must be cpu or cuda:N, got ${describe(device)}`);
  const held = told.inner('heldOut');
  const heldOut = held && HELD_OUT.map((name) => [name, held.required(held.number(name), name)] as const);
  return {
    ...(Object.fromEntries(figures) as Record<(typeof FIGURES)[number], number>),
    ...{ architecture, usage: Float64Array.from(usage), notes },
    ...(device !== undefined && { device }),
    ...(heldOut && { heldOut: Object.fromEntries(heldOut) as unknown as HeldOutFigures }),
  };
}

async function read(place: Place): Promise<Draft> {
  const file = (await ownFile(place)) ?? broken(place.path, `is no ${ENDING} file of this package`);
  const where = place.at(file);
  const head = headOf((await readSafetensors(where)).metadata, where) as Settings;
  const version = head.number('version');
  if (version !== VERSION)
    broken(where, `is of version ${String(version)} of its format; version ${VERSION} is read`);
  head.text('kind');
  const tensors = await place.safetensors(file);
  const activation = head.choice('activation', ACTIVATIONS, '' as 'relu');
  const pursues = activation === 'matching-pursuit';
  const outputs = tensors.size('decoderBias');
  const features = pursues ? (tensors.shape('decoder')[0] ?? 0) : tensors.size('encoderBias');
  const inputs = pursues ? outputs : (tensors.shape('encoder')[1] ?? 0);
  const only = async (
    name: 'threshold' | 'logScale' | 'magnitudeBias',
    of: string,
  ): Promise<Partial<Parts>> => (activation === of ? { [name]: await tensors.vector(name, features) } : {});
  const decoder = await tensors.matrix('decoder', features, outputs);
  const parts: Parts = {
    activation,
    encoder: pursues ? decoder : await tensors.matrix('encoder', features, inputs),
    encoderBias: pursues ? constant(0, features) : await tensors.vector('encoderBias', features),
    decoder,
    decoderBias: await tensors.vector('decoderBias', outputs),
    subtractDecoderBias: head.required(head.flag('subtractDecoderBias'), 'subtractDecoderBias'),
    inputNorm: head.choice('inputNorm', ['none', 'constant', 'layer'], '' as 'none'),
    ...((activation === 'topk' || pursues) && { k: head.required(head.size('k'), 'k') }),
    ...(pursues && {
      residual: head.required(head.number('residual'), 'residual'),
      stopOnRepeat: head.required(head.flag('stopOnRepeat'), 'stopOnRepeat'),
    }),
    ...(await only('threshold', 'jumprelu')),
    ...(await only('logScale', 'gated')),
    ...(await only('magnitudeBias', 'gated')),
    ...(tensors.has('skip') && { skip: await tensors.matrix('skip', outputs, inputs) }),
  };
  const training = readTraining(head, tensors.has(USAGE) ? await tensors.vector(USAGE, features) : undefined);
  tensors.end(`an autoencoder with the activation ${activation}`);
  return {
    architecture: activation,
    version: String(version),
    transcoder: parts.skip !== undefined || inputs !== outputs,
    parts,
    questions: [],
    decisions: [],
    settings: [head],
    tensors: [tensors],
    training,
  };
}

export const own: Format = {
  name: KEY,
  files: `one ${ENDING} file that this package has saved`,
  matches: async (place) => (await ownFile(place)) !== undefined,
  read,
};

/** Writes the file: whole, or not at all. */
export async function writeOwn(
  path: string,
  p: AutoencoderParameters,
  training: TrainingSummary | undefined,
  { dtype, signal }: Saving,
): Promise<void> {
  if (!path.toLowerCase().endsWith(ENDING))
    broken(path, `must end in ${ENDING}; format 'saelens' writes folders`);
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, values: Float32Array | undefined, shape: readonly number[]): void => {
    if (values !== undefined) tensors.set(name, { dtype, shape, values: narrowed(values, dtype, name) });
  };
  const [features, inputs] = p.encoder.shape;
  const [, outputs] = p.decoder.shape;
  if (p.activation !== 'matching-pursuit') {
    add('encoder', p.encoder.data, [features, inputs]);
    add('encoderBias', p.encoderBias, [features]);
  }
  add('decoder', p.decoder.data, [features, outputs]);
  add('decoderBias', p.decoderBias, [outputs]);
  add('skip', p.skip?.data, [outputs, inputs]);
  for (const name of ['threshold', 'logScale', 'magnitudeBias'] as const) add(name, p[name], [features]);
  const { usage, ...figures } = training ?? {};
  if (usage !== undefined) tensors.set(USAGE, { dtype: 'float64', shape: [features], values: usage.slice() });
  const { activation, subtractDecoderBias, inputNorm, k, residual, stopOnRepeat } = p;
  const head = {
    ...{
      kind: KIND,
      version: VERSION,
      activation,
      subtractDecoderBias,
      inputNorm,
      k,
      residual,
      stopOnRepeat,
    },
    ...(training !== undefined && { training: figures }),
  };
  await writeSafetensors(path, tensors, { [KEY]: JSON.stringify(head) }, signal);
}
