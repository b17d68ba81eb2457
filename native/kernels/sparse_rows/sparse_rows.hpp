// Sparse codes times a dictionary: the way back from features to activations.
//
// Accuracy of residual: |out − exact| ≤ (count + 1)·2⁻⁵³·(|x| + Σ_k|values[k]·row_k|) in float64, entry by entry (to first order), and one
// rounding to float32. Of residual32: product::error_bound(2·count) of the same sum.
//
// What is left to gain, for a register of floats of a row. Least: by the units that bench/kernels.cpp measures (two multiply-adds, two loads,
// two conversions, one store, six instructions a cycle). AMD EPYC (Zen 3), one thread, from L1, 2026-11-26, others at work: the median of
// seven runs of build/bench_kernels, the fastest in brackets.
//
//   avx2, avx512   the inner loop, for how many registers                          least    cycles
//   residual       8 vcvtps2pd, 8 vfmadd of 33 instructions, for 4                1.4      3.0 (2.3)    46 % of the peak
//   residual32     8 vfmadd from memory of 15, for 8                               .63      .83 (.72)    75 %
//   axpy           1 vfmadd, 2 loads, 1 store of 7, for 1                         1.2      2.2 (1.25)   52 %, at best 93 %
//
//   neon           (GCC 12, disassembled)                     multiply-adds  loads             cycles with
//                                                             an instruction a multiply-add    4 pipes / 2 pipes
//   residual       8 fcvtl, 8 fmla, 10 loads of 41, for 4     .39            1.25              4 / 8 with the conversions
//   residual32     8 fmla, 10 loads of 22, for 8              1.5            1.25              2 / 4
// residual's loops are short, twelve rows here for each strip of 32 dims; that the rest of its time goes into their starts and ends is a guess.
// Four pipes as in Apple's M processors and Graviton 3, two as in Graviton 2; none has been timed.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../dispatch.hpp"

namespace unsuperpose::sparse_rows {

struct Table {
  /// out = x − Σ_k values[k]·dictionary_row(indices[k]), accumulated in float64 and rounded once to
  /// float32; x may be null (zero). The dictionary is row-major with `stride` floats a row.
  /// Returns Σ out² before the rounding, in float64.
  double (*residual)(const float* x, const std::uint32_t* indices, const float* values, std::size_t count,
                     const float* dictionary, std::size_t stride, std::size_t dims, float* out);

  /// out = x − Σ_i factors[i]·rows[i] for rows that lie scattered, a chain of fused multiply-adds in float32 for each entry (scalar
  /// level: two roundings each). out may be x.
  void (*residual32)(const float* x, const float* const* rows, const float* factors, std::size_t count,
                     std::size_t dims, float* out);

  /// y += factor · x over n floats (fused multiply-add).
  void (*axpy)(float factor, const float* x, float* y, std::size_t n);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::sparse_rows
