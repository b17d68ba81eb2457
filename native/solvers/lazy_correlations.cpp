#include "lazy_correlations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {
constexpr float kNotThere = std::numeric_limits<float>::quiet_NaN();
/// A fused multiply-add and its factor, each rounded once (the scalar level: the product too).
constexpr double kUpdateRounding = 3 * 0x1.0p-24;
/// Underflow of a factor, a product or a sum.
constexpr double kUpdateUnderflow = 0x1.0p-140;
}  // namespace

LazyCorrelations::LazyCorrelations(const CompressedGram* gram, std::size_t features, bool nonnegative)
    : gram_(gram),
      features_(features),
      padded_(CompressedGram::stride(features)),
      nonnegative_(nonnegative),
      block_max_(compressed_rows::block_max_size(padded_)),
      strong_(padded_) {}

void LazyCorrelations::start(float* correlations, double error, double size,
                             std::span<const std::uint32_t> chosen, const std::vector<double>& coefficients) {
  correlations_ = correlations;
  chosen_.clear();
  std::fill(correlations + features_, correlations + padded_, kNotThere);
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    chosen_.push_back({chosen[k], coefficients[k], coefficients[k]});
    correlations[chosen[k]] = kNotThere;
  }
  spent_ = error;
  rows_.clear();
  factors_.clear();
  size_ = size + error;
  pending_ = 0;
  subtract();
}

void LazyCorrelations::resume(float* correlations, const Paused& paused) {
  correlations_ = correlations;
  chosen_ = paused.chosen;
  spent_ = paused.spent;
  size_ = paused.size;
  rows_.clear();
  factors_.clear();
  subtract();
  measure();
}

void LazyCorrelations::exclude(std::span<const std::uint32_t> atoms) {
  for (const std::uint32_t j : atoms) correlations_[j] = kNotThere;
  subtract();
}

/// Puts the row of an atom whose coefficient changed in line for subtract().
void LazyCorrelations::apply(Chosen& chosen) {
  const double change = chosen.wanted - chosen.applied;
  chosen.applied = chosen.wanted;
  rows_.push_back(gram_->row(chosen.atom));
  factors_.push_back(static_cast<float>(change * static_cast<double>(gram_->scale(chosen.atom))));
  const double most = gram_->largest(chosen.atom) + gram_->error(chosen.atom);
  size_ += std::fabs(change) * most;
  spent_ += std::fabs(change) * (gram_->error(chosen.atom) + kUpdateRounding * most) +
            kUpdateRounding * size_ + kUpdateUnderflow;
}

void LazyCorrelations::subtract() {
  compressed_rows::table().subtract(correlations_, padded_, rows_.data(), factors_.data(), rows_.size(),
                                    nonnegative_, block_max_.data());
  rows_.clear();
  factors_.clear();
  largest_ = static_cast<double>(reduce::table().max_absolute(block_max_.data(), block_max_.size()));
}

void LazyCorrelations::measure() {
  pending_ = 0;
  for (const Chosen& chosen : chosen_)
    if (chosen.wanted != chosen.applied)
      pending_ += std::fabs(chosen.wanted - chosen.applied) * gram_->largest(chosen.atom);
}

void LazyCorrelations::add(std::span<const std::uint32_t> chosen, const std::vector<double>& coefficients) {
  chosen_.push_back({chosen.back(), 0, 0});
  correlations_[chosen.back()] = kNotThere;
  for (std::size_t k = 0; k < chosen_.size(); ++k) chosen_[k].wanted = coefficients[k];
  apply(chosen_.back());
  subtract();
  measure();
}

bool LazyCorrelations::refresh() {
  for (const Chosen& chosen : chosen_)
    if (chosen.wanted != chosen.applied && !gram_->has(chosen.atom)) return false;
  for (Chosen& chosen : chosen_)
    if (chosen.wanted != chosen.applied) apply(chosen);
  subtract();
  pending_ = 0;
  return true;
}

bool LazyCorrelations::strong(std::size_t most, std::span<const std::uint32_t>& atoms) {
  const auto floor = static_cast<float>(largest_ - 2 * error());
  const std::size_t found = compressed_rows::table().above(
      correlations_, padded_, block_max_.data(),
      std::nextafter(floor, -std::numeric_limits<float>::infinity()), nonnegative_, most, strong_.data());
  if (found > most) return false;
  std::sort(strong_.data(), strong_.data() + found);
  atoms = {strong_.data(), found};
  return true;
}

}  // namespace unsuperpose
