// Synthetic activations with known features, by the recipe of SynthSAEBench (arXiv 2602.14687): features of very different frequencies that
// correlate weakly, the commonest of them in trees whose children are active only where their parent is, in superposition.
//
// One sample: z ~ N(0, I) of `rank` entries; feature i fires if f_i·z + √(1 − ‖f_i‖²)·ε_i > Φ⁻¹(1 − p_i), ε_i ~ N(0, 1): a Gaussian copula,
// of marginals p_i. A child is looked at only where its parent is active; where siblings exclude each other one that fires, at random, stays.
// A feature that fires has the magnitude m_i + s_i·N(0, 1), and is not active where that is not positive. x = Σ a_i d_i + b.
//
// ε_i is never drawn: it is above v with the probability Q(v), which one uniform number decides, against a table of bounds of Q at first.
// Sample s is a hash of the seed and s: any part of an endless stream can be drawn, by any number of threads, with the same bits.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

struct SyntheticOptions {
  std::size_t features = 0, dims = 0;
  /// p_i, one a feature: of a child, given that its parent is active
  std::vector<double> probability;
  /// Trees: features 0 … roots − 1 are roots; the children of all, `branching` each and `depth` levels of them, follow level by level,
  /// in the order of their parents, as far as there are features. What is left stands alone.
  std::size_t roots = 0, branching = 0, depth = 0;
  bool exclusive = false;  // of siblings that fire one stays
  std::size_t rank = 0;
  double correlation =
      0.1;  // entries of f_i: this times N(0, 1), all scaled down where a ‖f_i‖² is above 0.99
  std::vector<double> mean;  // m_i, one a feature
  double deviation = 0;      // s_i = |N(deviation, spread)|
  double spread = 0;
  double bias = 0;  // ‖b‖, in a random direction
  std::uint64_t seed = 0;
  std::size_t steps = 0;  // of nearly_orthogonal.hpp
  double rate = 3e-4;
};

class SyntheticModel {
 public:
  /// Counts the dictionary's steps as progress. ERR_CANCELLED.
  static Status make(const SyntheticOptions& options, const Execution& execution, SyntheticModel& out);

  /// Samples `first` … first + out.rows − 1 of the stream, and their codes. Counts samples as progress. ERR_CANCELLED, ERR_TOO_LARGE.
  Status sample(std::uint64_t first, const Execution& execution, Matrix32 out, SparseCodes& codes) const;

  std::size_t features() const { return threshold_.size(); }
  std::size_t dims() const { return dictionary_.size() / std::max<std::size_t>(features(), 1); }
  ConstMatrix32 dictionary() const { return {dictionary_.data(), features(), dims()}; }
  ConstMatrix32 factors() const { return {by_rank_.data(), rank_, features()}; }  // column i: f_i
  const std::vector<float>& bias() const { return bias_; }
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& deviation() const { return deviation_; }
  std::size_t bytes() const;

 private:
  struct Scratch;
  bool fires(std::size_t feature, float above, std::uint64_t key) const;
  double magnitude(std::size_t feature, std::uint64_t key) const;
  void draw(std::uint64_t sample, Scratch& scratch) const;
  void draw_free(std::size_t from, std::size_t to, std::uint64_t key, Scratch& scratch) const;
  void draw_children(std::size_t parent, std::uint64_t key, Scratch& scratch) const;
  std::size_t children_of(std::size_t feature, std::size_t& first) const;

  SyntheticOptions options_;
  std::size_t rank_ = 0;
  std::size_t in_trees_ = 0;  // features in trees
  std::size_t parents_ = 0;   // features that may have children: those above the last level
  AlignedBuffer<float> dictionary_, by_rank_;
  std::vector<float> bias_, threshold_, scale_;  // Φ⁻¹(1 − p_i), 1/√(1 − ‖f_i‖²)
  std::vector<double> mean_, deviation_;
  std::uint64_t key_ = 0;
};

}  // namespace unsuperpose
