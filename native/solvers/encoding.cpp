#include "encoding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../scoring/scorer.hpp"
#include "../scoring/top_k.hpp"

namespace unsuperpose::encoding {

namespace {

/// Rows scored together, and rows of one unit of work.
constexpr std::size_t kBatch = 512, kBlock = 16;
constexpr std::size_t kMostEntries = std::numeric_limits<std::uint32_t>::max();
/// Rows that tell where the weakest of all may lie, where nothing is known.
constexpr std::size_t kProbed = 32;
/// The share of a guess that is tried, and of what failed that is tried next.
constexpr double kBelow = 0.9, kNext = 0.6;

/// No sum of products overflows float32 below this.
constexpr double kMostScore = 1e30;

/// What one row keeps.
struct Kept {
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
};

struct Scratch {
  std::vector<std::uint32_t> atoms;
  std::vector<const float*> rows;
  std::vector<double> products;
};

Status join(std::vector<Kept>& kept, SparseCodes& out) {
  std::size_t total = 0;
  for (const Kept& row : kept) total += row.indices.size();
  if (total > kMostEntries)
    return Status::fail(Code::too_large, "more than 2³² − 1 features are active in these samples together");
  out.indptr.assign(kept.size() + 1, 0);
  out.indices.resize(total);
  out.values.resize(total);
  std::size_t at = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::copy(kept[i].indices.begin(), kept[i].indices.end(), out.indices.data() + at);
    std::copy(kept[i].values.begin(), kept[i].values.end(), out.values.data() + at);
    at += kept[i].indices.size();
    out.indptr[i + 1] = static_cast<std::uint32_t>(at);
  }
  return {};
}

/// Scores the candidates in float64 and keeps those above the floor.
void decide(const float* x, const Dictionary& dictionary, double floor, std::size_t value_dims,
            Scratch& scratch, Kept& out) {
  const auto& dots = dots::table();
  const std::size_t count = scratch.atoms.size();
  scratch.rows.resize(count);
  scratch.products.resize(count);
  for (std::size_t c = 0; c < count; ++c) scratch.rows[c] = dictionary.atom(scratch.atoms[c]);
  dots.correlate(scratch.rows.data(), count, x, value_dims, scratch.products.data());
  for (std::size_t c = 0; c < count; ++c) {
    double score = scratch.products[c];
    for (std::size_t d = value_dims; d < dictionary.dims(); ++d)
      score += static_cast<double>(scratch.rows[c][d]) * static_cast<double>(x[d]);
    if (!(score > floor)) continue;
    out.indices.push_back(scratch.atoms[c]);
    out.values.push_back(static_cast<float>(scratch.products[c]));
  }
}

}  // namespace

Status above(ConstMatrix32 rows, const Dictionary& dictionary, double floor, std::size_t value_dims,
             const Execution& execution, SparseCodes& out) {
  const std::vector<float> no_weights;
  const scoring::Rows atoms = dictionary.rows(execution.device);
  scoring::Scorer scorer(atoms, no_weights, true, scoring::Ladder::finest);
  // No error is small beside a floor of 0; what lies within the error of it is decided below with all others.
  const bool rough = floor == 0 && !atoms.device && scorer.reliable();
  std::vector<scoring::Request> requests;
  std::vector<Kept> kept(rows.rows);
  for (std::size_t first = 0; first < rows.rows; first += kBatch) {
    requests.assign(std::min(kBatch, rows.rows - first), {});
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].row = static_cast<std::uint32_t>(first + i);
      requests[i].norm = std::sqrt(reduce::table().squared_norm(rows.row(first + i), dictionary.dims()));
      requests[i].threshold = floor;
      requests[i].rough = rough && requests[i].norm * scorer.largest() < kMostScore;
    }
    scorer.above(rows, requests, execution);
    if (execution.cancelled()) return Status::cancelled();
    execution.for_items(
        requests.size(), kBlock, [] { return Scratch(); },
        [&](std::size_t i, Scratch& scratch) {
          const scoring::Scored& scored = scorer[i];
          scratch.atoms.resize(scored.undecided ? dictionary.features() : scored.count);
          for (std::size_t e = 0; e < scratch.atoms.size(); ++e)
            scratch.atoms[e] = scored.undecided ? static_cast<std::uint32_t>(e) : scored.entries[e].index;
          decide(rows.row(first + i), dictionary, floor, value_dims, scratch, kept[first + i]);
        });
    if (execution.cancelled()) return Status::cancelled();
  }
  return join(kept, out);
}

Status strongest(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, const Execution& execution,
                 SparseCodes& out) {
  std::vector<std::uint32_t> indices(rows.rows * k);
  std::vector<float> values(rows.rows * k);
  top_k(rows, dictionary, k, false, execution, indices.data(), values.data());
  if (execution.cancelled()) return Status::cancelled();
  std::vector<Kept> kept(rows.rows);
  std::vector<std::pair<std::uint32_t, float>> sorted;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    sorted.clear();
    for (std::size_t e = i * k; e < (i + 1) * k && values[e] > 0; ++e)
      sorted.emplace_back(indices[e], values[e]);
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [index, value] : sorted) {
      kept[i].indices.push_back(index);
      kept[i].values.push_back(value);
    }
  }
  return join(kept, out);
}

Status strongest_together(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t total, double guess,
                          const Execution& execution, SparseCodes& out) {
  total = std::min(total, rows.rows * dictionary.features());
  if (rows.rows == 0 || total == 0) {
    out = {};
    out.indptr.assign(rows.rows + 1, 0);
    return {};
  }
  if (!(guess > 0)) {  // what the weakest of some rows are
    const std::size_t probed = std::min(kProbed, rows.rows);
    const std::size_t each = std::max<std::size_t>(1, total / rows.rows);
    std::vector<std::uint32_t> indices(probed * each);
    std::vector<float> values(probed * each);
    top_k(rows.slice(0, probed), dictionary, each, false, execution, indices.data(), values.data());
    if (execution.cancelled()) return Status::cancelled();
    for (std::size_t i = 0; i < probed; ++i)
      guess += static_cast<double>(values[(i + 1) * each - 1]) / static_cast<double>(probed);
  }
  double floor = std::max(0.0, kBelow * guess);
  SparseCodes found;
  for (;;) {
    if (Status status = above(rows, dictionary, floor, dictionary.dims(), execution, found); !status.ok())
      return status;
    if (found.indices.size() >= total || floor == 0) break;
    floor = floor > std::numeric_limits<float>::min() ? kNext * floor : 0;
  }
  // The order of entries is by row, then index, which decides among equals.
  std::vector<std::uint32_t> order(found.indices.size());
  for (std::size_t e = 0; e < order.size(); ++e) order[e] = static_cast<std::uint32_t>(e);
  if (order.size() > total) {
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(total), order.end(),
                     [&](std::uint32_t x, std::uint32_t y) {
                       return found.values[x] > found.values[y] ||
                              (found.values[x] == found.values[y] && x < y);
                     });
    order.resize(total);
    std::sort(order.begin(), order.end());
  }
  out = {};
  out.indptr.assign(rows.rows + 1, 0);
  out.indices.reserve(order.size());
  out.values.reserve(order.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (; next < order.size() && order[next] < found.indptr[i + 1]; ++next)
      if (found.values[order[next]] > 0) {
        out.indices.push_back(found.indices[order[next]]);
        out.values.push_back(found.values[order[next]]);
      }
    out.indptr[i + 1] = static_cast<std::uint32_t>(out.indices.size());
  }
  return {};
}

}  // namespace unsuperpose::encoding
