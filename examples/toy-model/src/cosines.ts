// The cosines of true features and learned atoms, for the picture.
import { type Matrix, ops } from 'unsuperpose';

function unitRows({ data, shape: [rows, cols] }: Matrix<Float32Array>): Matrix<Float32Array> {
  const out = data.slice();
  for (let i = 0; i < rows; i++) {
    const row = out.subarray(i * cols, (i + 1) * cols);
    const norm = Math.hypot(...row);
    if (norm > 0) for (const [k, value] of row.entries()) row[k] = value / norm;
  }
  return { data: out, shape: [rows, cols] };
}

/** Cosines of the true features with the atoms, both in the order of their matches, row by row. */
export function cosinesInOrder(
  { weights }: { weights: Matrix<Float32Array> },
  { pairs, atoms }: { pairs: readonly { feature: number; atom: number }[]; atoms: Matrix<Float32Array> },
): number[] {
  const learned = atoms.shape[0];
  const cosines = ops.correlate(unitRows(weights), unitRows(atoms)).data;
  return pairs.flatMap(({ feature }) => pairs.map(({ atom }) => cosines[feature * learned + atom]));
}
