// The duality gap of one sample: how far from the optimum a code can be at most (REFERENCE: LASSO and
// its certificate). All in float64.
//
// With r̂ any vector (here the residual as rounded to float32) and D̃ = [D, √β·I], the point
// θ = s·(r̂, −√β·a) is dual feasible when s·|d_j·r̂ − βa_j| ≤ λw_j for every feature j; then
//   gap = P(a) − [s·x·r̂ − ½s²(‖r̂‖² + β‖a‖²)] ≥ P(a) − P(a*).
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/shared.hpp"

namespace unsuperpose {

struct Evaluation {
  double squared_input;     // ‖x‖²
  double squared_residual;  // ‖x − aD‖² before rounding
  double squared_rounded;   // ‖r̂‖²
  double input_residual;    // x·r̂
  double weighted_l1;       // Σ w_j|a_j|
  double squared_code;      // ‖a‖²

  UNSUPERPOSE_SHARED double objective(double lambda, double ridge) const {
    return 0.5 * squared_residual + lambda * weighted_l1 + 0.5 * ridge * squared_code;
  }
};

/// (P − lower bound) relative to ½‖x‖² > 0; Infinity where that is no number.
UNSUPERPOSE_SHARED inline double gap_between(double primal, double dual, double squared_input) {
  const double difference = primal - dual;
  if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
  return std::max(0.0, difference) / (0.5 * squared_input);
}

/// The gap relative to ½‖x‖² (0 for the zero code of a zero sample); Infinity where something is not finite. `strongest`
/// bounds max_j |d_j·r̂ − βa_j|/w_j from above (nonnegative: without the absolute value).
UNSUPERPOSE_SHARED inline double relative_gap(const Evaluation& e, double lambda, double ridge,
                                              double strongest) {
  const double curvature = e.squared_rounded + ridge * e.squared_code, primal = e.objective(lambda, ridge);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!std::isfinite(primal) || !std::isfinite(curvature) || !std::isfinite(e.input_residual) ||
      std::isnan(strongest))
    return kInfinity;
  if (e.squared_input == 0) return primal > 0 ? kInfinity : 0;
  double scale = 1;
  if (curvature > 0) scale = e.input_residual / curvature;
  // A negative multiple is never needed: x·r̂ > 0 at every point that is better than zero.
  const double limit = strongest > 0 ? lambda / strongest : scale;
  scale = std::clamp(scale, 0.0, std::max(limit, 0.0));
  const double dual = scale * e.input_residual - 0.5 * scale * scale * curvature;
  return gap_between(primal, dual, e.squared_input);
}

}  // namespace unsuperpose
