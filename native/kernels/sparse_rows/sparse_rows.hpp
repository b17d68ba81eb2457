// Sparse codes times a dictionary: the way back from features to activations.
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
  /// level: two roundings each). out ≠ x.
  void (*residual32)(const float* x, const float* const* rows, const float* factors, std::size_t count,
                     std::size_t dims, float* out);

  /// y += factor · x over n floats (fused multiply-add).
  void (*axpy)(float factor, const float* x, float* y, std::size_t n);
};

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::sparse_rows
