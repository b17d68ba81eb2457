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

/// Codes in units of 2^unit.
Code64 code_of(const SampleResult& result, bool float64, int unit) {
  Code64 code;
  for (std::size_t k = 0; k < result.indices.size(); ++k)
    code.emplace_back(
        result.indices[k],
        std::ldexp(float64 ? result.values64[k] : static_cast<double>(result.values[k]), -unit));
  return code;
}

void set_code(SampleResult& result, const Code64& code, bool float64, int unit) {
  result.indices.clear();
  result.values.clear();
  result.values64.clear();
  for (const auto& [j, value] : code) {
    result.indices.push_back(j);
    if (float64)
      result.values64.push_back(std::ldexp(value, unit));
    else
      result.values.push_back(static_cast<float>(value));
  }
}

/// One sample as it is judged: in units of 2^unit, which is 1 for all that float32 holds.
struct Given {
  std::vector<double> x;
  int unit = 0;
};

Given read(const Samples& samples, std::size_t i, const Method& method) {
  Given given{std::vector<double>(samples.cols()), 0};
  if (!method.problem().wide) {
    // What a float32 method solved.
    const double unit = std::ldexp(1.0, samples.exponent(i));
    const float* high = samples.high.row(i);
    for (std::size_t k = 0; k < given.x.size(); ++k) given.x[k] = unit * static_cast<double>(high[k]);
    return given;
  }
  if (method.in_float64()) given.unit = samples.exponent(i);
  samples.read(i, given.x.data(), samples.exponent(i) - given.unit);
  return given;
}

/// The zero code, for an answer that is none.
void give_up(const Given& given, const Method& method, SampleResult& result) {
  const double squared = sums::dot(given.x.data(), given.x.data(), given.x.size());
  set_code(result, {}, method.in_float64(), 0);
  result.residual = static_cast<float>(std::ldexp(std::sqrt(squared), given.unit));
  result.objective = std::ldexp(method.objective_of({}, 0.5 * squared), 2 * given.unit);
  if (std::isfinite(method.tolerance_of_gap())) result.gap = kInfinity;
  if (result.outcome == Outcome::converged) result.outcome = Outcome::stalled;
}

/// The figures of a code that is not the one that was found, or not of the problem that was solved; of no penalty, or at λ = 0.
void count_again(Given given, const Dictionary& dictionary, const Method& method, SampleResult& result) {
  const Penalty penalty = method.penalty().value_or(Penalty{});
  const Code64 code = code_of(result, method.in_float64(), given.unit);
  std::vector<double> residual;
  const double objective = ExactProblem(std::move(given.x), dictionary, penalty, 0, method.problem().wide)
                               .objective(code, residual);
  const double squared = sums::squared_norm(residual.data(), residual.size());
  result.objective = method.penalty() ? std::ldexp(objective, 2 * given.unit)
                                      : method.objective_of(code_of(result, method.in_float64(), 0),
                                                            std::ldexp(0.5 * squared, 2 * given.unit));
  result.residual = static_cast<float>(std::ldexp(std::sqrt(squared), given.unit));
  if (std::isfinite(method.tolerance_of_gap())) result.gap = kInfinity;
  if (result.outcome == Outcome::converged) result.outcome = Outcome::stalled;
}

/// A convex answer in float64, as the caller gets it.
void judge(const ExactProblem& problem, int unit, const Method& method, const Execution& execution,
           SampleResult& result) {
  const bool float64 = method.in_float64();
  const double tolerance = method.tolerance_of_gap();
  Code64 code = code_of(result, float64, unit);
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
  set_code(result, code, float64, unit);
  result.objective = std::ldexp(objective, 2 * unit);
  result.residual = static_cast<float>(std::ldexp(sums::norm(residual.data(), residual.size()), unit));
  result.gap = problem.gap(objective, dual);
  if (result.gap <= tolerance)
    result.outcome = Outcome::converged;
  else if (result.outcome == Outcome::converged)
    result.outcome = Outcome::stalled;
}

}  // namespace

Status review(const Samples& samples, const Dictionary& dictionary, const Method& method, std::size_t first,
              const Execution& execution, std::vector<SampleResult>& results, bool own_lambda, bool clamped) {
  const std::optional<Penalty> penalty = method.penalty();
  const double tolerance = method.tolerance_of_gap();
  const bool certifies = std::isfinite(tolerance);
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < results.size(); ++i) {
    SampleResult& result = results[i];
    if (!finite(result)) give_up(read(samples, i, method), method, result);
    if (certifies && result.outcome == Outcome::converged && !(result.gap <= tolerance))
      result.outcome = Outcome::stalled;
    const bool again = result.cut || (clamped && !method.feature_weights().empty());
    if (again || (penalty && result.outcome != Outcome::converged)) open.push_back(i);
  }
  execution.for_each(open.size(), [&](std::size_t k) {
    const std::size_t i = open[k];
    SampleResult& result = results[i];
    const double lambda = !penalty ? 0 : own_lambda ? result.lambda : per_sample(method.lambdas(), first + i);
    const bool again = result.cut || clamped;
    if (penalty && lambda == 0 && !again) return;
    Given given = read(samples, i, method);
    if (lambda == 0) return count_again(std::move(given), dictionary, method, result);
    const int unit = given.unit;
    const ExactProblem problem(std::move(given.x), dictionary, *penalty, std::ldexp(lambda, -unit),
                               method.problem().wide);
    judge(problem, unit, method, execution, result);
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
