// What the pursuits and thresholding methods share: a batch of samples, all scored against the dictionary in one
// product a round, each then taking its own step, until its stopping rule is met. Codes in the making are
// few float64 values; residuals are recomputed from them each round, so nothing drifts.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "../core/index.hpp"
#include "../kernels/product/product.hpp"
#include "../scoring/scorer.hpp"
#include "batch.hpp"
#include "greedy_options.hpp"

namespace unsuperpose {

/// A code in the making: atoms ascending, values beside them.
struct SparseCode {
  std::vector<std::uint32_t> atoms;
  std::vector<double> values;

  /// the value of an atom, 0 if it is not there
  double at(std::uint32_t atom) const;
  bool has(std::uint32_t atom) const;
  void add(std::uint32_t atom, double value);
  void drop_zeros();
};

struct GreedySample {
  std::uint32_t slot = 0;
  SparseCode code, best;
  double squared = 0, best_squared = 0;  // ‖x − aD‖² of the code, and of the best one so far
  double coded = 0, best_coded = 0;  // the same of the codes rounded to float32, which are what is answered
  double step = 0;                   // of iterative hard thresholding
  std::uint32_t rounds = 0;
  Outcome outcome = Outcome::converged;
  bool done = false;
};

class GreedyBatch {
 public:
  GreedyBatch(const ScaledBatch& batch, const Dictionary& dictionary, const GreedyOptions& options,
              std::size_t first, const Execution& execution, std::vector<SampleResult>& out);
  virtual ~GreedyBatch() = default;
  Status run();

 protected:
  /// Atoms that a round lists for every sample.
  virtual std::size_t listed() const = 0;
  /// Are atoms of different norms to be compared as if they had norm 1?
  virtual bool by_norm() const { return false; }
  /// One round of a sample: `scored` lists its strongest atoms by |d_j·r| (nonnegative: by d_j·r), strongest first.
  virtual void step(GreedySample& sample, const scoring::Scored& scored) = 0;

  std::size_t sparsity(const GreedySample& sample) const {
    return options_.most_atoms(first_ + sample.slot, dictionary_);
  }
  /// the residual that ends a sample, in the batch's scale
  double enough(const GreedySample& sample) const { return batch_.to_scaled(sample.slot, options_.residual); }
  std::uint32_t limit(std::uint32_t absent) const {
    return options_.max_iterations ? options_.max_iterations : absent;
  }
  const float* residual(const GreedySample& sample) const {
    return residuals_.data() + sample.slot * stride_;
  }
  const float* atom(std::uint32_t j) const { return dictionary_.atom(j); }
  double dot(std::uint32_t j, const float* v) const;
  /// The strongest atom of a sample, its d_j·r, and the residual that this was found with.
  struct Best {
    std::uint32_t atom = kNone;  // kNone if nothing correlates with what is left
    double product = 0;
    const float* residual = nullptr;
    std::vector<float> high, low;  // the same as two floats, where one is not enough
  };
  /// As scored where that is no rounding, otherwise as float64 ranks all atoms.
  Best strongest(const GreedySample& sample, const scoring::Scored& scored) const;
  double dot(std::uint32_t j, const Best& best) const;
  /// out = Σ factors[k]·atoms[k]; answers ‖out‖²
  double combine(const std::vector<std::uint32_t>& atoms, const std::vector<double>& factors,
                 std::vector<double>& out) const;
  /// The least squares code on the atoms, those that depend on the ones before left out (nonnegative: nonnegative least squares).
  SparseCode least_squares(const GreedySample& sample, const std::vector<std::uint32_t>& atoms) const;
  /// Takes the code: residual, energy, and the best so far.
  void take(GreedySample& sample, SparseCode code);
  /// Ends a sample of which no more is left than was asked for, or than float64 rounding. Answers whether it has ended.
  bool explained(GreedySample& sample);
  void end(GreedySample& sample, Outcome outcome);

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const GreedyOptions& options_;
  const std::size_t first_;

 private:
  void keep(GreedySample& sample);
  void finish(GreedySample& sample);
  double parts(const SparseCode& code, std::size_t slot) const;
  double rounding(const GreedySample& sample) const;
  double exact_residual(const GreedySample& sample, std::vector<double>& out) const;

  const Execution& execution_;
  std::vector<SampleResult>& out_;
  const scoring::Scorer* scorer_ = nullptr;
  std::vector<GreedySample> samples_;
  std::size_t stride_;
  AlignedBuffer<float> residuals_;
};

}  // namespace unsuperpose
