// Reductions over one contiguous row. Sums run in float64 over a fixed number of lanes and a fixed
// tree, so they are the same for any number of threads (levels differ in the last bits).
//
// Accuracy: n·2⁻⁵³ relative for the sums, whose terms are all positive (to first order; squares and absolute values are exact in float64); the
// others are exact.
//
// What is left to gain, for a register of floats. Least: by what bench/kernels.cpp measures (two loads and six instructions a cycle) or by the
// chains that wait for one another, four cycles a multiply-add, three an addition. AMD EPYC (Zen 3), one thread, from L1, 2026-11-26, others
// at work: the median of seven runs of build/bench_kernels, the fastest in brackets.
//
//   avx2, avx512    the inner loop, for two registers                              least    cycles
//   squared_norm    4 vcvtps2pd, 4 vfmadd of 16 instructions, four chains          2.0      2.9 (2.6)    70 % of the peak
//   absolute_sum    4 vcvtps2pd, 4 vaddpd of 16, four chains                       1.5      3.0          50 %
//   max_absolute    2 vmaxps of 8                                                   .67     1.1 (.93)    63 %
//   all_finite      2 vfmadd of 6, two chains                                      2.0      1.9         100 %
// Eight chains would be faster from L1, with other last bits; all of it is a hundredth of the lasso on the benchmark's W1.
//   neon (GCC 12, disassembled), for two registers: squared_norm 12 instructions, absolute_sum 14, max_absolute 10, all_finite 6.
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::reduce {

struct Table {
  double (*squared_norm)(const float* x, std::size_t n);  // Σ x²
  double (*absolute_sum)(const float* x, std::size_t n);  // Σ |x|
  float (*max_absolute)(const float* x, std::size_t n);   // max |x|, 0 for n = 0; NaN is ignored
  bool (*all_finite)(const float* x, std::size_t n);      // no NaN, no ±Inf
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::reduce
