#include "common_scale.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {
/// Binary orders that the largest norm may lie from the common size: sums of squares, weighted by up to 2²⁰, stay
/// far inside float32 with them.
constexpr int kFar = 16;
}  // namespace

int CommonScale::meet(ConstMatrix32 batch, double kept) {
  double largest = 0;
  for (std::size_t i = 0; i < batch.rows; ++i)
    largest = std::max(largest, reduce::table().squared_norm(batch.row(i), batch.cols));
  largest_ = std::max(std::sqrt(kept) * largest_, std::sqrt(largest));
  if (!(largest_ > 0)) return 0;
  int wanted = 0;
  std::frexp(largest_, &wanted);
  const int before = exponent_;
  if (std::abs(wanted - exponent_) > kFar) exponent_ = wanted;
  return exponent_ - before;
}

ConstMatrix32 CommonScale::apply(ConstMatrix32 batch) {
  if (exponent_ == 0) return batch;
  const std::size_t stride = round_up(batch.cols, kCacheLine / sizeof(float));
  scaled_.reserve(batch.rows * stride);
  // Through double: the factor may be none of float32.
  const double factor = std::ldexp(1.0, -exponent_);
  for (std::size_t i = 0; i < batch.rows; ++i)
    for (std::size_t k = 0; k < batch.cols; ++k)
      scaled_[i * stride + k] = static_cast<float>(batch.row(i)[k] * factor);
  return {scaled_.data(), batch.rows, batch.cols, stride};
}

void CommonScale::save(Checkpoint& to) const {
  to.put("scale", std::vector<double>{static_cast<double>(exponent_), largest_});
}

bool CommonScale::resume(const Checkpoint& from) {
  const auto* scale = from.find<double>("scale", 2);
  if (!scale) return false;
  exponent_ = static_cast<int>((*scale)[0]);
  largest_ = (*scale)[1];
  return true;
}

}  // namespace unsuperpose
