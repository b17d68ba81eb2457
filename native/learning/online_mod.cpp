// The method of optimal directions (Engan, Aase, Husøy 1999, "Method of optimal directions for frame design"): all atoms at once, as the least
// squares fit for the codes, D = (AᵀA)⁻¹AᵀX, then each to unit norm. Of the codes only AᵀA and AᵀX are needed, which are sums over samples:
// A and B, over all that is remembered, so that the data may stream by (with forgetting: Skretting & Engan 2010, "Recursive least squares
// dictionary learning algorithm").
//
// AᵀA may be singular: two atoms that samples only use together, or more atoms than samples. What is solved is
//   min over D of Σ ‖x − aD‖² + ε Σ_j A_jj ‖d_j − d_j before‖²
// whose answer is near the least squares one where codes tell of it, and near the atoms as they are where they do not.
#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "factor.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// ε: above what float32 sums leave uncertain in A scaled to a unit diagonal; where that has a negative eigenvalue nevertheless, ε grows.
constexpr double kRidge = 0x1p-10, kGrowth = 16;
/// A pivot below this share of ε is rounding.
constexpr double kLeastPivot = 0.25;

}  // namespace

/// With S = diag(A_jj)^−½ the equations are (SAS + εI)(S⁻¹D) = SB + εS⁻¹D before: of unit diagonal, nearly the best there is for the condition
/// number (van der Sluis 1969).
void OnlineLearner::State::solve_atoms(const Execution& execution) {
  std::vector<std::uint32_t> used_atoms;
  for (std::uint32_t j = 0; j < atoms.features(); ++j)
    if (a[j * a_stride + j] > 0) used_atoms.push_back(j);
  const std::size_t size = used_atoms.size(), width = size + dims;
  if (size == 0) return;
  std::vector<double> scales(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t j = used_atoms[i];
    scales[i] = 1 / std::sqrt(static_cast<double>(a[j * a_stride + j]));
  }
  AlignedBuffer<double> room(bytes_of(size, width));
  const NormalEquations equations{room.data(), size, dims, width};
  for (double ridge = kRidge;; ridge *= kGrowth) {
    execution.for_items(size, 1, [&](std::size_t i) {
      cancellation::point();
      const std::size_t j = used_atoms[i];
      double* row = equations.row(i);
      row[i] = 1 + ridge;
      for (std::size_t k = i + 1; k < size; ++k)
        row[k] = scales[i] * static_cast<double>(a[j * a_stride + used_atoms[k]]) * scales[k];
      const float *sum = b.data() + j * stride, *before = atoms.atom(j);
      for (std::size_t k = 0; k < dims; ++k)
        row[size + k] = scales[i] * static_cast<double>(sum[k]) + ridge * before[k] / scales[i];
    });
    if (execution.cancelled()) return;
    if (solve(equations, kLeastPivot * ridge, execution)) break;
    if (execution.cancelled()) return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t j = used_atoms[i];
    const double* found = equations.row(i) + size;
    double squares = 0;
    for (std::size_t k = 0; k < dims; ++k) squares += found[k] * found[k];
    const double norm = std::sqrt(squares);
    if (!(norm > 0) || !std::isfinite(norm)) continue;
    float* atom = atoms.edit(j);
    for (std::size_t k = 0; k < dims; ++k) atom[k] = static_cast<float>(found[k] / norm);
    columns.set_entry(j, atom);
    fresh[j] = 0;
  }
}

}  // namespace unsuperpose
