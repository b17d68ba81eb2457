// The precision in which a pursuit scores all atoms (kernels/product/precision.hpp): what it leaves open is few.
#pragma once
#include <algorithm>
#include <vector>

#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// Scores in low precision, cheapest first, and the share of ‖d_j‖‖x‖ above which their error tells nothing.
inline constexpr product::Precision kRough[] = {product::Precision::int8, product::Precision::bfloat16,
                                                product::Precision::int16};
inline constexpr double kUsefulError = 0.25;

/// The cheapest precision that is of use for this dictionary, and what rounding costs an atom at most.
struct RoughScores {
  product::Precision precision = product::Precision::float32;
  double error = 0;

  explicit RoughScores(const Dictionary& dictionary) {
    for (const product::Precision rough : kRough) {
      if (!product::rounded_kernels(rough, dictionary.dims())) continue;
      const std::vector<float>& errors = dictionary.packed(rough).errors();
      error = static_cast<double>(*std::max_element(errors.begin(), errors.end()));
      if (error < kUsefulError * dictionary.max_norm()) precision = rough;
      return;
    }
  }
};

}  // namespace unsuperpose
