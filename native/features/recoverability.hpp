// Can ℓ1 find a support? For a support I with signs s, G = D_I D_Iᵀ and D_I⁺ᵀ = G⁻¹D_I, atoms as they are:
//   Fuchs (2004)   F = max_{j∉I} |d_j · D_I⁺s|          < 1: LASSO finds I and s for all small λ
//   Tropp (2004)   ERC = max_{j∉I} ‖G⁻¹D_I d_j‖₁        < 1: whatever the signs; OMP too
// (nonnegative codes: F without the absolute value). F > 1 rules out LASSO, for every λ, not basis pursuit: for that any y with
// d_i · y = s_i on I will do (basis_pursuit.hpp). Cost: as many products of an activation with the dictionary as I has features, a
// Cholesky factorisation of |I|³/3, and the search where F ≥ 1.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../scoring/dictionary.hpp"
#include "../core/index.hpp"
#include "../solvers/unfolding.hpp"
#include "dual_point.hpp"

namespace unsuperpose {

/// One entry a sample.
struct Recoverability {
  std::vector<double> fuchs, erc;  // 0 where no feature is off the support; NaN for dependent atoms
  std::vector<std::uint32_t> fuchs_feature, erc_feature;  // where they are reached
  std::vector<double> eigenvalue;  // a proved lower bound of the smallest of G; 0: dependent, or nearly
  std::vector<double> bias;  // ‖G⁻¹s‖∞: LASSO's codes are at most λ times that below the true ones
  std::vector<double> smallest;  // min |a_i|, ∞ for an empty support
  std::vector<double> limit;     // LASSO keeps the signs, without noise, for λ below this; ∞ if always
  std::vector<std::uint32_t> active;  // entries that are not zero
  std::vector<std::uint8_t> lasso;    // Proof: it finds support and signs for all small λ, and nothing else
  std::vector<std::uint8_t>
      basis_pursuit;  // Proof: the code is the only one of its ℓ1 norm or less with its activation
};

/// `codes` give supports, signs and sizes. Nothing is valid if the call was cancelled. Float64 but for the choice of the features that
/// attain F and ERC, which a bound of float32's errors decides. ERR_OPTION for a negative code when `nonnegative`. `steps` bounds the
/// search for a proof about basis pursuit, a code.
Status recoverability(const SparseCodes& codes, const Dictionary& dictionary, bool nonnegative,
                      std::size_t steps, const Execution& execution, Recoverability& out);

/// Codes with `active` features each, chosen at random, of sizes uniform on [0.5, 1.5] with random signs (or positive).
SparseCodes planted_codes(std::size_t samples, std::size_t features, std::size_t active, bool nonnegative,
                          std::uint64_t seed);

/// ‖a − b‖/‖b‖ of each sample's code a and its true one b, over the same features; 0 if both are zero.
std::vector<double> relative_distances(const SparseCodes& codes, const SparseCodes& truth);

}  // namespace unsuperpose
