// Orthogonal matching pursuit.
#pragma once
#include "greedy_options.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

/// All rows of 23,000 features, and a small part of the memory of a machine that holds such activations.
inline constexpr std::size_t kGramBudget = std::size_t{512} << 20;

/// Where a device has left the samples of a batch.
struct OmpStart {
  std::vector<std::uint8_t> done;  // answered: left alone
  std::vector<std::vector<std::uint32_t>>
      supports;  // of the others, in the order of the choices; empty: from the beginning
  std::vector<std::uint32_t> choices;
  std::size_t left = 0;  // how many others there are
};

struct OrthogonalMatchingPursuit final : Method, GreedyOptions {
  std::size_t gram_budget = kGramBudget;  // most bytes for Gram rows kept with the dictionary

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
  bool uses_device(const Dictionary& dictionary) const override;

  /// How a sample has ended whose code was rounded to float32, with `size` atoms. With a residual asked for, running out of atoms first is no
  /// success, and float32 codes may not come as close.
  Outcome outcome_of(Outcome ended, std::size_t sample, const Dictionary& dictionary, std::size_t size,
                     double squared_residual, double bound) const;

 private:
  /// Answers the samples that a device finishes (cuda/pursuit.hpp); `left` says where the others are.
  Status solve_on_device(const ScaledBatch& batch, const Dictionary& dictionary, std::size_t first,
                         const Execution& execution, OmpStart& left, std::vector<SampleResult>& out) const;
};

}  // namespace unsuperpose
