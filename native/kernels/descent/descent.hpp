// Coordinate descent and Newton steps on a small Gram matrix: the inner solve of LASSO on a working set
// of some tens of atoms.
//   minimise over a:  ½aᵀGa − bᵀa + Σ_j t_j|a_j| + (β/2)‖a‖²      (a ≥ 0 when nonnegative)
// The linear term is never formed; the state is the pair (a, c) with c = b − Ga, the correlations of
// the atoms with the residual. Everything fits in L1 for up to about 100 atoms.
//
// Accuracy: code and correlation are float32, and an update of a correlation rounds twice, by at most 2⁻²³·(|c| + |Δ·G_jk|): c drifts from
// b − Ga by that for each update. Callers compute the correlations of what they keep anew.
//
// What is left to gain, for a register of eight correlations, or of four doubles in newton's n³/6 multiplications. AMD EPYC (Zen 3), one thread,
// from L1, 32 atoms, 2026-11-26, others at work: the median of seven runs of build/bench_kernels.
//
//   avx2, avx512   the inner loop, for one register                                least    cycles
//   sweep          1 vmulps, 1 vsubps, 2 loads, 1 store of 7 instructions          1.2      8.0    15 % of the peak
//   newton         1 vmulpd, 1 vsubpd, 2 loads, 1 store of 7                       1.2      5.9    20 %
// An update waits for the one before: its correlation was just stored (some 32 cycles for all of it, whatever the number of atoms up to 32).
// Carrying the next coordinate's correlation in a register should halve that, with the same bits. newton gathers the active rows one entry at
// a time, and its rows are short. On the benchmark's W1 both together are 9 % of the lasso.
//   neon (GCC 12, disassembled): 8 instructions for a register of four floats or two doubles: .5 and .25 multiply-adds an instruction.
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
