// Soft thresholding, the proximal operator of λ‖·‖₁: sign(v)·max(|v| − t, 0), nonnegative: max(v − t, 0).
// Exact: one float32 subtraction a value, never −0. Thresholds are ≥ 0; NaN stays NaN.
//
// What is left to gain: 11 instructions for a register on AVX2 (12 on AVX-512), of which one stores: at least 1.8 cycles where six
// instructions start in a cycle, 2.1 measured (86 % of that; AMD EPYC (Zen 3), one thread, from L1, 2026-11-26, others at work, the median of
// seven runs of build/bench_kernels). Longer arrays wait for memory. neon: 10 instructions for a register of four (GCC 12, disassembled).
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::shrink {

struct Table {
  /// out[i] = soft(v[i], threshold·(weights ? weights[i] : 1)), i < n. In place is allowed.
  void (*soft)(const float* v, float threshold, const float* weights, bool nonnegative, float* out,
               std::size_t n);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::shrink
