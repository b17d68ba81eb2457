// Orthogonal matching pursuit.
#pragma once
#include "greedy_options.hpp"

namespace unsuperpose {

/// All rows of 23,000 features, and a small part of the memory of a machine that holds such activations.
inline constexpr std::size_t kGramBudget = std::size_t{512} << 20;

struct OrthogonalMatchingPursuit final : Method, GreedyOptions {
  std::size_t gram_budget = kGramBudget;  // most bytes for Gram rows kept with the dictionary

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
