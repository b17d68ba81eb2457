// G = D_I D_Iᵀ + βI of one support in float64, factorised, with a proved bound of its smallest eigenvalue.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// γ_n for float64 (Higham, Accuracy and Stability, eq. 3.5)
inline double gamma64(std::size_t n) {
  const double nu = static_cast<double>(n) * 0x1.0p-53;
  return nu < 0.5 ? nu / (1 - nu) : std::numeric_limits<double>::infinity();
}

class SupportGram {
 public:
  /// `scales`, if any, multiply the atoms, one a feature of the support: atoms of very different sizes are no longer nearly dependent.
  /// `with_low`: of atoms with their low parts.
  SupportGram(const Dictionary& dictionary, const std::vector<std::uint32_t>& support, double ridge,
              const std::vector<double>& scales = {}, bool with_low = false);

  /// A lower bound of the smallest eigenvalue of the exact G, or 0 if none was proved.
  double smallest_eigenvalue() const { return smallest_; }
  /// b ← G⁻¹b, about. Only if smallest_eigenvalue() > 0.
  void solve(std::vector<double>& b) const;

 private:
  /// Factorises G − shift·I; false if a pivot is not positive.
  bool factorise(double shift);

  std::size_t size_;
  std::vector<double> gram_, factor_;  // lower triangles in full rows
  double smallest_ = 0;
};

}  // namespace unsuperpose
