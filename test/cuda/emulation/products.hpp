// A row of sums += a row of 32 bytes times a panel of rows of 32 bytes, as tensor cores do it: 32 int8 numbers with exact sums, or 16
// float16 numbers, whose sums are as bad as tensor cores may make them.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "emulation.hpp"

namespace unsuperpose::cuda::emulation {

/// `columns` rows, turned, so that the compiler's vectors run along them.
template <unsigned columns>
class Panel {
 public:
  /// row(j): 32 bytes, of int8 for Sum int and of float16 for float.
  template <class Sum, class Rows>
  void set(const Rows& row) {
    known_ = Known{};
    for (unsigned j = 0; j < columns; ++j) {
      float entries[32];
      const unsigned count = read<Sum>(row(j), entries, &known_);
      for (unsigned k = 0; k < count; ++k) entries_[k][j] = entries[k];
    }
  }

  /// 32 products of at most 2¹⁴ have a sum that float32 holds exactly, in any order.
  void multiply(int (&sums)[columns], const unsigned char* row) const {
    float a[32], total[columns] = {};
    Known known;
    read<int>(row, a, &known);
    if (changes_nothing(known)) return;
    for (unsigned k = 0; k < 32; ++k)
      for (unsigned j = 0; j < columns; ++j) total[j] += a[k] * entries_[k][j];
    for (unsigned j = 0; j < columns; ++j)
      sums[j] = static_cast<int>(static_cast<unsigned>(sums[j]) +
                                 static_cast<unsigned>(static_cast<int>(total[j])));
  }

  /// The 17 addends are cut, towards zero, to multiples of 2⁻²³ of the power of two in the largest; so is their sum.
  void multiply(float (&sums)[columns], const unsigned char* row) const {
    float a[32];
    Known known;
    read<float>(row, a, &known);
    if (changes_nothing(known)) return;
    std::int32_t largest[columns];  // as bits, which are in the order of sizes
    for (unsigned j = 0; j < columns; ++j) largest[j] = size_bits(sums[j]);
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned j = 0; j < columns; ++j) {
        const std::int32_t size = size_bits(a[k] * entries_[k][j]);
        largest[j] = size > largest[j] ? size : largest[j];
      }
    std::int32_t most = 0;
    for (unsigned j = 0; j < columns; ++j) most = largest[j] > most ? largest[j] : most;
    if (most > 247 << 23) return multiply_plainly(sums, a);  // 2¹²⁰ or more, or not finite
    float up[columns], down[columns];
    std::int32_t total[columns];
    for (unsigned j = 0; j < columns; ++j) {
      // Below 2⁻¹⁰⁰ lies nothing that products of float16 leave.
      const std::int32_t exponent = largest[j] >> 23, bounded = exponent < 27 ? 27 : exponent;
      up[j] = std::bit_cast<float>((277 - bounded) << 23);
      down[j] = std::bit_cast<float>((bounded - 23) << 23);
      total[j] = static_cast<std::int32_t>(sums[j] * up[j]);
    }
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned j = 0; j < columns; ++j)
        total[j] += static_cast<std::int32_t>(a[k] * entries_[k][j] * up[j]);
    for (unsigned j = 0; j < columns; ++j) {
      const std::int32_t size = total[j] < 0 ? -total[j] : total[j];
      const float nearest = static_cast<float>(size);
      const std::int32_t above = static_cast<std::int32_t>(nearest) > size;  // then the number before it
      const float cut = std::bit_cast<float>(std::bit_cast<std::int32_t>(nearest) - above) * down[j];
      sums[j] = total[j] < 0 ? -cut : cut;
    }
  }

 private:
  static std::int32_t size_bits(float v) { return std::bit_cast<std::int32_t>(v) & 0x7FFFFFFF; }
  /// Of what was read: padding, mostly, is zero.
  struct Known {
    bool zero = true, finite = true;
  };
  bool changes_nothing(const Known& row) const {
    return (row.zero && known_.finite) || (known_.zero && row.finite);
  }
  template <class Sum>
  static unsigned read(const unsigned char* row, float* entries, Known* known);
  void multiply_plainly(float (&sums)[columns], const float* a) const {
    for (unsigned j = 0; j < columns; ++j)
      for (unsigned k = 0; k < 16; ++k) sums[j] += a[k] * entries_[k][j];
  }

  alignas(16) float entries_[32][columns];
  Known known_;
};

template <unsigned columns>
template <class Sum>
unsigned Panel<columns>::read(const unsigned char* row, float* entries, Known* known) {
  constexpr unsigned count = std::is_integral_v<Sum> ? 32 : 16;
  for (unsigned k = 0; k < count; ++k)
    if constexpr (std::is_integral_v<Sum>)
      entries[k] = static_cast<float>(static_cast<std::int8_t>(row[k]));
    else
      entries[k] = from_half(static_cast<std::uint16_t>(row[2 * k] | row[2 * k + 1] << 8));
  std::int32_t largest = 0;
  for (unsigned k = 0; k < count; ++k)
    largest = size_bits(entries[k]) > largest ? size_bits(entries[k]) : largest;
  known->zero &= largest == 0;
  known->finite &= largest < 0x7F800000;
  return count;
}

}  // namespace unsuperpose::cuda::emulation
