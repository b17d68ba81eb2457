// What bench/cuda.ts solves: workloads.ts's mixtures, made fast enough for a quarter of a million features. Normal numbers are drawn from a
// table by a xorshift generator (Marsaglia 2003): a nanosecond each, where Box and Muller's take fifty.
import type { Matrix } from '../lib/index.js';
import { makeRandom } from '../test/reference/random.js';

export interface MixtureSpec {
  readonly features: number;
  readonly dims: number;
  readonly samples: number;
  /** atoms mixed into each sample */
  readonly active: number;
  readonly seed: number;
}

const TABLE_BITS = 14;
/** of the signal's norm: 20 dB */
const NOISE = 0.1;

/** Draws 32 bits at a time, never 0. */
function xorshift(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Standard normal numbers, as many as the table has places. */
function normalTable(seed: number): Float32Array {
  const random = makeRandom(seed);
  return Float32Array.from({ length: 2 ** TABLE_BITS }, () => random.normal());
}

/** Independent unit rows. */
export function fastUnitRows(rows: number, dims: number, seed: number): Matrix<Float32Array> {
  const table = normalTable(seed);
  const next = xorshift(seed);
  const data = new Float32Array(rows * dims);
  for (let row = 0; row < data.length; row += dims) {
    let energy = 0;
    for (let k = row; k < row + dims; k++) {
      const value = table[next() >>> (32 - TABLE_BITS)] as number;
      data[k] = value;
      energy += value * value;
    }
    const scale = 1 / Math.sqrt(energy);
    for (let k = row; k < row + dims; k++) data[k] = (data[k] as number) * scale;
  }
  return { data, shape: [rows, dims] };
}

/** Unit atoms, and samples that are mixtures of `active` of them: magnitudes uniform on [0.5, 1.5], random signs, 20 dB noise. */
export function fastMixtures(spec: MixtureSpec): {
  atoms: Matrix<Float32Array>;
  samples: Matrix<Float32Array>;
} {
  const { features, dims, active, seed } = spec;
  const atoms = fastUnitRows(features, dims, seed);
  const table = normalTable(seed + 1);
  const next = xorshift(seed + 1);
  const random = makeRandom(seed + 2);
  const data = new Float32Array(spec.samples * dims);
  for (let row = 0; row < data.length; row += dims) {
    for (let chosen = 0; chosen < active; chosen++) {
      const atom = random.below(features) * dims;
      const weight = (0.5 + random.uniform()) * random.sign();
      for (let k = 0; k < dims; k++)
        data[row + k] = (data[row + k] as number) + weight * (atoms.data[atom + k] as number);
    }
    let energy = 0;
    for (let k = row; k < row + dims; k++) energy += (data[k] as number) ** 2;
    const deviation = NOISE * Math.sqrt(energy / dims);
    for (let k = row; k < row + dims; k++)
      data[k] = (data[k] as number) + deviation * (table[next() >>> (32 - TABLE_BITS)] as number);
  }
  return { atoms, samples: { data, shape: [spec.samples, dims] } };
}
