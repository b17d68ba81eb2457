// How an entry is rounded to float16, for the kernels that do it.
#pragma once
#include "cuda.cuh"

namespace unsuperpose::cuda {

/// Sums of squares of `dims` terms in float64 are off by less.
inline constexpr double kUp = 1 + 0x1.0p-30;

/// 2^e, −126 ≤ e ≤ 127
DEVICE double power(int e) { return ldexp(1.0, e); }

/// Entry v as it is stored; what it stands for comes to `as`.
struct Float16 {
  static constexpr unsigned kBytes = 2;
  double inverse;
  float scale;
  DEVICE explicit Float16(float largest) {
    int e = 0;
    frexp(static_cast<double>(largest), &e);  // largest = f · 2^e, ½ ≤ f < 1
    e = largest > 0 ? e - 15 : 0;
    e = e < -126 ? -126 : e;
    scale = static_cast<float>(power(e));
    inverse = power(-e);
  }
  DEVICE unsigned round(float v, double* as) const {
    const std::uint16_t bits = to_half(static_cast<float>(static_cast<double>(v) * inverse));
    *as = static_cast<double>(from_half(bits)) * static_cast<double>(scale);
    return bits;
  }
};

}  // namespace unsuperpose::cuda
