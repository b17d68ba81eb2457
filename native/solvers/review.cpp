#include "review.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/sums.hpp"
#include "refine.hpp"

namespace unsuperpose {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool finite(const SampleResult& result) {
  const auto is_finite = [](double v) { return std::isfinite(v); };
  return std::all_of(result.values.begin(), result.values.end(), is_finite) &&
         std::all_of(result.values64.begin(), result.values64.end(), is_finite) &&
         std::isfinite(result.objective);
}

Code64 code_of(const SampleResult& result, bool float64) {
  Code64 code;
  for (std::size_t k = 0; k < result.indices.size(); ++k)
    code.emplace_back(result.indices[k],
                      float64 ? result.values64[k] : static_cast<double>(result.values[k]));
  return code;
}

void set_code(SampleResult& result, const Code64& code, bool float64) {
  result.indices.clear();
  result.values.clear();
  result.values64.clear();
  for (const auto& [j, value] : code) {
    result.indices.push_back(j);
    if (float64)
      result.values64.push_back(value);
    else
      result.values.push_back(static_cast<float>(value));
  }
}

/// The zero code, for an answer that is none.
void give_up(const float* x, std::size_t dims, const Method& method, SampleResult& result) {
  const double squared = sums::dot(x, x, dims);
  set_code(result, {}, method.in_float64());
  result.residual = static_cast<float>(std::sqrt(squared));
  result.objective = method.objective_of({}, 0.5 * squared);
  if (std::isfinite(method.tolerance_of_gap())) result.gap = kInfinity;
  if (result.outcome == Outcome::converged) result.outcome = Outcome::stalled;
}

/// The figures of a code that is not the one that was found, or not of the problem that was solved.
void count_again(const float* x, const Dictionary& dictionary, const Method& method, SampleResult& result) {
  const Code64 code = code_of(result, method.in_float64());
  std::vector<double> residual;
  const double half = ExactProblem(x, dictionary, {}, 0).objective(code, residual);
  result.objective = method.objective_of(code, half);
  result.residual = static_cast<float>(std::sqrt(2 * half));
  if (std::isfinite(method.tolerance_of_gap())) result.gap = kInfinity;
  if (result.outcome == Outcome::converged) result.outcome = Outcome::stalled;
}

/// A convex answer in float64, as the caller gets it.
void judge(const ExactProblem& problem, const Method& method, const Execution& execution,
           SampleResult& result) {
  const bool float64 = method.in_float64();
  const double tolerance = method.tolerance_of_gap();
  Code64 code = code_of(result, float64);
  std::vector<double> residual;
  double objective = problem.objective(code, residual);
  if (!(objective <= problem.zero())) {
    code.clear();
    objective = problem.objective(code, residual);
  }
  double dual = std::max(0.0, problem.dual(residual, code, execution));
  const bool limited = result.outcome == Outcome::iterations && method.limited_by_caller();
  if (!(problem.gap(objective, dual) <= tolerance) && method.refines() && !limited) {
    Refined refined = refine(problem, code, tolerance, !float64, execution);
    dual = std::max(dual, refined.dual);
    if (refined.objective < objective) {
      code = std::move(refined.code);
      objective = problem.objective(code, residual);
    }
  }
  set_code(result, code, float64);
  result.objective = objective;
  result.residual = static_cast<float>(sums::norm(residual.data(), residual.size()));
  result.gap = problem.gap(objective, dual);
  if (result.gap <= tolerance)
    result.outcome = Outcome::converged;
  else if (result.outcome == Outcome::converged)
    result.outcome = Outcome::stalled;
}

}  // namespace

Status review(ConstMatrix32 samples, const Dictionary& dictionary, const Method& method, std::size_t first,
              const Execution& execution, std::vector<SampleResult>& results, bool own_lambda, bool clamped) {
  const std::optional<Penalty> penalty = method.penalty();
  const double tolerance = method.tolerance_of_gap();
  const bool certifies = std::isfinite(tolerance);
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < results.size(); ++i) {
    SampleResult& result = results[i];
    if (!finite(result)) give_up(samples.row(i), samples.cols, method, result);
    if (certifies && result.outcome == Outcome::converged && !(result.gap <= tolerance))
      result.outcome = Outcome::stalled;
    const bool again = result.cut || (clamped && !method.feature_weights().empty());
    if (again || (penalty && result.outcome != Outcome::converged)) open.push_back(i);
  }
  execution.for_each(open.size(), [&](std::size_t k) {
    const std::size_t i = open[k];
    if (!penalty) return count_again(samples.row(i), dictionary, method, results[i]);
    const double lambda = own_lambda ? results[i].lambda : per_sample(method.lambdas(), first + i);
    judge(ExactProblem(samples.row(i), dictionary, *penalty, lambda), method, execution, results[i]);
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
