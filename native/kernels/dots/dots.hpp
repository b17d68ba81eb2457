// Small sets of dot products over rows that lie scattered in memory: Gram blocks of working sets, and
// correlations with a residual, in float64 or float32. What the selecting product is to a whole dictionary, this is to a few atoms.
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
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::dots
