#include "working_set.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/dots/dots.hpp"

namespace unsuperpose {

namespace {

/// A Gram matrix is kept between passes up to this size: 1 MiB a sample, 0.5 GiB a batch of 512.
constexpr std::size_t kLargestKeptGram = 512;
/// An empty set keeps arrays of up to this many atoms: 16 KiB of Gram matrix.
constexpr std::size_t kLargestKeptEmpty = 64;

}  // namespace

void WorkingSet::clear() {
  if (stride_ > kLargestKeptEmpty) {
    *this = WorkingSet();
    return;
  }
  // The kernels read the padding behind the last atom, which is zero.
  if (!atoms_.empty()) std::fill_n(vectors_.data(), vectors_.size(), 0.0f);
  std::fill_n(gram_.data(), gram_size_ * stride_, 0.0f);
  atoms_.clear();
  rows_.clear();
  gram_size_ = 0;
}

void WorkingSet::grow(std::size_t size) {
  const std::size_t stride = round_up(std::max(size, stride_ + stride_ / 2), descent::kPadding);
  AlignedBuffer<float> vectors = AlignedBuffer<float>::zeros(4 * stride);
  for (std::size_t v = 0; v < 4 && !atoms_.empty(); ++v)
    std::memcpy(vectors.data() + v * stride, vectors_.data() + v * stride_, atoms_.size() * sizeof(float));
  vectors_ = std::move(vectors);
  if (gram_size_) {
    AlignedBuffer<float> gram = AlignedBuffer<float>::zeros(stride * stride);
    for (std::size_t i = 0; i < gram_size_; ++i)
      std::memcpy(gram.data() + i * stride, gram_.data() + i * stride_, gram_size_ * sizeof(float));
    gram_ = std::move(gram);
  } else {
    gram_ = AlignedBuffer<float>();
  }
  atoms_.reserve(stride);
  rows_.reserve(stride);
  stride_ = stride;
}

void WorkingSet::add(const Dictionary& dictionary, std::uint32_t atom, float threshold) {
  reserve(atoms_.size() + 1);
  const std::size_t at = atoms_.size();
  atoms_.push_back(atom);
  rows_.push_back(dictionary.atom(atom));
  this->code()[at] = 0;
  this->correlation()[at] = 0;
  this->threshold()[at] = threshold;
}

void WorkingSet::correlate_new(std::size_t first, const float* residual, std::size_t dims,
                               std::vector<double>& scratch) {
  const std::size_t count = atoms_.size() - first;
  scratch.resize(count);
  dots::table().correlate(rows_.data() + first, count, residual, dims, scratch.data());
  for (std::size_t k = 0; k < count; ++k) correlation()[first + k] = static_cast<float>(scratch[k]);
}

void WorkingSet::complete_gram(const Dictionary& dictionary, double ridge) {
  const std::size_t n = atoms_.size();
  if (gram_size_ == n) return;
  if (gram_.size() == 0) gram_ = AlignedBuffer<float>::zeros(stride_ * stride_);
  const auto& dots = dots::table();
  const std::size_t old = gram_size_;
  // The new rows against all: their own block, which gram() knows to be symmetric, and the block below the old one.
  dots.gram(rows_.data() + old, n - old, rows_.data(), n, dictionary.dims(), gram_.data() + old * stride_,
            stride_);
  for (std::size_t i = 0; i < old; ++i)
    for (std::size_t k = old; k < n; ++k) gram_[i * stride_ + k] = gram_[k * stride_ + i];
  gram_size_ = n;
  for (std::size_t k = old; k < n; ++k) {
    const double diagonal = static_cast<double>(gram_[k * stride_ + k]) + ridge;
    inverse()[k] = diagonal > 0 ? static_cast<float>(1 / diagonal) : 0;
  }
}

void WorkingSet::release_large_gram() {
  if (gram_size_ <= kLargestKeptGram) return;
  gram_ = AlignedBuffer<float>();
  gram_size_ = 0;
}

descent::Problem WorkingSet::problem(double ridge, bool nonnegative) const {
  return {gram_.data(), stride_, atoms_.size(), threshold(), inverse(), static_cast<float>(ridge),
          nonnegative,  code(),  correlation()};
}

}  // namespace unsuperpose
