#include "working_set.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose {

namespace {

/// A Gram matrix is kept between passes up to this size: 1 MiB a sample, 0.5 GiB a batch of 512.
constexpr std::size_t kLargestKeptGram = 512;
/// New Gram rows are computed a few at a time, each slice only up to its own diagonal block.
constexpr std::size_t kSlice = 8;

AlignedBuffer<float> zeros(std::size_t count) {
  AlignedBuffer<float> buffer(count);
  std::memset(buffer.data(), 0, count * sizeof(float));
  return buffer;
}

AlignedBuffer<float> regrown(const AlignedBuffer<float>& old, std::size_t used, std::size_t count) {
  AlignedBuffer<float> buffer = zeros(count);
  if (used) std::memcpy(buffer.data(), old.data(), used * sizeof(float));
  return buffer;
}

}  // namespace

void WorkingSet::grow(std::size_t size) {
  const std::size_t stride = round_up(std::max(size, stride_ + stride_ / 2), descent::kPadding);
  code_ = regrown(code_, atoms_.size(), stride);
  correlation_ = regrown(correlation_, atoms_.size(), stride);
  threshold_ = regrown(threshold_, atoms_.size(), stride);
  if (gram_size_) {
    AlignedBuffer<float> gram = zeros(stride * stride);
    for (std::size_t i = 0; i < gram_size_; ++i)
      std::memcpy(gram.data() + i * stride, gram_.data() + i * stride_, gram_size_ * sizeof(float));
    gram_ = std::move(gram);
  } else {
    gram_ = AlignedBuffer<float>();
  }
  stride_ = stride;
}

void WorkingSet::add(const Dictionary& dictionary, std::uint32_t atom, float threshold) {
  if (atoms_.size() == stride_) grow(atoms_.size() + 2 * descent::kPadding);
  const std::size_t at = atoms_.size();
  atoms_.push_back(atom);
  rows_.push_back(dictionary.atom(atom));
  code_[at] = 0;
  correlation_[at] = 0;
  threshold_[at] = threshold;
}

void WorkingSet::complete_gram(const Dictionary& dictionary) {
  const std::size_t n = atoms_.size();
  if (gram_size_ == n) return;
  if (gram_.size() == 0) gram_ = zeros(stride_ * stride_);
  const auto& dots = dots::table();
  for (std::size_t first = gram_size_; first < n; first += kSlice) {
    const std::size_t count = std::min(kSlice, n - first);
    dots.gram(rows_.data() + first, count, rows_.data(), first + count, dictionary.dims(),
              gram_.data() + first * stride_, stride_);
    for (std::size_t i = 0; i < first; ++i)
      for (std::size_t k = first; k < first + count; ++k) gram_[i * stride_ + k] = gram_[k * stride_ + i];
  }
  gram_size_ = n;
}

void WorkingSet::release_large_gram() {
  if (gram_size_ <= kLargestKeptGram) return;
  gram_ = AlignedBuffer<float>();
  gram_size_ = 0;
}

descent::Problem WorkingSet::problem(double ridge, bool nonnegative) const {
  return {gram_.data(), stride_, atoms_.size(), threshold_.data(), static_cast<float>(ridge), nonnegative,
          code_.data(), correlation_.data()};
}

}  // namespace unsuperpose
