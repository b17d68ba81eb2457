// The span of a few rows, for the energy of vectors in it.
#pragma once
#include <memory>
#include <vector>

#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../solvers/support_gram.hpp"

namespace unsuperpose {

/// With B the rows, G = BBᵀ, any z, w = d − zB and r = Bw:
///   ‖(I − P)d‖² = ‖w‖² − rᵀG⁻¹r,   0 ≤ rᵀG⁻¹r ≤ ‖r‖²/μ,   0 < μ ≤ λ_min(G),
/// so that an approximate z ≈ G⁻¹Bd gives the energy outside the span with a bound of what it is off.
class Subspace {
 public:
  /// ERR_OPTION unless the rows are proved to be independent.
  static Status make(ConstMatrix32 rows, std::unique_ptr<Subspace>& out);

  std::size_t size() const { return rows_->features(); }
  const Dictionary& rows() const { return *rows_; }
  double smallest_eigenvalue() const { return gram_->smallest_eigenvalue(); }
  /// z ← G⁻¹z, about
  void solve(std::vector<double>& z) const { gram_->solve(z); }

 private:
  std::shared_ptr<const Dictionary> rows_;  // each scaled by a power of two
  std::unique_ptr<SupportGram> gram_;
};

}  // namespace unsuperpose
