#include "vectors.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose::scoring {

SplitVectors::SplitVectors(std::size_t count, std::size_t dims)
    : count_(count),
      dims_(dims),
      stride_(round_up(dims, kCacheLine / sizeof(float))),
      high_(AlignedBuffer<float>::zeros(count * stride_)),
      low_(AlignedBuffer<float>::zeros(count * stride_)) {}

void SplitVectors::set(std::size_t i, const std::vector<double>& v) {
  float* high = high_.data() + i * stride_;
  float* low = low_.data() + i * stride_;
  for (std::size_t k = 0; k < dims_; ++k) {
    high[k] = static_cast<float>(v[k]);
    low[k] = static_cast<float>(v[k] - static_cast<double>(high[k]));
  }
}

void ScaledVectors::resize(std::size_t count, std::size_t dims) {
  dims_ = dims;
  rounded_.resize(count * dims);
  exponents_.assign(count, 0);
}

void ScaledVectors::set(std::size_t i, const double* v) {
  double most = 0;
  for (std::size_t k = 0; k < dims_; ++k) most = std::max(most, std::fabs(v[k]));
  exponents_[i] = 0;
  if (most > 0) std::frexp(most, &exponents_[i]);
  for (std::size_t k = 0; k < dims_; ++k)
    rounded_[i * dims_ + k] = static_cast<float>(std::ldexp(v[k], -exponents_[i]));
}

double ScaledVectors::hidden() const { return std::sqrt(static_cast<double>(dims_)) * 0x1.0p-149; }

}  // namespace unsuperpose::scoring
