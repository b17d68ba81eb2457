#include <algorithm>
#include <cmath>
#include <numeric>

#include "../scoring/exact.hpp"
#include "pairs.hpp"

namespace unsuperpose {

namespace {

constexpr double kRoundoff = 0x1.0p-53;
/// Rows evaluated together.
constexpr std::size_t kBlock = 8;

}  // namespace

struct PairScan::Scratch {
  std::vector<std::uint32_t> features;
  std::vector<const float*> high, low;
  std::vector<double> values, rest, products;
};

double pair_error(std::size_t dims, double left_norm, double left_error, double left_low, double right_norm,
                  double right_error, double right_low) {
  constexpr double kUp = 1 + 0x1.0p-30;
  // Two sums of `dims` products and their own sum, of rows as high + low; low · low is left out.
  const double gamma = static_cast<double>(dims + 4) * kRoundoff;
  const double sizes = (left_norm + left_low) * (right_norm + right_low);
  return kUp * (left_norm * right_error + left_error * right_norm + left_error * right_error +
                left_low * right_low + gamma * sizes);
}

double pair_value(const PairSide& left, std::uint32_t j, const PairSide& right, std::uint32_t i) {
  const auto& dots = dots::table();
  const std::size_t dims = left.dims();
  double rest = 0;  // the same number with the sides exchanged
  if (left.low(j)) rest += dots.dot(left.low(j), right.high(i), dims);
  if (right.low(i)) rest += dots.dot(left.high(j), right.low(i), dims);
  return dots.dot(left.high(j), right.high(i), dims) + rest;
}

PairScan::PairScan(const PairSide& left, const PairSide& right, bool distinct, const Execution& execution)
    : left_(left), right_(right), distinct_(distinct), execution_(execution) {
  for (std::size_t b = 0; b < right.buckets().size(); ++b)
    scorers_.emplace_back(right.rows(b, execution.device), no_weights_, false, scoring::Ladder::every);
  if (execution.device)
    for (scoring::Scorer& scorer : scorers_) scorer.take_vectors_from(&left.on_device(*execution.device));
}

void PairScan::ask(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> members,
                   const double* thresholds, const PairBucket& bucket) {
  requests_.assign(members.size(), {});
  for (std::size_t m = 0; m < members.size(); ++m) {
    const std::uint32_t row = rows[members[m]];
    const double low = left_.low_norm(row), norm = left_.norm(row) + low;
    // A strength is the value in float64, which is off itself.
    requests_[m] = {.row = row,
                    .norm = norm,
                    .threshold = thresholds ? thresholds[members[m]] : 0,
                    .hidden = low,
                    .besides = pair_error(left_.dims(), norm, left_.error(row), low, bucket.norm + bucket.low,
                                          right_.max_error(), bucket.low)};
  }
}

/// Appends those of scratch.features whose float64 value exceeds the threshold.
void PairScan::evaluate(std::uint32_t row, Scratch& scratch, double threshold,
                        std::vector<PairFound>& out) const {
  const std::size_t count = scratch.features.size(), dims = left_.dims();
  if (count == 0) return;
  const auto& dots = dots::table();
  scratch.high.resize(count);
  scratch.values.resize(count);
  for (std::size_t k = 0; k < count; ++k) scratch.high[k] = right_.high(scratch.features[k]);
  dots.correlate(scratch.high.data(), count, left_.high(row), dims, scratch.values.data());
  // As in pair_value(), bit for bit.
  scratch.rest.assign(count, 0);
  const auto add = [&](const std::vector<const float*>& rows, const float* x) {
    scratch.products.resize(count);
    dots.correlate(rows.data(), count, x, dims, scratch.products.data());
    for (std::size_t k = 0; k < count; ++k) scratch.rest[k] += scratch.products[k];
  };
  if (left_.low(row)) add(scratch.high, left_.low(row));
  if (right_.low(scratch.features[0])) {
    scratch.low.resize(count);
    for (std::size_t k = 0; k < count; ++k) scratch.low[k] = right_.low(scratch.features[k]);
    add(scratch.low, left_.high(row));
  }
  for (std::size_t k = 0; k < count; ++k) scratch.values[k] += scratch.rest[k];
  for (std::size_t k = 0; k < count; ++k)
    if (std::fabs(scratch.values[k]) > threshold && !(distinct_ && scratch.features[k] == row))
      out.push_back({scratch.features[k], scratch.values[k]});
}

void PairScan::above(std::span<const std::uint32_t> rows, const double* thresholds,
                     std::vector<std::vector<PairFound>>& found) {
  found.assign(rows.size(), {});
  const std::vector<PairBucket>& buckets = right_.buckets();
  std::vector<std::uint32_t> members;
  for (std::size_t b = 0; b < buckets.size() && !execution_.cancelled(); ++b) {
    const PairBucket& bucket = buckets[b];
    const double most = bucket.norm + right_.max_error();
    members.clear();
    for (std::size_t i = 0; i < rows.size(); ++i)
      if ((left_.norm(rows[i]) + left_.error(rows[i])) * most * (1 + scoring::kSlack) > thresholds[i])
        members.push_back(static_cast<std::uint32_t>(i));
    if (members.empty()) continue;
    ask(rows, members, thresholds, bucket);
    scorers_[b].above(left_.high(), requests_, execution_);
    if (execution_.cancelled()) return;
    execution_.for_items(
        members.size(), kBlock, [] { return Scratch(); },
        [&](std::size_t m, Scratch& scratch) {
          const scoring::Scored& scored = scorers_[b][m];
          scratch.features.clear();
          if (scored.undecided) scratch.features = bucket.features;
          for (std::size_t e = 0; e < scored.count; ++e)
            scratch.features.push_back(bucket.features[scored.entries[e].index]);
          evaluate(rows[members[m]], scratch, thresholds[members[m]], found[members[m]]);
        });
  }
  if (buckets.size() < 2) return;
  for (auto& row : found)
    std::sort(row.begin(), row.end(),
              [](const PairFound& a, const PairFound& b) { return a.index < b.index; });
}

void PairScan::some(std::span<const std::uint32_t> rows, std::size_t k, std::size_t capacity,
                    std::vector<std::vector<PairFound>>& found, std::vector<std::uint8_t>& decided) {
  found.assign(rows.size(), {});
  decided.assign(rows.size(), 1);
  const std::vector<PairBucket>& buckets = right_.buckets();
  std::vector<std::uint32_t> all(rows.size());
  std::iota(all.begin(), all.end(), 0u);
  // A feature's pair with itself may be among the strongest, and does not count.
  const std::size_t wanted = k + (distinct_ ? 1 : 0);
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    const PairBucket& bucket = buckets[b];
    ask(rows, all, nullptr, bucket);
    scorers_[b].list(0, left_.high(), requests_, capacity, execution_);
    if (execution_.cancelled()) return;
    execution_.for_items(
        rows.size(), kBlock, [] { return Scratch(); },
        [&](std::size_t i, Scratch& scratch) {
          const scoring::Scored& scored = scorers_[b][i];
          const scoring::Contenders open =
              scoring::contenders(scorers_[b], scored, bucket.features.size(), wanted);
          if (!open.decided) decided[i] = 0;
          scratch.features.clear();
          for (std::size_t e = 0; e < open.count; ++e)
            scratch.features.push_back(bucket.features[scored.entries[e].index]);
          evaluate(rows[i], scratch, 0, found[i]);
        });
  }
}

}  // namespace unsuperpose
