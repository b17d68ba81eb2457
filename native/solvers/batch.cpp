#include "batch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

ScaledBatch::ScaledBatch(ConstMatrix32 samples, std::span<const double> lambda, std::size_t first)
    : samples_(samples.rows * round_up(samples.cols, kCacheLine / sizeof(float))),
      exponents_(samples.rows),
      squared_norms_(samples.rows),
      dims_(samples.cols),
      stride_(round_up(samples.cols, kCacheLine / sizeof(float))) {
  const auto& reduce = reduce::table();
  if (!lambda.empty()) lambdas_.resize(samples.rows);
  for (std::size_t i = 0; i < samples.rows; ++i) {
    const float* from = samples.row(i);
    float* to = samples_.data() + i * stride_;
    const double norm = std::sqrt(reduce.squared_norm(from, dims_));
    int exponent = 0;
    if (norm > 0) std::frexp(norm, &exponent);
    // Through double: a subnormal sample needs a factor that float32 cannot hold.
    const double factor = std::ldexp(1.0, -exponent);
    for (std::size_t k = 0; k < dims_; ++k) to[k] = static_cast<float>(from[k] * factor);
    std::fill(to + dims_, to + stride_, 0.0f);
    exponents_[i] = exponent;
    squared_norms_[i] = reduce.squared_norm(to, dims_);
    if (!lambdas_.empty()) lambdas_[i] = per_sample(lambda, first + i) * factor;
  }
}

double ScaledBatch::to_scaled(std::size_t i, double v) const { return std::ldexp(v, -exponents_[i]); }
double ScaledBatch::from_scaled(std::size_t i, double v) const { return std::ldexp(v, exponents_[i]); }

void ScaledBatch::finish(std::size_t i, const std::vector<std::pair<std::uint32_t, float>>& codes,
                         double objective, double squared_residual, SampleResult& result) const {
  for (const auto& [index, value] : codes) {
    const double exact = from_scaled(i, value);
    constexpr double kLargest = std::numeric_limits<float>::max();
    const float unscaled = static_cast<float>(std::clamp(exact, -kLargest, kLargest));
    // What it is worth is no longer that of the code that was found.
    if (std::fabs(exact) > kLargest) result.cut = true;
    if (unscaled == 0) continue;
    result.indices.push_back(index);
    result.values.push_back(unscaled);
  }
  result.objective = std::ldexp(objective, 2 * exponents_[i]);
  result.residual = static_cast<float>(from_scaled(i, std::sqrt(squared_residual)));
}

void ScaledBatch::finish64(std::size_t i, const std::vector<std::pair<std::uint32_t, double>>& codes,
                           double objective, double squared_residual, SampleResult& result) const {
  for (const auto& [index, value] : codes) {
    const double unscaled = from_scaled(i, value);
    if (unscaled == 0) continue;
    result.indices.push_back(index);
    result.values64.push_back(unscaled);
  }
  result.objective = std::ldexp(objective, 2 * exponents_[i]);
  result.residual = static_cast<float>(from_scaled(i, std::sqrt(squared_residual)));
}

}  // namespace unsuperpose
