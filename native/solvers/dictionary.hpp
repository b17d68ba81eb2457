// A dictionary as the solvers see it: atoms in rows, a packed copy for the selecting product, and norms.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../kernels/product/product.hpp"

namespace unsuperpose {

/// Immutable once made, and therefore safe to share between threads and calls (std::shared_ptr).
class Dictionary {
 public:
  /// Atom norms above this are refused: their float32 scores could overflow.
  static constexpr double kMaxNorm = 1e18;

  /// Copies `atoms` (features × dims), if `normalize` scaled to unit norm (a zero atom stays zero).
  /// ERR_SHAPE for no features or no dims, ERR_NOT_FINITE naming the row, ERR_OPTION for a norm above kMaxNorm.
  static Status make(ConstMatrix32 atoms, bool normalize, std::shared_ptr<const Dictionary>& out);

  std::size_t features() const { return features_; }
  std::size_t dims() const { return dims_; }
  /// features × dims, rows padded with zeros to a multiple of 16 floats (stride), cache-line aligned
  ConstMatrix32 atoms() const { return {atoms_.data(), features_, dims_, stride_}; }
  const float* atom(std::size_t j) const { return atoms_.data() + j * stride_; }
  const product::PackedRows& packed() const { return packed_; }
  double norm(std::size_t j) const { return norms_[j]; }
  double max_norm() const { return max_norm_; }
  /// memory held: atoms, packed copy, norms
  std::size_t bytes() const;

 private:
  AlignedBuffer<float> atoms_;
  product::PackedRows packed_;
  std::vector<double> norms_;
  std::size_t features_ = 0, dims_ = 0, stride_ = 0;
  double max_norm_ = 0;
};

}  // namespace unsuperpose
