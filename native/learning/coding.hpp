// How a learner codes its samples: by any solver that takes a λ or a sparsity.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/status.hpp"
#include "../solvers/method.hpp"

namespace unsuperpose {

struct Coding {
  enum class Solver : std::uint8_t {
    lasso,
    fista,
    ista,
    homotopy,
    omp,
    mp,
    gradient_pursuit,
    iht,
    htp,
    nhtp,
    cosamp,
  };

  Solver solver = Solver::lasso;
  double lambda = 0;  // > 0, of those that minimise ½‖x − aD‖² + λ‖a‖₁: the first four
  std::uint32_t sparsity = 0;  // ≥ 1, most atoms a sample, of the others
  bool nonnegative = false;
  double tolerance =
      1e-3;  // > 0, the solver's own: a relative duality gap, or how far a round may still move aD

  bool penalised() const { return solver <= Solver::homotopy; }
  Status check() const;
  /// The solver at these λ, one or one a sample; at its sparsity where it takes that.
  std::unique_ptr<Method> method(std::vector<double> lambdas) const;
};

}  // namespace unsuperpose
