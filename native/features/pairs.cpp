#include "pairs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
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

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Is a row so small beside the others that float32 keeps few of its bits, or none?
bool faint(const PairSide& side, std::size_t j) {
  const double size = side.norm(j);
  return size > 0 && side.error(j) > 0 && size < 0x1.0p-128 * std::sqrt(static_cast<double>(side.dims()));
}

bool any_faint(const PairSide& a, const PairSide& b) {
  for (const PairSide* side : {&a, &b})
    for (std::size_t j = 0; j < side->features(); ++j)
      if (faint(*side, j)) return true;
  return false;
}

/// A threshold that values of at least `value` exceed.
double just_below(double value) { return value > 0 ? std::nextafter(value, 0.0) : 0; }

/// Calls each(rows) for the side's features that are not zero, ascending, a batch at a time, until the call is cancelled or each()
/// answers false. Reports the features of the side as progress.
template <class Each>
void for_batches(const PairSide& side, std::size_t together, const Execution& execution, const Each& each) {
  execution.set_total(side.features());
  std::vector<std::uint32_t> rows;
  for (std::size_t first = 0; first < side.features() && !execution.cancelled();) {
    const std::size_t end = std::min(side.features(), first + together);
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

double FeaturePairs::full_bound(double bound) const {
  if (exponent_ == 0 || bound == 0) return bound;
  // Up, and for what a value loses where float64 itself underflows.
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  return std::nextafter(std::ldexp(bound, exponent_), kInfinity) + kTiny;
}

Status FeaturePairs::for_each_above(double threshold, const Execution& execution,
                                    const std::function<bool(std::span<const Pair>)>& each) const {
  if (exponent_ == 0) return scan_above(threshold, execution, each);
  std::vector<Pair> full;
  return scan_above(std::ldexp(threshold, -exponent_), execution, [&](std::span<const Pair> pairs) {
    full.assign(pairs.begin(), pairs.end());
    for (Pair& pair : full) pair.value = full_value(pair.value);
    return each(full);
  });
}

std::size_t FeaturePairs::faint_pairs(double threshold) const {
  constexpr double kUp = 1 + 0x1.0p-40;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < from().features(); ++i) {
    const double size = (from().norm(i) + from().error(i)) * kUp;
    if (size == 0) continue;
    for (std::uint32_t j = 0; j < to().features(); ++j)
      if ((faint(from(), i) || faint(to(), j)) && to().norm(j) > 0 && !(distinct_ && i == j) &&
          size * (to().norm(j) + to().error(j)) * kUp >= threshold)
        ++count;
  }
  return count;
}

Status FeaturePairs::scan_above(double threshold, const Execution& execution,
                                const std::function<bool(std::span<const Pair>)>& each) const {
  PairScan scan(from(), to(), distinct_, execution);
  const std::vector<double> thresholds(PairScan::batch(execution), threshold);
  std::vector<std::vector<PairFound>> found;
  std::vector<Pair> pairs;
  for_batches(from(), PairScan::batch(execution), execution, [&](const std::vector<std::uint32_t>& rows) {
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
  threshold = std::ldexp(threshold, -exponent_);
  const double least = std::max(0.0, threshold - error_between(to(), from()));
  const Status status = scan_above(least, execution, [&](std::span<const Pair> pairs) {
    for (const Pair& pair : pairs) {
      const double size = std::fabs(pair.value);
      const bool counted_below = faint(from(), pair.from) || faint(to(), pair.to);
      if (!counted_below && std::fabs(size - threshold) <= error_of(pair.from, pair.to)) ++uncertain;
      if (size > threshold) out.push_back({pair.from, pair.to, full_value(pair.value)});
    }
    return out.size() <= limit;
  });
  if (status.ok() && out.size() <= limit && any_faint(from(), to())) uncertain += faint_pairs(threshold);
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
  std::vector<double> thresholds(PairScan::batch(execution), just_below(least));
  for_batches(from(), PairScan::batch(execution), execution, [&](const std::vector<std::uint32_t>& rows) {
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
  for (Pair& pair : out) pair.value = full_value(pair.value);
  return {};
}

Status FeaturePairs::for_each_strongest(bool of_to, std::size_t k, const Execution& execution,
                                        const Strongest& each) const {
  const PairSide &left = of_to ? to() : from(), &right = of_to ? from() : to();
  // Pairs that are held together, of whatever k.
  constexpr std::size_t kHeld = std::size_t{1} << 22;
  const std::size_t together = std::clamp<std::size_t>(kHeld / (k + kSpare), 1, PairScan::kBatch);
  PairScan scan(left, right, distinct_, execution);
  std::vector<std::vector<PairFound>> found, again;
  std::vector<std::uint8_t> decided;
  std::vector<std::uint32_t> open;
  std::vector<double> thresholds;
  // The strongest of what was found, in order.
  const auto sort = [&](std::vector<PairFound>& row) {
    const auto strong = [](const PairFound& a, const PairFound& b) {
      const double x = std::fabs(a.value), y = std::fabs(b.value);
      return x > y || (x == y && a.index < b.index);
    };
    const std::size_t count = std::min(k, row.size());
    std::partial_sort(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(count), row.end(), strong);
    row.resize(count);
  };
  for_batches(left, together, execution, [&](const std::vector<std::uint32_t>& rows) {
    scan.some(rows, k, k + kSpare, found, decided);
    if (execution.cancelled()) return false;
    open.clear();
    thresholds.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      sort(found[i]);
      if (decided[i]) continue;
      open.push_back(rows[i]);
      thresholds.push_back(found[i].size() < k ? 0 : just_below(std::fabs(found[i][k - 1].value)));
    }
    if (!open.empty()) {
      scan.above(open, thresholds.data(), again);
      if (execution.cancelled()) return false;
      std::size_t next = 0;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (!decided[i]) {
          sort(again[next]);
          // No row loses what it had: of ties at the threshold all are above it.
          found[i].swap(again[next++]);
        }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (PairFound& pair : found[i]) pair.value = full_value(pair.value);
      each(rows[i], found[i]);
    }
    return true;
  });
  return execution.cancelled() ? Status::cancelled() : Status{};
}

Status FeaturePairs::strongest_of_each(bool of_to, std::size_t k, const Execution& execution,
                                       std::vector<std::uint32_t>& partners,
                                       std::vector<double>& values) const {
  const std::size_t features = (of_to ? to() : from()).features();
  partners.assign(features * k, kNone);
  values.assign(features * k, 0);
  return for_each_strongest(of_to, k, execution, [&](std::uint32_t row, std::span<const PairFound> found) {
    for (std::size_t p = 0; p < found.size(); ++p) {
      partners[row * k + p] = found[p].index;
      values[row * k + p] = found[p].value;
    }
  });
}

}  // namespace unsuperpose
