#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "pairs.hpp"

namespace unsuperpose {

namespace {

using product::Precision;

/// Cheapest first; int16 only where there is no bfloat16, which costs the same and bears large entries better.
constexpr Precision kByCost[] = {Precision::int8, Precision::bfloat16, Precision::int16};
/// A bound above this share of the threshold leaves too much open: the next precision costs less than scoring it again.
constexpr double kUsefulShare = 0.5;
/// For a bound's own rounding, and a floor's to float32.
constexpr double kSlack = 0x1.0p-21;
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
  for (const Precision precision : kByCost) {
    if (!product::rounded_kernels(precision, left.dims())) continue;
    ladder_.push_back(precision);
    if (precision == Precision::bfloat16) break;
  }
  ladder_.push_back(Precision::float32);
}

/// Of |score − value| for the row at place `at` of those rounded.
double PairScan::bound(Precision precision, std::uint32_t row, std::size_t at,
                       const PairBucket& bucket) const {
  const bool rounded = precision != Precision::float32;
  const double low = left_.low_norm(row), norm = left_.norm(row) + low, most = bucket.norm + bucket.low;
  const double left_norm = rounded ? rounded_.norm(at) : norm, left_error = rounded ? rounded_.error(at) : 0;
  const double score =
      product::score_error(precision, left_.dims(), left_norm, left_error, most, bucket.moved);
  return (1 + kSlack) * (score + kSlack * norm * most + norm * bucket.low + low * most) +
         pair_error(left_.dims(), norm, left_.error(row), low, most, right_.max_error(), bucket.low);
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

void PairScan::score(Precision precision, std::size_t b, bool last, std::vector<std::uint32_t>& members) {
  const bool rounded = precision != Precision::float32;
  const PairBucket& bucket = right_.buckets(precision)[b];
  std::vector<std::uint32_t> rows, useless;
  const auto gather = [&] {
    rows.resize(members.size());
    for (std::size_t m = 0; m < members.size(); ++m) rows[m] = rows_[members[m]];
    if (rounded)
      rounded_.assign({left_.high(), rows.data(), rows.size()}, precision, bucket.packed.isa(), execution_);
  };
  gather();
  if (execution_.cancelled()) return;
  // In float32 any bound below the threshold will do; what is left then has to be evaluated whole.
  const double share = last ? 1 : kUsefulShare;
  std::size_t stay = 0;
  for (std::size_t m = 0; m < members.size(); ++m) {
    if (bound(precision, rows[m], m, bucket) < share * thresholds_[members[m]])
      members[stay++] = members[m];
    else
      useless.push_back(members[m]);
  }
  if (stay > 0) {
    if (stay < members.size()) {
      members.resize(stay);
      gather();
      if (execution_.cancelled()) return;
    }
    std::vector<float> floors(stay);
    for (std::size_t m = 0; m < stay; ++m) {
      const double floor = thresholds_[members[m]] - bound(precision, rows[m], m, bucket);
      floors[m] = std::nextafter(static_cast<float>(std::max(0.0, floor * (1 - kSlack))), 0.0f);
    }
    product::SelectOptions select;
    select.floor = floors.data();
    product::LeftRows left(left_.high(), rows.data(), rows.size());
    if (rounded) left.rounded = &rounded_;
    std::vector<std::vector<product::Entry>> entries;
    const Status status = product::above(left, bucket.packed, select, std::numeric_limits<std::size_t>::max(),
                                         entries, execution_);
    if (!status.ok()) return;  // cancelled: there is no limit
    execution_.for_each((stay + kBlock - 1) / kBlock, [&](std::size_t block) {
      Scratch scratch;
      for (std::size_t m = block * kBlock; m < std::min(stay, (block + 1) * kBlock); ++m) {
        scratch.features.clear();
        for (const product::Entry& entry : entries[m])
          scratch.features.push_back(bucket.features[entry.index]);
        evaluate(rows[m], scratch, thresholds_[members[m]], (*found_)[members[m]]);
      }
    });
  }
  members.swap(useless);
}

void PairScan::above(std::span<const std::uint32_t> rows, const double* thresholds,
                     std::vector<std::vector<PairFound>>& found) {
  rows_ = rows;
  thresholds_ = thresholds;
  found_ = &found;
  found.assign(rows.size(), {});
  const std::size_t buckets = right_.buckets(ladder_.front()).size();
  std::vector<std::uint32_t> members;
  for (std::size_t b = 0; b < buckets && !execution_.cancelled(); ++b) {
    const PairBucket& bucket = right_.buckets(ladder_.front())[b];
    const double most = bucket.norm + right_.max_error();
    members.clear();
    for (std::size_t i = 0; i < rows.size(); ++i)
      if ((left_.norm(rows[i]) + left_.error(rows[i])) * most * (1 + kSlack) > thresholds[i])
        members.push_back(static_cast<std::uint32_t>(i));
    for (std::size_t step = 0; step < ladder_.size() && !members.empty() && !execution_.cancelled(); ++step)
      score(ladder_[step], b, step + 1 == ladder_.size(), members);
    if (execution_.cancelled()) return;
    execution_.for_each(members.size(), [&](std::size_t m) {
      Scratch scratch;
      scratch.features = bucket.features;
      evaluate(rows[members[m]], scratch, thresholds[members[m]], found[members[m]]);
    });
  }
  if (buckets < 2) return;
  for (auto& row : found)
    std::sort(row.begin(), row.end(),
              [](const PairFound& a, const PairFound& b) { return a.index < b.index; });
}

void PairScan::some(std::span<const std::uint32_t> rows, std::size_t k, std::size_t capacity,
                    std::vector<std::vector<PairFound>>& found, std::vector<std::uint8_t>& decided) {
  found.assign(rows.size(), {});
  decided.assign(rows.size(), 1);
  const Precision precision = ladder_.front();
  const bool rounded = precision != Precision::float32;
  product::Selection scores;
  for (const PairBucket& bucket : right_.buckets(precision)) {
    if (execution_.cancelled()) return;
    if (rounded)
      rounded_.assign({left_.high(), rows.data(), rows.size()}, precision, bucket.packed.isa(), execution_);
    if (execution_.cancelled()) return;
    product::LeftRows left(left_.high(), rows.data(), rows.size());
    if (rounded) left.rounded = &rounded_;
    product::SelectOptions select;
    select.capacity = std::min(capacity, bucket.features.size());
    product::select(left, bucket.packed, select, scores, execution_);
    if (execution_.cancelled()) return;
    execution_.for_each((rows.size() + kBlock - 1) / kBlock, [&](std::size_t block) {
      Scratch scratch;
      for (std::size_t i = block * kBlock; i < std::min(rows.size(), (block + 1) * kBlock); ++i) {
        const product::Entry* entries = scores.row(i);
        const std::size_t count = scores.count[i];
        scratch.features.clear();
        // The k-th strongest is at least the k-th listed less the error: what is further below is out.
        const std::size_t last = k - 1 + (distinct_ ? 1 : 0);
        const double floor = count > last ? std::fabs(static_cast<double>(entries[last].value)) -
                                                2 * bound(precision, rows[i], i, bucket)
                                          : 0;
        for (std::size_t e = 0; e < count && !(std::fabs(static_cast<double>(entries[e].value)) < floor); ++e)
          scratch.features.push_back(bucket.features[entries[e].index]);
        if (scratch.features.size() == count && count < bucket.features.size()) decided[i] = 0;
        evaluate(rows[i], scratch, 0, found[i]);
      }
    });
  }
}

}  // namespace unsuperpose
