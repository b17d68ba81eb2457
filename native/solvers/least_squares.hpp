// Least squares on a growing support, by a Cholesky factor of its Gram matrix, in float64.
#pragma once
#include <cstddef>
#include <vector>

namespace unsuperpose {

/// Solves min ‖x − γD_I‖ for the current support I, which grows by one atom at a time.
class LeastSquares {
 public:
  /// Takes all atoms out; keeps the room.
  void clear();

  /// Makes room for a support of `size`.
  void reserve(std::size_t size);

  /// Appends an atom: products[i] = d_i·d_new for the atoms so far and d_new·d_new last; target = d_new·x.
  /// False, with nothing changed, if the atom depends on the others to float32 accuracy.
  bool append(const double* products, double target);

  /// Drops atoms until the solution is positive, as Lawson & Hanson's inner loop does. Returns the
  /// positions that were dropped, each with respect to the support at that moment.
  std::vector<std::size_t> make_nonnegative();

  /// A step of iterative refinement: adds to the solution what solves G δ = correlations, those of the support's atoms with
  /// the residual. A `positive` solution that it would take to 0 or below stays as it is.
  void correct(const double* correlations, bool positive);

  /// How large a support has room.
  std::size_t room() const { return solution_.capacity(); }
  const std::vector<double>& solution() const { return solution_; }
  /// ‖γD_I‖² = Σ γ_i d_i·x, the energy that the support explains
  double explained() const;

 private:
  bool factor_last(double target, double floor);
  void solve();
  void drop(std::size_t position);

  // Row i of either triangle starts at i(i + 1)/2.
  std::vector<double> gram_, factor_;
  std::vector<double> inverse_;  // of the factor's diagonal
  std::vector<double> forward_;  // L⁻¹ targets
  std::vector<double> targets_, solution_;
  std::vector<double> feasible_;  // the last solution accepted by make_nonnegative, one a support atom
};

}  // namespace unsuperpose
