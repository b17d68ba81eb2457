// How far a score may be from the exact product: every bound of the engine.
#pragma once
#include <algorithm>
#include <cstddef>

#include "../kernels/product/product.hpp"

namespace unsuperpose::scoring {

/// For a bound's own rounding, that of 1/w to float32, and that of a vector to its high part.
inline constexpr double kSlack = 0x1.0p-21;

/// Sizes of what is scored, each at least the true one.
struct Size {
  double norm = 0;    // of what is multiplied, as rounded
  double moved = 0;   // ‖float32 − rounded‖; 0 in float32
  double hidden = 0;  // ‖exact − float32‖: low parts that take no part in a product
};

/// What underflow can cost one score, in absolute terms, whose 1/w is at most `scale`: every term, and the scaling.
inline double underflow(product::Precision precision, std::size_t dims, double scale) {
  const double each = precision == product::Precision::float32 ? 0x1.0p-149 : product::kRoundedUnderflow;
  return static_cast<double>(dims + 1) * each * std::max(1.0, scale);
}

/// |strength computed − strength exact| for a vector against rows of these sizes, divided by their weights already.
inline double strength_error(product::Precision precision, std::size_t dims, const Size& vector,
                             const Size& rows, double scale) {
  const double score =
      product::score_error(precision, dims, vector.norm, vector.moved, rows.norm, rows.moved);
  return (1 + kSlack) * (score + kSlack * vector.norm * rows.norm + vector.norm * rows.hidden +
                         vector.hidden * rows.norm) +
         underflow(precision, dims, scale);
}

/// |float32 product − exact product| of two vectors of these norms.
inline double float32_error(std::size_t dims, double norm, double other) {
  return product::error_bound(dims) * norm * other + underflow(product::Precision::float32, dims, 1);
}

/// That for a vector which was rounded to float32 first, as a share of the two norms; underflow apart.
inline double float32_share(std::size_t dims) { return (1 + kSlack) * (product::error_bound(dims) + kSlack); }

}  // namespace unsuperpose::scoring
