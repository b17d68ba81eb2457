// One scoring pass over vectors in float32, and what it proves about the atoms outside a sample's candidates.
#pragma once
#include <vector>

#include "../core/execution.hpp"
#include "../kernels/product/product.hpp"
#include "candidates.hpp"

namespace unsuperpose {

/// A vector v in two float32 parts, v = high + low to some 2⁻⁴⁸: the passes score `high`, and bound what that
/// hides; decisions in doubt and certificates take both.
struct SplitVectors {
  SplitVectors(std::size_t count, std::size_t dims);
  void set(std::size_t i, const std::vector<double>& v);
  const float* high(std::size_t i) const { return high_.data() + i * stride; }
  const float* low(std::size_t i) const { return low_.data() + i * stride; }
  ConstMatrix32 all() const { return {high_.data(), count, dims, stride}; }

  std::size_t count, dims, stride;

 private:
  AlignedBuffer<float> high_, low_;
};

class Screening {
 public:
  /// What is asked of one vector: which atoms have |d_j·v|/w_j above `threshold` (nonnegative: d_j·v/w_j)?
  struct Question {
    std::uint32_t slot;  // of the vector
    double threshold;
    double norm;             // of v
    double noise;            // rounding of v, as a norm
    std::size_t candidates;  // that will be listed too
    double floor;            // ≤ threshold: atoms down to here are listed
  };
  struct Answer {
    std::vector<std::uint32_t> violators;   // outside the candidates, strongest first
    std::vector<std::uint32_t> runners_up;  // the listed ones after them, where there is a violator
    /// At least max_j |d_j·v|/w_j over all atoms outside, and at least the threshold.
    double strongest = 0;
  };

  Screening(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative);

  /// Scores every atom against the vectors asked about; at least `room` atoms more than the candidates are listed for each.
  void score(const SplitVectors& vectors, const std::vector<Question>& questions, std::size_t room,
             const Execution& execution);
  /// The answer to questions[position] of the last score().
  void examine(std::size_t position, const SplitVectors& vectors, const Question& question,
               const Candidates& candidates, Answer& answer) const;

  double weight(std::uint32_t j) const { return weights_.empty() ? 1.0 : weights_[j]; }
  double strength(double correlation, double weight) const {
    return (nonnegative_ ? correlation : correlation < 0 ? -correlation : correlation) / weight;
  }

 private:
  double error(const Question& question) const;

  const Dictionary& dictionary_;
  const std::vector<float>& weights_;
  const bool nonnegative_;
  double largest_norm_ = 0;  // max ‖d_j‖/w_j
  double underflow_ = 0;
  std::vector<float> scale_, floors_;
  std::vector<std::uint32_t> slots_;
  product::Selection scores_;
};

/// How many of the strongest atoms a sample takes into its candidates at first, and when there are some.
std::size_t first_candidates(std::size_t dims);
std::size_t later_candidates(std::size_t dims, std::size_t size);

}  // namespace unsuperpose
