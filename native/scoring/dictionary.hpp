// A dictionary as the solvers see it: atoms in rows, packed copies for the selecting product, and norms.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../kernels/product/product.hpp"
#include "compressed_gram.hpp"
#include "device_rows.hpp"
#include "rows.hpp"

namespace unsuperpose {

/// Immutable once made (packed copies and the Gram matrix are caches behind locks), and therefore safe to share between
/// threads and calls by std::shared_ptr.
class Dictionary {
 public:
  /// Atom norms above this are refused: their float32 scores could overflow.
  static constexpr double kMaxNorm = 1e18;

  /// Copies `atoms` (features × dims), if `normalize` scaled to unit norm (a zero atom stays zero).
  /// ERR_SHAPE for no features or no dims, ERR_NOT_FINITE naming the row, ERR_OPTION for a norm above kMaxNorm.
  static Status make(ConstMatrix32 atoms, bool normalize, std::shared_ptr<const Dictionary>& out);
  /// The same of float64 atoms, each entry kept as two float32 parts: what atom() leaves of it is low(). Where no entry has a low
  /// part, nothing more is kept than of float32 atoms. `read` writes atom j, from any thread. ERR_NOT_FINITE too for what float32
  /// does not hold.
  static Status make(std::size_t features, std::size_t dims,
                     const std::function<void(std::size_t, double*)>& read, bool normalize,
                     const Execution& execution, std::shared_ptr<const Dictionary>& out);

  std::size_t features() const { return features_; }
  std::size_t dims() const { return dims_; }
  /// features × dims, rows padded with zeros to a multiple of 16 floats (stride), cache-line aligned
  ConstMatrix32 atoms() const { return {atoms_.data(), features_, dims_, stride_}; }
  const float* atom(std::size_t j) const { return atoms_.data() + j * stride_; }
  /// Do atoms have low parts? Methods in float32 know the atoms without them.
  bool split() const { return low_.size() > 0; }
  /// What atom(j) leaves of an entry, rows padded likewise. Only if split().
  const float* low(std::size_t j) const { return low_.data() + j * stride_; }
  /// At least ‖low(j)‖ of any atom.
  double hidden() const { return hidden_; }
  /// Do two float32 parts hold every float64 atom to 2^−47 of its largest entry? Those of norms below some 1e-30 have too few bits left.
  bool holds_float64() const { return holds_float64_; }
  /// Atom j with its low part, dims entries.
  void read(std::size_t j, double* out) const;
  /// The atoms packed for the selecting product, made on first use and kept. A precision other than float32 must
  /// have product::rounded_kernels() at these dims.
  const product::PackedRows& packed(product::Precision precision = product::Precision::float32) const;
  /// The atoms as the scorer takes them; `with_low`: with what their low parts can hide.
  scoring::Rows rows(bool with_low = false) const;
  /// The same, to be scored on a device where there is one (not null); throws device::Failed.
  scoring::Rows rows(device::Device* device) const { return rows(false, device); }
  scoring::Rows rows(bool with_low, device::Device* device) const;
  const scoring::DeviceRows& on_device(device::Device& device) const { return copies_.of(device, atoms()); }
  double norm(std::size_t j) const { return norms_[j]; }
  double max_norm() const { return max_norm_; }
  /// Of the atoms that are not zero; 0 where all are.
  double min_norm() const { return min_norm_; }
  /// The Gram matrix in bytes, whose rows are made as they are asked for, and kept.
  const CompressedGram& compressed_gram() const;

  /// memory held: atoms and norms, and the packed copies and the Gram rows that are made
  std::size_t bytes() const;

 private:
  friend class MutableDictionary;  // changes one that nobody else holds yet

  /// From the norms.
  void find_extremes();

  struct Packed {
    product::PackedRows rows;
    std::atomic<bool> ready{false};
  };

  AlignedBuffer<float> atoms_, low_;
  std::vector<double> norms_;
  std::size_t features_ = 0, dims_ = 0, stride_ = 0;
  double min_norm_ = 0, max_norm_ = 0, hidden_ = 0;
  bool holds_float64_ = true;

  mutable std::mutex packed_mutex_;
  mutable Packed packed_[product::kPrecisions];

  scoring::DeviceCopies copies_;

  mutable std::mutex gram_mutex_;
  mutable std::unique_ptr<const CompressedGram> kept_gram_;
  mutable std::atomic<const CompressedGram*> gram_{nullptr};
};

}  // namespace unsuperpose
