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

}  // namespace unsuperpose
