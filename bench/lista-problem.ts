// The problem that papers on unrolled networks report their NMSE on (NA-ALISTA and before it): 500 Gaussian unit atoms in 250 dims, each
// active with probability 1/10, values N(0, 1), noise of 40 or 20 dB or none.
import { Dictionary, type Matrix, SparseCodes } from '../lib/index.js';
import { makeRandom, type Random } from '../test/reference/random.js';
import { unitRows } from './workloads.js';

export interface ListaShape {
  readonly dims: number;
  readonly features: number;
  /** probability of an atom to be active */
  readonly density: number;
}

export const publishedShape: ListaShape = { dims: 250, features: 500, density: 0.1 };

export interface ListaProblem extends ListaShape {
  readonly atoms: Float32Array;
  readonly dictionary: Dictionary;
}

/** Samples whose codes are known. */
export interface KnownCodes {
  readonly x: Matrix<Float32Array>;
  readonly codes: SparseCodes;
}

export function makeProblem(shape: ListaShape, seed: number): ListaProblem {
  const { dims, features } = shape;
  const atoms = unitRows(makeRandom(seed), features, dims);
  return { ...shape, atoms, dictionary: Dictionary.from({ data: atoms, shape: [features, dims] }) };
}

function drawCodes({ features, density }: ListaShape, samples: number, random: Random): SparseCodes {
  const indptr = new Uint32Array(samples + 1);
  const indices: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < features; j++) {
      if (random.uniform() >= density) continue;
      indices.push(j);
      values.push(random.normal());
    }
    indptr[i + 1] = indices.length;
  }
  return SparseCodes.from({
    ...{ indptr, indices: Uint32Array.from(indices), values: Float32Array.from(values) },
    shape: [samples, features],
  });
}

/**
 * Samples x = aD + noise, white, with E‖noise‖² = ‖aD‖²·10^(−snr/10) of each sample's own ‖aD‖. Their codes are the same whatever the
 * noise: the seed's.
 *
 * @param snr dB; Infinity: none
 */
export function drawKnown(problem: ListaProblem, samples: number, snr: number, seed: number): KnownCodes {
  const { dims, atoms } = problem;
  const codes = drawCodes(problem, samples, makeRandom(seed));
  const noise = makeRandom(seed + 1);
  const share = 10 ** (-snr / 20) / Math.sqrt(dims);
  const data = new Float32Array(samples * dims);
  const sum = new Float64Array(dims);
  for (let i = 0; i < samples; i++) {
    sum.fill(0);
    const { indices, values } = codes.row(i);
    indices.forEach((j, k) => {
      const value = values[k] as number;
      for (let d = 0; d < dims; d++) sum[d] = (sum[d] as number) + value * (atoms[j * dims + d] as number);
    });
    const deviation = share * Math.sqrt(sum.reduce((energy, v) => energy + v * v, 0));
    for (let d = 0; d < dims; d++)
      data[i * dims + d] = (sum[d] as number) + (deviation > 0 ? deviation * noise.normal() : 0);
  }
  return { x: { data, shape: [samples, dims] }, codes };
}

export interface Errors {
  /** 10·log₁₀(Σ‖a − a*‖²/Σ‖a*‖²) over all samples, dB */
  readonly nmse: number;
  /** Σ‖a − a*‖² of each sample */
  readonly squared: Float64Array;
}

type Codes = Pick<SparseCodes<Float32Array | Float64Array>, 'indptr' | 'indices' | 'values' | 'shape'>;

/** How far codes are from the true ones. */
export function errorsOf(codes: Codes, truth: Codes): Errors {
  const [samples, features] = truth.shape;
  const squared = new Float64Array(samples);
  const difference = new Float64Array(features);
  let energy = 0;
  for (let i = 0; i < samples; i++) {
    difference.fill(0);
    for (let k = truth.indptr[i] as number; k < (truth.indptr[i + 1] as number); k++) {
      const value = truth.values[k] as number;
      difference[truth.indices[k] as number] = -value;
      energy += value * value;
    }
    for (let k = codes.indptr[i] as number; k < (codes.indptr[i + 1] as number); k++) {
      const j = codes.indices[k] as number;
      difference[j] = (difference[j] as number) + (codes.values[k] as number);
    }
    squared[i] = difference.reduce((sum, v) => sum + v * v, 0);
  }
  return { nmse: decibels(squared.reduce((sum, v) => sum + v, 0) / energy), squared };
}

export const decibels = (ratio: number): number => 10 * Math.log10(ratio);
