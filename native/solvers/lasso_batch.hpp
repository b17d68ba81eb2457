// LASSO by working sets: score → certify → choose → solve → residual, a batch at a time.
//
//   P(a) = ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²
//
// One pass scores every atom against the residuals of the samples that are left (scoring/scorer.hpp, in low precision where its
// error bound allows); each sample then certifies itself by its duality gap and leaves, or takes its strongest KKT
// violators into its working set and solves on it, with a small Gram matrix. The structure is that of celer
// (Massias, Gramfort, Salmon 2018), cut down to what a batch of small problems needs.
//
// A pass is most of the work, and the next one of a sample differs from it by what its code changed: D r changes by the Gram rows
// of the code's atoms. Where those are there, one byte an entry (scoring/compressed_gram.hpp), a sample keeps its scores and goes on
// alone, rounds on end. A row costs what some passes of one sample do, and is kept with the dictionary: it is made once so many
// samples have missed it (the rule of ski rental).
//
// The first two choices always come from passes, and are made as these score. After them exact correlations decide which atoms
// violate and which are the strongest, so that no answer depends on the rows that happen to be there.
#pragma once
#include <atomic>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "../scoring/scorer.hpp"
#include "active_samples.hpp"
#include "batch.hpp"
#include "lasso.hpp"
#include "lasso_sample.hpp"
#include "lazy_correlations.hpp"

namespace unsuperpose {

/// The Gram rows that the batches of a call use, and whether they are of use.
struct LassoGram {
  const CompressedGram* gram = nullptr;
  bool used = false;  // keep the scores of the next batch's passes that are good for it
  AlignedBuffer<float> kept;
};

/// Atoms taken at a time. Passes in low precision cost little beside the Gram matrix of a large working set, so the
/// sets start small: the first pass meets the zero code, where far more atoms exceed λ than will be active.
std::size_t first_choice(std::size_t dims);
/// Later violators have met a solution already, and more of them will be active.
std::size_t later_choice(std::size_t dims, std::size_t size);

class LassoBatch {
 public:
  LassoBatch(const ScaledBatch& batch, const Dictionary& dictionary, const Lasso& options, LassoGram& gram,
             const Execution& execution, std::vector<SampleResult>& out);

  /// Is there room for the scores of as many samples as a pass should have?
  static bool keeps_scores(std::size_t features);

  Status run(const SparseCodes* warm, std::size_t first);

 private:
  using Sample = LassoSample;
  using Workspace = LassoWorkspace;

  // lasso_batch.cpp
  void start(Sample& sample, const SparseCodes* warm, std::size_t first);
  bool score(std::span<const std::uint32_t> samples, float* kept);
  void advance(Sample& sample, std::size_t position, float* kept, LazyCorrelations* lazy);
  void miss(std::span<const std::uint32_t> rows);
  bool step(Sample& sample, Workspace& scratch);
  void remember(Sample& sample) const;
  void finish(Sample& sample, double gap, Outcome outcome);
  bool make_rows();

  // lasso_choice.cpp
  void list(const Sample& sample, std::size_t position, Workspace& scratch) const;
  bool choose_roughly(const Sample& sample, Workspace& scratch) const;
  bool decide(const Sample& sample, Workspace& scratch) const;
  void decide_whole(const Sample& sample, Workspace& scratch) const;
  void decide_as_scored(const Sample& sample, Workspace& scratch) const;
  void weigh(const Sample& sample, std::size_t count, std::size_t most, Workspace& scratch) const;
  std::size_t most_rows() const;
  std::size_t most_chosen(const Sample& sample) const;
  bool useful(const Sample& sample, double error) const;
  void list_kept(const Sample& sample, LazyCorrelations& lazy, double error, Workspace& scratch) const;
  bool follow(const Sample& sample, LazyCorrelations& lazy, double norm_before, Workspace& scratch);

  // lasso_solve.cpp
  void take(Sample& sample, Workspace& scratch) const;
  void solve(Sample& sample, Workspace& scratch) const;
  void evaluate(Sample& sample, Workspace& scratch) const;

  double objective(const Sample& sample) const {
    return sample.at.objective(batch_.lambda(sample.slot), ridge_);
  }
  double norm(const Sample& sample) const { return std::sqrt(sample.at.squared_rounded); }
  float* residual(const Sample& sample) const { return residuals_.data() + sample.slot * residual_stride_; }
  bool weighted() const { return !options_.weights.empty(); }
  double weight(std::uint32_t j) const { return scorer_.weight(j); }

  const ScaledBatch& batch_;
  const Dictionary& dictionary_;
  const Lasso& options_;
  LassoGram& gram_;
  const Execution& execution_;
  std::vector<SampleResult>& out_;
  const double ridge_;
  const std::uint32_t max_rounds_;
  const double smallest_weight_;

  std::vector<Sample> samples_;
  ActiveSamples active_;  // those not yet certified
  const std::size_t residual_stride_;
  AlignedBuffer<float> residuals_;
  scoring::Scorer scorer_;
  const std::uint8_t first_rung_;  // of the scorer's precisions, for the first choice
  std::vector<scoring::Request> requests_;
  std::mutex lacking_mutex_;
  std::vector<std::uint32_t> lacking_;          // Gram rows that are to be made
  std::atomic<std::size_t> asked_{0}, had_{0};  // samples that wanted Gram rows, and found all of them
};

}  // namespace unsuperpose
