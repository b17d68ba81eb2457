// A matrix of samples of which some may not count.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "arguments.hpp"

namespace unsuperpose::node {

/// Uint8Array | undefined, copied: one a sample, 0 for those that do not count. Empty: all count.
inline std::vector<std::uint8_t> mask_of(const Napi::Value& value, std::size_t samples) {
  if (value.IsUndefined()) return {};
  const auto flags = bytes(value, "mask");
  if (flags.size() != samples) refuse(Code::shape, "mask must have one entry a sample");
  return {flags.begin(), flags.end()};
}

/// The samples that count, moved to the front.
inline void keep(MatrixCopy& matrix, const std::vector<std::uint8_t>& mask) {
  if (mask.empty()) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < matrix.rows; ++i)
    if (mask[i] != 0)
      std::copy_n(matrix.data.data() + i * matrix.cols, matrix.cols,
                  matrix.data.data() + kept++ * matrix.cols);
  matrix.rows = kept;
}

/// All samples are to be finite, also those that do not count.
struct MaskedMatrix {
  MatrixCopy matrix;
  std::vector<std::uint8_t> mask;

  MaskedMatrix(const Matrix32& from, const Napi::Value& given_mask)
      : matrix(from), mask(mask_of(given_mask, from.rows)) {}
  /// Checked, then those that count.
  ConstMatrix32 settle(const Execution& execution) {
    require_finite(matrix.view(), "activations", execution);
    keep(matrix, mask);
    mask.clear();
    return matrix.view();
  }
};

}  // namespace unsuperpose::node
