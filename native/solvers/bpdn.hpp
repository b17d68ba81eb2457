// Basis pursuit denoising.
#pragma once
#include "path_options.hpp"

namespace unsuperpose {

struct BasisPursuitDenoising final : Method, PathOptions {
  std::vector<double> epsilon;  // the residual, ≥ 0; 1 entry or one a sample

  Status check(ConstMatrix32 samples, const Dictionary& dictionary) const override;
  double tolerance_of_gap() const override { return tolerance; }
  double objective_at_zero(double) const override { return 0; }
  bool reports_lambda() const override { return true; }
  BatchSolver start(const Dictionary& dictionary, std::size_t samples,
                    const Execution& execution) const override;
};

}  // namespace unsuperpose
