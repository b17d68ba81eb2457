// Numbers of twice the precision of float64, as unevaluated sums high + low (Dekker 1971; Joldes, Muller &
// Popescu 2017, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic":
// algorithms 4, 6, 9 and 12, each within a few 2⁻¹⁰⁵ of its exact result).
#pragma once
#include <cmath>
#include <cstddef>

namespace unsuperpose {

struct DoubleDouble {
  double high = 0, low = 0;

  DoubleDouble() = default;
  DoubleDouble(double value) : high(value) {}
  DoubleDouble(double high_, double low_) : high(high_), low(low_) {}

  static DoubleDouble sum(double a, double b) {
    const double s = a + b, t = s - a;
    return {s, (a - (s - t)) + (b - t)};
  }
  static DoubleDouble product(double a, double b) {
    const double p = a * b;
    return {p, std::fma(a, b, -p)};
  }
  /// |a| ≥ |b|
  static DoubleDouble ordered(double a, double b) {
    const double s = a + b;
    return {s, b - (s - a)};
  }
  double value() const { return high + low; }
};

inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble s = DoubleDouble::sum(a.high, b.high), t = DoubleDouble::sum(a.low, b.low);
  const DoubleDouble v = DoubleDouble::ordered(s.high, s.low + t.high);
  return DoubleDouble::ordered(v.high, t.low + v.low);
}
inline DoubleDouble operator-(DoubleDouble a) { return {-a.high, -a.low}; }
inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) { return a + -b; }
inline DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble p = DoubleDouble::product(a.high, b.high);
  const double rest = std::fma(a.low, b.high, a.high * b.low);
  return DoubleDouble::ordered(p.high, p.low + rest);
}
/// b ≠ 0
inline DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
  const double first = a.high / b.high;
  const DoubleDouble left = a - b * DoubleDouble(first);
  return DoubleDouble::ordered(first, left.high / b.high);
}
inline DoubleDouble root(DoubleDouble a) {
  if (!(a.high > 0)) return {};
  const double first = std::sqrt(a.high);
  const DoubleDouble left = a - DoubleDouble::product(first, first);
  return DoubleDouble::ordered(first, left.high / (2 * first));
}
/// a·b by Veltkamp's splitting: halves of a.high times 24 bits are exact, and no call to the library's fma where
/// the processor level has none. |a| < 2⁹⁹⁰.
inline DoubleDouble times_float(DoubleDouble a, float b) {
  constexpr double kSplitter = 0x1.0p27 + 1;
  const double t = kSplitter * a.high, first = t - (t - a.high), second = a.high - first, factor = b;
  return DoubleDouble::ordered(first * factor, second * factor + a.low * factor);
}
inline DoubleDouble absolute(DoubleDouble a) { return a.high < 0 ? -a : a; }

/// Bounds the relative error of `n` of these operations one after the other, generously: each is below 2⁻¹⁰¹.
inline double double_double_error(std::size_t n) { return static_cast<double>(n) * 0x1.0p-100; }

}  // namespace unsuperpose
