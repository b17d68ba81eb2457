// What needs every pair: histograms and sums. The float32 product of a few rows at a time is written to a buffer that stays in
// the cache, and read once.
#include <algorithm>
#include <cmath>

#include "pairs.hpp"

namespace unsuperpose {

namespace {

/// Values in the buffer: 4 MiB.
constexpr std::size_t kBuffered = std::size_t{1} << 20;
constexpr std::size_t kFewestRows = 6, kMostRows = 96;
/// For a bound's own rounding.
constexpr double kUp = 1 + 0x1.0p-30;

/// |float32 score − exact value| for `from` row i: a part for each of the norms of the `to` row and one besides.
double score_bound(const PairSide& from, std::uint32_t i, const PairBucket& bucket, const PairSide& to) {
  const double norm = from.norm(i) + from.low_norm(i), most = bucket.norm + bucket.low;
  return kUp * (scoring::float32_error(from.dims(), norm, most) + norm * (bucket.low + to.max_error()) +
                (from.low_norm(i) + from.error(i)) * most);
}

/// Calls each(rows, bucket, scores) with the scores of some `from` rows against a bucket, one after the other.
template <class Each>
void for_scores(const PairSide& from, const PairSide& to, const Execution& execution, const Each& each) {
  execution.set_total(from.features());
  AlignedBuffer<float> buffer;
  std::vector<std::uint32_t> rows;
  std::vector<scoring::Request> requests;
  const std::vector<float> no_weights;
  std::deque<scoring::Scorer> scorers;
  for (std::size_t b = 0; b < to.buckets().size(); ++b)
    scorers.emplace_back(to.rows(b), no_weights, false, scoring::Ladder::float32);
  const std::size_t most =
      std::clamp(kBuffered / std::max<std::size_t>(to.features(), 1), kFewestRows, kMostRows);
  for (std::size_t first = 0; first < from.features() && !execution.cancelled();) {
    const std::size_t end = std::min(from.features(), first + most);
    rows.clear();
    for (std::size_t j = first; j < end; ++j)
      if (from.norm(j) > 0) rows.push_back(static_cast<std::uint32_t>(j));
    requests.assign(rows.size(), {});
    for (std::size_t r = 0; r < rows.size(); ++r) requests[r].row = rows[r];
    for (std::size_t b = 0; b < to.buckets().size(); ++b) {
      if (rows.empty() || execution.cancelled()) break;
      const PairBucket& bucket = to.buckets()[b];
      const std::size_t count = bucket.features.size();
      buffer.reserve(rows.size() * count);
      const Matrix32 scores(buffer.data(), rows.size(), count);
      scorers[b].every(0, from.high(), requests, scores, execution);
      if (!execution.cancelled()) each(rows, bucket, scores);
    }
    execution.advance(end - first);
    first = end;
  }
}

}  // namespace

Status FeaturePairs::histogram(double top, std::size_t bins, const Execution& execution,
                               std::vector<double>& counts) const {
  counts.assign(bins, 0);
  top = std::ldexp(top, -exponent_);
  const double width = top / static_cast<double>(bins), inverse = 1 / width;
  const auto bin = [&](double size) {
    const double place = width > 0 ? size / width : size / top * static_cast<double>(bins);
    return place < static_cast<double>(bins) ? static_cast<std::size_t>(place) : bins - 1;
  };
  // A row's counts, then added up: so the order of threads does not matter.
  std::vector<std::vector<std::uint32_t>> partial;
  double scored = 0;
  for_scores(from(), to(), execution,
             [&](const std::vector<std::uint32_t>& rows, const PairBucket& bucket, Matrix32 scores) {
               partial.resize(std::max(partial.size(), rows.size()));
               execution.for_each(rows.size(), [&](std::size_t r) {
                 std::vector<std::uint32_t>& mine = partial[r];
                 mine.assign(bins, 0);
                 const double error = score_bound(from(), rows[r], bucket, to());
                 // In bins, and for the rounding of the place itself.
                 const float margin =
                     static_cast<float>(error * inverse) + static_cast<float>(bins) * 0x1.0p-21f;
                 const float* score = scores.row(r);
                 const auto scale = static_cast<float>(inverse), end = static_cast<float>(bins);
                 // Bins too narrow for float32 to tell.
                 const bool blind = !(margin < 0.25f) || !std::isfinite(scale);
                 for (std::size_t k = 0; k < scores.cols; ++k) {
                   const float place = blind ? 0 : std::fabs(score[k]) * scale;
                   if (place >= end + margin) {
                     ++mine[bins - 1];
                     continue;
                   }
                   const auto at = static_cast<std::size_t>(place);
                   const float inside = place - static_cast<float>(at);
                   if (inside > margin && inside < 1 - margin && at < bins)
                     ++mine[at];
                   else
                     ++mine[bin(std::fabs(pair_value(to(), bucket.features[k], from(), rows[r])))];
                 }
               });
               if (execution.cancelled()) return;
               for (std::size_t r = 0; r < rows.size(); ++r)
                 for (std::size_t b = 0; b < bins; ++b) counts[b] += partial[r][b];
               scored += static_cast<double>(rows.size()) * static_cast<double>(scores.cols);
             });
  if (execution.cancelled()) return Status::cancelled();
  // Pairs with a zero row.
  counts[0] += static_cast<double>(from().features()) * static_cast<double>(to().features()) - scored;
  return {};
}

Status FeaturePairs::absolute_sums(const Execution& execution, std::vector<double>& sums,
                                   std::vector<double>& upper) const {
  sums.assign(to().features(), 0);
  upper.assign(to().features(), 0);
  constexpr std::size_t kColumns = 1024;
  for_scores(from(), to(), execution,
             [&](const std::vector<std::uint32_t>& rows, const PairBucket& bucket, Matrix32 scores) {
               std::vector<double> errors(rows.size());
               for (std::size_t r = 0; r < rows.size(); ++r)
                 errors[r] = score_bound(from(), rows[r], bucket, to());
               double error = 0;
               for (const double one : errors) error += one;
               execution.for_each((scores.cols + kColumns - 1) / kColumns, [&](std::size_t block) {
                 const std::size_t first = block * kColumns, end = std::min(scores.cols, first + kColumns);
                 double column[kColumns] = {};
                 for (std::size_t r = 0; r < rows.size(); ++r) {
                   const float* score = scores.row(r);
                   for (std::size_t k = first; k < end; ++k)
                     column[k - first] += std::fabs(static_cast<double>(score[k]));
                 }
                 for (std::size_t k = first; k < end; ++k) {
                   sums[bucket.features[k]] += column[k - first];
                   upper[bucket.features[k]] += error;
                 }
               });
             });
  if (execution.cancelled()) return Status::cancelled();
  // The sums of float64 numbers, one a `from` feature, and of the bounds.
  const double rounding = 1 + static_cast<double>(from().features() + 4) * 0x1.0p-52;
  for (std::size_t j = 0; j < sums.size(); ++j) {
    upper[j] = full_bound((sums[j] + upper[j] * kUp) * rounding);
    sums[j] = full_value(sums[j]);
  }
  return {};
}

}  // namespace unsuperpose
