// Coordinate descent and Newton steps on a small Gram matrix: the inner solve of LASSO on a working set
// of some tens of atoms.
//   minimise over a:  ½aᵀGa − bᵀa + Σ_j t_j|a_j| + (β/2)‖a‖²      (a ≥ 0 when nonnegative)
// The linear term is never formed; the state is the pair (a, c) with c = b − Ga, the correlations of
// the atoms with the residual. Everything fits in L1 for up to about 100 atoms.
#pragma once
#include <cstddef>

#include "../dispatch.hpp"

namespace unsuperpose::descent {

/// Rows are padded: `stride` is a multiple of kPadding, gram rows, code and correlation are aligned to
/// 64 bytes and zero from `count` up to the next multiple of kPadding.
inline constexpr std::size_t kPadding = 16;

struct Problem {
  const float* gram;  // count rows of stride floats, symmetric
  std::size_t stride;
  std::size_t count;
  const float* threshold;  // t_j = λ·w_j, padded like code and correlation
  const float* inverse;    // 1/(G_jj + β), 0 where that is 0
  float ridge;
  bool nonnegative;
  float* code;         // a, in and out
  float* correlation;  // c, in and out
};

struct Table {
  /// Cyclic coordinate descent: sweeps over all atoms, with sweeps over the active ones in between, until a full
  /// sweep meets no KKT violation above `accuracy` (in units of c), or `limit` sweeps are done.
  /// Returns whether the accuracy was met.
  bool (*sweep)(const Problem& problem, float accuracy, unsigned limit);

  /// One Newton step on the active atoms, with their signs kept: solves
  /// (G_II + βI)Δ = c_I − t_I s_I − βa_I by Cholesky (as UᵀΔ⁻¹U) in float64, then a += αΔ with α ≤ 1 up to the first change of sign
  /// (that atom becomes zero). `scratch` holds newton_scratch(count) doubles.
  /// Where the active atoms are dependent to float32 accuracy the step is damped: G_II + βI + ε diag.
  /// Returns false, with nothing changed, if even that has no factor.
  bool (*newton)(const Problem& problem, double* scratch);
};

/// doubles that newton needs for `count` atoms
inline std::size_t newton_scratch(std::size_t count) {
  const std::size_t padded = (count + kPadding - 1) / kPadding * kPadding;
  return padded * (padded + 5);
}

UNSUPERPOSE_DISPATCH(Table, table)

}  // namespace unsuperpose::descent
