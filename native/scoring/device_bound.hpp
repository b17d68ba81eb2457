// How far a device's scores may be from the exact products. The CUDA module's kernels include this too.
#pragma once
#include <cstddef>

#include "../core/shared.hpp"

namespace unsuperpose::scoring {

/// γ of a device's arithmetic, relative to the norms of both sides as rounded. int8: sums are exact; one rounding to float32, and those of both
/// scales, a weight and their products. float16: products are exact; a tensor core aligns the terms of a step to the largest and truncates to 24
/// bits or more, so each of the dims loses less than 2⁻²³, and the sum of each step, of four terms or more, once more (Fasi, Higham, Mikaitis,
/// Pranesh 2021, "Numerical behavior of NVIDIA tensor cores").
UNSUPERPOSE_SHARED inline double device_share(bool int8, std::size_t dims) {
  return int8 ? 0x1.0p-21 : (1.5 * static_cast<double>(dims) + 16) * 0x1.0p-23;
}

/// |strength computed − strength exact| of a vector, rounded, against rows: norms, and what rounding moved, divided by their weights where there are
/// some. `scale`: of 1/w, at most.
UNSUPERPOSE_SHARED inline double device_error(bool int8, std::size_t dims, double vector_norm,
                                              double vector_moved, double row_norm, double row_moved,
                                              double scale) {
  constexpr double kSlack = 0x1.0p-20;  // of this bound, of a floor and of 1/w in float32
  constexpr double kUnderflow = 0x1.0p-115;
  const double moved = row_moved * vector_norm + row_norm * vector_moved;
  const double share = device_share(int8, dims) + kSlack;
  return (1 + kSlack) * (moved + share * vector_norm * (row_norm + row_moved)) +
         static_cast<double>(dims + 1) * kUnderflow * (scale > 1 ? scale : 1);
}

}  // namespace unsuperpose::scoring
