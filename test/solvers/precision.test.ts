// Lasso scores atoms in low precision. What that must never do is drop a violator: every certificate here is checked
// against all atoms in float64, on residuals and dictionaries that rounding to few bits treats badly.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, type Matrix, unfoldSync } from '../../lib/index.js';
import { gaussian, type Problem } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { checkConvex, lambdasAt } from '../reference/verify.js';

const random = makeRandom(733);

const rowsOf = (
  rows: number,
  cols: number,
  entry: (i: number, d: number) => number,
): Matrix<Float32Array> => ({
  data: Float32Array.from({ length: rows * cols }, (_, k) => entry(Math.floor(k / cols), k % cols)),
  shape: [rows, cols],
});

/** Scales every row to unit norm. */
function unit(m: Matrix<Float32Array>): Matrix<Float32Array> {
  const [rows, cols] = m.shape;
  for (let i = 0; i < rows; i++) {
    const row = m.data.subarray(i * cols, (i + 1) * cols);
    const size = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    if (size > 0) row.set(row.map((v) => v / size));
  }
  return m;
}

const dims = 64;
const features = 120;
const normal = (): number => random.normal();
const plain = gaussian(41, { features, dims, samples: 3, active: 6, noise: 0.1 });

/** One entry of a row 30 times as large as the rest together, as the residual streams of language models have. */
const spiked = (rows: number): Matrix<Float32Array> =>
  rowsOf(rows, dims, (i, d) => (d === (i % 3) * 5 ? 300 : normal()));

const problems: Problem[] = [
  plain,
  { name: 'one huge entry a sample', atoms: plain.atoms, samples: spiked(3) },
  { name: 'one huge entry an atom', atoms: unit(spiked(features)), samples: plain.samples },
  { name: 'one huge entry in both', atoms: unit(spiked(features)), samples: spiked(1) },
  {
    name: 'atoms of one huge entry and all others below half a level of it',
    atoms: unit(rowsOf(features, dims, (j, d) => (d === j % dims ? 127 : 0.4 * normal()))),
    samples: plain.samples,
  },
  {
    name: 'atoms from 1e-20 to 1e17',
    atoms: rowsOf(features, dims, (j) => normal() * 10 ** ((j % 38) - 20)),
    samples: rowsOf(3, dims, normal),
  },
  {
    name: 'entries of an atom from 1e-20 to 1',
    atoms: rowsOf(features, dims, (_, d) => normal() * 10 ** -((d * 20) / dims)),
    samples: rowsOf(3, dims, (_, d) => normal() * 10 ** ((d * 10) / dims)),
  },
  {
    // All correlations at the zero code lie within what int8 cannot tell apart.
    name: 'atoms that differ by less than a level',
    atoms: unit(rowsOf(features, dims, (j, d) => Math.sin(d + 1) + 1e-3 * Math.sin((j + 1) * (d + 1)))),
    samples: rowsOf(4, dims, (i, d) => Math.sin(d + 1) + 0.3 * Math.cos(i * d)),
  },
  { name: 'samples of 1e-30', atoms: plain.atoms, samples: rowsOf(3, dims, () => 1e-30 * normal()) },
];

describe.each(problems)('$name', (problem) => {
  it.each([
    ['signed', false],
    ['nonnegative', true],
  ] as const)('%s: every certificate holds against all atoms', (_, nonnegative) => {
    using dictionary = Dictionary.from(problem.atoms);
    const maxima = lambdaMax(problem.samples, dictionary, { nonnegative });
    for (const fraction of [0.9, 0.2]) {
      const lambda = lambdasAt(fraction, maxima);
      const options = { lambda, tolerance: 1e-5, nonnegative };
      checkConvex(problem, options, unfoldSync(problem.samples, dictionary, options));
    }
  });
});

it('weights of very different sizes keep their certificates', () => {
  const weights = Float32Array.from({ length: features }, (_, j) => 10 ** ((j % 9) - 4));
  const options = { lambda: 0.5, tolerance: 1e-5, weights };
  using dictionary = Dictionary.from(plain.atoms);
  checkConvex(plain, options, unfoldSync(plain.samples, dictionary, options));
});

it('packed copies are made when a method needs them, and reported', () => {
  const dictionary = Dictionary.from(plain.atoms);
  const before = dictionary.bytes;
  expect(before).toBeLessThan(1.2 * 4 * features * dims + 8 * features);
  unfoldSync(plain.samples, dictionary, { lambda: 0.5 });
  const after = dictionary.bytes;
  expect(after).toBeGreaterThan(before + features * dims);
  unfoldSync(plain.samples, dictionary, { lambda: 0.5 });
  expect(dictionary.bytes).toBe(after);
});
