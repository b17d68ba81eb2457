#include "dictionary.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../core/cancellation.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {
constexpr std::size_t kRowPadding = kCacheLine / sizeof(float);
}

Status Dictionary::make(ConstMatrix32 atoms, bool normalize, std::shared_ptr<const Dictionary>& out) {
  if (atoms.rows == 0 || atoms.cols == 0)
    return Status::fail(Code::shape, "a dictionary needs at least one feature and one dim, got " +
                                         std::to_string(atoms.rows) + " × " + std::to_string(atoms.cols));
  const auto& reduce = reduce::table();
  auto made = std::make_shared<Dictionary>();
  made->features_ = atoms.rows;
  made->dims_ = atoms.cols;
  made->stride_ = round_up(atoms.cols, kRowPadding);
  made->atoms_ = AlignedBuffer<float>(atoms.rows * made->stride_);
  made->norms_.resize(atoms.rows);
  for (std::size_t j = 0; j < atoms.rows; ++j) {
    const float* from = atoms.row(j);
    float* to = made->atoms_.data() + j * made->stride_;
    if (!reduce.all_finite(from, atoms.cols))
      return Status::fail(Code::not_finite,
                          "dictionary row " + std::to_string(j) + " holds NaN or ±Infinity");
    double norm = std::sqrt(reduce.squared_norm(from, atoms.cols));
    if (normalize && norm > 0) {
      for (std::size_t i = 0; i < atoms.cols; ++i) to[i] = static_cast<float>(from[i] / norm);
      norm = std::sqrt(reduce.squared_norm(to, atoms.cols));
    } else {
      std::memcpy(to, from, atoms.cols * sizeof(float));
    }
    std::fill(to + atoms.cols, to + made->stride_, 0.0f);
    if (norm > kMaxNorm)
      return Status::fail(Code::option,
                          "dictionary row " + std::to_string(j) +
                              " has a norm above 1e18, where float32 scores overflow: scale the dictionary");
    made->norms_[j] = norm;
  }
  made->find_extremes();
  out = std::move(made);
  return {};
}

void Dictionary::find_extremes() {
  max_norm_ = 0;
  for (const double norm : norms_) max_norm_ = std::max(max_norm_, norm);
  min_norm_ = max_norm_;
  for (const double norm : norms_)
    if (norm > 0) min_norm_ = std::min(min_norm_, norm);
}

std::size_t Dictionary::bytes() const {
  std::size_t bytes = atoms_.bytes() + low_.bytes() + norms_.size() * sizeof(double);
  if (const CompressedGram* gram = gram_.load(std::memory_order_acquire)) bytes += gram->bytes();
  for (const Packed& packed : packed_)
    if (packed.ready.load(std::memory_order_acquire)) bytes += packed.rows.bytes();
  return bytes;
}

const product::PackedRows& Dictionary::packed(product::Precision precision) const {
  Packed& packed = packed_[static_cast<std::size_t>(precision)];
  if (!packed.ready.load(std::memory_order_acquire)) {
    const auto lock = cancellation::lock(packed_mutex_);
    if (!packed.ready.load(std::memory_order_relaxed)) {
      packed.rows = product::PackedRows(atoms(), active_isa(), precision);
      packed.ready.store(true, std::memory_order_release);
    }
  }
  return packed.rows;
}

scoring::Rows Dictionary::rows(bool with_low) const {
  const auto packed_of = [](const void* owner, std::size_t, product::Precision precision) -> const auto& {
    return static_cast<const Dictionary*>(owner)->packed(precision);
  };
  return {features_, dims_, packed_of, this, 0, max_norm_, norms_, with_low ? hidden_ : 0};
}

scoring::Rows Dictionary::rows(bool with_low, device::Device* device) const {
  scoring::Rows rows = this->rows(with_low);
  if (device) rows.device = &on_device(*device);
  return rows;
}

const CompressedGram& Dictionary::compressed_gram() const {
  if (const CompressedGram* gram = gram_.load(std::memory_order_acquire)) return *gram;
  const auto lock = cancellation::lock(gram_mutex_);
  if (!kept_gram_) {
    kept_gram_ = std::make_unique<const CompressedGram>(atoms(), rows(), norms_);
    gram_.store(kept_gram_.get(), std::memory_order_release);
  }
  return *kept_gram_;
}

}  // namespace unsuperpose
