// Soft thresholding, the proximal operator of λ‖·‖₁: sign(v)·max(|v| − t, 0), nonnegative: max(v − t, 0).
// Exact: one float32 subtraction a value, never −0. Thresholds are ≥ 0; NaN stays NaN.
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
