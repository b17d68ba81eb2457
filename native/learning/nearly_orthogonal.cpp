#include "nearly_orthogonal.hpp"

#include <algorithm>
#include <cmath>

#include "../core/aligned.hpp"
#include "../core/sums.hpp"
#include "../kernels/adam/adam.hpp"
#include "../kernels/product/product.hpp"
#include "random_directions.hpp"

namespace unsuperpose {

namespace {
/// Rows that one thread takes at a time.
constexpr std::size_t kTogether = 64;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
}  // namespace

Status nearly_orthogonal(const OrthogonalOptions& options, const Execution& execution, Matrix32 out) {
  const std::size_t n = out.rows, dims = out.cols;
  execution.set_total(options.steps);
  random_directions(options.seed, execution, out);
  if (options.steps == 0 || n == 0) return {};

  Execution quiet = execution;
  quiet.reports = false;
  AlignedBuffer<float> turned(dims * n), moments(dims * dims), gradient(n * dims), first(n * dims),
      second(n * dims);
  std::fill_n(first.data(), first.size(), 0.0f);
  std::fill_n(second.data(), second.size(), 0.0f);
  const Matrix32 columns(turned.data(), dims, n), square(moments.data(), dims, dims),
      slope(gradient.data(), n, dims);
  double kept1 = 1, kept2 = 1;
  for (std::size_t step = 0; step < options.steps; ++step) {
    quiet.for_items(dims, kTogether, [&](std::size_t k) {
      for (std::size_t i = 0; i < n; ++i) columns.row(k)[i] = out.row(i)[k];
    });
    product::store(ConstMatrix32(columns), product::PackedRows(columns), square, quiet);
    product::store(ConstMatrix32(out), product::PackedRows(square), slope, quiet);
    if (execution.cancelled()) return Status::cancelled();
    kept1 *= kBeta1;
    kept2 *= kBeta2;
    const adam::Settings settings{1,
                                  static_cast<float>(options.rate / (1 - kept1)),
                                  static_cast<float>(kBeta1),
                                  static_cast<float>(kBeta2),
                                  static_cast<float>(1 / std::sqrt(1 - kept2)),
                                  static_cast<float>(kEpsilon)};
    quiet.for_items(n, kTogether, [&](std::size_t i) {
      float* row = out.row(i);
      float* g = slope.row(i);
      const double norm = sums::dot(row, row, dims), own = static_cast<double>(n) * (norm - 1) - norm;
      for (std::size_t k = 0; k < dims; ++k)
        g[k] = static_cast<float>(4 * (static_cast<double>(g[k]) + own * static_cast<double>(row[k])));
      adam::table().step(settings, g, first.data() + i * dims, second.data() + i * dims, row, dims);
    });
    if (execution.cancelled()) return Status::cancelled();
    execution.advance(1);
  }
  quiet.for_items(n, kTogether, [&](std::size_t i) {
    float* row = out.row(i);
    const double norm = std::sqrt(sums::dot(row, row, dims));
    if (norm > 0)
      for (std::size_t k = 0; k < dims; ++k) row[k] = static_cast<float>(static_cast<double>(row[k]) / norm);
  });
  return {};
}

}  // namespace unsuperpose
