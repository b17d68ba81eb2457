#include "coding.hpp"

#include <cmath>
#include <utility>

#include "../solvers/homotopy.hpp"
#include "../solvers/lasso.hpp"
#include "../solvers/matching.hpp"
#include "../solvers/omp.hpp"
#include "../solvers/proximal.hpp"
#include "../solvers/thresholding.hpp"

namespace unsuperpose {

namespace {

template <class Convex>
std::unique_ptr<Convex> convex(const Coding& coding, std::vector<double> lambdas) {
  auto method = std::make_unique<Convex>();
  method->lambda = std::move(lambdas);
  method->nonnegative = coding.nonnegative;
  method->tolerance = coding.tolerance;
  return method;
}

template <class Greedy>
std::unique_ptr<Greedy> greedy(const Coding& coding) {
  auto method = std::make_unique<Greedy>();
  method->sparsity = {coding.sparsity};
  method->nonnegative = coding.nonnegative;
  return method;
}

std::unique_ptr<Method> thresholding(const Coding& coding, HardThresholding::Kind kind) {
  auto method = greedy<HardThresholding>(coding);
  method->kind = kind;
  method->tolerance = coding.tolerance;
  return method;
}

}  // namespace

Status Coding::check() const {
  const auto fail = [](const char* message) { return Status::fail(Code::option, message); };
  if (penalised() && (!(lambda > 0) || !std::isfinite(lambda))) return fail("lambda must be finite and > 0");
  if (!penalised() && sparsity == 0) return fail("sparsity must be at least 1");
  if (!(tolerance > 0)) return fail("tolerance must be > 0");
  return {};
}

std::unique_ptr<Method> Coding::method(std::vector<double> lambdas) const {
  using Kind = HardThresholding::Kind;
  switch (solver) {
    case Solver::lasso: return convex<Lasso>(*this, std::move(lambdas));
    case Solver::fista:
    case Solver::ista: {
      auto method = convex<ProximalGradient>(*this, std::move(lambdas));
      method->accelerated = solver == Solver::fista;
      return method;
    }
    case Solver::homotopy: return convex<Homotopy>(*this, std::move(lambdas));
    case Solver::omp: {
      auto method = greedy<OrthogonalMatchingPursuit>(*this);
      method->gram_budget = 0;  // of atoms that are others at the next batch
      return method;
    }
    case Solver::mp:
    case Solver::gradient_pursuit: {
      auto method = greedy<MatchingPursuit>(*this);
      method->gradient = solver == Solver::gradient_pursuit;
      return method;
    }
    case Solver::iht: return thresholding(*this, Kind::iht);
    case Solver::htp: return thresholding(*this, Kind::htp);
    case Solver::nhtp: return thresholding(*this, Kind::nhtp);
    case Solver::cosamp: break;
  }
  return thresholding(*this, Kind::cosamp);
}

}  // namespace unsuperpose
