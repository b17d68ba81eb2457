// What all solvers share: a batch of samples brought to a common scale, and the answer of one sample.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "../core/aligned.hpp"
#include "../scoring/device.hpp"
#include "range.hpp"
#include "samples.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

struct SampleResult {
  std::vector<std::uint32_t> indices;  // ascending
  std::vector<float> values;           // no zeros
  std::vector<double> values64;        // with float64, in place of values
  double gap = 0;
  double objective = 0;
  float residual = 0;
  Outcome outcome = Outcome::converged;
  std::uint32_t iterations = 0;
  double lambda = 0;  // bpdn: found
  bool cut = false;   // float32 does not hold the code: too large, or too small for all its digits
};

/// Samples multiplied by powers of two, so that their norms lie in [½, 1): exact (up to subnormal input),
/// and the solvers meet neither overflow nor underflow. Solutions scale along: a(cx, cλ) = c·a(x, λ).
class ScaledBatch {
 public:
  /// `lambda`: none, one for all or one a sample of the call, in which the batch starts at sample `first`. With a range, codes and λ
  /// scale by its powers of two as well; it must outlive the batch.
  ScaledBatch(const Samples& samples, std::span<const double> lambda, std::size_t first,
              const Range* range = nullptr, const Execution& execution = {});

  std::size_t count() const { return exponents_.size(); }
  ConstMatrix32 samples() const { return {samples_.data(), count(), dims_, stride_}; }
  /// Do samples have low parts?
  bool split() const { return low_.size() > 0; }
  /// What samples() leaves of sample i. Only if split().
  const float* low(std::size_t i) const { return low_.data() + i * stride_; }
  double squared_norm(std::size_t i) const { return squared_norms_[i]; }
  double lambda(std::size_t i) const { return lambdas_.empty() ? 0 : lambdas_[i]; }
  /// v·2^−exponent: the caller's units to the batch's
  double to_scaled(std::size_t i, double v) const;
  /// v·2^exponent: back
  double from_scaled(std::size_t i, double v) const;
  /// Of a code of atom j: from_scaled() in the caller's atoms.
  double code_from_scaled(std::size_t i, std::size_t j, double v) const;
  double code_to_scaled(std::size_t i, std::size_t j, double v) const;
  /// Of λ, and of Σ w_j|a_j|.
  double lambda_from_scaled(std::size_t i, double v) const;
  double penalty_from_scaled(std::size_t i, double v) const;
  double penalty_to_scaled(std::size_t i, double v) const;
  /// A code to start from in float32: at most its largest number.
  float start(std::size_t i, std::size_t j, double v) const;
  /// fills values, objective and residual of `result` from scaled codes (ascending indices; zeros dropped)
  void finish(std::size_t i, std::span<const std::uint32_t> indices, std::span<const float> values,
              double objective, double squared_residual, SampleResult& result) const;
  /// the same of pairs
  void finish(std::size_t i, const std::vector<std::pair<std::uint32_t, float>>& codes, double objective,
              double squared_residual, SampleResult& result) const;
  /// the same for codes in float64
  void finish64(std::size_t i, const std::vector<std::pair<std::uint32_t, double>>& codes, double objective,
                double squared_residual, SampleResult& result) const;

 private:
  void scale(const Samples& samples, std::size_t i);
  void finish_code(std::size_t i, std::uint32_t index, float value, SampleResult& result) const;
  void finish_figures(std::size_t i, double objective, double squared_residual, SampleResult& result) const;
  void add_low(const Samples& samples, std::size_t i, double factor);

  device::Room samples_;
  AlignedBuffer<float> low_;
  std::vector<int> exponents_;
  std::vector<double> squared_norms_;
  std::vector<double> lambdas_;
  std::size_t dims_ = 0, stride_ = 0;
  const Range* range_ = nullptr;
};

/// Appends a batch's answers to an unfolding, with their λ if that is one of the answers.
Status append(const ScaledBatch& batch, const std::vector<SampleResult>& results, bool reports_lambda,
              Unfolding& out);

}  // namespace unsuperpose
