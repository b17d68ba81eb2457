#include "toy_superposition.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose {
namespace {

/// Rows of M, and features, a block of the parallel loops.
constexpr std::size_t kBlock = 16;

template <class Body>
void for_each_row(std::size_t rows, const Execution& execution, const Body& body) {
  execution.for_each((rows + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) body(row);
  });
}

}  // namespace

void measure_superposition(ConstMatrix32 weights, const Execution& execution, Superposition& out) {
  const std::size_t n = weights.rows, dims = weights.cols;
  std::vector<double> moments(dims * dims, 0);  // M
  for_each_row(dims, execution, [&](std::size_t k) {
    double* row = moments.data() + k * dims;
    for (std::size_t i = 0; i < n; ++i) {
      const double w = weights.row(i)[k];
      if (w == 0) continue;
      for (std::size_t l = 0; l < dims; ++l) row[l] += w * static_cast<double>(weights.row(i)[l]);
    }
  });
  for (auto* column : {&out.norm, &out.dimensionality, &out.interference, &out.alignment, &out.fourth})
    column->assign(n, 0);
  out.neuron.assign(n, 0);
  for_each_row(n, execution, [&](std::size_t i) {
    const float* w = weights.row(i);
    double square = 0, fourth = 0, largest = 0, overlap = 0;
    for (std::size_t k = 0; k < dims; ++k) {
      const double energy = static_cast<double>(w[k]) * static_cast<double>(w[k]);
      square += energy;
      fourth += energy * energy;
      if (energy > largest) {
        largest = energy;
        out.neuron[i] = static_cast<std::uint32_t>(k);
      }
      double product = 0;
      for (std::size_t l = 0; l < dims; ++l) product += moments[k * dims + l] * static_cast<double>(w[l]);
      overlap += product * static_cast<double>(w[k]);
    }
    if (square == 0) return;
    out.norm[i] = std::sqrt(square);
    // overlap is ‖W_i‖⁴ and what the others add; rounding must not take the latter below 0
    const double others = std::max(0.0, overlap - square * square);
    out.interference[i] = others / square;
    out.dimensionality[i] = square / (square + others / square);
    out.alignment[i] = largest / square;
    out.fourth[i] = fourth / (square * square);
  });
}

}  // namespace unsuperpose
