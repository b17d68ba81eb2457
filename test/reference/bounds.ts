// Rounding-error constants (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3). Every bound in the tests
// is built from these; none is fitted to what the library happens to return.

/** unit roundoff of float32 and float64 */
export const U32 = 2 ** -24;
export const U64 = 2 ** -53;
/** the smallest positive float32: what one underflow can cost */
export const TINY32 = 2 ** -149;

/** γ_n = n·u/(1 − n·u): relative error of an n-term float32 dot product in any order, against Σ|a_i b_i| */
export function gamma32(n: number): number {
  return (n * U32) / (1 - n * U32);
}

export function gamma64(n: number): number {
  return (n * U64) / (1 - n * U64);
}
