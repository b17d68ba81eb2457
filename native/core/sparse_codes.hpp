// Sparse codes: what samples are unfolded into.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unsuperpose {

/// Codes in compressed sparse rows; indices ascend in each row, no explicit zeros.
struct SparseCodes {
  std::vector<std::uint32_t> indptr;  // samples + 1
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  std::vector<double> wide;  // in place of values, where float64 codes were given

  double value(std::size_t k) const { return wide.empty() ? static_cast<double>(values[k]) : wide[k]; }
};

}  // namespace unsuperpose
