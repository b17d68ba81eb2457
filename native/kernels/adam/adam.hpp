// AdamW (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2): one step over a contiguous array of
// parameters with its gradient and its two moments, in float32.
//   m ← m + (1 − β₁)(g − m),  v ← v + (1 − β₂)(g² − v)
//   p ← decay·p − rate·m/(√v·correction + ε)
// Every operation rounds once; m and v are fused multiply-adds (scalar level: two roundings). The second moment must not be
// negative.
//
// What is left to gain: 33 instructions for a register on AVX2 and AVX-512, but one division and one square root of eight floats keep their unit
// busy for 8.4 cycles (bench/kernels.cpp measures them), 8.8 measured: 95 % of the peak (AMD EPYC (Zen 3), one thread, from L1, 2026-11-26,
// others at work, the median of seven runs of build/bench_kernels). Approximate reciprocals would be faster, and differ between
// processors. neon: 39 instructions for a register of four (GCC 12, disassembled).
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::adam {

struct Settings {
  float decay;  // 1 − rate·weight decay
  float rate;   // divided by the first moment's bias correction
  float beta1, beta2;
  float correction;  // 1/√ of the second moment's bias correction
  float epsilon;
};

struct Table {
  /// One step over n parameters.
  void (*step)(const Settings& settings, const float* gradient, float* first, float* second,
               float* parameters, std::size_t n);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::adam
