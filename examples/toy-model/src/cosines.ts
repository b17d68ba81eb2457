// Cosines of true features with learned atoms.
import { Dictionary, type Matrix, ops } from 'unsuperpose';

/** The rows of a matrix at unit length. */
function directions(matrix: Matrix<Float32Array>): Matrix<Float32Array> {
  using unit = Dictionary.from(matrix, { normalize: true });
  return unit.toMatrix();
}

/** All cosines, true features and atoms in the order of their matches, row by row. */
export function cosinesInOrder(
  { weights }: { weights: Matrix<Float32Array> },
  { pairs, atoms }: { pairs: readonly { feature: number; atom: number }[]; atoms: Matrix<Float32Array> },
): number[] {
  const learned = atoms.shape[0];
  const cosines = ops.correlate(directions(weights), directions(atoms)).data;
  return pairs.flatMap(({ feature }) => pairs.map(({ atom }) => cosines[feature * learned + atom]));
}
