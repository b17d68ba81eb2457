// Small sets of dot products over rows that lie scattered in memory: Gram blocks of working sets, and
// correlations with a residual, in float64 or float32. What the selecting product is to a whole dictionary, this is to a few atoms.
//
// What is left to gain, for a register of floats of a row. Least: by the units that bench/kernels.cpp measures (two multiply-adds, two loads,
// two conversions, one store, six instructions a cycle). AMD EPYC (Zen 3), one thread, from L1, 2026-11-26, others at work: the median of
// seven runs of build/bench_kernels, the fastest in brackets.
//
//   avx2, avx512   the inner loop, for how many registers                          least    cycles
//   gram           12 vfmadd, 7 loads of 22 instructions, for 12 (avx512 24 of 37) .50      .61          82 % of the peak
//   correlate      10 vcvtps2pd, 8 vfmadd of 21, for 4, and prefetches            1.25     1.75 (1.50)  71 %
//   correlate32    8 vfmadd from memory of 14, for 8                               .63      .78 (.68)    80 %
//
//   neon           (GCC 12, disassembled)                     multiply-adds  loads             cycles with
//                                                             an instruction a multiply-add    4 pipes / 2 pipes
//   gram           16 fmla, 8 loads of 27, for 16             2.4            .50               4 / 8
//   correlate      10 fcvtl, 8 fmla, 10 loads of 32, for 4    .50            1.25              4.5 / 9 with the conversions
//   correlate32    8 fmla, 10 loads of 22, for 8              1.5            1.25              2 / 4, and 10 loads
// Of correlate, a fifth is the conversion of x, again for every four rows: a copy of x in float64 would save it, and has a vector to fill for
// each call. Four pipes as in Apple's M processors and Graviton 3, two as in Graviton 2; none has been timed.
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::dots {

struct Table {
  /// out[i·stride + j] = a_i · b_j in float32, i < a_count, j < b_count. Register-blocked; each entry
  /// depends only on its two rows (never on its place in the block), and a_i·b_j == b_j·a_i bit for bit.
  /// |error| ≤ product::error_bound(dims)·‖a_i‖‖b_j‖.
  void (*gram)(const float* const* a, std::size_t a_count, const float* const* b, std::size_t b_count,
               std::size_t dims, float* out, std::size_t stride);

  /// out[i] = rows_i · x: float32 inputs, products and sums in float64 (products are exact there).
  /// |error| ≤ dims·2⁻⁵³·‖rows_i‖‖x‖ (to first order).
  void (*correlate)(const float* const* rows, std::size_t count, const float* x, std::size_t dims,
                    double* out);

  /// out[i] = rows_i · x in float32: |error| ≤ product::error_bound(dims)·‖rows_i‖‖x‖. Depends on the two rows alone.
  void (*correlate32)(const float* const* rows, std::size_t count, const float* x, std::size_t dims,
                      float* out);

  /// Σ a_i b_i in float64, as in correlate.
  double (*dot)(const float* a, const float* b, std::size_t dims);

  /// The order of these float64 sums, for who must have the same bits elsewhere: chain c < chains adds up entries c, c + chains, …; then the upper
  /// half of the chains is added to the lower, until one is left. A power of two.
  std::size_t chains;
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::dots
