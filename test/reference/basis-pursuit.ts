// Basis pursuit decided exactly, in rational numbers, by looking at every vertex: for a handful of atoms.
import { type Fraction, fraction, less, minus, plus, solve } from './rational.js';

const ZERO = fraction(0);
const magnitude = (value: Fraction): Fraction => (less(value, ZERO) ? minus(ZERO, value) : value);

function* subsets(count: number, size: number, first = 0): Generator<number[]> {
  if (size === 0) yield [];
  else
    for (let j = first; j <= count - size; j++)
      for (const rest of subsets(count, size - 1, j + 1)) yield [j, ...rest];
}

/**
 * Is the code the only solution of min ‖a‖₁ over aD = x (a ≥ 0 if `nonnegative`)? Integer atoms that span all dims, integer code. A
 * solution that is alone is a vertex, and ‖a‖₁ has its minimum at a vertex; a vertex has its entries on `dims` independent atoms.
 */
export function isOnlyMinimiser(
  atoms: readonly (readonly number[])[],
  code: readonly number[],
  nonnegative: boolean,
): boolean {
  const dims = atoms[0]?.length ?? 0;
  const x = Array.from({ length: dims }, (_, d) =>
    fraction(code.reduce((sum, a, j) => sum + a * (atoms[j]?.[d] ?? 0), 0)),
  );
  const own = fraction(code.reduce((sum, a) => sum + Math.abs(a), 0));
  let seen = false;
  for (const chosen of subsets(atoms.length, dims)) {
    const columns = Array.from({ length: dims }, (_, d) => chosen.map((j) => fraction(atoms[j]?.[d] ?? 0)));
    const found = solve(columns, x);
    if (found === undefined || (nonnegative && found.some((value) => less(value, ZERO)))) continue;
    const dense = atoms.map(() => ZERO);
    chosen.forEach((j, k) => {
      dense[j] = found[k] as Fraction;
    });
    if (dense.every((value, j) => minus(value, fraction(code[j] ?? 0)).n === 0n)) {
      seen = true;
      continue;
    }
    const size = dense.reduce((sum, value) => plus(sum, magnitude(value)), ZERO);
    if (!less(own, size)) return false;
  }
  return seen;
}

/**
 * min ‖a‖₁ over aD = x in float64: the simplex method on a whole tableau, a = p − q with p, q ≥ 0, from a basis of slacks that cost so
 * much that none stays. The entering column is the cheapest, which random data never lets cycle.
 */
export function basisPursuit(atoms: readonly ArrayLike<number>[], x: ArrayLike<number>): Float64Array {
  const dims = x.length;
  const features = atoms.length;
  const columns = 2 * features;
  const dear = 1e4;
  const rows = Array.from({ length: dims }, (_, d) => {
    const sign = (x[d] as number) < 0 ? -1 : 1;
    const row = new Float64Array(columns + 1);
    for (let j = 0; j < features; j++) {
      row[j] = sign * (atoms[j]?.[d] as number);
      row[features + j] = -(row[j] as number);
    }
    row[columns] = sign * (x[d] as number);
    return row;
  });
  const basis = Array.from({ length: dims }, () => -1);
  // Costs less those of the basis: 1 − Σ dear · row.
  const costs = Float64Array.from({ length: columns + 1 }, (_, c) =>
    rows.reduce((sum, row) => sum - dear * (row[c] as number), c < columns ? 1 : 0),
  );
  for (;;) {
    let entering = 0;
    for (let c = 1; c < columns; c++) if ((costs[c] as number) < (costs[entering] as number)) entering = c;
    if ((costs[entering] as number) > -1e-9) break;
    let leaving = -1;
    let least = Number.POSITIVE_INFINITY;
    rows.forEach((row, i) => {
      const ratio = (row[columns] as number) / (row[entering] as number);
      if ((row[entering] as number) > 1e-11 && ratio < least) [leaving, least] = [i, ratio];
    });
    if (leaving < 0) throw new RangeError('unbounded');
    const pivot = rows[leaving] as Float64Array;
    const scale = pivot[entering] as number;
    for (let c = 0; c <= columns; c++) pivot[c] = (pivot[c] as number) / scale;
    for (const row of [...rows, costs]) {
      const factor = row[entering] as number;
      if (row !== pivot && factor !== 0)
        for (let c = 0; c <= columns; c++) row[c] = (row[c] as number) - factor * (pivot[c] as number);
    }
    basis[leaving] = entering;
  }
  const code = new Float64Array(features);
  basis.forEach((c, i) => {
    const value = (rows[i] as Float64Array)[columns] as number;
    if (c >= 0) code[c % features] = (code[c % features] as number) + (c < features ? value : -value);
  });
  return code;
}
