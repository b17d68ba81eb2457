// Which learned atom is which true feature: the one-to-one matching with the largest sum of cosines.
import { type Matrix, ops } from 'unsuperpose';

export interface Match {
  atom: number;
  cosine: number;
}

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

/** One match a row of `truth`, which has as many rows as `atoms`. */
export function matchFeatures(truth: Matrix<Float32Array>, atoms: Matrix<Float32Array>): Match[] {
  const n = truth.shape[0];
  const cosines = ops.correlate(unitRows(truth), unitRows(atoms)).data;
  return assign(n, (i, j) => -cosines[i * n + j]).map((atom, i) => ({ atom, cosine: cosines[i * n + atom] }));
}

/**
 * The assignment of n rows to n columns with the smallest total cost, by shortest augmenting paths with potentials (Kuhn
 * 1955; Jonker & Volgenant 1987).
 */
export function assign(n: number, cost: (row: number, column: number) => number): number[] {
  const none = -1;
  const rowPotential = new Float64Array(n);
  const columnPotential = new Float64Array(n);
  const rowOf = new Int32Array(n).fill(none);
  for (let start = 0; start < n; start++) {
    const distance = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
    const before = new Int32Array(n).fill(none);
    const done = new Uint8Array(n);
    let row = start;
    let column = none;
    for (;;) {
      let nearest = none;
      const offset = column === none ? 0 : distance[column];
      for (let j = 0; j < n; j++) {
        if (done[j]) continue;
        const through = offset + cost(row, j) - rowPotential[row] - columnPotential[j];
        if (through < distance[j]) {
          distance[j] = through;
          before[j] = column;
        }
        if (nearest === none || distance[j] < distance[nearest]) nearest = j;
      }
      column = nearest;
      done[column] = 1;
      if (rowOf[column] === none) break;
      row = rowOf[column];
    }
    const length = distance[column];
    rowPotential[start] += length;
    for (let j = 0; j < n; j++)
      if (done[j] && j !== column) {
        rowPotential[rowOf[j]] += length - distance[j];
        columnPotential[j] += distance[j] - length;
      }
    while (column !== none) {
      const previous = before[column];
      rowOf[column] = previous === none ? start : rowOf[previous];
      column = previous;
    }
  }
  const columnOf = new Array<number>(n);
  for (const [column, row] of rowOf.entries()) columnOf[row] = column;
  return columnOf;
}
