// 16-bit floats. As float32: every value of either format is one, so this is exact, NaN and ±Infinity included. From float32 or float64:
// the nearest one, and of two as near the one whose last bit is 0 (IEEE 754, round to nearest, ties to even), in one rounding.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace unsuperpose::half {

/// IEEE 754 binary16: 5 bits of exponent, 10 of significand.
inline float from_float16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  // In float32's place the exponent is 112 too small. The product mends that for subnormal numbers too.
  const float value = std::bit_cast<float>(rest) * 0x1p112f;
  const bool finite = (bits & 0x7c00u) != 0x7c00u;
  return std::bit_cast<float>(sign | (finite ? std::bit_cast<std::uint32_t>(value) : rest | 0x7f800000u));
}

/// bfloat16: float32's upper half.
inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline void widen(const std::uint16_t* from, std::size_t count, bool bfloat, float* to) {
  if (bfloat)
    for (std::size_t i = 0; i < count; ++i) to[i] = from_bfloat16(from[i]);
  else
    for (std::size_t i = 0; i < count; ++i) to[i] = from_float16(from[i]);
}

/// A format with this many bits of exponent, and of significand after the leading 1.
template <int kExponentBits, int kFractionBits>
inline std::uint16_t nearest(double value) {
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr std::uint32_t kInfinity = ((1u << kExponentBits) - 1) << kFractionBits;
  constexpr int kDropped = 52 - kFractionBits;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint32_t sign = static_cast<std::uint32_t>(bits >> 63) << 15;
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  std::uint32_t rest;
  if (exponent == 1024 && fraction != 0)  // NaN, quiet, with the upper bits that it had
    rest = kInfinity | 1u << (kFractionBits - 1) | static_cast<std::uint32_t>(fraction >> kDropped);
  else if (exponent > kBias)
    rest = kInfinity;
  else if (exponent < 1 - kBias) {
    // A multiple of the smallest number. Scaling by a power of two is exact, and adding 2⁵² rounds to an integer.
    const double scaled =
        std::fabs(value) * std::bit_cast<double>(std::uint64_t{1023 + kBias - 1 + kFractionBits} << 52);
    rest = static_cast<std::uint32_t>((scaled + 0x1p52) - 0x1p52);
  } else {
    rest = static_cast<std::uint32_t>(exponent + kBias) << kFractionBits |
           static_cast<std::uint32_t>(fraction >> kDropped);
    const std::uint64_t below = fraction & ((std::uint64_t{1} << kDropped) - 1);
    constexpr std::uint64_t kHalf = std::uint64_t{1} << (kDropped - 1);
    // A carry runs into the exponent, from the largest number to Infinity too: the formats are made so.
    if (below > kHalf || (below == kHalf && (rest & 1) != 0)) ++rest;
  }
  return static_cast<std::uint16_t>(sign | rest);
}

inline std::uint16_t to_float16(double value) { return nearest<5, 10>(value); }
inline std::uint16_t to_bfloat16(double value) { return nearest<8, 7>(value); }

/// Where the first finite value stands that became ±Infinity; `count` if there is none.
template <class T>
std::size_t narrow(const T* from, std::size_t count, bool bfloat, std::uint16_t* to) {
  const std::uint32_t infinity = bfloat ? 0x7f80u : 0x7c00u;
  std::size_t first = count;
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = bfloat ? to_bfloat16(from[i]) : to_float16(from[i]);
    if ((to[i] & 0x7fffu) == infinity && std::isfinite(from[i]) && first == count) first = i;
  }
  return first;
}

}  // namespace unsuperpose::half
