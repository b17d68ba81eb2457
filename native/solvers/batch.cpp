#include "batch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {

/// Samples scaled by a thread at a time.
constexpr std::size_t kTogether = 64;
constexpr double kLargest = std::numeric_limits<float>::max();
/// λ is at most this: it is above every λ_max, and no sum that it goes into overflows.
constexpr double kMostLambda = 0x1.0p400;

float in_range(double v) { return static_cast<float>(std::clamp(v, -kLargest, kLargest)); }

}  // namespace

ScaledBatch::ScaledBatch(const Samples& samples, std::span<const double> lambda, std::size_t first,
                         const Range* range, const Execution& execution)
    : samples_(execution.device, samples.rows() * round_up(samples.cols(), kCacheLine / sizeof(float))),
      low_(samples.split() ? samples_.size() : 0),
      exponents_(samples.rows()),
      squared_norms_(samples.rows()),
      dims_(samples.cols()),
      stride_(round_up(samples.cols(), kCacheLine / sizeof(float))),
      range_(range) {
  execution.for_items(samples.rows(), kTogether, [&](std::size_t i) { scale(samples, i); });
  if (lambda.empty()) return;
  lambdas_.resize(samples.rows());
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    const double given = per_sample(lambda, first + i);
    const double scaled = samples.exponents ? to_scaled(i, given) : given * std::ldexp(1.0, -exponents_[i]);
    lambdas_[i] = std::min(range ? std::ldexp(scaled, range->penalty) : scaled, kMostLambda);
  }
}

void ScaledBatch::scale(const Samples& samples, std::size_t i) {
  const auto& reduce = reduce::table();
  const float* from = samples.high.row(i);
  float* to = samples_.data() + i * stride_;
  const double norm = std::sqrt(reduce.squared_norm(from, dims_));
  int exponent = 0;
  if (norm > 0) std::frexp(norm, &exponent);
  // Through double: a subnormal sample needs a factor that float32 cannot hold.
  const double factor = std::ldexp(1.0, -exponent);
  for (std::size_t k = 0; k < dims_; ++k) to[k] = static_cast<float>(from[k] * factor);
  std::fill(to + dims_, to + stride_, 0.0f);
  exponents_[i] = exponent + samples.exponent(i);
  squared_norms_[i] = reduce.squared_norm(to, dims_);
  if (split()) add_low(samples, i, factor);
}

void ScaledBatch::add_low(const Samples& samples, std::size_t i, double factor) {
  const float *from = samples.low.row(i), *high = samples_.data() + i * stride_;
  float* to = low_.data() + i * stride_;
  for (std::size_t k = 0; k < dims_; ++k) to[k] = static_cast<float>(from[k] * factor);
  std::fill(to + dims_, to + stride_, 0.0f);
  double sum = 0;
  for (std::size_t k = 0; k < dims_; ++k) {
    const double both = static_cast<double>(high[k]) + static_cast<double>(to[k]);
    sum += both * both;
  }
  squared_norms_[i] = sum;
}

double ScaledBatch::to_scaled(std::size_t i, double v) const { return std::ldexp(v, -exponents_[i]); }
double ScaledBatch::from_scaled(std::size_t i, double v) const { return std::ldexp(v, exponents_[i]); }

double ScaledBatch::code_from_scaled(std::size_t i, std::size_t j, double v) const {
  return std::ldexp(v, exponents_[i] + (range_ ? range_->exponent(j) : 0));
}
double ScaledBatch::code_to_scaled(std::size_t i, std::size_t j, double v) const {
  return std::ldexp(v, -exponents_[i] - (range_ ? range_->exponent(j) : 0));
}
double ScaledBatch::lambda_from_scaled(std::size_t i, double v) const {
  return std::ldexp(v, exponents_[i] - (range_ ? range_->penalty : 0));
}
double ScaledBatch::penalty_from_scaled(std::size_t i, double v) const {
  return std::ldexp(v, exponents_[i] + (range_ ? range_->penalty : 0));
}
double ScaledBatch::penalty_to_scaled(std::size_t i, double v) const {
  return std::ldexp(v, -exponents_[i] - (range_ ? range_->penalty : 0));
}
float ScaledBatch::start(std::size_t i, std::size_t j, double v) const {
  return in_range(code_to_scaled(i, j, v));
}

void ScaledBatch::finish_code(std::size_t i, std::uint32_t index, float value, SampleResult& result) const {
  if (value == 0) return;
  const double exact = code_from_scaled(i, index, value);
  const float unscaled = in_range(exact);
  // Beyond the largest number, or with fewer digits below the least: worth no longer what the code was that was found.
  if (std::fabs(exact) > kLargest || std::fabs(exact) < std::numeric_limits<float>::min()) result.cut = true;
  if (unscaled == 0) return;
  result.indices.push_back(index);
  result.values.push_back(unscaled);
}

void ScaledBatch::finish_figures(std::size_t i, double objective, double squared_residual,
                                 SampleResult& result) const {
  result.objective = std::ldexp(objective, 2 * exponents_[i]);
  result.residual = static_cast<float>(from_scaled(i, std::sqrt(squared_residual)));
}

void ScaledBatch::finish(std::size_t i, std::span<const std::uint32_t> indices, std::span<const float> values,
                         double objective, double squared_residual, SampleResult& result) const {
  result.indices.reserve(indices.size());
  result.values.reserve(indices.size());
  for (std::size_t k = 0; k < indices.size(); ++k) finish_code(i, indices[k], values[k], result);
  finish_figures(i, objective, squared_residual, result);
}

void ScaledBatch::finish(std::size_t i, const std::vector<std::pair<std::uint32_t, float>>& codes,
                         double objective, double squared_residual, SampleResult& result) const {
  result.indices.reserve(codes.size());
  result.values.reserve(codes.size());
  for (const auto& [index, value] : codes) finish_code(i, index, value, result);
  finish_figures(i, objective, squared_residual, result);
}

void ScaledBatch::finish64(std::size_t i, const std::vector<std::pair<std::uint32_t, double>>& codes,
                           double objective, double squared_residual, SampleResult& result) const {
  for (const auto& [index, value] : codes) {
    const double unscaled = code_from_scaled(i, index, value);
    if (unscaled == 0) continue;
    result.indices.push_back(index);
    result.values64.push_back(unscaled);
  }
  finish_figures(i, objective, squared_residual, result);
}

}  // namespace unsuperpose
