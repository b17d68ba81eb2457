#include "thresholds.hpp"

#include <algorithm>
#include <cmath>

namespace unsuperpose::cuda {

namespace {

/// Rows sampled: a share of all, so that a few of them are above the threshold, and what passes varies little.
constexpr std::size_t kShare = 64, kLeast = 1024, kMost = 8192;

}  // namespace

const float* Thresholds::of(const Select& pass, int precision, const Device& device, double passing,
                            unsigned least_rank, const Stream& stream, std::size_t wanted) {
  const std::size_t rows = pass.right_count;
  const std::size_t share = wanted > 0 ? std::clamp<std::size_t>(wanted, kRightRows, kMost)
                                       : std::clamp(rows / kShare, kLeast, kMost);
  const auto blocks = static_cast<unsigned>(std::min(share, rows) / kRightRows);
  const unsigned sampled = blocks * kRightRows;
  strengths_.reserve(pass.left_count * sampled);
  ranks_.reserve(pass.left_count);
  Select sample = pass;
  sample.strengths = strengths_.data();
  sample.stored = sampled;
  sample.every = static_cast<unsigned>(padded_rows(rows) / kRightRows / blocks);
  select_rows(sample, precision, false, device.multiprocessors, device.shared_limit, stream.get());
  const double rank = std::ceil(passing / static_cast<double>(rows) * sampled);
  ranked(strengths_.data(), pass.left_count, sampled,
         std::clamp(static_cast<unsigned>(rank), least_rank, sampled), ranks_.data(), stream.get());
  return ranks_.data();
}

}  // namespace unsuperpose::cuda
