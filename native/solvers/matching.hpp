// Matching pursuit and gradient pursuit.
#pragma once
#include "greedy_options.hpp"

namespace unsuperpose {

struct MatchingPursuit final : Method, GreedyOptions {
  bool gradient = false;  // gradient pursuit

  Scaling scaling() const override { return gradient ? Scaling::common : Scaling::each; }
  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
