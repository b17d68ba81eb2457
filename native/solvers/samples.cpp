#include "samples.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose {

Samples Samples::slice(std::size_t first, std::size_t count) const {
  return {high.slice(first, count), split() ? low.slice(first, count) : ConstMatrix32{},
          exponents ? exponents + first : nullptr};
}

void Samples::read(std::size_t i, double* out, int exponent) const {
  const double unit = std::ldexp(1.0, exponent);
  const float* h = high.row(i);
  for (std::size_t k = 0; k < cols(); ++k) out[k] = unit * h[k];
  if (!split()) return;
  const float* l = low.row(i);
  for (std::size_t k = 0; k < cols(); ++k) out[k] += unit * l[k];
}

SplitSamples::SplitSamples(std::size_t rows, std::size_t cols)
    : rows_(rows), cols_(cols), high_(rows * cols), low_(rows * cols), exponents_(rows) {}

void SplitSamples::set(std::size_t i, const double* sample, int unit) {
  double largest = 0;
  for (std::size_t k = 0; k < cols_; ++k) largest = std::max(largest, std::fabs(sample[k]));
  int exponent = 0;
  if (largest > 0) std::frexp(largest, &exponent);
  // 2^exponent itself may lie outside float64.
  exponent = std::clamp(exponent, -1000, 1000);
  exponents_[i] = exponent + unit;
  float *high = high_.data() + i * cols_, *low = low_.data() + i * cols_;
  for (std::size_t k = 0; k < cols_; ++k) {
    const double value = std::ldexp(sample[k], -exponent);
    high[k] = static_cast<float>(value);
    low[k] = static_cast<float>(value - static_cast<double>(high[k]));
  }
}

}  // namespace unsuperpose
