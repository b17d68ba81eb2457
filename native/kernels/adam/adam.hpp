// AdamW (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2): one step over a contiguous array of
// parameters with its gradient and its two moments, in float32.
//   m ← m + (1 − β₁)(g − m),  v ← v + (1 − β₂)(g² − v)
//   p ← decay·p − rate·m/(√v·correction + ε)
// Every operation rounds once; m and v are fused multiply-adds (scalar level: two roundings). The second moment must not be
// negative.
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
