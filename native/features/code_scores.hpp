// What codes say of samples, summed as batches stream by: how much of them they explain, how sparse they are, how often each feature is
// used, and, where the true codes are known, how often it is used where its true feature is.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// What is made of samples: codes, and the samples again from them.
struct Reconstructed {
  const SparseCodes& codes;
  const Dictionary* dictionary = nullptr;  // x̂ = aD
  ConstMatrix32 samples;                   // x̂, where there is no dictionary
};

/// Sums over all samples so far, in float64, blocks of samples merged in their order: the bits do not depend on the number of threads,
/// and on how a stream is cut only by rounding. The mean and the squared distance from it are merged as Chan, Golub & LeVeque do
/// ("Updating formulae and a pairwise algorithm for computing sample variances", 1979): no difference of large sums is taken, so a mean
/// far from zero costs no digits.
class CodeScores {
 public:
  /// `nearest`: the true feature that each feature is compared with, one a feature, of `truths`; empty without true codes.
  CodeScores(std::size_t dims, std::size_t features, std::vector<std::uint32_t> nearest, std::size_t truths);

  /// One batch: samples × dims, finite, with valid codes of all. `truth`: the true codes; null exactly where there is no `nearest`.
  /// A cancelled call leaves the sums as they were.
  Status observe(ConstMatrix32 samples, const Reconstructed& made, const SparseCodes* truth,
                 const Execution& execution);

  std::size_t dims() const { return mean_.size(); }
  std::size_t features() const { return used_.size(); }
  std::size_t truths() const { return true_used_.size(); }
  std::size_t bytes() const;

  double samples() const { return samples_; }
  double variance() const { return variance_; }      // Σ‖x − mean‖²
  double residual() const { return residual_; }      // Σ‖x − x̂‖²
  double norm_ratio() const { return norm_ratio_; }  // Σ ‖x̂‖/‖x‖ over samples that are not zero
  double norm_samples() const { return norm_samples_; }  // how many those are
  /// One a feature: samples that use it, those of them where its true feature is active, and all where that is.
  const std::vector<double>& used() const { return used_; }
  const std::vector<double>& hits() const { return hits_; }
  std::vector<double> wanted() const;
  /// Entry k: samples with k active features; no longer than the most that there were, and one.
  const std::vector<double>& active() const { return active_; }
  double true_active() const { return true_active_; }  // Σ of the true codes' active features

 private:
  struct Block;
  Block score(ConstMatrix32 samples, const Reconstructed& made, std::size_t first, std::size_t count) const;
  void merge(const Block& block);
  void count(const SparseCodes& codes, const SparseCodes* truth);

  std::vector<std::uint32_t> nearest_;
  double samples_ = 0, variance_ = 0, residual_ = 0, norm_ratio_ = 0, norm_samples_ = 0, true_active_ = 0;
  std::vector<double> mean_, used_, hits_, true_used_, active_;
};

}  // namespace unsuperpose
