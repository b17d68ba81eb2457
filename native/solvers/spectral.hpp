// The largest singular value of a dictionary.
#pragma once
#include "../core/execution.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// ‖D‖₂ by power iteration on DᵀD from a fixed random start (Golub & Van Loan §8.2), until two steps agree to
/// `tolerance` or `limit` steps are done. The value is a lower bound, in practice within a few
/// times the tolerance. 0 for a zero dictionary.
double spectral_norm(const Dictionary& dictionary, const Execution& execution, double tolerance = 1e-4,
                     int limit = 200);

/// lower ≤ ‖D‖₂ ≤ upper, rounding included. From below by Lanczos and one product in float64; from above by a Cholesky factorisation of
/// τI − G, G the smaller of DDᵀ and DᵀD, where it has at most kMostFactored rows, else by ‖D‖_F. Some hundred products with D; and for the
/// bound from above m·n²/2 more for the Gram matrix of an m × n dictionary, n ≤ m, and n³/3 for each τ that is tried.
struct SpectralBracket {
  double lower = 0, upper = 0;
};
inline constexpr std::size_t kMostFactored = 1536;
/// Unless `from_above`, the upper end is ‖D‖_F.
SpectralBracket spectral_bracket(const Dictionary& dictionary, bool from_above, const Execution& execution);

}  // namespace unsuperpose
