// 16-bit floats as float32: every value of either format is one, so this is exact, NaN and ±Infinity included.
#pragma once
#include <bit>
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

}  // namespace unsuperpose::half
