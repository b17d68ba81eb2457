// A thread with a model of its own: TensorFlow.js runs on one.
import { parentPort } from 'node:worker_threads';
import { Encoder, packed } from './encoder.js';
import { LAYERS, NEURONS, NODES } from './graph.js';

/** Sentences to run. `marked`: for some of them tokens whose neurons are wanted, the mean over those. */
export interface Task {
  sentences: Uint32Array[];
  marked: { sentence: number; tokens: number[] }[];
}

/** One entry a layer. */
export interface Activations {
  /** tokens × WIDTH, one sentence after the other */
  residual: Float32Array[];
  /** marked × NEURONS */
  neurons: Float32Array[];
}

const port = parentPort;
if (!port) throw new Error('worker.js runs in a worker thread');
const ready = Encoder.load();
const nodes = [...LAYERS.map(NODES.residual), ...LAYERS.map(NODES.neurons)];

async function activations({ sentences, marked }: Task): Promise<Activations> {
  const encoder = await ready;
  const wanted = marked.length > 0 ? nodes : nodes.slice(0, LAYERS.length);
  const tensors = await encoder.run(sentences, wanted);
  const lengths = sentences.map(({ length }) => length);
  const first = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
  return {
    residual: LAYERS.map((layer) => packed(tensors[layer], lengths)),
    neurons: LAYERS.map((layer) => {
      const means = new Float32Array(marked.length * NEURONS);
      for (const [row, { sentence, tokens }] of marked.entries())
        for (const token of tokens) {
          const begin = (first[sentence] + token) * NEURONS;
          for (let n = 0; n < NEURONS; n++)
            means[row * NEURONS + n] += tensors[LAYERS.length + layer].data[begin + n] / tokens.length;
        }
      return means;
    }),
  };
}

port.on('message', async (task: Task) => {
  const result = await activations(task);
  const buffers = [...result.residual, ...result.neurons].map(({ buffer }) => buffer as ArrayBuffer);
  port.postMessage(result, buffers);
});
