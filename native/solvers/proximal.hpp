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
  const SparseCodes* starts_from() const override { return warm_start.get(); }
  std::shared_ptr<Method> step(std::vector<double> to,
                               std::shared_ptr<const SparseCodes> from) const override {
    return step_of(*this, std::move(to), std::move(from));
  }
};

}  // namespace unsuperpose
