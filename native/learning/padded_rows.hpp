// Rows of floats, padded with zeros to whole cache lines: what learners keep of batches, parameters and gradients.
#pragma once
#include <cstddef>

#include "../core/aligned.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

struct PaddedRows {
  AlignedBuffer<float> data;
  std::size_t count = 0, cols = 0, stride = 0;

  PaddedRows() = default;
  PaddedRows(std::size_t count_, std::size_t cols_)
      : count(count_), cols(cols_), stride(round_up(cols_, kCacheLine / sizeof(float))) {
    data = AlignedBuffer<float>::zeros(count * stride);
  }
  /// At least so many rows; what they hold is anything but the padding, which is zero.
  void grow(std::size_t rows) {
    if (rows * stride > data.size()) data = AlignedBuffer<float>::zeros(rows * stride);
    count = rows;
  }
  float* row(std::size_t i) const { return data.data() + i * stride; }
  ConstMatrix32 view() const { return {data.data(), count, cols, stride}; }
  Matrix32 edit() const { return {data.data(), count, cols, stride}; }
};

}  // namespace unsuperpose
