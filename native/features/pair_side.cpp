#include "pair_side.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "../core/cancellation.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {

/// Unit roundoff of float64, and for the rounding of a bound itself.
constexpr double kRoundoff = 0x1.0p-53, kUp = 1 + 0x1.0p-40;
/// What high + low leave of a double: two roundings to float32, or the smallest float32 where that underflows.
constexpr double kSplit = 0x1.0p-48, kSmallest = 0x1.0p-149;
/// Features are prepared together by blocks.
constexpr std::size_t kBlock = 32;
/// A bucket's norms differ by this factor at most, unless it would be too small to fill the kernels.
constexpr double kSpread = 2;
constexpr std::size_t kFewest = 512;

double frobenius(ConstMatrix32 m) {
  double sum = 0;
  for (std::size_t i = 0; i < m.rows; ++i) sum += reduce::table().squared_norm(m.row(i), m.cols);
  return std::sqrt(sum) * kUp;
}

/// Rows whose largest entry is below 2^−40 are brought to about 1 before they are rounded to float32: products and squares would
/// underflow.
constexpr int kSmall = -40;

/// values · 2^exponent ← the same with another exponent, 0 unless they are small.
void lift(std::vector<double>& values, int& exponent, double& error) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  int size = 0;
  std::frexp(largest, &size);
  const int by = size + exponent > kSmall ? exponent : -size;
  if (largest == 0 || by == 0) return;
  for (double& value : values) value = std::ldexp(value, by);
  error = std::ldexp(error, by) * kUp;
  exponent -= by;
}

/// values = high + low, but for kSplit of each. Answers the norm of the values.
double split(const std::vector<double>& values, float* high, float* low) {
  double square = 0;
  for (std::size_t d = 0; d < values.size(); ++d) {
    high[d] = static_cast<float>(values[d]);
    low[d] = static_cast<float>(values[d] - static_cast<double>(high[d]));
    square += values[d] * values[d];
  }
  return std::sqrt(square) * kUp;
}

}  // namespace

Status PairSide::make(std::shared_ptr<const Dictionary> dictionary, std::span<const ConstMatrix32> maps,
                      const double* scale, const char* what, const Execution& execution, PairSide& out) {
  PairSide side;
  side.dictionary_ = std::move(dictionary);
  const Dictionary& atoms = *side.dictionary_;
  const std::size_t features = atoms.features();
  side.exact_ = maps.empty() && !scale;
  side.dims_ = maps.empty() ? atoms.dims() : maps.back().rows;
  side.norms_.assign(features, 0);
  side.errors_.assign(features, 0);
  side.lows_.assign(features, 0);
  if (side.exact_) {
    for (std::size_t j = 0; j < features; ++j) side.norms_[j] = atoms.norm(j) * kUp;
  } else {
    side.stride_ = round_up(side.dims_, kCacheLine / sizeof(float));
    side.high_ = AlignedBuffer<float>::zeros(features * side.stride_);
    side.low_ = AlignedBuffer<float>::zeros(features * side.stride_);
    std::size_t widest = std::max(atoms.dims(), side.dims_);
    std::vector<double> sizes;
    std::vector<std::vector<const float*>> rows(maps.size());
    for (std::size_t m = 0; m < maps.size(); ++m) {
      widest = std::max(widest, maps[m].rows);
      sizes.push_back(frobenius(maps[m]));
      for (std::size_t i = 0; i < maps[m].rows; ++i) rows[m].push_back(maps[m].row(i));
    }
    const auto& dots = dots::table();
    std::vector<int> exponents(features, 0);
    execution.for_each((features + kBlock - 1) / kBlock, [&](std::size_t block) {
      AlignedBuffer<float> high(round_up(widest, kCacheLine)), low(round_up(widest, kCacheLine));
      std::vector<double> values, rest;
      for (std::size_t j = block * kBlock; j < std::min(features, (block + 1) * kBlock); ++j) {
        const float* x = atoms.atom(j);
        const float* x_low = nullptr;
        double norm = atoms.norm(j) * kUp, error = 0;  // of what x + x_low stand for; of what they are off
        for (std::size_t m = 0; m < maps.size(); ++m) {
          const std::size_t from = maps[m].cols, to = maps[m].rows;
          values.resize(to);
          dots.correlate(rows[m].data(), to, x, from, values.data());
          // Summing `from` products, and once more where there are two parts; then the split.
          const double gamma = static_cast<double>(from + 2) * kRoundoff * kUp;
          double computed = gamma * sizes[m] * (norm + error);
          if (x_low) {
            rest.resize(to);
            dots.correlate(rows[m].data(), to, x_low, from, rest.data());
            for (std::size_t i = 0; i < to; ++i) values[i] += rest[i];
          }
          error = sizes[m] * error + computed;
          lift(values, exponents[j], error);
          norm = split(values, high.data(), low.data());
          // What is exactly zero, as behind a zero matrix, stays so.
          if (norm > 0 || error > 0) error += kSplit * norm + std::sqrt(static_cast<double>(to)) * kSmallest;
          norm = (norm + error) * kUp;
          x = high.data();
          x_low = low.data();
        }
        if (scale) {
          values.resize(side.dims_);
          int by = 0;
          const double factor = std::ilogb(scale[j]) < kSmall ? std::frexp(scale[j], &by) : scale[j];
          for (std::size_t d = 0; d < side.dims_; ++d)
            values[d] = factor * (static_cast<double>(x[d]) + (x_low ? static_cast<double>(x_low[d]) : 0.0));
          error *= factor;
          exponents[j] += by;
          lift(values, exponents[j], error);
          norm = split(values, high.data(), low.data());
          if (scale[j] == 0)
            error = 0;
          else if (norm > 0 || error > 0)
            error += (kSplit + 2 * kRoundoff) * norm + std::sqrt(static_cast<double>(side.dims_)) * kSmallest;
          norm = (norm + error) * kUp;
        }
        std::memcpy(side.high_.data() + j * side.stride_, high.data(), side.dims_ * sizeof(float));
        std::memcpy(side.low_.data() + j * side.stride_, low.data(), side.dims_ * sizeof(float));
        // No error can come of an atom that is zero.
        if (atoms.norm(j) == 0) norm = error = 0;
        side.norms_[j] = norm;
        side.errors_[j] = error * kUp;
        side.lows_[j] =
            norm > 0 ? (std::sqrt(reduce::table().squared_norm(side.low(j), side.dims_)) + error) * kUp : 0;
      }
    });
    if (execution.cancelled()) return Status::cancelled();
    side.align(exponents, execution);
    if (execution.cancelled()) return Status::cancelled();
    for (std::size_t j = 0; j < features; ++j)
      if (!(side.norms_[j] <= Dictionary::kMaxNorm))
        return Status::fail(Code::option,
                            std::string(what) + " feature " + std::to_string(j) +
                                " comes to a norm above 1e18 with the weights and scales: scale them down");
  }
  for (std::size_t j = 0; j < features; ++j) {
    side.max_norm_ = std::max(side.max_norm_, side.norms_[j]);
    side.max_error_ = std::max(side.max_error_, side.errors_[j]);
    side.max_low_ = std::max(side.max_low_, side.lows_[j]);
  }
  side.fill_buckets();
  out = std::move(side);
  return {};
}

void PairSide::align(std::vector<int>& exponents, const Execution& execution) {
  int most = std::numeric_limits<int>::min();
  for (std::size_t j = 0; j < features(); ++j)
    if (norms_[j] > 0) most = std::max(most, exponents[j]);
  if (most == std::numeric_limits<int>::min()) return;
  exponent_ = most;
  execution.for_each((features() + kBlock - 1) / kBlock, [&](std::size_t block) {
    for (std::size_t j = block * kBlock; j < std::min(features(), (block + 1) * kBlock); ++j) {
      const int by = exponents[j] - most;
      if (by == 0 || norms_[j] == 0) continue;
      for (std::size_t part = 0; part < 2; ++part) {
        float* row = (part == 0 ? high_ : low_).data() + j * stride_;
        for (std::size_t d = 0; d < dims_; ++d) row[d] = std::ldexp(row[d], by);
      }
      // What float32 loses of either part; and a row is not zero for having been lost.
      const double lost = 2 * std::sqrt(static_cast<double>(dims_)) * kSmallest;
      const auto down = [&](double size) { return std::ldexp(size, by) * kUp; };
      errors_[j] = down(errors_[j]) + lost;
      norms_[j] = std::max(down(norms_[j]) + lost, std::numeric_limits<double>::min());
      lows_[j] = down(lows_[j]) + 2 * lost;
    }
  });
}

void PairSide::fill_buckets() {
  std::vector<std::uint32_t> order(features());
  std::iota(order.begin(), order.end(), 0u);
  std::erase_if(order, [&](std::uint32_t j) { return norms_[j] == 0; });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return norms_[a] > norms_[b]; });
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() &&
           (end - first < kFewest || norms_[order[end]] * kSpread > norms_[order[first]]))
      ++end;
    if (order.size() - end < kFewest) end = order.size();
    PairBucket bucket;
    bucket.features.assign(order.begin() + static_cast<std::ptrdiff_t>(first),
                           order.begin() + static_cast<std::ptrdiff_t>(end));
    std::sort(bucket.features.begin(), bucket.features.end());
    for (const std::uint32_t j : bucket.features) {
      bucket.norm = std::max(bucket.norm, norms_[j]);
      bucket.low = std::max(bucket.low, lows_[j]);
    }
    buckets_.push_back(std::move(bucket));
    first = end;
  }
  cache_->packed.resize(buckets_.size() * product::kPrecisions);
  cache_->ready.assign(cache_->packed.size(), 0);
  bucket_copies_ = std::vector<scoring::DeviceCopies>(buckets_.size());
}

const product::PackedRows& PairSide::packed(std::size_t bucket, product::Precision precision) const {
  const std::size_t at = bucket * product::kPrecisions + static_cast<std::size_t>(precision);
  const auto lock = cancellation::lock(cache_->mutex);
  if (!cache_->ready[at]) {
    const std::vector<std::uint32_t>& chosen = buckets_[bucket].features;
    AlignedBuffer<float> gathered(chosen.size() * dims_);
    for (std::size_t k = 0; k < chosen.size(); ++k)
      std::memcpy(gathered.data() + k * dims_, high(chosen[k]), dims_ * sizeof(float));
    cache_->packed[at] =
        product::PackedRows({gathered.data(), chosen.size(), dims_}, active_isa(), precision);
    cache_->ready[at] = 1;
  }
  return cache_->packed[at];
}

scoring::Rows PairSide::rows(std::size_t bucket) const {
  const auto packed_of =
      [](const void* owner, std::size_t part, product::Precision precision) -> const auto& {
    return static_cast<const PairSide*>(owner)->packed(part, precision);
  };
  const PairBucket& of = buckets_[bucket];
  return {of.features.size(), dims_, packed_of, this, bucket, of.norm + of.low, {}, of.low};
}

scoring::Rows PairSide::rows(std::size_t bucket, device::Device* device) const {
  scoring::Rows rows = this->rows(bucket);
  if (!device) return rows;
  const std::vector<std::uint32_t>& chosen = buckets_[bucket].features;
  // One bucket of everything is what the left side is of too.
  rows.device =
      chosen.size() == features() ? &on_device(*device) : &bucket_copies_[bucket].of(*device, high(), chosen);
  return rows;
}

std::size_t PairSide::bytes() const {
  std::size_t bytes = high_.bytes() + low_.bytes() + 3 * norms_.size() * sizeof(double);
  std::lock_guard lock(cache_->mutex);
  for (const PairBucket& bucket : buckets_) bytes += bucket.features.size() * sizeof(std::uint32_t);
  for (const product::PackedRows& rows : cache_->packed) bytes += rows.bytes();
  return bytes;
}

}  // namespace unsuperpose
