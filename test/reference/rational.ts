// Exact fractions of BigInts, for decisions that no rounding may touch.

export interface Fraction {
  readonly n: bigint;
  /** > 0 */
  readonly d: bigint;
}

function reduced(n: bigint, d: bigint): Fraction {
  let [a, b] = [n < 0n ? -n : n, d < 0n ? -d : d];
  while (b !== 0n) [a, b] = [b, a % b];
  const sign = d < 0n ? -1n : 1n;
  return { n: (sign * n) / a, d: (sign * d) / a };
}

/** an integer */
export const fraction = (value: number): Fraction => ({ n: BigInt(value), d: 1n });
export const plus = (a: Fraction, b: Fraction): Fraction => reduced(a.n * b.d + b.n * a.d, a.d * b.d);
export const minus = (a: Fraction, b: Fraction): Fraction => reduced(a.n * b.d - b.n * a.d, a.d * b.d);
export const times = (a: Fraction, b: Fraction): Fraction => reduced(a.n * b.n, a.d * b.d);
export const over = (a: Fraction, b: Fraction): Fraction => reduced(a.n * b.d, a.d * b.n);
export const less = (a: Fraction, b: Fraction): boolean => a.n * b.d < b.n * a.d;

/** Gauss–Jordan elimination; undefined for a singular matrix. */
export function solve(matrix: readonly Fraction[][], right: readonly Fraction[]): Fraction[] | undefined {
  const rows = matrix.map((row, i) => [...row, right[i] as Fraction]);
  for (let c = 0; c < rows.length; c++) {
    const p = rows.findIndex((row, i) => i >= c && (row[c] as Fraction).n !== 0n);
    if (p < 0) return undefined;
    const pivotRow = rows[p] as Fraction[];
    rows[p] = rows[c] as Fraction[];
    const pivot = pivotRow[c] as Fraction;
    const scaled = pivotRow.map((value) => over(value, pivot));
    rows.forEach((row, i) => {
      const factor = row[c] as Fraction;
      if (i !== c) rows[i] = row.map((value, k) => minus(value, times(factor, scaled[k] as Fraction)));
    });
    rows[c] = scaled;
  }
  return rows.map((row) => row[rows.length] as Fraction);
}
