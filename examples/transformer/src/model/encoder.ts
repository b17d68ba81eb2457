// The sentence encoder under TensorFlow.js: what stands at any node of its graph, for a batch of sentences.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { type ModelFiles, readModelFiles } from './graph.js';

/** What stands at a node in place of what the model would compute there. */
export type Fed = Record<string, { data: Float32Array; shape: number[] }>;

export class Encoder {
  readonly #model: GraphModel;

  private constructor(model: GraphModel) {
    this.#model = model;
  }

  static async load(files: ModelFiles = readModelFiles()): Promise<Encoder> {
    const require = createRequire(import.meta.url);
    // The folder must end in a slash: names are appended to it.
    setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist', '/'));
    // tf.js advises a native package to whoever runs it in Node.
    tf.env().set('IS_TEST', true);
    await tf.setBackend('wasm');
    const { modelTopology, weightSpecs, weightData } = files;
    return new Encoder(
      await loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) }),
    );
  }

  /**
   * Runs sentences, each a list of token ids ≥ 1, and answers the tensors of the nodes. Nodes with padding come as batch × positions ×
   * width; see {@link packed}.
   */
  async run(
    sentences: readonly ArrayLike<number>[],
    nodes: readonly string[],
    fed: Fed = {},
  ): Promise<{ data: Float32Array; shape: number[] }[]> {
    const places: number[] = [];
    const ids: number[] = [];
    for (const [row, sentence] of sentences.entries())
      for (let position = 0; position < sentence.length; position++) {
        places.push(row, position);
        ids.push(sentence[position]);
      }
    const inputs: Record<string, tf.Tensor> = {
      indices: tf.tensor2d(places, [ids.length, 2], 'int32'),
      values: tf.tensor1d(ids, 'int32'),
    };
    for (const [name, { data, shape }] of Object.entries(fed))
      inputs[name] = tf.tensor(data, shape, 'float32');
    const outputs = (await this.#model.executeAsync(inputs, [...nodes])) as tf.Tensor | tf.Tensor[];
    const tensors = Array.isArray(outputs) ? outputs : [outputs];
    const results = tensors.map((tensor) => ({
      data: tensor.dataSync() as Float32Array,
      shape: [...tensor.shape],
    }));
    tf.dispose([inputs, tensors]);
    return results;
  }
}

/** The rows of tokens, one sentence after the other, of a tensor that has padding: tokens × width. */
export function packed(
  { data, shape: [, positions, width] }: { data: Float32Array; shape: number[] },
  lengths: readonly number[],
): Float32Array {
  const out = new Float32Array(lengths.reduce((sum, length) => sum + length, 0) * width);
  let at = 0;
  for (const [row, length] of lengths.entries()) {
    const begin = row * positions * width;
    out.set(data.subarray(begin, begin + length * width), at);
    at += length * width;
  }
  return out;
}
