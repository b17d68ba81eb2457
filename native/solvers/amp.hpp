// Approximate message passing.
#pragma once
#include "method.hpp"

namespace unsuperpose {

struct MessagePassing final : Method {
  std::vector<double> lambda;   // 1 entry or one a sample; or empty:
  double threshold_factor = 0;  // α > 0
  bool nonnegative = false;
  double tolerance = kDefaultTolerance;
  std::uint32_t max_iterations = 0;  // 0: the default

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  std::span<const double> lambdas() const override { return lambda; }
  double tolerance_of_gap() const override { return tolerance; }
  std::optional<Penalty> penalty() const override { return Penalty{{}, 0, nonnegative}; }
  bool reports_lambda() const override { return true; }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
