// λ = 0, where the LASSO path ends: the least squares code of smallest Σ w_j|a_j|, the limit λ → 0.
#pragma once
#include "certificate.hpp"

namespace unsuperpose {

/// A dual point there must be orthogonal to every atom (with a ridge d_j·r = βa_j, nonnegative ≤), which no multiple of a
/// residual is unless the residual is. So it is the float64 least squares residual r̂ itself, which a pass over all atoms has found
/// to be so, to float64 rounding:  gap = P(a) − [x·r̂ − ½(‖r̂‖² + β‖a‖²)], relative to ½‖x‖².
inline double least_squares_gap(const Evaluation& e, double ridge) {
  if (e.squared_input == 0) return 0;
  const double dual = e.input_residual - 0.5 * (e.squared_rounded + ridge * e.squared_code);
  return gap_between(e.objective(0, ridge), dual, e.squared_input);
}

/// |d_j·r̂|/w_j that is rounding: this share of ‖x‖·max ‖d_j‖/w_j. What is more leaves the least squares open (atoms that depend on others
/// to their last bits), and nothing is proved.
inline constexpr double kOrthogonal = 1e-12;

}  // namespace unsuperpose
