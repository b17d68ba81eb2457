// Two features that learning has merged into one atom, or spread over two, are found apart again: from starts that small moves of the atoms do
// not get out of.
import { describe, expect, it } from 'vitest';
import { geometry, learnDictionary, type Matrix } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { bits } from '../reference/verify.js';

const FEATURES = 24;
const DIMS = 16;
const SAMPLES = 6000;
const DENSITY = 0.05;

interface Planted {
  truth: Matrix<Float32Array>;
  x: Matrix<Float32Array>;
}

/** Unit atoms, and samples that use each with probability DENSITY, of sizes from 0 to 1. */
function planted(seed: number, signed: boolean): Planted {
  const random = makeRandom(seed);
  const truth = new Float32Array(FEATURES * DIMS);
  for (let j = 0; j < FEATURES; j++) {
    const row = Array.from({ length: DIMS }, () => random.normal());
    const size = Math.hypot(...row);
    for (let k = 0; k < DIMS; k++) truth[j * DIMS + k] = (row[k] as number) / size;
  }
  const data = new Float32Array(SAMPLES * DIMS);
  for (let s = 0; s < SAMPLES; s++)
    for (let j = 0; j < FEATURES; j++) {
      if (random.uniform() >= DENSITY) continue;
      const value = random.uniform() * (signed ? random.sign() : 1);
      for (let k = 0; k < DIMS; k++)
        data[s * DIMS + k] = (data[s * DIMS + k] as number) + value * (truth[j * DIMS + k] as number);
    }
  return { truth: { data: truth, shape: [FEATURES, DIMS] }, x: { data, shape: [SAMPLES, DIMS] } };
}

/** The truth, but for `pairs` pairs of its atoms that became their sum and their difference: as good for two that are active by turns. */
function turned({ data, shape }: Matrix<Float32Array>, pairs: number): Matrix<Float32Array> {
  const out = data.slice();
  for (let j = 0; j < 2 * pairs; j += 2)
    for (let k = 0; k < DIMS; k++) {
      const [a, b] = [data[j * DIMS + k] as number, data[(j + 1) * DIMS + k] as number];
      out[j * DIMS + k] = a + b;
      out[(j + 1) * DIMS + k] = a - b;
    }
  return { data: out, shape };
}

describe('learning gets out of', () => {
  const common = { features: FEATURES, lambda: 0.02, batchSize: 256 };

  it.each([1, 2, 3, 4])('pairs of atoms that became their sum and difference, seed %i', async (seed) => {
    const { truth, x } = planted(seed, true);
    const learned = await learnDictionary(x, { ...common, steps: 400, initial: turned(truth, 3), seed });
    const { cosine } = await geometry.matchFeatures(learned.dictionary, truth);
    expect(Math.min(...cosine)).toBeGreaterThan(0.95);
    expect(learned.replaced).toBeGreaterThan(0);
  });

  it.each([1, 2, 3])('whatever samples as a start lead to, seed %i', async (seed) => {
    const { truth, x } = planted(seed, false);
    const learned = await learnDictionary(x, { ...common, nonnegative: true, steps: 1500, seed });
    const { cosine } = await geometry.matchFeatures(learned.dictionary, truth, { signed: true });
    expect(Math.min(...cosine)).toBeGreaterThan(0.95);
  });

  it('the same bits for any number of threads', async () => {
    const { truth, x } = planted(5, true);
    const learn = async (threads: number) => {
      const options = { ...common, steps: 120, initial: turned(truth, 3), threads };
      const { dictionary, replaced } = await learnDictionary(x, options);
      expect(replaced).toBeGreaterThan(0);
      return bits(dictionary.toMatrix().data);
    };
    expect(await learn(3)).toEqual(await learn(1));
  });
});
