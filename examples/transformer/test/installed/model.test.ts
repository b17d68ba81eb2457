// The model itself, where its package is installed: what TensorFlow.js computes, against plain sums and what is known of it.
import { beforeAll, describe, expect, it } from 'vitest';
import { Encoder, packed } from '../../src/model/encoder.js';
import {
  feedForward,
  LAYERS,
  type ModelFiles,
  NEURONS,
  NODES,
  readModelFiles,
  WIDTH,
} from '../../src/model/graph.js';
import { normalised, Tokenizer } from '../../src/model/tokenizer.js';

let files: ModelFiles;
let encoder: Encoder;
let tokenizer: Tokenizer;
const ids = (text: string) => tokenizer.segment(normalised(text)).map(({ id }) => id);

beforeAll(async () => {
  files = readModelFiles();
  tokenizer = new Tokenizer(files.vocabulary);
  encoder = await Encoder.load(files);
});

it("cuts text as the model's authors have published it", () => {
  // From the README of @tensorflow-models/universal-sentence-encoder 1.3.3.
  expect(ids('Hello, how are you?')).toEqual([341, 4125, 8, 140, 31, 19, 54]);
});

it('gives sentences of like meaning like embeddings', async () => {
  const pairs = [
    ['How old are you?', 'What is your age?'],
    ['The food was delicious', 'We had a very tasty meal'],
    ['Global warming is real', 'The climate is changing because of us'],
    ['My phone is broken', 'This mobile does not work any more'],
  ];
  const sentences = pairs.flat();
  const [{ data }] = await encoder.run(sentences.map(ids), [NODES.embedding]);
  const cosine = (a: number, b: number) => {
    let sum = 0;
    for (let k = 0; k < WIDTH; k++) sum += data[a * WIDTH + k] * data[b * WIDTH + k];
    return sum;
  };
  for (let a = 0; a < sentences.length; a++) {
    expect(cosine(a, a)).toBeCloseTo(1, 5);
    for (let b = 0; b < sentences.length; b++)
      if (b !== a && b !== (a ^ 1)) expect(cosine(a, a ^ 1)).toBeGreaterThan(cosine(a, b));
  }
});

describe.each(LAYERS)('layer %i', (layer) => {
  it('is what its weights make of it, in float64: residual = middle + relu(norm(middle)·in + b)·out + b', async () => {
    const sentences = ['the coin bank was empty', 'yes'].map(ids);
    const lengths = sentences.map(({ length }) => length);
    const [residual, middle, neurons] = await encoder.run(sentences, [
      NODES.residual(layer),
      NODES.middle(layer),
      NODES.neurons(layer),
    ]);
    const after = packed(residual, lengths);
    const before = packed(middle, lengths);
    const network = feedForward(files, layer);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    expect(neurons.shape).toEqual([1, tokens, NEURONS]);
    for (let t = 0; t < tokens; t++) {
      const x = Float64Array.from(before.subarray(t * WIDTH, (t + 1) * WIDTH));
      const mean = x.reduce((sum, value) => sum + value, 0) / WIDTH;
      const deviation = Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / WIDTH + 1e-6);
      const normal = x.map(
        (value, k) => (network.normScale[k] * (value - mean)) / deviation + network.normBias[k],
      );
      const open = Float64Array.from({ length: NEURONS }, (_, n) => {
        let sum = network.inBias[n];
        for (let k = 0; k < WIDTH; k++) sum += normal[k] * network.in[k * NEURONS + n];
        return Math.max(0, sum);
      });
      // Sums of 512 and of 1,536 float32 products of about 1 and less.
      for (let n = 0; n < NEURONS; n += 7)
        expect(Math.abs(open[n] - neurons.data[t * NEURONS + n])).toBeLessThan(2e-4 * (1 + open[n]));
      for (let k = 0; k < WIDTH; k += 7) {
        let sum = x[k] + network.outBias[k];
        for (let n = 0; n < NEURONS; n++) sum += open[n] * network.out[n * WIDTH + k];
        expect(Math.abs(sum - after[t * WIDTH + k])).toBeLessThan(2e-3);
      }
    }
  });
});

it('takes no notice of padding: a sentence alone is the same as in a batch', async () => {
  const sentences = ['yes', 'the coin bank was empty', 'a bank so steep that the plane stalled'].map(ids);
  const lengths = sentences.map(({ length }) => length);
  const [all] = await encoder.run(sentences, [NODES.residual(1)]);
  const together = packed(all, lengths);
  let at = 0;
  for (const [i, sentence] of sentences.entries()) {
    const [alone] = await encoder.run([sentence], [NODES.residual(1)]);
    for (const value of packed(alone, [lengths[i]]))
      expect(Math.abs(value - together[at++])).toBeLessThan(1e-3);
  }
});

it('runs on from a residual stream that is fed: as it was, the same; another, another', async () => {
  const sentences = [ids('he operated a bank of switches')];
  const [stream, before] = await encoder.run(sentences, [NODES.residual(0), NODES.residual(1)]);
  const [same] = await encoder.run(sentences, [NODES.residual(1)], { [NODES.residual(0)]: stream });
  expect([...same.data]).toEqual([...before.data]);
  const changed = {
    ...stream,
    data: stream.data.map((value, at) => (at < WIDTH ? value + Math.sin(at) : value)),
  };
  const [other] = await encoder.run(sentences, [NODES.residual(1)], { [NODES.residual(0)]: changed });
  expect(Math.max(...other.data.map((value, at) => Math.abs(value - before.data[at])))).toBeGreaterThan(0.01);
});
