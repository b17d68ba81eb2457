// Exact fixed-point numbers in BigInts: sums and products of float32 and float64 without rounding.

/** A float64 as mantissa · 2^exponent, exactly. */
function split(value: number): { mantissa: bigint; exponent: number } {
  if (value === 0) return { mantissa: 0n, exponent: 0 };
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const word = view.getBigUint64(0);
  const raw = Number((word >> 52n) & 0x7ffn);
  const fraction = word & 0xfffffffffffffn;
  const mantissa = raw === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: word >> 63n ? -mantissa : mantissa, exponent: Math.max(raw, 1) - 1075 };
}

/** Fixed point with this many bits after the point: every float32 and float64 here is a multiple of its unit, up to 2^-600. */
export const places = 600;
export const fixed = (value: number): bigint => {
  const { mantissa, exponent } = split(value);
  const shift = exponent + places;
  return shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift);
};
export const times = (a: bigint, b: bigint): bigint => (a * b) >> BigInt(places);
export const toNumber = (value: bigint): number => Number(value >> BigInt(places - 200)) / 2 ** 200;
