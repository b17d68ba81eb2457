// Basis pursuit denoising.
#pragma once
#include "path_options.hpp"

namespace unsuperpose {

struct BasisPursuitDenoising final : Method, PathOptions {
  std::vector<double> epsilon;  // the residual, ≥ 0; 1 entry or one a sample

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  Scaling scaling() const override { return ridge > 0 ? Scaling::common : Scaling::each; }
  std::span<const float> feature_weights() const override { return weights; }
  std::shared_ptr<Method> rescaled(const Range& range) const override { return rescaled_of(*this, range); }
  double tolerance_of_gap() const override { return tolerance; }
  double objective_of(const std::vector<std::pair<std::uint32_t, double>>& code, double) const override;
  bool reports_lambda() const override { return true; }
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  Problem problem() const override {
    Problem problem = problem_of(*this);
    problem.bounds_fit = true;
    return problem;
  }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
