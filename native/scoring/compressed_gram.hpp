// A dictionary's Gram matrix in one byte an entry, with the error that this makes: what Batch-OMP reads a row of for
// every atom it chooses, from a cache where floats would come from memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../kernels/compressed_rows/compressed_rows.hpp"
#include "../kernels/product/product.hpp"

namespace unsuperpose {

/// Row i is scale(i)·row(i)[j] for the correlations d_i·d_j, j ≠ i; its own place holds 0.
class CompressedGram {
 public:
  static std::size_t stride(std::size_t features) { return round_up(features, compressed_rows::kPadding); }
  /// What it takes for that many features.
  static std::size_t bytes(std::size_t features) { return features * (stride(features) + sizeof(Row)); }

  /// Computes it; false if the call was cancelled. `norms` are the atoms', `packed` their packed copy.
  bool make(ConstMatrix32 atoms, const product::PackedRows& packed, const std::vector<double>& norms,
            const Execution& execution);

  std::size_t bytes() const { return entries_.bytes() + rows_.size() * sizeof(Row); }
  const std::int8_t* row(std::size_t i) const { return entries_.data() + i * stride_; }
  /// Asks for row i, which will be read soon, while other work goes on.
  void prefetch(std::size_t i) const {
    for (std::size_t j = 0; j < stride_; j += kCacheLine) __builtin_prefetch(row(i) + j, 0, 2);
  }
  float scale(std::size_t i) const { return rows_[i].scale; }
  /// ≥ |d_i·d_j − scale(i)·row(i)[j]| for every j ≠ i
  double error(std::size_t i) const { return rows_[i].error; }
  /// ≥ |d_i·d_j| for every j ≠ i
  double largest(std::size_t i) const { return rows_[i].largest; }

 private:
  struct Row {
    float scale;
    double error, largest;
  };
  AlignedBuffer<std::int8_t> entries_;
  std::vector<Row> rows_;
  std::size_t stride_ = 0;
};

}  // namespace unsuperpose
