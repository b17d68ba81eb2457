// dictionary_learning (Marks, Karvonen, Mueller): config.json, and the weights as a safetensors file that the user has made of the pickle ae.pt.
import { describe } from '../../call/options.js';
import type { Floats } from '../../files/arrays.js';
import { broken } from '../../files/refuse.js';
import type { SaeActivation } from '../parameters.js';
import { constant, type Decision, type Draft, type Format, type Parts, readOriented } from './draft.js';
import type { Place } from './place.js';
import type { Tensors } from './tensors.js';
import { checkThresholds } from './thresholds.js';

const CONFIG = 'config.json';

interface Class {
  readonly activation: SaeActivation;
  /** Names of W_enc, b_enc, W_dec, b_dec. */
  readonly names: readonly [string, string, string, string];
  /** W_enc [dims, features] and W_dec [features, dims]: the other way round than linear layers have them. */
  readonly plain?: boolean;
  readonly subtract: boolean;
  readonly batch?: boolean;
  /** Tensors of training. */
  readonly ignored?: readonly string[];
}

const LINEAR = ['encoder.weight', 'encoder.bias', 'decoder.weight'] as const;
const PLAIN = ['W_enc', 'b_enc', 'W_dec', 'b_dec'] as const;

/** By trainer.dict_class: one line adds one. */
const CLASSES: Readonly<Record<string, Class>> = {
  AutoEncoder: { activation: 'relu', names: [...LINEAR, 'bias'], subtract: true },
  GatedAutoEncoder: {
    activation: 'gated',
    names: ['encoder.weight', 'gate_bias', 'decoder.weight', 'decoder_bias'],
    subtract: true,
  },
  AutoEncoderTopK: {
    activation: 'topk',
    names: [...LINEAR, 'b_dec'],
    subtract: true,
    ignored: ['threshold'],
  },
  BatchTopKSAE: {
    activation: 'jumprelu',
    names: [...LINEAR, 'b_dec'],
    subtract: true,
    batch: true,
    ignored: ['k'],
  },
  MatryoshkaBatchTopKSAE: {
    activation: 'jumprelu',
    names: PLAIN,
    plain: true,
    subtract: true,
    batch: true,
    ignored: ['k', 'group_sizes'],
  },
  JumpReluAutoEncoder: { activation: 'jumprelu', names: PLAIN, plain: true, subtract: false },
};

async function readSelection(
  tensors: Tensors,
  { activation, batch }: Class,
  features: number,
): Promise<{ own: Partial<Parts>; decisions: readonly Decision[] }> {
  const own = (parts: Partial<Parts>, decisions: readonly Decision[] = []) => ({ own: parts, decisions });
  if (activation === 'topk') return own({ k: await tensors.scalar('k') });
  if (activation === 'gated')
    return own({
      logScale: await tensors.vector('r_mag', features),
      magnitudeBias: await tensors.vector('mag_bias', features),
    });
  if (activation === 'relu') return own({});
  let threshold: Floats;
  const where = `${tensors.where}: threshold`;
  if (!batch) {
    threshold = await tensors.vector('threshold', features);
    checkThresholds(where, threshold);
    return own({ threshold });
  }
  const value = await tensors.scalar('threshold');
  checkThresholds(where, [value]);
  if (!(value >= 0)) broken(where, `must be ≥ 0, got ${value}`);
  const decided = `jumprelu with the threshold ${value} for every feature`;
  return own({ threshold: constant(value, features) }, [{ about: 'batchtopk', decided, from: 'threshold' }]);
}

async function read(place: Place): Promise<Draft> {
  const cfg = await place.json(CONFIG);
  const trainer = cfg.required(cfg.inner('trainer'), 'trainer');
  const name = trainer.required(trainer.text('dict_class'), 'dict_class');
  const kind = Object.hasOwn(CLASSES, name) ? (CLASSES[name] as Class) : undefined;
  if (kind === undefined)
    return broken(
      trainer.where,
      `has the dict_class ${describe(name)}; ${Object.keys(CLASSES).join(', ')} are read`,
    );
  const files = place.ending('.safetensors');
  const [file] = files;
  if (file === undefined || files.length > 1)
    return broken(
      place.path,
      `holds ${files.length} safetensors files (${files.join(', ')}): give the path of one`,
    );
  const tensors = await place.safetensors(file);
  const [W_enc, b_enc, W_dec, b_dec] = kind.names;
  const features = tensors.size(b_enc);
  const dims = tensors.size(b_dec);
  const [said, dictSize] = [trainer.size('activation_dim'), trainer.size('dict_size')];
  if ((said ?? dims) !== dims || (dictSize ?? features) !== features)
    broken(
      tensors.where,
      `has ${features} features of ${dims} dims; ${CONFIG} says ${dictSize ?? features} of ${said ?? dims}`,
    );
  const [ofEncoder, ofDecoder] = kind.plain
    ? (['turned', 'as here'] as const)
    : (['as here', 'turned'] as const);
  const encoder = await readOriented(tensors, W_enc, 'encoder', [features, dims], ofEncoder);
  const decoder = await readOriented(tensors, W_dec, 'decoder', [features, dims], ofDecoder);
  const { own, decisions } = await readSelection(tensors, kind, features);
  const draft: Draft = {
    architecture: name,
    transcoder: false,
    parts: {
      activation: kind.activation,
      encoder: encoder.grid,
      encoderBias: await tensors.vector(b_enc, features),
      decoder: decoder.grid,
      decoderBias: await tensors.vector(b_dec, dims),
      subtractDecoderBias: kind.subtract,
      inputNorm: 'none',
      ...own,
    },
    questions: [...encoder.questions, ...decoder.questions],
    decisions: [...encoder.decisions, ...decoder.decisions, ...decisions],
    settings: [cfg, trainer],
    tensors: [tensors],
  };
  for (const one of kind.ignored ?? []) tensors.ignore(one);
  tensors.end(`dictionary_learning's ${name}`);
  return draft;
}

export const dictionaryLearning: Format = {
  name: 'dictionary-learning',
  files: `${CONFIG} with trainer.dict_class, and a .safetensors file made of ae.pt`,
  async matches(place) {
    if (!place.names.has(CONFIG) || place.ending('.safetensors').length === 0) return false;
    if (place.file !== undefined && !place.file.endsWith('.safetensors')) return false;
    return (await place.json(CONFIG)).peek('trainer')?.has('dict_class') ?? false;
  },
  read,
};
