// Iteratively reweighted ℓ1. It makes its own weights.
#pragma once
#include "path_options.hpp"

namespace unsuperpose {

struct ReweightedL1 final : Method, PathOptions {
  std::vector<double> lambda;      // 1 entry or one a sample; finite, > 0
  std::vector<double> epsilon;     // > 0, 1 entry or one a sample; empty: a share of the largest code
  std::uint32_t reweightings = 0;  // problems after the first

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  Scaling scaling() const override { return ridge > 0 ? Scaling::common : Scaling::each; }
  std::span<const float> feature_weights() const override { return weights; }
  std::shared_ptr<Method> rescaled(const Range& range) const override { return rescaled_of(*this, range); }
  double tolerance_of_gap() const override { return tolerance; }
  std::span<const double> lambdas() const override { return lambda; }
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
