// Plain float64 linear algebra on arrays of rows: slow, obvious, and independent of the library.
import type { Matrix } from '../../lib/index.js';

export type Rows = Float64Array[];

/** A float32 matrix as float64 rows (exact). */
export function toRows(matrix: Matrix<Float32Array> | Matrix<Float64Array>): Rows {
  const [rows, cols] = matrix.shape;
  return Array.from({ length: rows }, (_, i) =>
    Float64Array.from(matrix.data.subarray(i * cols, (i + 1) * cols)),
  );
}

export function toMatrix(
  rows: readonly ArrayLike<number>[],
  cols = rows[0]?.length ?? 0,
): Matrix<Float32Array> {
  const data = new Float32Array(rows.length * cols);
  rows.forEach((row, i) => {
    data.set(row, i * cols);
  });
  return { data, shape: [rows.length, cols] };
}

export function at(values: ArrayLike<number>, i: number): number {
  const value = values[i];
  if (value === undefined) throw new RangeError(`index ${i} outside an array of ${values.length}`);
  return value;
}

export function rowAt(rows: Rows, i: number): Float64Array {
  const row = rows[i];
  if (row === undefined) throw new RangeError(`row ${i} outside a matrix of ${rows.length}`);
  return row;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

export function norm(a: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] as number));
  if (largest === 0) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** y − factor·x, in place */
export function subtract(y: Float64Array, factor: number, x: ArrayLike<number>): void {
  for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) - factor * (x[i] as number);
}

/** x − Σ_j code_j·atom_j */
export function residualOf(x: ArrayLike<number>, atoms: Rows, code: ArrayLike<number>): Float64Array {
  const r = Float64Array.from(x);
  for (let j = 0; j < atoms.length; j++) if (code[j] !== 0) subtract(r, code[j] as number, rowAt(atoms, j));
  return r;
}

/**
 * min_γ ‖x − Σ γ_k rows_k‖ by modified Gram–Schmidt with reorthogonalisation ("twice is enough", Kahan and Parlett).
 * A row that depends on the ones before it to `dependent` of its norm gets coefficient 0.
 */
export function leastSquares(x: ArrayLike<number>, rows: Rows, dependent = 1e-12): Float64Array {
  const n = rows.length;
  const basis: Rows = [];
  const upper: Rows = []; // rows_k = Σ_i upper[k][i] basis_i
  const kept: number[] = [];
  for (let k = 0; k < n; k++) {
    const q = Float64Array.from(rowAt(rows, k));
    const size = norm(q);
    const mixture = new Float64Array(n);
    for (let pass = 0; pass < 2; pass++) {
      basis.forEach((b, i) => {
        const c = dot(b, q);
        mixture[i] = at(mixture, i) + c;
        subtract(q, c, b);
      });
    }
    const left = norm(q);
    if (left <= dependent * size) continue;
    mixture[basis.length] = left;
    basis.push(q.map((v) => v / left));
    upper.push(mixture);
    kept.push(k);
  }
  const target = Float64Array.from(x);
  const projections = basis.map((b) => {
    const c = dot(b, target);
    subtract(target, c, b);
    return c;
  });
  const solution = new Float64Array(n);
  for (let k = basis.length - 1; k >= 0; k--) {
    const mixture = rowAt(upper, k);
    const value = at(projections, k) / at(mixture, k);
    solution[kept[k] as number] = value;
    for (let i = 0; i < k; i++) projections[i] = at(projections, i) - value * at(mixture, i);
  }
  return solution;
}

/** The largest singular value, by power iteration on AᵀA in float64. */
export function spectralNorm(rows: Rows, steps = 5000): number {
  const cols = rows[0]?.length ?? 0;
  let v = Float64Array.from({ length: cols }, (_, i) => 1 + 0.37 * Math.sin(1 + 3 * i));
  let sigma = 0;
  for (let step = 0; step < steps; step++) {
    const size = norm(v);
    if (size === 0) return 0;
    v = v.map((c) => c / size);
    const image = rows.map((row) => dot(row, v));
    sigma = norm(image);
    const next = new Float64Array(cols);
    rows.forEach((row, i) => {
      subtract(next, -at(image, i), row);
    });
    v = next;
  }
  return sigma;
}
