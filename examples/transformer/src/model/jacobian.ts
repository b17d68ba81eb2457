// The feed-forward network of a layer as a matrix: what it does to small changes, on average.
import type { Matrix } from 'unsuperpose';
import { type FeedForward, NEURONS, WIDTH } from './graph.js';

/** What the weights of layer 1's network meet in use: means over tokens. */
export interface Usage {
  /** Share of the tokens at which each neuron is above zero. */
  open: Float64Array;
  /** Mean of 1/σ, by which the layer's norm multiplies. */
  inverseDeviation: number;
}

/**
 * The network as a product of two matrices, WIDTH × NEURONS and NEURONS × WIDTH: what a small change of its input adds to its output, on
 * average. Neurons pass it on in the share of tokens in which they are open; the norm takes the mean off, and multiplies by 1/σ.
 */
export function averageJacobian(network: FeedForward, { open, inverseDeviation }: Usage): [Matrix, Matrix] {
  const into = new Float32Array(NEURONS * WIDTH);
  const out = new Float32Array(WIDTH * NEURONS);
  for (let n = 0; n < NEURONS; n++) {
    let mean = 0;
    for (let k = 0; k < WIDTH; k++) mean += (network.normScale[k] * network.in[k * NEURONS + n]) / WIDTH;
    for (let k = 0; k < WIDTH; k++) {
      const weight = network.normScale[k] * network.in[k * NEURONS + n] - mean;
      into[n * WIDTH + k] = open[n] * inverseDeviation * weight;
      out[k * NEURONS + n] = network.out[n * WIDTH + k];
    }
  }
  return [
    { data: out, shape: [WIDTH, NEURONS] },
    { data: into, shape: [NEURONS, WIDTH] },
  ];
}
