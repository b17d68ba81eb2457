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
