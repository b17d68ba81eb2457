#include "code_figures.hpp"

#include <algorithm>
#include <cmath>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"

namespace unsuperpose {

Evaluation evaluate_code(const float* x, double squared_norm, std::span<const std::uint32_t> atoms,
                         std::span<const float> values, const Dictionary& dictionary, float* residual) {
  Evaluation at{};
  for (const float a : values) {
    const auto value = static_cast<double>(a);
    at.weighted_l1 += std::fabs(value);
    at.squared_code += value * value;
  }
  const ConstMatrix32 rows = dictionary.atoms();
  const std::size_t dims = dictionary.dims();
  at.squared_input = squared_norm;
  at.squared_residual = sparse_rows::table().residual(x, atoms.data(), values.data(), values.size(),
                                                      rows.data, rows.stride, dims, residual);
  at.squared_rounded = reduce::table().squared_norm(residual, dims);
  at.input_residual = dots::table().dot(x, residual, dims);
  return at;
}

void strongest_correlations(scoring::Scorer& scorer, const Dictionary& dictionary, ConstMatrix32 residuals,
                            std::span<const std::uint32_t> rows, std::span<const Evaluation> at,
                            std::size_t listed, const Execution& execution, std::vector<double>& strongest,
                            std::size_t rung) {
  strongest.assign(rows.size(), 0);
  std::vector<scoring::Request> requests(rows.size());
  for (std::size_t p = 0; p < rows.size(); ++p)
    requests[p] = {.row = rows[p], .norm = std::sqrt(at[p].squared_rounded)};
  scorer.list(rung, residuals, requests, listed, execution);
  if (execution.cancelled()) return;
  execution.for_each(rows.size(), [&](std::size_t p) {
    const scoring::Scored& scored = scorer[p];
    const float* residual = residuals.row(rows[p]);
    double most = 0;
    for (std::size_t e = 0; e < scored.count; ++e) {
      const product::Entry& entry = scored.entries[e];
      if (scorer.strength(entry) + scored.error > most)
        most = std::max(
            most,
            scorer.strength(dots::table().dot(dictionary.atom(entry.index), residual, dictionary.dims()), 1));
    }
    if (scored.full) most = std::max(most, scored.unlisted);
    strongest[p] = most;
  });
}

}  // namespace unsuperpose
