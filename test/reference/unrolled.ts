// Sparse codes over a dictionary, drawn and recovered in plain float64: what unrolled networks are compared with.
import { type Matrix, SparseCodes } from '../../lib/index.js';
import {
  at,
  dot,
  leastSquares,
  norm,
  type Rows,
  residualOf,
  rowAt,
  spectralNorm,
  toMatrix,
  toRows,
} from './linear.js';
import { makeRandom } from './random.js';

export interface Drawn {
  readonly samples: Matrix<Float32Array>;
  readonly codes: SparseCodes;
}

/** Unit atoms of independent normal entries. */
export function unitAtoms(seed: number, features: number, dims: number): Matrix<Float32Array> {
  const random = makeRandom(seed);
  const rows = Array.from({ length: features }, () => {
    const row = Array.from({ length: dims }, () => random.normal());
    const size = norm(row);
    return row.map((v) => v / size);
  });
  return toMatrix(rows, dims);
}

/** x = aD + noise with Bernoulli supports of `active` on average, N(0, 1) values, and white noise `snr` dB below each sample's signal. */
export function drawCodes(
  seed: number,
  dictionary: Matrix<Float32Array>,
  { samples, active, snr }: { readonly samples: number; readonly active: number; readonly snr: number },
): Drawn {
  const random = makeRandom(seed);
  const [features, dims] = dictionary.shape;
  const atoms = toRows(dictionary);
  const indptr = [0];
  const indices: number[] = [];
  const values: number[] = [];
  const rows = Array.from({ length: samples }, () => {
    const x = new Float64Array(dims);
    for (let j = 0; j < features; j++) {
      if (random.uniform() >= active / features) continue;
      const value = Math.fround(random.normal());
      indices.push(j);
      values.push(value);
      for (let d = 0; d < dims; d++) x[d] = at(x, d) + value * at(rowAt(atoms, j), d);
    }
    indptr.push(indices.length);
    const deviation = 10 ** (-snr / 20) * Math.sqrt(dot(x, x) / dims);
    return x.map((v) => v + deviation * random.normal());
  });
  const codes = SparseCodes.from({
    indptr: Uint32Array.from(indptr),
    indices: Uint32Array.from(indices),
    values: Float32Array.from(values),
    shape: [samples, features],
  });
  return { samples: toMatrix(rows, dims), codes };
}

const denseOf = (codes: SparseCodes, i: number): Float64Array => {
  const dense = new Float64Array(codes.shape[1]);
  const { indices, values } = codes.row(i);
  for (const [k, j] of indices.entries()) dense[j] = at(values, k);
  return dense;
};

export const denseRows = (codes: SparseCodes) => (i: number) => denseOf(codes, i);

/** Σ‖a − a*‖²/Σ‖a*‖² of codes that `code` makes, and how far that is from its mean over all such samples: one standard deviation. */
function ratioOf(
  { codes }: Drawn,
  code: (i: number) => ArrayLike<number>,
): { readonly ratio: number; readonly deviation: number } {
  const samples = Array.from({ length: codes.shape[0] }, (_, i) => {
    const truth = denseOf(codes, i);
    const found = code(i);
    const error = truth.reduce((sum, v, j) => sum + (v - at(found, j)) ** 2, 0);
    return { error, all: dot(truth, truth) };
  });
  const all = samples.reduce((sum, each) => sum + each.all, 0);
  const ratio = samples.reduce((sum, each) => sum + each.error, 0) / all;
  const spread = samples.reduce((sum, each) => sum + (each.error - ratio * each.all) ** 2, 0);
  return { ratio, deviation: Math.sqrt(spread) / all };
}

const decibels = (ratio: number): number => 10 * Math.log10(ratio);

/** The error of codes in dB. */
export const nmse = (drawn: Drawn, found: SparseCodes): number =>
  decibels(ratioOf(drawn, denseRows(found)).ratio);

/** What `samples` other samples of the same kind may have for an error in dB: within five standard deviations of both. */
export function nmseRange(drawn: Drawn, found: SparseCodes, samples: number): [low: number, high: number] {
  const { ratio, deviation } = ratioOf(drawn, denseRows(found));
  const away = 5 * deviation * Math.sqrt(1 + drawn.codes.shape[0] / samples);
  return [decibels(Math.max(0, ratio - away)), decibels(ratio + away)];
}

/** ½‖x − aD‖² + λ‖a‖₁ of codes, summed over all samples. */
export function lassoObjective(
  samples: Matrix<Float32Array>,
  dictionary: Matrix<Float32Array>,
  lambda: number,
  code: (i: number) => ArrayLike<number>,
): number {
  const [atoms, rows] = [toRows(dictionary), toRows(samples)];
  let sum = 0;
  for (const [i, x] of rows.entries()) {
    const a = Array.from(code(i));
    const r = residualOf(x, atoms, a);
    sum += dot(r, r) / 2 + lambda * a.reduce((all, v) => all + Math.abs(v), 0);
  }
  return sum;
}

/** Codes of `layers` steps of ISTA for λ, of one sample; the step is 1/‖D‖². */
export function ista(
  samples: Matrix<Float32Array>,
  dictionary: Matrix<Float32Array>,
  lambda: number,
  layers: number,
): (i: number) => ArrayLike<number> {
  const [atoms, rows] = [toRows(dictionary), toRows(samples)];
  const step = 1 / spectralNorm(atoms, 500) ** 2;
  return (i) => {
    let code = new Float64Array(atoms.length);
    for (let layer = 0; layer < layers; layer++) {
      const r = residualOf(rowAt(rows, i), atoms, code);
      code = code.map((a, j) => {
        const z = a + step * dot(rowAt(atoms, j), r);
        return Math.sign(z) * Math.max(Math.abs(z) - step * lambda, 0);
      });
    }
    return code;
  };
}

/** The error of ISTA, with the λ of these that suits it best. */
export function bestIsta(
  drawn: Drawn,
  dictionary: Matrix<Float32Array>,
  layers: number,
  lambdas = [0.4, 0.2, 0.1, 0.05, 0.025, 0.0125],
): number {
  return Math.min(
    ...lambdas.map((lambda) =>
      decibels(ratioOf(drawn, ista(drawn.samples, dictionary, lambda, layers)).ratio),
    ),
  );
}

/** The error of least squares on the true support: what no method knows enough to beat on average. */
export function floorOf(drawn: Drawn, dictionary: Matrix<Float32Array>): number {
  const [atoms, rows] = [toRows(dictionary), toRows(drawn.samples)];
  const { ratio } = ratioOf(drawn, (i) => {
    const { indices } = drawn.codes.row(i);
    const support: Rows = Array.from(indices, (j) => rowAt(atoms, j));
    const values = leastSquares(rowAt(rows, i), support);
    const dense = new Float64Array(atoms.length);
    for (const [k, j] of indices.entries()) dense[j] = at(values, k);
    return dense;
  });
  return decibels(ratio);
}
