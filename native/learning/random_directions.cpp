#include "random_directions.hpp"

#include <cmath>
#include <vector>

#include "../core/random.hpp"
#include "../core/sums.hpp"

namespace unsuperpose {

void random_directions(std::uint64_t seed, const Execution& execution, Matrix32 out) {
  constexpr std::size_t kTogether = 64;
  execution.for_items(out.rows, kTogether, [&](std::size_t i) {
    // Random adds splitmix64's constant to its seed: rows are apart by another.
    Random random(Random(seed).next() + static_cast<std::uint64_t>(i) * 0xd1342543de82ef95ULL);
    std::vector<double> row(out.cols);
    double norm = 0;
    while (norm == 0 && out.cols > 0) {
      for (double& entry : row) entry = random.normal();
      norm = sums::norm(row.data(), row.size());
    }
    for (std::size_t k = 0; k < out.cols; ++k) out.row(i)[k] = static_cast<float>(row[k] / norm);
  });
}

}  // namespace unsuperpose
