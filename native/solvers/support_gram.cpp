#include "support_gram.hpp"

#include <cmath>

#include "../core/cancellation.hpp"
#include "../core/sums.hpp"

namespace unsuperpose {
namespace {

constexpr int kPowerSteps = 8;
constexpr int kAttempts = 6;

}  // namespace

SupportGram::SupportGram(const Dictionary& dictionary, const std::vector<std::uint32_t>& support,
                         double ridge, const std::vector<double>& scales, bool with_low)
    : size_(support.size()), gram_(size_ * size_), factor_(size_ * size_) {
  double trace = 0;
  const std::size_t dims = dictionary.dims();
  std::vector<double> both(with_low ? size_ * dims : 0);
  for (std::size_t i = 0; i < size_ && with_low; ++i) dictionary.read(support[i], both.data() + i * dims);
  for (std::size_t i = 0; i < size_; ++i) {
    cancellation::point();
    const float* a = dictionary.atom(support[i]);
    for (std::size_t j = 0; j <= i; ++j) {
      const float* b = dictionary.atom(support[j]);
      double sum = 0;
      if (with_low)
        sum = sums::dot(both.data() + i * dims, both.data() + j * dims, dims);
      else
        for (std::size_t k = 0; k < dims; ++k) sum += static_cast<double>(a[k]) * b[k];
      gram_[i * size_ + j] = scales.empty() ? sum : sum * scales[i] * scales[j];
    }
    gram_[i * size_ + i] += ridge;
    trace += gram_[i * size_ + i];
  }
  if (!std::isfinite(trace) || !factorise(0)) return;

  // Inverse power steps come close to the smallest eigenvalue from above; the shifted factorisation proves.
  std::vector<double> v(size_);
  for (std::size_t i = 0; i < size_; ++i) v[i] = i % 2 == 0 ? 1 : -0.75;
  double estimate = trace;
  for (int step = 0; step < kPowerSteps; ++step) {
    double before = 0, after = 0;
    for (double value : v) before += value * value;
    solve(v);
    for (double value : v) after += value * value;
    if (!(after > 0) || !std::isfinite(after)) return;
    estimate = std::sqrt(before / after);
    for (double& value : v) value /= std::sqrt(after);
  }
  const double rounding = 2 * gamma64(size_ + dictionary.dims() + 8) * trace;
  const std::vector<double> unshifted = factor_;
  double shift = estimate;
  for (int attempt = 0; attempt < kAttempts && smallest_ == 0; ++attempt) {
    shift /= 2;
    if (shift <= rounding) break;
    if (factorise(shift)) smallest_ = shift - rounding;
  }
  factor_ = unshifted;
}

bool SupportGram::factorise(double shift) {
  for (std::size_t i = 0; i < size_; ++i) {
    cancellation::point();
    double* row = factor_.data() + i * size_;
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = factor_.data() + j * size_;
      double sum = gram_[i * size_ + j] - (i == j ? shift : 0);
      for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (i != j)
        row[j] = sum / other[j];
      else if (sum > 0)
        row[i] = std::sqrt(sum);
      else
        return false;
    }
  }
  return true;
}

void SupportGram::solve(std::vector<double>& b) const {
  cancellation::point();
  for (std::size_t i = 0; i < size_; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= factor_[i * size_ + k] * b[k];
    b[i] /= factor_[i * size_ + i];
  }
  for (std::size_t i = size_; i-- > 0;) {
    for (std::size_t k = i + 1; k < size_; ++k) b[i] -= factor_[k * size_ + i] * b[k];
    b[i] /= factor_[i * size_ + i];
  }
}

}  // namespace unsuperpose
