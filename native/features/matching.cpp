#include "matching.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/index.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/product/product.hpp"

namespace unsuperpose {

namespace {
/// Features found whose nearest is looked for together.
constexpr std::size_t kTogether = 64;
}  // namespace

Status assign(ConstMatrix32 gain, const Execution& execution, std::vector<std::uint32_t>& column) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::size_t rows = gain.rows, cols = gain.cols;
  // Dual variables: u_i + v_j ≤ cost(i, j) = −gain(i, j), with equality along the matching.
  std::vector<double> u(rows, 0), v(cols, 0), shortest(cols);
  std::vector<std::uint32_t> row_of(cols, kNone), before(cols), open(cols);
  std::vector<std::uint32_t> seen_rows, seen_cols;
  column.assign(rows, kNone);
  execution.set_total(rows);
  for (std::uint32_t start = 0; start < rows; ++start) {
    if (execution.cancelled()) return Status::cancelled();
    // Dijkstra from `start` over reduced costs to the nearest free column.
    for (std::size_t j = 0; j < cols; ++j) {
      shortest[j] = kInfinity;
      open[j] = static_cast<std::uint32_t>(j);
    }
    seen_rows.clear();
    seen_cols.clear();
    std::size_t left = cols;
    std::uint32_t i = start, sink = kNone;
    double reached = 0;
    while (sink == kNone) {
      seen_rows.push_back(i);
      const float* gains = gain.row(i);
      const double base = reached - u[i];
      std::size_t best = 0;
      double least = kInfinity;
      for (std::size_t p = 0; p < left; ++p) {
        const std::uint32_t j = open[p];
        const double length = base - static_cast<double>(gains[j]) - v[j];
        if (length < shortest[j]) {
          shortest[j] = length;
          before[j] = i;
        }
        // Of equal ones a free column ends the search.
        if (shortest[j] < least ||
            (shortest[j] == least && row_of[j] == kNone && row_of[open[best]] != kNone)) {
          least = shortest[j];
          best = p;
        }
      }
      reached = least;
      const std::uint32_t j = open[best];
      open[best] = open[--left];
      if (row_of[j] == kNone) {
        sink = j;
      } else {
        seen_cols.push_back(j);
        i = row_of[j];
      }
    }
    u[start] += reached;
    for (const std::uint32_t r : seen_rows)
      if (r != start) u[r] += reached - shortest[column[r]];
    for (const std::uint32_t j : seen_cols) v[j] -= reached - shortest[j];
    for (std::uint32_t j = sink;;) {
      const std::uint32_t r = before[j];
      row_of[j] = r;
      std::swap(column[r], j);
      if (r == start) break;
    }
    execution.advance(1);
  }
  return {};
}

Status match_features(ConstMatrix32 found, ConstMatrix32 truth, bool signed_cosines,
                      const Execution& execution, FeatureMatch& out) {
  const bool by_truth = truth.rows <= found.rows;  // rows of the assignment are the fewer
  const ConstMatrix32 &few = by_truth ? truth : found, &many = by_truth ? found : truth;
  AlignedBuffer<float> cosines(few.rows * many.rows);
  const Matrix32 gain(cosines.data(), few.rows, many.rows);
  product::store(few, product::PackedRows(many), gain, execution);
  if (execution.cancelled()) return Status::cancelled();
  if (!signed_cosines)
    for (std::size_t c = 0; c < cosines.size(); ++c) cosines[c] = std::fabs(cosines[c]);
  std::vector<std::uint32_t> column;
  const Status status = assign(gain, execution, column);
  if (!status.ok()) return status;

  const std::size_t truths = truth.rows;
  out.found.assign(truths, kNone);
  out.nearest.assign(truths, kNone);
  out.cosine.assign(truths, 0);
  for (std::size_t i = 0; i < few.rows; ++i) {
    if (by_truth)
      out.found[i] = column[i];
    else
      out.found[column[i]] = static_cast<std::uint32_t>(i);
  }
  const auto cosine = [&](std::size_t t, std::uint32_t f) {
    const double value = dots::table().dot(truth.row(t), found.row(f), truth.cols);
    return std::clamp(signed_cosines ? value : std::fabs(value), -1.0, 1.0);  // of float32 unit vectors
  };
  const auto at = [&](std::size_t t, std::size_t f) { return by_truth ? gain.row(t)[f] : gain.row(f)[t]; };
  std::vector<std::uint8_t> taken(found.rows, 0);
  std::size_t different = 0;
  for (std::size_t t = 0; t < truths; ++t) {
    if (out.found[t] != kNone) out.cosine[t] = cosine(t, out.found[t]);
    out.mcc += out.cosine[t];
    std::uint32_t best = 0;
    for (std::uint32_t f = 1; f < found.rows; ++f)
      if (at(t, f) > at(t, best)) best = f;
    out.nearest[t] = best;
    out.mmcs += cosine(t, best);
    different += taken[best] == 0;
    taken[best] = 1;
  }
  out.mcc /= static_cast<double>(truths);
  out.mmcs /= static_cast<double>(truths);
  out.uniqueness = static_cast<double>(different) / static_cast<double>(truths);

  out.nearest_truth.assign(found.rows, 0);
  out.truth_cosine.assign(found.rows, 0);
  execution.for_items(found.rows, kTogether, [&](std::size_t f) {
    std::uint32_t best = 0;
    for (std::uint32_t t = 1; t < truths; ++t)
      if (at(t, f) > at(best, f)) best = t;
    out.nearest_truth[f] = best;
    out.truth_cosine[f] = cosine(best, static_cast<std::uint32_t>(f));
  });
  if (execution.cancelled()) return Status::cancelled();
  std::vector<std::uint8_t> named(truths, 0);
  for (const std::uint32_t one : out.nearest_truth) named[one] = 1;
  out.found_uniqueness =
      static_cast<double>(std::count(named.begin(), named.end(), 1)) / static_cast<double>(found.rows);
  return {};
}

}  // namespace unsuperpose
