// What the programs of test/native/ share: checks that are counted, inputs that are nasty, memory whose end is watched.
//
// A program checks every level of this machine, against plain float64 within a bound from the analysis of rounding, and where a
// header promises the same bits at every level, against a plain loop bit for bit. kUnit is u = 2⁻²⁴, float32's unit roundoff,
// kDoubleUnit float64's; product::error_bound(n) is γ_n = nu/(1 − nu) (Higham, Accuracy and Stability, section 3.1), which bounds a
// float32 sum of n products in any order, relative to the sum of their magnitudes. Underflow costs at most kTiny an operation.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "../../native/core/aligned.hpp"
#include "../../native/core/random.hpp"
#include "../../native/kernels/isa.hpp"
#include "count.hpp"

namespace unsuperpose::check {

inline constexpr double kUnit = 0x1.0p-24, kDoubleUnit = 0x1.0p-53, kTiny = 0x1.0p-149;
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// |got − expected| ≤ bound. Never true for NaN.
inline bool near(double got, double expected, double bound, const char* what, Isa isa, std::size_t size) {
  return that(std::fabs(got - expected) <= bound,
              "%s, %s, size %zu: got %.9g, expected %.9g, off by %.3g, bound %.3g", what, isa_name(isa), size,
              got, expected, std::fabs(got - expected), bound);
}

/// The same bits, or NaN both.
inline bool same(float got, float expected, const char* what, Isa isa, std::size_t size) {
  const bool bits = std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(expected);
  return that(bits || (std::isnan(got) && std::isnan(expected)),
              "%s, %s, size %zu: got %.9g, expected %.9g exactly", what, isa_name(isa), size,
              static_cast<double>(got), static_cast<double>(expected));
}

inline bool equal(std::size_t got, std::size_t expected, const char* what, Isa isa, std::size_t size) {
  return that(got == expected, "%s, %s, size %zu: got %zu, expected %zu", what, isa_name(isa), size, got,
              expected);
}

/// gaussian; a few entries thousands of times larger; below the normal range; around 1e-30 and 1e15; of thirty orders of magnitude;
/// few different whole numbers, so that there are ties, and zeros of both signs
enum class Kind { gaussian, heavy, subnormal, tiny, huge, many_sizes, ties };
inline constexpr Kind kKinds[] = {Kind::gaussian, Kind::heavy,      Kind::subnormal, Kind::tiny,
                                  Kind::huge,     Kind::many_sizes, Kind::ties};

inline float draw(Random& random, Kind kind) {
  const auto value = static_cast<float>(random.normal());
  switch (kind) {
    case Kind::gaussian: return value;
    case Kind::heavy: return random.below(20) == 0 ? value * 5000 : value;
    case Kind::subnormal: return value * 1e-41f;
    case Kind::tiny: return value * 1e-30f;
    case Kind::huge: return value * 1e15f;
    case Kind::many_sizes: return value * std::pow(10.0f, static_cast<float>(random.below(30)) - 20);
    case Kind::ties: return std::copysign(static_cast<float>(random.below(3)), value);
  }
  return value;
}

/// Elements on a cache line, with a guard after the last that no kernel may touch.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t size) : size_(size), buffer_(size + kGuard) {
    for (std::size_t i = 0; i < size + kGuard; ++i) buffer_[i] = i < size ? T{} : guard();
  }
  T* data() const { return buffer_.data(); }
  T& operator[](std::size_t i) const { return buffer_[i]; }
  std::size_t size() const { return size_; }
  void copy(const Guarded& from) {
    for (std::size_t i = 0; i < size_; ++i) buffer_[i] = from[i];
  }
  bool intact() const {
    for (std::size_t i = 0; i < kGuard; ++i)
      if (buffer_[size_ + i] != guard()) return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 32;
  static constexpr T guard() { return static_cast<T>(77); }
  std::size_t size_;
  AlignedBuffer<T> buffer_;
};

inline Guarded<float> floats(Random& random, std::size_t size, Kind kind) {
  Guarded<float> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = draw(random, kind);
  return values;
}

inline void watched(bool intact, const char* what, Isa isa, std::size_t size) {
  that(intact, "%s, %s, size %zu: wrote past the end", what, isa_name(isa), size);
}

}  // namespace unsuperpose::check
