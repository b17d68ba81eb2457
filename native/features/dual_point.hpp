// A point y of the dual of an ℓ1 program with d_i · y = s_i on some atoms J, and what is certain of it elsewhere. For LASSO and for
// basis pursuit alike, |d_j · y| off J decides (Fuchs 2004).
#pragma once
#include <cstdint>
#include <vector>

#include "../scoring/dictionary.hpp"
#include "../solvers/support_gram.hpp"

namespace unsuperpose {

/// Whether something is proved, disproved, or left open by rounding.
enum class Proof : std::uint8_t { no = 0, yes = 1, undecided = 2 };

/// y = D_J⁺s is 2^exponent · (high + low), and off that by at most `spread` in norm: because of the system's condition, and of rounding.
struct DualPoint {
  std::vector<float> high, low;
  int exponent = 0;
  double norm = 0;    // of high + low, at most
  double spread = 0;  // in units of 2^exponent; ∞ where nothing was proved

  /// |d_j · y*|, or d_j · y* if `nonnegative`, against 1: no if it is above, yes if it is below. `score` is the float32 product of d_j
  /// and `high`, which decides where it can; NaN for none.
  Proof below_one(const Dictionary& dictionary, std::uint32_t j, float score, bool nonnegative) const;
  /// That product in float64, in units of 1.
  double product(const Dictionary& dictionary, std::uint32_t j) const;
};

/// A support with its signs, and what its factorisation says.
class SignedAtoms {
 public:
  /// Larger supports are not factorised: 32 MB of Gram matrix.
  static constexpr std::size_t kMost = 2048;

  SignedAtoms(const Dictionary& dictionary, std::vector<std::uint32_t> support);

  /// Proved to be linearly independent.
  bool independent() const { return gram_.smallest_eigenvalue() > 0; }
  /// A lower bound of the smallest eigenvalue of the Gram matrix of the atoms divided by their norms.
  double eigenvalue() const { return gram_.smallest_eigenvalue(); }
  /// 1/‖d_i‖
  const std::vector<double>& scales() const { return scales_; }
  double least_norm() const { return least_norm_; }
  /// v ← (D_J D_Jᵀ)⁻¹v, about
  void solve(std::vector<double>& v) const;
  /// D_J⁺s
  DualPoint dual_point(const std::vector<double>& signs) const;

 private:
  static std::vector<double> inverse_norms(const Dictionary& dictionary,
                                           const std::vector<std::uint32_t>& support);

  const Dictionary& dictionary_;
  std::vector<std::uint32_t> support_;
  std::vector<double> scales_;
  double least_norm_;
  SupportGram gram_;
};

}  // namespace unsuperpose
