// Proximal gradient: ISTA and FISTA.
#pragma once
#include "method.hpp"

namespace unsuperpose {

struct ProximalGradient final : Method, PenaltyOptions {
  bool accelerated = true;                        // FISTA; else ISTA
  std::shared_ptr<const SparseCodes> warm_start;  // one row a sample, or null

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  std::span<const double> lambdas() const override { return lambda; }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
  Scaling scaling() const override { return ridge > 0 ? Scaling::common : Scaling::each; }
  std::span<const float> feature_weights() const override { return weights; }
  std::shared_ptr<Method> rescaled(const Range& range) const override { return rescaled_of(*this, range); }
  double tolerance_of_gap() const override { return tolerance; }
  std::optional<Penalty> penalty() const override { return Penalty{weights, ridge, nonnegative}; }
  bool refines() const override { return true; }
  bool limited_by_caller() const override { return max_iterations > 0; }
  std::shared_ptr<Method> narrowed(const Narrowing& to) const override { return narrowed_of(*this, to); }
  Problem problem() const override { return problem_of(*this); }
  const SparseCodes* starts_from() const override { return warm_start.get(); }
  std::shared_ptr<Method> step(std::vector<double> to,
                               std::shared_ptr<const SparseCodes> from) const override {
    return step_of(*this, std::move(to), std::move(from));
  }
};

}  // namespace unsuperpose
