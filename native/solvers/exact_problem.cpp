#include "exact_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/sums.hpp"

namespace unsuperpose {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Beyond a bound by less than this share is on it, to rounding.
constexpr double kExcess = 1e-12;
/// Atoms between two looks whether the call was cancelled.
constexpr std::size_t kTogether = 1024;

}  // namespace

double ExactProblem::correlation(std::uint32_t j, const std::vector<double>& v) const {
  const double high = sums::dot(dictionary_.atom(j), v.data(), v.size());
  return low_ ? high + sums::dot(dictionary_.low(j), v.data(), v.size()) : high;
}

double ExactProblem::zero() const { return 0.5 * sums::dot(x_.data(), x_.data(), x_.size()); }

double ExactProblem::objective(const Code64& code, std::vector<double>& residual) const {
  residual = x_;
  double l1 = 0, squares = 0;
  for (const auto& [j, value] : code) {
    if (value == 0) continue;
    if (penalty_.nonnegative && value < 0) return kInfinity;
    const float* atom = dictionary_.atom(j);
    for (std::size_t k = 0; k < residual.size(); ++k) residual[k] -= value * static_cast<double>(atom[k]);
    const float* rest = low_ ? dictionary_.low(j) : nullptr;
    for (std::size_t k = 0; rest && k < residual.size(); ++k)
      residual[k] -= value * static_cast<double>(rest[k]);
    l1 += weight(j) * std::fabs(value);
    squares += value * value;
  }
  double objective = 0.5 * sums::squared_norm(residual.data(), residual.size());
  if (l1 > 0) objective += lambda_ * l1;
  if (penalty_.ridge > 0) objective += 0.5 * penalty_.ridge * squares;
  return std::isfinite(objective) ? objective : kInfinity;
}

double ExactProblem::dual(const std::vector<double>& v, const Code64& code, const Execution& execution,
                          std::vector<Violator>* violators) const {
  if (violators) violators->clear();
  double limit = kInfinity, squares = 0;
  auto next = code.begin();
  for (std::uint32_t j = 0; j < dictionary_.features(); ++j) {
    if (j % kTogether == 0 && execution.cancelled()) return -kInfinity;
    double c = correlation(j, v);
    if (next != code.end() && next->first == j) {
      c -= penalty_.ridge * next->second;
      squares += next->second * next->second;
      ++next;
    }
    const double strength = penalty_.nonnegative ? c : std::fabs(c);
    if (std::isnan(strength)) return -kInfinity;
    if (!(strength > 0)) continue;
    limit = std::min(limit, bound(j) / strength);
    if (violators && strength > bound(j) * (1 + kExcess)) violators->push_back({j, strength / bound(j)});
  }
  if (violators)
    std::stable_sort(violators->begin(), violators->end(),
                     [](const Violator& a, const Violator& b) { return a.excess > b.excess; });
  const double input = sums::dot(x_.data(), v.data(), v.size()),
               curvature = sums::squared_norm(v.data(), v.size()) + penalty_.ridge * squares;
  if (!std::isfinite(input) || !std::isfinite(curvature)) return -kInfinity;
  const double scale = std::clamp(curvature > 0 ? input / curvature : 0, 0.0, limit);
  return scale * input - 0.5 * scale * scale * curvature;
}

double ExactProblem::gap(double objective, double dual) const {
  const double unit = zero(), difference = objective - dual;
  if (!std::isfinite(difference)) return kInfinity;
  if (difference <= 0) return 0;
  return unit > 0 ? difference / unit : kInfinity;
}

}  // namespace unsuperpose
