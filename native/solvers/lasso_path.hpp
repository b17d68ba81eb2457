// The path of LASSO solutions of one sample as λ falls, on its candidate atoms: homotopy (Osborne, Presnell & Turlach
// 2000; LARS with the lasso modification, Efron, Hastie, Johnstone & Tibshirani 2004), in float64.
//
//   min over a:  ½‖x − aD‖² + λ Σ w_j|a_j| + (β/2)‖a‖²     (a ≥ 0 when nonnegative)
//
// With active set A and signs s the solution is linear in λ:  a_A(λ) = p − λu,  (G_AA + βI)p = D_A x,
// (G_AA + βI)u = w_A s_A, and so are the correlations c_j(λ) = q_j + λg_j, q = D x − G_·A p, g = G_·A u. A knot is the
// largest λ below the present one where some |c_j| reaches λw_j (the atom joins) or an a_k reaches 0 (it leaves). λ, A
// and s say all there is to say about a path: nothing is accumulated from knot to knot but the factor.
//
// Several events at one λ (ties, duplicates, degenerate steps) are a linear complementarity problem in which atom joins
// or leaves it is for; it is solved by Murty's least-index rule, which cannot cycle (Murty 1974, "Note on a Bard-type
// scheme"), with atoms that depend on the active ones left out.
#pragma once
#include <cstdint>
#include <vector>

#include "active_factor.hpp"
#include "candidates.hpp"

namespace unsuperpose {

class LassoPath {
 public:
  struct Event {
    double lambda = 0;  // 0: nothing happens down to λ = 0
    std::uint32_t position = 0;
    int sign = 0;  // of the code of an atom that joins; 0: the atom leaves
  };
  /// A code of the solution, by position in the candidates.
  struct Code {
    std::uint32_t position;
    double value;
  };

  /// At λ = ∞, where nothing is active. The sample has a norm of at most 1. `candidates` must not change while the path
  /// is in use.
  LassoPath(Candidates& candidates, bool nonnegative, double ridge);

  /// Goes on from λ with these atoms active, which must be the solution there.
  void resume(double lambda, const std::vector<std::uint32_t>& active, const std::vector<double>& signs);

  double lambda() const { return lambda_; }
  const std::vector<std::uint32_t>& active() const { return active_; }
  const std::vector<double>& signs() const { return signs_; }

  /// The next event, at lambda() or below. Atoms that would join but depend on the active ones are left out.
  Event next();
  /// Is it at the present knot? (Events that are, to rounding, have its λ.)
  bool here(const Event& event) const { return event.lambda >= lambda_; }
  /// Lets what next() answered happen.
  void apply(const Event& event);

  /// The solution at λ, between the present knot and the next event. Codes of atoms at a knot of their own are 0 and not listed.
  std::vector<Code> codes(double lambda) const;
  /// a(λ) = p − λu over active()
  const std::vector<double>& constant() const { return p_; }
  const std::vector<double>& slope() const { return u_; }
  /// The λ where ‖x − aD‖² = bound on this segment, given ‖x‖²; negative if the residual stays above. Without ridge,
  /// ‖x − a(λ)D‖² = ‖x‖² − p·D_A x + λ² u·(w_A s_A): the least squares residual is orthogonal to the active atoms.
  double lambda_of_residual(double squared_input, double bound) const;

 private:
  Event search() const;
  std::vector<Code> codes_without_strays(double lambda) const;
  bool join(std::uint32_t position, int sign, bool certain);
  bool append(std::uint32_t position, bool certain);
  void refresh();
  void solve();
  void project();
  double refine();
  void factor(std::size_t dims);

  Candidates& candidates_;
  const bool nonnegative_;
  const double ridge_;
  double lambda_;
  std::vector<std::uint32_t> active_;
  std::vector<double> signs_;
  ActiveFactor factor_;
  std::vector<double> p_, u_, q_, g_;
  std::vector<double> scratch_;
  enum class Place : std::uint8_t { outside, active, refused };
  std::vector<Place> places_;
  std::size_t pivots_here_ = 0;  // events since λ last fell
};

}  // namespace unsuperpose
