#include "dual_point.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/dots/dots.hpp"
#include "../scoring/bound.hpp"

namespace unsuperpose {

namespace {

/// For a bound's own rounding.
constexpr double kUp = 1 + 0x1.0p-30;
/// What high + low leave of a double, and the smallest float32 where they underflow.
constexpr double kSplit = 0x1.0p-48, kSmallest = 0x1.0p-149;

double product_of(const DualPoint& y, const float* atom, std::size_t dims) {
  return dots::table().dot(atom, y.high.data(), dims) + dots::table().dot(atom, y.low.data(), dims);
}

}  // namespace

double DualPoint::product(const Dictionary& dictionary, std::uint32_t j) const {
  return std::ldexp(product_of(*this, dictionary.atom(j), dictionary.dims()), exponent);
}

Proof DualPoint::below_one(const Dictionary& dictionary, std::uint32_t j, float score,
                           bool nonnegative) const {
  const std::size_t dims = dictionary.dims();
  const double size = dictionary.norm(j) * kUp, one = std::ldexp(1.0, -exponent);
  if (size == 0) return Proof::yes;
  const auto strength = [&](double value) { return nonnegative ? value : std::fabs(value); };
  // `high` leaves 2⁻²⁴ of the vector out.
  const double rough = scoring::float32_error(dims, norm, size) + 0x1.0p-23 * norm * size;
  if (std::isfinite(score) && strength(score) + (rough + size * spread) * kUp < one) return Proof::yes;
  const double value = strength(product_of(*this, dictionary.atom(j), dims));
  const double error = size * (spread + 2 * gamma64(dims + 4) * norm) * kUp;
  if (value + error < one) return Proof::yes;
  return value - error > one ? Proof::no : Proof::undecided;
}

std::vector<double> SignedAtoms::inverse_norms(const Dictionary& dictionary,
                                               const std::vector<std::uint32_t>& support) {
  std::vector<double> scales(support.size());
  for (std::size_t i = 0; i < support.size(); ++i) scales[i] = 1 / dictionary.norm(support[i]);
  return scales;
}

SignedAtoms::SignedAtoms(const Dictionary& dictionary, std::vector<std::uint32_t> support)
    : dictionary_(dictionary),
      support_(std::move(support)),
      scales_(inverse_norms(dictionary, support_)),
      least_norm_(1 / *std::max_element(scales_.begin(), scales_.end())),
      gram_(dictionary, support_, 0, scales_) {}

void SignedAtoms::solve(std::vector<double>& v) const {
  for (std::size_t i = 0; i < v.size(); ++i) v[i] *= scales_[i];
  gram_.solve(v);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] *= scales_[i];
}

DualPoint SignedAtoms::dual_point(const std::vector<double>& signs) const {
  const std::size_t size = support_.size(), dims = dictionary_.dims();
  DualPoint y;
  std::vector<double> b = signs, values(dims), step(size);
  double parts = 0, largest = 0;
  // Once, and once more for what the first solution leaves.
  solve(b);
  for (int pass = 0; pass < 2; ++pass) {
    std::fill(values.begin(), values.end(), 0.0);
    parts = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const float* atom = dictionary_.atom(support_[i]);
      for (std::size_t d = 0; d < dims; ++d) values[d] += b[i] * static_cast<double>(atom[d]);
      parts += std::fabs(b[i]) / scales_[i];
    }
    largest = 0;
    for (const double value : values) largest = std::max(largest, std::fabs(value));
    y.exponent = 0;
    std::frexp(largest, &y.exponent);
    y.high.assign(dims, 0);
    y.low.assign(dims, 0);
    double square = 0;
    for (std::size_t d = 0; d < dims; ++d) {
      const double value = std::ldexp(values[d], -y.exponent);
      y.high[d] = static_cast<float>(value);
      y.low[d] = static_cast<float>(value - static_cast<double>(y.high[d]));
      square += value * value;
    }
    y.norm = std::sqrt(square) * kUp;
    // What d_i · y lacks of s_i, in units of 2^exponent and of the atoms' norms.
    double rest = 0;
    const double own = 2 * gamma64(dims + 4) * y.norm;
    for (std::size_t i = 0; i < size; ++i) {
      const double left =
          std::ldexp(signs[i], -y.exponent) - product_of(y, dictionary_.atom(support_[i]), dims);
      step[i] = std::ldexp(left, y.exponent);
      const double most = std::fabs(left) * scales_[i] * kUp + own + 0x1.0p-50 * y.norm;
      rest += most * most;
    }
    const double rounding = 2 * gamma64(size + 4) * std::ldexp(parts, -y.exponent) +
                            (kSplit * y.norm + kSmallest * std::sqrt(dims));
    y.spread = (std::sqrt(rest / eigenvalue()) + rounding) * kUp;
    if (pass > 0) break;
    solve(step);
    for (std::size_t i = 0; i < size; ++i) b[i] += step[i];
  }
  if (!std::isfinite(y.norm) || !std::isfinite(y.spread)) y.spread = std::numeric_limits<double>::infinity();
  return y;
}

}  // namespace unsuperpose
