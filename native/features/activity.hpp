// How often and how strongly each feature is active. Exact: counts and maxima round nothing.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../solvers/unfolding.hpp"

namespace unsuperpose {

struct Activity {
  std::vector<std::uint32_t> counts;
  std::vector<float> maxima;  // of |code|
  std::size_t samples = 0;

  Activity() = default;
  Activity(const SparseCodes& codes, std::size_t features)
      : counts(features), maxima(features), samples(codes.indptr.size() - 1) {
    for (std::size_t k = 0; k < codes.indices.size(); ++k) {
      const std::uint32_t j = codes.indices[k];
      if (codes.values[k] != 0) ++counts[j];
      maxima[j] = std::max(maxima[j], std::fabs(codes.values[k]));
    }
  }

  double density(std::size_t feature) const {
    return static_cast<double>(counts[feature]) / static_cast<double>(samples);
  }
};

}  // namespace unsuperpose
