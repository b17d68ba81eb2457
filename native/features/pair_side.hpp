// One side of a product of two sets of features: for each feature a row in the space where the two sides meet, known to
// twice the precision of float32, with a bound of what it is off, and packed for the selecting product.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../kernels/product/product.hpp"
#include "../scoring/device_rows.hpp"
#include "../scoring/dictionary.hpp"
#include "../scoring/rows.hpp"

namespace unsuperpose {

/// Features whose rows have norms of about one size, so that one error bound serves all. `features[k]` is the feature of packed row k.
struct PairBucket {
  std::vector<std::uint32_t> features;  // ascending
  double norm = 0;                      // max ‖row‖
  double low = 0;                       // max ‖row − high‖
};

class PairSide {
 public:
  /// Row j is scale[j] · M_k ⋯ M_1 d_j for the maps M_1, M_2, … in this order; `scale` may be null (ones), its entries are finite and
  /// not negative. ERR_OPTION naming the feature if a row's norm exceeds Dictionary::kMaxNorm. `what` names the side in messages.
  static Status make(std::shared_ptr<const Dictionary> dictionary, std::span<const ConstMatrix32> maps,
                     const double* scale, const char* what, const Execution& execution, PairSide& out);

  std::size_t features() const { return dictionary_->features(); }
  std::size_t dims() const { return dims_; }
  /// All rows and sizes below are those times 2^−exponent(): 0 unless every row is so small that float32 would lose it.
  int exponent() const { return exponent_; }
  /// row j = high(j) + low(j) + what error(j) bounds the norm of; low is null where high is exact
  const float* high(std::size_t j) const {
    return exact_ ? dictionary_->atom(j) : high_.data() + j * stride_;
  }
  const float* low(std::size_t j) const { return exact_ ? nullptr : low_.data() + j * stride_; }
  ConstMatrix32 high() const {
    return exact_ ? dictionary_->atoms() : ConstMatrix32{high_.data(), features(), dims_, stride_};
  }
  double norm(std::size_t j) const { return norms_[j]; }  // of the exact row, at most
  double error(std::size_t j) const { return errors_[j]; }
  double low_norm(std::size_t j) const { return lows_[j]; }  // ‖row − high(j)‖, at most
  double max_norm() const { return max_norm_; }
  double max_error() const { return max_error_; }
  double max_low() const { return max_low_; }

  /// The rows that are not zero, by size.
  const std::vector<PairBucket>& buckets() const { return buckets_; }
  /// The rows of a bucket as the scorer takes them, packed on first use and kept.
  scoring::Rows rows(std::size_t bucket) const;
  /// The same, to be scored on a device where there is one (not null); throws device::Failed.
  scoring::Rows rows(std::size_t bucket, device::Device* device) const;
  /// Every feature's high(), on a device.
  const scoring::DeviceRows& on_device(device::Device& device) const { return copies_.of(device, high()); }
  std::size_t bytes() const;

 private:
  std::shared_ptr<const Dictionary> dictionary_;
  bool exact_ = false;  // the rows are the dictionary's own
  std::size_t dims_ = 0, stride_ = 0;
  AlignedBuffer<float> high_, low_;
  std::vector<double> norms_, errors_, lows_;
  double max_norm_ = 0, max_error_ = 0, max_low_ = 0;
  int exponent_ = 0;

  /// Brings rows that were made at 2^−exponents[j] their size to one exponent.
  void align(std::vector<int>& exponents, const Execution& execution);
  void fill_buckets();
  const product::PackedRows& packed(std::size_t bucket, product::Precision precision) const;

  std::vector<PairBucket> buckets_;
  /// One entry a bucket and precision; what is ready stays where it is.
  struct Cache {
    std::mutex mutex;
    std::vector<product::PackedRows> packed;
    std::vector<std::uint8_t> ready;
  };
  std::unique_ptr<Cache> cache_ = std::make_unique<Cache>();
  scoring::DeviceCopies copies_;
  std::vector<scoring::DeviceCopies> bucket_copies_;
};

}  // namespace unsuperpose
