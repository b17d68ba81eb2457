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

/// Listed of a row beyond what is wanted: within the error of the strongest there are some ten to thirty in random directions.
constexpr std::size_t kSpare = 47;

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
  return pair_error(left.dims(), left.max_norm(), left.max_error(), left.max_low(), right.max_norm(),
                    right.max_error(), right.max_low());
}

double FeaturePairs::error_of(std::uint32_t i, std::uint32_t j) const {
  return pair_error(to().dims(), to().norm(j), to().error(j), to().low_norm(j), from().norm(i),
                    from().error(i), from().low_norm(i));
}

Status FeaturePairs::for_each_above(double threshold, const Execution& execution,
                                    const std::function<bool(std::span<const Pair>)>& each) const {
  PairScan scan(from(), to(), distinct_, execution);
  const std::vector<double> thresholds(PairScan::kBatch, threshold);
  std::vector<std::vector<PairFound>> found;
  std::vector<Pair> pairs;
  for_batches(from(), execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.above(rows, thresholds.data(), found);
    if (execution.cancelled()) return false;
    pairs.clear();
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) pairs.push_back({rows[i], pair.index, pair.value});
    return each(pairs);
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

Status FeaturePairs::above(double threshold, std::size_t limit, const Execution& execution,
                           std::vector<Pair>& out, std::size_t& uncertain) const {
  out.clear();
  uncertain = 0;
  // What rounding may have put on the wrong side is looked at too.
  const double least = std::max(0.0, threshold - error());
  const Status status = for_each_above(least, execution, [&](std::span<const Pair> pairs) {
    for (const Pair& pair : pairs) {
      const double size = std::fabs(pair.value);
      if (std::fabs(size - threshold) <= error_of(pair.from, pair.to)) ++uncertain;
      if (size > threshold) out.push_back(pair);
    }
    return out.size() <= limit;
  });
  if (status.ok() && out.size() > limit)
    return Status::fail(Code::too_large,
                        "more than " + std::to_string(limit) +
                            " pairs are above epsilon: ask for a larger epsilon, or raise limit");
  return status;
}

Status FeaturePairs::strongest(std::size_t k, const Execution& execution, std::vector<Pair>& out) const {
  out.clear();
  PairScan scan(from(), to(), distinct_, execution);
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
    std::vector<std::uint32_t> rows(from().features());
    std::iota(rows.begin(), rows.end(), 0u);
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return from().norm(a) > from().norm(b); });
    rows.resize(std::min(rows.size(), PairScan::kBatch));
    while (!rows.empty() && from().norm(rows.back()) == 0) rows.pop_back();
    if (rows.empty()) return {};
    const std::size_t of_each = k / rows.size() + 1;
    std::vector<std::uint8_t> decided;
    scan.some(rows, of_each, of_each + kSpare, found, decided);
    if (execution.cancelled()) return Status::cancelled();
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const PairFound& pair : found[i]) out.push_back({rows[i], pair.index, pair.value});
    keep_strongest();
    least = kth();
    out.clear();
  }
  std::vector<double> thresholds(PairScan::kBatch, just_below(least));
  for_batches(from(), execution, [&](const std::vector<std::uint32_t>& rows) {
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

Status FeaturePairs::strongest_of_each(bool of_to, std::size_t k, const Execution& execution,
                                       std::vector<std::uint32_t>& partners,
                                       std::vector<double>& values) const {
  const PairSide &left = of_to ? to() : from(), &right = of_to ? from() : to();
  partners.assign(left.features() * k, kNone);
  values.assign(left.features() * k, 0);
  PairScan scan(left, right, distinct_, execution);
  std::vector<std::vector<PairFound>> found;
  std::vector<std::uint8_t> decided;
  std::vector<std::uint32_t> open;
  std::vector<double> thresholds;
  // The strongest of what was found, in order.
  const auto take = [&](const std::vector<std::uint32_t>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto strong = [](const PairFound& a, const PairFound& b) {
        const double x = std::fabs(a.value), y = std::fabs(b.value);
        return x > y || (x == y && a.index < b.index);
      };
      const std::size_t count = std::min(k, found[i].size());
      std::partial_sort(found[i].begin(), found[i].begin() + static_cast<std::ptrdiff_t>(count),
                        found[i].end(), strong);
      for (std::size_t p = 0; p < count; ++p) {
        partners[rows[i] * k + p] = found[i][p].index;
        values[rows[i] * k + p] = found[i][p].value;
      }
    }
  };
  for_batches(left, execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.some(rows, k, k + kSpare, found, decided);
    if (execution.cancelled()) return false;
    take(rows);
    open.clear();
    thresholds.clear();
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!decided[i]) {
        open.push_back(rows[i]);
        thresholds.push_back(just_below(std::fabs(values[rows[i] * k + k - 1])));
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
