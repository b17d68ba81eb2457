// Does basis pursuit return a code? min ‖a‖₁ over aD = x has the code (support S, signs s) as its only solution if and only if D_S is
// independent and some y has d_i · y = s_i on S and |d_j · y| < 1 off it (Fuchs 2004; Zhang, Yin & Cheng 2015, theorem 1).
//
// The search takes the least-norm y with |d_j · y| ≤ 1 off S: a quadratic program, by Goldfarb & Idnani's dual active sets (1983). Where
// it ends at a y, that is D_J⁺s_J for the atoms J ⊇ S that reach 1, and if |d_j · y| < 1 off J then every code on J with those signs is
// found, the one on S among them. Where it ends without one, atoms depend on one another by coefficients g with
//   Σ g_i d_i = 0,   Σ_S s_i g_i + Σ_{j∉S} |g_j| < 0,
// along which ‖a‖₁ falls. Both are proved afterwards from the atoms, whatever the search's own rounding.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "dual_point.hpp"

namespace unsuperpose {

class DualSearch {
 public:
  /// `spanned`: coordinates in which some atom is not zero.
  DualSearch(const Dictionary& dictionary, const std::vector<std::uint32_t>& support,
             const std::vector<double>& signs, bool nonnegative, std::size_t spanned);

  enum class State : std::uint8_t { searching, ended, dependent };
  State state() const { return state_; }
  /// The point to score all atoms against: `to` is y · 2^−exponent in float32. Answers its norm.
  double point(float* to, int& exponent) const;
  /// Takes in the atoms that y violates, by its float32 products with all of them. Ends if there are none. Answers the steps taken.
  std::size_t advance(const float* scores, double norm, int exponent, const Execution& execution);

  /// Of a search that ended: J and its signs.
  const std::vector<std::uint32_t>& atoms() const { return atoms_; }
  std::vector<double> signs() const;
  /// Of atoms found dependent: whether they prove that basis pursuit does not return the code.
  bool disproved() const;
  /// Of that: they are all in the support, so that LASSO has no single answer on it either.
  bool within_support() const { return within_support_; }
  /// Whether an atom off J reaches 1 to rounding, and with J proves that another code has the same norm.
  bool tied() const { return tied_; }

 private:
  /// n_i · y ≥ b_i with n_i = sign · d_i/‖d_i‖; equal for the first `fixed_`.
  void split(std::uint32_t j, double sign, std::vector<double>& n);
  bool append(std::uint32_t j, double sign, double multiplier);
  void drop(std::size_t k);
  void take(std::uint32_t j, double sign);
  double value(std::uint32_t j) const;
  double excess(std::uint32_t j, double& sign) const;
  double smallest_singular() const;
  bool proved_by_bound() const;
  bool proved_exactly() const;

  const Dictionary& dictionary_;
  const bool nonnegative_;
  const std::size_t dims_, spanned_;
  std::size_t fixed_ = 0;
  State state_ = State::searching;
  bool tied_ = false, within_support_ = false;
  std::size_t steps_ = 0;
  std::vector<std::uint8_t> inside_;

  std::vector<std::uint32_t> atoms_;
  std::vector<double> turns_, bounds_, multipliers_;
  std::vector<std::vector<double>> q_, r_;  // orthonormal rows; columns of the triangle
  std::vector<double> y_;

  // n of an atom as it is looked at: its parts along q_, what is orthogonal to them, and its coefficients in the n_i.
  std::vector<double> n_, along_, across_, coefficients_;
  double across_norm_ = 0;
  std::uint32_t last_ = 0;  // the atom that depends on the others by coefficients_
  double last_turn_ = 0;
};

/// Coordinates in which some atom is not zero.
std::size_t spanned_dims(const Dictionary& dictionary);

}  // namespace unsuperpose
