// Least squares of many right-hand sides by one dense Cholesky factor, in float64.
#pragma once
#include <cstddef>

#include "../core/execution.hpp"

namespace unsuperpose {

/// Row-major, `size` rows of `stride` ≥ size + sides: of a symmetric G the upper triangle, and beside it the right-hand sides.
struct NormalEquations {
  double* data = nullptr;
  std::size_t size = 0, sides = 0, stride = 0;
  double* row(std::size_t i) const { return data + i * stride; }
};

/// G X = the right-hand sides, which X takes the place of; the triangle is overwritten with U, G = UᵀU. False where a pivot is not above
/// `least`, and then nothing is of use. The same bits for any number of threads. Backward stable where it succeeds:
/// |G X − sides| ≤ about 3·size·2⁻⁵³·|Uᵀ||U||X| (Higham, Accuracy and Stability, theorem 10.4).
bool solve(const NormalEquations& equations, double least, const Execution& execution);

}  // namespace unsuperpose
