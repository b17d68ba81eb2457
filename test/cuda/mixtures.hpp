// Samples for the programs that unfold them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

/// Mixtures of a few atoms, with noise, of norm 0.75; the fourth is zero. `samples` says by its size how many.
inline void mix(const std::vector<float>& atoms, std::size_t features, std::size_t dims, bool nonnegative,
                float noise, std::mt19937& random, std::normal_distribution<float>& normal,
                std::vector<float>& samples) {
  const std::size_t active = std::min<std::size_t>(features, dims / 16 + 1);
  for (std::size_t i = 0; i < samples.size() / dims; ++i) {
    float* x = samples.data() + i * dims;
    for (std::size_t a = 0; a < active; ++a) {
      const std::size_t j = random() % features;
      const float c = nonnegative ? std::fabs(normal(random)) : normal(random);
      for (std::size_t k = 0; k < dims; ++k) x[k] += c * atoms[j * dims + k];
    }
    double squared = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      x[k] += noise * normal(random);
      squared += static_cast<double>(x[k]) * static_cast<double>(x[k]);
    }
    const float scale = i == 3 ? 0.0f : static_cast<float>(0.75 / std::sqrt(squared));
    for (std::size_t k = 0; k < dims; ++k) x[k] *= scale;
  }
}
