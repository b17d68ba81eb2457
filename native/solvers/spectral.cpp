#include "spectral.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/random.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

double spectral_norm(const Dictionary& dictionary, const Execution& execution, double tolerance, int limit) {
  constexpr std::uint64_t kSeed = 0x5eed;
  // Rows a block: fixed, so that the sums below have one order for any number of threads.
  constexpr std::size_t kBlock = 256;
  const std::size_t features = dictionary.features(), dims = dictionary.dims();
  const std::size_t blocks = (features + kBlock - 1) / kBlock;
  if (dictionary.max_norm() == 0) return 0;
  // Atoms are divided by the largest norm, so that no square over- or underflows.
  const double unit = dictionary.max_norm();

  Random random(kSeed);
  std::vector<float> x(dims);
  std::vector<double> sums(blocks * dims), next(dims);
  double norm = 0;
  for (std::size_t k = 0; k < dims; ++k) {
    next[k] = random.normal();
    norm += next[k] * next[k];
  }
  norm = std::sqrt(norm);
  double previous = 0;
  for (int step = 0; step < limit && !execution.cancelled(); ++step) {
    for (std::size_t k = 0; k < dims; ++k) x[k] = static_cast<float>(next[k] / norm);
    execution.for_each(blocks, [&](std::size_t block) {
      double* sum = sums.data() + block * dims;
      std::fill(sum, sum + dims, 0.0);
      for (std::size_t j = block * kBlock; j < std::min(features, (block + 1) * kBlock); ++j) {
        const double c = dots::table().dot(dictionary.atom(j), x.data(), dims) / unit;
        for (std::size_t k = 0; k < dims; ++k) sum[k] += c * (dictionary.atom(j)[k] / unit);
      }
    });
    norm = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      next[k] = 0;
      for (std::size_t block = 0; block < blocks; ++block) next[k] += sums[block * dims + k];
      norm += next[k] * next[k];
    }
    norm = std::sqrt(norm);
    if (norm == 0) return 0;
    // ‖DᵀDx‖ for unit x tends to σ² from below.
    if (std::fabs(norm - previous) <= tolerance * norm) break;
    previous = norm;
  }
  return unit * std::sqrt(norm);
}

}  // namespace unsuperpose
