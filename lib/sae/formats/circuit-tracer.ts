// circuit-tracer: config.yaml and layer_0.safetensors, layer_1.safetensors … of transcoders, one a layer.
import { UnsuperposeError } from '../../call/errors.js';
import { naturally } from '../../files/paths.js';
import { broken, some } from '../../files/refuse.js';
import { constant, type Draft, type Format, type Given, type Parts, readOriented } from './draft.js';
import type { Place } from './place.js';
import type { Tensors } from './tensors.js';
import { checkThresholds } from './thresholds.js';
import { readYaml } from './yaml.js';

const CONFIG = 'config.yaml';
const LAYER = /^layer_(\d+)\.safetensors$/;
const THRESHOLD = 'activation_function.threshold';

function layerOf(place: Place, { layer }: Given): string {
  const layers = [...place.names].filter((name) => LAYER.test(name)).sort(naturally);
  const name = layer === undefined ? place.file : `layer_${layer}.safetensors`;
  if (name !== undefined && layers.includes(name)) return name;
  const [only] = layers;
  if (layer === undefined && only !== undefined && layers.length === 1) return only;
  throw new UnsuperposeError(
    'ERR_OPTION',
    `${place.folder} holds a transcoder for each of ${layers.length} layers: say which by layer; there are: ${some(layers.map((file) => file.replace(LAYER, '$1')))}`,
    'layer',
  );
}

async function readActivation(
  tensors: Tensors,
  said: string | undefined,
  features: number,
): Promise<Pick<Parts, 'activation' | 'threshold'>> {
  const hasThreshold = tensors.has(THRESHOLD);
  if (tensors.has('k') || said === 'topk')
    broken(
      tensors.where,
      "is a topk transcoder of circuit-tracer, which keeps negative pre-activations: a SparseAutoencoder's codes are ≥ 0, so it cannot compute it",
    );
  if (said !== undefined && /jump/.test(said) !== hasThreshold)
    broken(
      tensors.where,
      `${hasThreshold ? 'has' : 'has no'} ${THRESHOLD}, but the configuration says activation: ${said}`,
    );
  if (!hasThreshold) {
    if ((said ?? 'relu') !== 'relu')
      broken(tensors.where, `has the activation ${said}, which is not known here`);
    return { activation: 'relu' };
  }
  const { length } = tensors.shape(THRESHOLD);
  const threshold =
    length === 0 || tensors.shape(THRESHOLD)[0] === 1
      ? constant(await tensors.scalar(THRESHOLD), features)
      : await tensors.vector(THRESHOLD, features);
  checkThresholds(`${tensors.where}: ${THRESHOLD}`, threshold);
  return { activation: 'jumprelu', threshold };
}

async function read(place: Place, given: Given): Promise<Draft> {
  const cfg = readYaml(await place.text(CONFIG), place.at(CONFIG));
  const kind = cfg.required(cfg.text('model_kind'), 'model_kind');
  if (kind !== 'transcoder_set')
    broken(
      cfg.where,
      `is a ${kind}; transcoder_set is read. Features of a cross-layer transcoder write to several layers, which a SparseAutoencoder does not have`,
    );
  const file = layerOf(place, given);
  const tensors = await place.safetensors(file);
  const features = tensors.size('b_enc');
  const outputs = tensors.size('b_dec');
  const inputs = tensors.shape('W_enc')[tensors.shape('W_enc')[0] === features ? 1 : 0] ?? 0;
  const encoder = await readOriented(tensors, 'W_enc', 'encoder', [features, inputs], 'as here');
  const decoder = await readOriented(tensors, 'W_dec', 'decoder', [features, outputs], 'as here');
  const skip = tensors.has('W_skip')
    ? await readOriented(tensors, 'W_skip', 'skip', [outputs, inputs], 'as here')
    : undefined;
  const all = [encoder, decoder, ...(skip === undefined ? [] : [skip])];
  const selection = await readActivation(tensors, cfg.text('activation'), features);
  const draft: Draft = {
    architecture: `${skip === undefined ? '' : 'skip '}transcoder, ${selection.activation}`,
    transcoder: true,
    parts: {
      encoder: encoder.grid,
      encoderBias: await tensors.vector('b_enc', features),
      decoder: decoder.grid,
      decoderBias: await tensors.vector('b_dec', outputs),
      subtractDecoderBias: false,
      inputNorm: 'none',
      ...selection,
      ...(skip !== undefined && { skip: skip.grid }),
    },
    questions: all.flatMap(({ questions }) => questions),
    decisions: [
      ...all.flatMap(({ decisions }) => decisions),
      {
        about: 'activation',
        decided: selection.activation,
        from: selection.activation === 'jumprelu' ? `the tensor ${THRESHOLD}` : `no ${THRESHOLD}, and no k`,
      },
    ],
    settings: [cfg],
    tensors: [tensors],
  };
  tensors.end('a transcoder of circuit-tracer');
  return draft;
}

export const circuitTracer: Format = {
  name: 'circuit-tracer',
  files: `${CONFIG} and layer_0.safetensors …`,
  matches: (place) =>
    place.names.has(CONFIG) &&
    (place.file === undefined || place.file === CONFIG
      ? [...place.names].some((name) => LAYER.test(name))
      : LAYER.test(place.file)),
  read,
};
