#include "pairs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace unsuperpose {

namespace {

/// Stronger first, ties by lower from, then to.
bool stronger(const Pair& a, const Pair& b) {
  const double x = std::fabs(a.value), y = std::fabs(b.value);
  if (x != y) return x > y;
  return a.from != b.from ? a.from < b.from : a.to < b.to;
}

/// A threshold that values of at least `value` exceed.
double just_below(double value) { return value > 0 ? std::nextafter(value, 0.0) : 0; }

/// Calls each(rows) for the side's features that are not zero, ascending, a batch at a time, until the call is cancelled or each()
/// answers false. Reports the features of the side as progress.
template <class Each>
void for_batches(const PairSide& side, const Execution& execution, const Each& each) {
  execution.set_total(side.features());
  std::vector<std::uint32_t> rows;
  for (std::size_t first = 0; first < side.features() && !execution.cancelled();) {
    const std::size_t end = std::min(side.features(), first + PairScan::kBatch);
    rows.clear();
    for (std::size_t j = first; j < end; ++j)
      if (side.norm(j) > 0) rows.push_back(static_cast<std::uint32_t>(j));
    if (!rows.empty() && !each(rows)) return;
    execution.advance(end - first);
    first = end;
  }
}

}  // namespace

double FeaturePairs::error_between(const PairSide& left, const PairSide& right) {
  return pair_error(left.dims(), left.max_norm(), left.max_error(), left.max_low(), right.max_norm(), right.max_error(),
                    right.max_low());
}

double FeaturePairs::error_of(std::uint32_t from, std::uint32_t to) const {
  return pair_error(to_.dims(), to_.norm(to), to_.error(to), to_.low_norm(to), from_.norm(from), from_.error(from),
                    from_.low_norm(from));
}

Status FeaturePairs::above(double threshold, std::size_t limit, const Execution& execution, std::vector<Pair>& out,
                           std::size_t& uncertain) const {
  out.clear();
  uncertain = 0;
  PairScan scan(from_, to_, execution);
  // What rounding may have put on the wrong side is looked at too.
  const double least = std::max(0.0, threshold - error());
  std::vector<double> thresholds(PairScan::kBatch, least);
  std::vector<std::vector<PairFound>> found;
  bool too_many = false;
  for_batches(from_, execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.above(rows, thresholds.data(), found);
    if (execution.cancelled()) return false;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) {
        const double size = std::fabs(pair.value);
        if (std::fabs(size - threshold) <= error_of(rows[i], pair.index)) ++uncertain;
        if (size > threshold) out.push_back({rows[i], pair.index, pair.value});
      }
    return !(too_many = out.size() > limit);
  });
  if (execution.cancelled()) return Status::cancelled();
  if (too_many)
    return Status::fail(Code::too_large, "more than " + std::to_string(limit) +
                                             " pairs are above epsilon: ask for a larger epsilon, or raise limit");
  return {};
}

Status FeaturePairs::strongest(std::size_t k, const Execution& execution, std::vector<Pair>& out) const {
  out.clear();
  PairScan scan(from_, to_, execution);
  std::vector<std::vector<PairFound>> found;
  const auto keep_strongest = [&] {
    if (out.size() <= k) return;
    std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(k), out.end(), stronger);
    out.resize(k);
  };
  // |value| of the k-th strongest known; 0 while there are fewer.
  const auto kth = [&] {
    double least = 0;
    if (out.size() == k) {
      least = std::fabs(out.front().value);
      for (const Pair& pair : out) least = std::min(least, std::fabs(pair.value));
    }
    return least;
  };
  double least = 0;
  {
    // Some strong pairs of the largest rows: a threshold to begin with.
    std::vector<std::uint32_t> rows(from_.features());
    std::iota(rows.begin(), rows.end(), 0u);
    std::stable_sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) { return from_.norm(a) > from_.norm(b); });
    rows.resize(std::min(rows.size(), PairScan::kBatch));
    while (!rows.empty() && from_.norm(rows.back()) == 0) rows.pop_back();
    if (rows.empty()) return {};
    std::vector<std::uint8_t> decided;
    scan.some(rows, std::min(to_.features(), 2 * (k / rows.size()) + 4), found, decided);
    if (execution.cancelled()) return Status::cancelled();
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) out.push_back({rows[i], pair.index, pair.value});
    keep_strongest();
    least = kth();
    out.clear();
  }
  std::vector<double> thresholds(PairScan::kBatch, just_below(least));
  for_batches(from_, execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.above(rows, thresholds.data(), found);
    if (execution.cancelled()) return false;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) out.push_back({rows[i], pair.index, pair.value});
    // Worth the trouble once there are many more than wanted.
    constexpr std::size_t kEnough = 4096;
    if (out.size() > 2 * k + kEnough) keep_strongest();
    if (const double now = kth(); now > least) {
      least = now;
      std::fill(thresholds.begin(), thresholds.end(), just_below(least));
    }
    return true;
  });
  if (execution.cancelled()) return Status::cancelled();
  keep_strongest();
  std::sort(out.begin(), out.end(), stronger);
  return {};
}

Status FeaturePairs::maxima(bool of_to, const Execution& execution, std::vector<std::uint32_t>& partners,
                            std::vector<double>& values) const {
  /// Listed of a row at first: within the error of the strongest there are some ten to thirty in random directions.
  constexpr std::size_t kListed = 48;
  const PairSide &left = of_to ? to_ : from_, &right = of_to ? from_ : to_;
  partners.assign(left.features(), kNone);
  values.assign(left.features(), 0);
  PairScan scan(left, right, execution);
  std::vector<std::vector<PairFound>> found;
  std::vector<std::uint8_t> decided;
  std::vector<std::uint32_t> open;
  std::vector<double> thresholds;
  const auto take = [&](const std::vector<std::uint32_t>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) {
        double& best = values[rows[i]];
        std::uint32_t& partner = partners[rows[i]];
        const double size = std::fabs(pair.value), most = std::fabs(best);
        if (size > most || (size == most && size > 0 && pair.index < partner)) {
          best = pair.value;
          partner = pair.index;
        }
      }
  };
  for_batches(left, execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.some(rows, kListed, found, decided);
    if (execution.cancelled()) return false;
    take(rows);
    open.clear();
    thresholds.clear();
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!decided[i]) {
        open.push_back(rows[i]);
        thresholds.push_back(just_below(std::fabs(values[rows[i]])));
      }
    if (open.empty()) return true;
    scan.above(open, thresholds.data(), found);
    if (execution.cancelled()) return false;
    take(open);
    return true;
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
