#include "encoding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../kernels/reduce/reduce.hpp"
#include "../scoring/exact_products.hpp"
#include "../scoring/scorer.hpp"
#include "../scoring/top_k.hpp"

namespace unsuperpose::encoding {

namespace {

/// Rows scored together, and of one unit of work; pairs that a device lists together, about.
constexpr std::size_t kBatch = 512, kDeviceBatch = 4096, kBlock = 16, kMostListed = std::size_t{1} << 22;
constexpr std::size_t kMostEntries = std::numeric_limits<std::uint32_t>::max();
/// Rows that tell where the weakest of all may lie, where nothing is known.
constexpr std::size_t kProbed = 32;
/// The share of a guess that is tried, and of what failed that is tried next.
constexpr double kBelow = 0.9, kNext = 0.6;

/// No sum of products overflows float32 below this.
constexpr double kMostScore = 1e30;

Status too_large() {
  return Status::fail(Code::too_large, "more than 2³² − 1 features are active in these samples together");
}

/// In place of a feature that is not above the floor.
constexpr std::uint32_t kDropped = 0xffffffff;

/// Appends the pairs above the floor, row by row. A score is the product and what the entries after `value_dims` add to it.
Status keep_above(scoring::ExactPairs& pairs, const Dictionary& dictionary, double floor,
                  std::size_t value_dims, const Execution& execution, SparseCodes& out) {
  execution.for_items(pairs.rows.size(), kBlock, [&](std::size_t i) {
    for (std::size_t e = pairs.starts[i]; e < pairs.starts[i + 1]; ++e) {
      double score = pairs.products[e];
      const float* atom = dictionary.atom(pairs.atoms[e]);
      for (std::size_t d = value_dims; d < dictionary.dims(); ++d)
        score += static_cast<double>(atom[d]) * static_cast<double>(pairs.rows[i][d]);
      if (!(score > floor)) pairs.atoms[e] = kDropped;
    }
  });
  if (execution.cancelled()) return Status::cancelled();
  for (std::size_t i = 0; i < pairs.rows.size(); ++i) {
    for (std::size_t e = pairs.starts[i]; e < pairs.starts[i + 1]; ++e) {
      if (pairs.atoms[e] == kDropped) continue;
      out.indices.push_back(pairs.atoms[e]);
      out.values.push_back(static_cast<float>(pairs.products[e]));
    }
    if (out.indices.size() > kMostEntries) return too_large();
    out.indptr.push_back(static_cast<std::uint32_t>(out.indices.size()));
  }
  return {};
}

}  // namespace

Status above(ConstMatrix32 rows, const Dictionary& dictionary, double floor, std::size_t value_dims,
             const Execution& execution, SparseCodes& out) {
  const std::vector<float> no_weights;
  const scoring::Rows atoms = dictionary.rows(execution.device);
  scoring::Scorer scorer(atoms, no_weights, true, scoring::Ladder::finest);
  // No error is small beside a floor of 0; what lies within the error of it is decided below with all others.
  const bool rough = floor == 0 && scorer.reliable();
  std::size_t together = kBatch;
  std::vector<scoring::Request> requests;
  scoring::ExactPairs pairs;
  out = {};
  out.indptr.assign(1, 0);
  for (std::size_t first = 0; first < rows.rows;) {
    requests.assign(std::min(together, rows.rows - first), {});
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].row = static_cast<std::uint32_t>(first + i);
      requests[i].norm = std::sqrt(reduce::table().squared_norm(rows.row(first + i), dictionary.dims()));
      requests[i].threshold = floor;
      requests[i].rough = rough && requests[i].norm * scorer.largest() < kMostScore;
    }
    scorer.above(rows, requests, execution);
    if (execution.cancelled()) return Status::cancelled();
    std::size_t listed = 0;
    const Status status =
        scoring::multiply_listed(scorer, rows, first, requests.size(), dictionary, value_dims, execution,
                                 pairs, listed, [&](scoring::ExactPairs& some) {
                                   return keep_above(some, dictionary, floor, value_dims, execution, out);
                                 });
    if (!status.ok()) return status;
    first += requests.size();
    // A device takes more rows at a time, unless their lists are long.
    if (atoms.device)
      together = std::clamp(kMostListed * requests.size() / (listed + 1), kBatch, kDeviceBatch);
  }
  return {};
}

Status strongest(ConstMatrix32 rows, const Dictionary& dictionary, std::size_t k, const Execution& execution,
                 SparseCodes& out) {
  std::vector<std::uint32_t> indices(rows.rows * k);
  std::vector<float> values(rows.rows * k);
  top_k(rows, dictionary, k, false, execution, indices.data(), values.data(), true);
  if (execution.cancelled()) return Status::cancelled();
  out = {};
  out.indptr.assign(1, 0);
  out.indices.reserve(rows.rows * k);
  out.values.reserve(rows.rows * k);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t e = i * k; e < (i + 1) * k; ++e) {
      if (!(values[e] > 0)) continue;
      out.indices.push_back(indices[e]);
      out.values.push_back(values[e]);
    }
    if (out.indices.size() > kMostEntries) return too_large();
    out.indptr.push_back(static_cast<std::uint32_t>(out.indices.size()));
  }
  return {};
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
