// What all solvers share: a batch of samples brought to a common scale, and the answer of one sample.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
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
};

/// Samples multiplied by powers of two, so that their norms lie in [½, 1): exact (up to subnormal input),
/// and the solvers meet neither overflow nor underflow. Solutions scale along: a(cx, cλ) = c·a(x, λ).
class ScaledBatch {
 public:
  ScaledBatch(ConstMatrix32 samples, const UnfoldOptions& options, std::size_t first);

  std::size_t count() const { return exponents_.size(); }
  ConstMatrix32 samples() const { return {samples_.data(), count(), dims_, stride_}; }
  double squared_norm(std::size_t i) const { return squared_norms_[i]; }
  double lambda(std::size_t i) const { return lambdas_.empty() ? 0 : lambdas_[i]; }
  /// v·2^−exponent: the caller's units to the batch's
  double to_scaled(std::size_t i, double v) const;
  /// v·2^exponent: back
  double from_scaled(std::size_t i, double v) const;
  /// fills values, objective and residual of `result` from scaled codes (ascending indices; zeros dropped)
  void finish(std::size_t i, const std::vector<std::pair<std::uint32_t, float>>& codes, double objective,
              double squared_residual, SampleResult& result) const;
  /// the same for codes in float64
  void finish64(std::size_t i, const std::vector<std::pair<std::uint32_t, double>>& codes, double objective,
                double squared_residual, SampleResult& result) const;

 private:
  AlignedBuffer<float> samples_;
  std::vector<int> exponents_;
  std::vector<double> squared_norms_;
  std::vector<double> lambdas_;
  std::size_t dims_ = 0, stride_ = 0;
};

/// ERR_SHAPE or ERR_OPTION where options do not fit the samples and the dictionary.
Status check(ConstMatrix32 samples, const Dictionary& dictionary, const UnfoldOptions& options);
/// Appends answers to an unfolding, with their λ if that is one of the answers.
Status append(const std::vector<SampleResult>& results, bool reports_lambda, Unfolding& out);

/// One solver's work on one batch, which starts at sample `first` of the call (of `total`). Results are in the
/// order of the samples.
Status lasso(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
             const SparseCodes* warm_start, std::size_t first, const Execution& execution,
             std::vector<SampleResult>& out);
/// `norm` is the dictionary's spectral norm, or a little less.
Status proximal_gradient(const ScaledBatch& batch, const Dictionary& dictionary, double norm,
                         const UnfoldOptions& options, const SparseCodes* warm_start, std::size_t first,
                         const Execution& execution, std::vector<SampleResult>& out);
/// mp, gradient_pursuit
Status matching_pursuit(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
                        std::size_t first, const Execution& execution, std::vector<SampleResult>& out);
/// iht, htp, cosamp
Status hard_thresholding(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
                         std::size_t first, const Execution& execution, std::vector<SampleResult>& out);
Status approximate_message_passing(const ScaledBatch& batch, const Dictionary& dictionary,
                                   const UnfoldOptions& options, const Execution& execution,
                                   std::vector<SampleResult>& out);
Status orthogonal_matching_pursuit(const ScaledBatch& batch, const Dictionary& dictionary,
                                   const UnfoldOptions& options, std::size_t first, std::size_t total,
                                   const Execution& execution, std::vector<SampleResult>& out);
Status homotopy(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
                const SparseCodes* warm_start, std::size_t first, const Execution& execution,
                std::vector<SampleResult>& out);
Status basis_pursuit_denoising(const ScaledBatch& batch, const Dictionary& dictionary,
                               const UnfoldOptions& options, std::size_t first, const Execution& execution,
                               std::vector<SampleResult>& out);
Status reweighted_l1(const ScaledBatch& batch, const Dictionary& dictionary, const UnfoldOptions& options,
                     std::size_t first, const Execution& execution, std::vector<SampleResult>& out);

}  // namespace unsuperpose
