// One step of online dictionary learning on a CUDA device, beside the same step in float64 from the same codes: each entry within what float32 sums may
// be off, by a running analysis of the errors (Higham 2002, Accuracy and Stability of Numerical Algorithms, chapter 3).
import { describe, expect, it } from 'vitest';
import { Dictionary, learnDictionary, type Matrix, unfoldSync } from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing is learned on a CUDA device');

const UNIT = 2 ** -24;
/** What n roundings in a row may be off. */
const gamma = (n: number): number => (n * UNIT) / (1 - n * UNIT);

interface Bounded {
  /** features × dims, and how far from it float32 may be. */
  readonly atoms: Float64Array;
  readonly error: Float64Array;
  readonly moved: number;
}

/** A and B of codes, then block-coordinate descent over all atoms that have codes (Mairal et al. 2009, algorithm 2). */
function step(samples: Matrix<Float32Array>, codes: Float32Array, start: Matrix<Float32Array>): Bounded {
  const [rows, dims] = samples.shape;
  const [features] = start.shape;
  const a = new Float64Array(features * features);
  const sizeA = new Float64Array(features * features);
  const b = new Float64Array(features * dims);
  const sizeB = new Float64Array(features * dims);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < features; j++) {
      const code = codes[i * features + j] as number;
      if (code === 0) continue;
      for (let k = 0; k < features; k++) {
        const product = code * (codes[i * features + k] as number);
        a[j * features + k]! += product;
        sizeA[j * features + k]! += Math.abs(product);
      }
      for (let d = 0; d < dims; d++) {
        const product = code * (samples.data[i * dims + d] as number);
        b[j * dims + d]! += product;
        sizeB[j * dims + d]! += Math.abs(product);
      }
    }
  const atoms = Float64Array.from(start.data);
  const error = new Float64Array(features * dims);
  // An entry of A or B is `rows` sums of products with the batch's weight; a numerator two sums of `features` of them: with the atoms as they were, and with
  // what has changed since.
  const sums = gamma(rows + 2 * features + 12);
  let moved = 0;
  for (let j = 0; j < features; j++) {
    const own = a[j * features + j] as number;
    if (!(own > 0)) continue;
    const numerator = new Float64Array(dims);
    const off = new Float64Array(dims);
    for (let d = 0; d < dims; d++) {
      let [sum, size, carried] = [b[j * dims + d] as number, sizeB[j * dims + d] as number, 0];
      for (let k = 0; k < features; k++) {
        const [of, at] = [sizeA[j * features + k] as number, k * dims + d];
        const [now, before] = [atoms[at] as number, start.data[at] as number];
        if (k !== j) sum -= (a[j * features + k] as number) * now;
        size += of * (2 * Math.abs(before) + 2 * Math.abs(now) + (error[at] as number));
        carried += of * (error[at] as number);
      }
      numerator[d] = sum;
      off[d] = sums * size + carried;
    }
    const norm = Math.hypot(...numerator);
    const scale = Math.max(own, norm);
    const scaleOff = Math.max(sums * own, Math.hypot(...off) + gamma(dims + 4) * norm);
    for (let d = 0; d < dims; d++) {
      const at = j * dims + d;
      const next = (numerator[d] as number) / scale;
      moved = Math.max(moved, Math.abs(next - (atoms[at] as number)));
      atoms[at] = next;
      error[at] =
        ((off[d] as number) + Math.abs(next) * scaleOff) / (scale - scaleOff) + gamma(4) * Math.abs(next);
    }
  }
  return { atoms, error, moved };
}

/** As learning takes its first atoms, so that it changes nothing of them. */
function unit({ data, shape }: Matrix<Float32Array>): Matrix<Float32Array> {
  const [rows, cols] = shape;
  const norms = Array.from({ length: rows }, (_, j) =>
    Math.sqrt(data.subarray(j * cols, (j + 1) * cols).reduce((sum, v) => sum + v * v, 0)),
  );
  return { data: data.map((v, i) => v / (norms[Math.floor(i / cols)] as number)), shape };
}

describe.skipIf(!there).each([
  ['few atoms', 20, 16, 60, {}],
  ['more atoms than take their turn together', 70, 12, 90, {}],
  ['nonnegative', 40, 24, 50, { nonnegative: true }],
] as const)('a step of learning: %s', (_, features, dims, rows, some) => {
  const { atoms, samples } = gaussian(7 + features, { features, dims, samples: rows, active: 3, noise: 0.1 });
  const near = { data: atoms.data.map((v, i) => v + 0.05 * Math.sin(i)), shape: atoms.shape };
  const start = unit(unit(near));
  const coding = { lambda: 0.1, tolerance: 1e-6, ...some };

  it.each(['cpu', 'cuda'] as const)('on %s is that of float64', async (device) => {
    const { codes } = unfoldSync(samples, Dictionary.from(start), { ...coding, device });
    const { atoms: expected, error, moved } = step(samples, codes.toDense().data as Float32Array, start);
    const learned = await learnDictionary(samples, {
      ...{ ...coding, features, initial: start, batchSize: rows, steps: 1, device },
    });
    const found = learned.dictionary.toMatrix().data;
    for (const [at, value] of found.entries())
      expect(Math.abs(value - (expected[at] as number)), `entry ${at}`).toBeLessThanOrEqual(
        error[at] as number,
      );
    // Bounds tell a step from none; those of atoms that few samples use, the last of many, are wide.
    expect(error.toSorted()[error.length >> 1] as number).toBeLessThan(0.1 * moved);
  });
});
