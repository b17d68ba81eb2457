// The product that writes everything: a·bᵀ, and what is built from it.
import { describe, expect, it } from 'vitest';
import { Dictionary, fold, type Matrix, ops, SparseCodes } from '../../lib/index.js';
import { gamma32, TINY32, U32, U64 } from '../reference/bounds.js';
import { at, dot, norm, rowAt, spectralNorm, toMatrix, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';
import { bits } from '../reference/verify.js';

const random = makeRandom(101);

function randomMatrix(rows: number, cols: number, scale = 1): Matrix<Float32Array> {
  return {
    data: Float32Array.from({ length: rows * cols }, () => scale * random.normal()),
    shape: [rows, cols],
  };
}

/** Odd on purpose: every tail of every tile, panel and register width of every level. */
const SHAPES: [rows: number, features: number, dims: number][] = [];
for (const rows of [1, 2, 5, 13])
  for (const features of [1, 7, 16, 33, 65]) SHAPES.push([rows, features, 19]);
for (const dims of [1, 2, 3, 8, 15, 16, 17, 31, 63, 100, 257, 1030]) SHAPES.push([3, 37, dims]);
SHAPES.push([150, 130, 40], [1, 1, 1], [0, 5, 4], [64, 500, 12], [31, 1, 513]);

describe.each(SHAPES)('%i × %i, %i dims', (rows, features, dims) => {
  const a = randomMatrix(rows, dims);
  const b = randomMatrix(features, dims);

  it('every entry within γ_n‖a‖‖b‖ of float64', () => {
    const product = ops.correlate(a, b);
    expect(product.shape).toEqual([rows, features]);
    expect(product.data).toBeInstanceOf(Float32Array);
    const right = toRows(b);
    toRows(a).forEach((x, i) => {
      right.forEach((d, j) => {
        const error = Math.abs(at(product.data, i * features + j) - dot(x, d));
        expect(error).toBeLessThanOrEqual(gamma32(dims) * norm(x) * norm(d) + dims * TINY32);
      });
    });
  });

  it('a row does not depend on the rows around it, nor a dictionary differ from its matrix', () => {
    const product = ops.correlate(a, b);
    expect(bits(ops.correlate(a, Dictionary.from(b)).data)).toBe(bits(product.data));
    for (let i = 0; i < rows; i += 3) {
      const alone = ops.correlate({ data: a.data.slice(i * dims, (i + 1) * dims), shape: [1, dims] }, b);
      expect(bits(alone.data)).toBe(bits(product.data.slice(i * features, (i + 1) * features)));
    }
  });
});

it('writes into out, and into nothing else', () => {
  const a = randomMatrix(9, 21);
  const b = randomMatrix(14, 21);
  const guard = 5;
  const whole = new Float32Array(9 * 14 + 2 * guard).fill(7);
  const out: Matrix<Float32Array> = { data: whole.subarray(guard, guard + 9 * 14), shape: [9, 14] };
  const answer = ops.correlate(a, b, { out });
  expect(answer.data).toBe(out.data);
  expect(bits(out.data.slice())).toBe(bits(ops.correlate(a, b).data));
  for (let i = 0; i < guard; i++) expect([whole[i], whole[whole.length - 1 - i]]).toEqual([7, 7]);
});

it('powers of two pass through exactly, at both ends of the range', () => {
  const a = randomMatrix(4, 30);
  const b = randomMatrix(6, 30);
  const plain = ops.correlate(a, b);
  for (const exponent of [-100, 100]) {
    const factor = 2 ** exponent;
    const product = ops.correlate({ data: a.data.map((v) => v * factor), shape: a.shape }, b);
    expect(Array.from(product.data)).toEqual(Array.from(plain.data, (v) => v * factor));
  }
});

it('gram is symmetric to the bit, with squared norms on the diagonal', () => {
  const m = randomMatrix(45, 27);
  const gram = ops.gram(m);
  expect(gram.shape).toEqual([45, 45]);
  const rows = toRows(m);
  rows.forEach((a, i) => {
    rows.forEach((b, j) => {
      expect(at(gram.data, i * 45 + j)).toBe(at(gram.data, j * 45 + i));
      expect(Math.abs(at(gram.data, i * 45 + j) - dot(a, b))).toBeLessThanOrEqual(
        gamma32(27) * norm(a) * norm(b),
      );
    });
  });
  expect(bits(ops.gram(Dictionary.from(m)).data)).toBe(bits(gram.data));
});

it.each([
  [40, 12],
  [12, 40],
  [1, 9],
  [9, 1],
])('spectralNorm of %i × %i', (rows, cols) => {
  const m = randomMatrix(rows, cols, 3);
  const exact = spectralNorm(toRows(m));
  const value = ops.spectralNorm(m);
  // The power iteration stops when two steps agree to 1e-4; it approaches from below, and its distance from the limit is a
  // few times that for these spectra.
  expect(value).toBeLessThanOrEqual(exact * (1 + 1e-5));
  expect(value).toBeGreaterThanOrEqual(exact * (1 - 1e-2));
});

it('spectralNorm of zero is zero, of one atom its norm', () => {
  expect(ops.spectralNorm({ data: new Float32Array(12), shape: [3, 4] })).toBe(0);
  expect(ops.spectralNorm({ data: Float32Array.of(3, 4), shape: [1, 2] })).toBeCloseTo(5, 5);
});

describe('fold', () => {
  it.each([
    [7, 50, 19],
    [1, 1, 1],
    [30, 200, 65],
    [0, 4, 3],
  ])('%i samples, %i features, %i dims: codes · D', (samples, features, dims) => {
    const atoms = randomMatrix(features, dims);
    const active = Math.min(features, 6);
    const indptr = Uint32Array.from({ length: samples + 1 }, (_, i) => i * active);
    const indices = new Uint32Array(samples * active);
    for (let i = 0; i < samples; i++)
      indices.set(
        random.choose(active, features).sort((p, q) => p - q),
        i * active,
      );
    const values = Float32Array.from(indices, () => random.normal() + 3);
    const codes = SparseCodes.from({ indptr, indices, values, shape: [samples, features] });
    const back = fold(codes, Dictionary.from(atoms));
    expect(back.shape).toEqual([samples, dims]);
    const rows = toRows(atoms);
    for (let i = 0; i < samples; i++) {
      for (let k = 0; k < dims; k++) {
        let exact = 0;
        let size = 0;
        for (let e = i * active; e < (i + 1) * active; e++) {
          const term = at(values, e) * at(rowAt(rows, at(indices, e)), k);
          exact += term;
          size += Math.abs(term);
        }
        // Accumulated in float64, rounded once.
        const error = Math.abs(at(back.data, i * dims + k) - exact);
        expect(error).toBeLessThanOrEqual(U32 * Math.abs(exact) + 2 * active * U64 * size + TINY32);
      }
    }
  });

  it('empty rows give zeros', () => {
    const codes = SparseCodes.from({
      indptr: Uint32Array.of(0, 0, 1, 1),
      indices: Uint32Array.of(2),
      values: Float32Array.of(2),
      shape: [3, 3],
    });
    const back = fold(
      codes,
      Dictionary.from(
        toMatrix([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
      ),
    );
    expect(Array.from(back.data)).toEqual([0, 0, 10, 12, 0, 0]);
  });
});
