// How well a learned dictionary matches the true one, and the fit of codes: independent of the library's own figures.
import type { Matrix, SparseCodes } from '../../lib/index.js';
import { at, dot, norm, type Rows, residualOf, toRows } from './linear.js';

/** For each true atom the largest |cosine| with a learned one, and how many different learned atoms won. */
export function matchAtoms(truth: Rows, learned: Rows): { cosines: number[]; different: number } {
  const winners = new Set<number>();
  const cosines = truth.map((t) => {
    let best = 0;
    let winner = -1;
    learned.forEach((l, j) => {
      const cosine = Math.abs(dot(t, l)) / (norm(t) * norm(l) || 1);
      if (cosine > best) {
        best = cosine;
        winner = j;
      }
    });
    winners.add(winner);
    return best;
  });
  return { cosines, different: winners.size };
}

/** A row of codes as a dense float64 vector. */
export function denseRow(codes: SparseCodes, i: number): Float64Array {
  const dense = new Float64Array(codes.shape[1]);
  for (let k = at(codes.indptr, i); k < at(codes.indptr, i + 1); k++)
    dense[at(codes.indices, k)] = at(codes.values, k);
  return dense;
}

/** 1 − Σ‖x − aD‖² / Σ‖x − mean‖², in float64 */
export function explainedVariance(samples: Matrix<Float32Array>, codes: SparseCodes, atoms: Rows): number {
  const rows = toRows(samples);
  const [count, dims] = samples.shape;
  const mean = new Float64Array(dims);
  for (const row of rows)
    row.forEach((v, k) => {
      mean[k] = at(mean, k) + v / count;
    });
  let left = 0;
  let total = 0;
  rows.forEach((row, i) => {
    const r = residualOf(row, atoms, denseRow(codes, i));
    left += dot(r, r);
    const centred = row.map((v, k) => v - at(mean, k));
    total += dot(centred, centred);
  });
  return 1 - left / total;
}
