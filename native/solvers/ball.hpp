// LASSO in its constrained form: over an ℓ1 ball.
#pragma once
#include "path_options.hpp"

namespace unsuperpose {

struct LassoBall final : Method, PathOptions {
  LassoBall() { inward = true; }  // rounded codes stay in the ball

  std::vector<double> radius;  // ≥ 0, finite; 1 entry or one a sample

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  bool reports_lambda() const override { return true; }
  Scaling scaling() const override { return Scaling::each; }
  std::span<const float> feature_weights() const override { return weights; }
  std::shared_ptr<Method> rescaled(const Range& range) const override { return rescaled_of(*this, range); }
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  Problem problem() const override { return problem_of(*this); }
  double tolerance_of_gap() const override { return tolerance; }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
