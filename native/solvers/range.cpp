#include "range.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unsuperpose {

namespace {

/// Exponents of ordinary norms and weights. A Gram matrix, its inverse and scores divided by weights stay in float32's range by far.
constexpr int kLeastNorm = -50, kLargestNorm = 30, kOrdinaryWeight = 30;
/// Weights may differ by 2^this: the strengths of atoms, divided by them, then stay in float32's range.
constexpr int kSpread = 180;

/// The exponents of what is finite and not zero, from the least to the largest.
struct Span {
  int least = std::numeric_limits<int>::max(), largest = std::numeric_limits<int>::min();

  void take(double v, int shift = 0) {
    if (!(v > 0) || !std::isfinite(v)) return;
    int exponent = 0;
    std::frexp(v, &exponent);
    least = std::min(least, exponent + shift);
    largest = std::max(largest, exponent + shift);
  }
  bool empty() const { return least > largest; }
  bool within(int from, int to) const { return empty() || (least >= from && largest <= to); }
};

int exponent_of(double v) {
  int exponent = 0;
  if (v > 0) std::frexp(v, &exponent);
  return exponent;
}

Status rescale(const Dictionary& from, const std::vector<int>& exponents,
               std::shared_ptr<const Dictionary>& out) {
  const std::size_t dims = from.dims();
  if (from.split()) {
    const auto read = [&](std::size_t j, double* to) {
      from.read(j, to);
      for (std::size_t k = 0; k < dims; ++k) to[k] = std::ldexp(to[k], exponents[j]);
    };
    return Dictionary::make(from.features(), dims, read, false, Execution{}, out);
  }
  std::vector<float> atoms(from.features() * dims);
  for (std::size_t j = 0; j < from.features(); ++j) {
    // Through double: a subnormal atom needs a factor that float32 cannot hold.
    const double factor = std::ldexp(1.0, exponents[j]);
    for (std::size_t k = 0; k < dims; ++k)
      atoms[j * dims + k] = static_cast<float>(factor * static_cast<double>(from.atom(j)[k]));
  }
  return Dictionary::make({atoms.data(), from.features(), dims}, false, out);
}

}  // namespace

Status Range::make(const Dictionary& dictionary, std::span<const float> weights, Scaling scaling,
                   Range& out) {
  out = {};
  out.weights.assign(weights.begin(), weights.end());
  const std::size_t features = dictionary.features();
  Span norms, given;
  norms.take(dictionary.max_norm());
  if (scaling == Scaling::each) norms.take(dictionary.min_norm());
  for (const float weight : weights) given.take(static_cast<double>(weight));
  const bool ordinary = norms.within(kLeastNorm, kLargestNorm);
  if (ordinary && given.within(-kOrdinaryWeight, kOrdinaryWeight)) return {};

  if (!ordinary) {
    const int common = -exponent_of(dictionary.max_norm());
    out.exponents.assign(features, common);
    if (scaling == Scaling::each)
      for (std::size_t j = 0; j < features; ++j) out.exponents[j] = -exponent_of(dictionary.norm(j));
    else
      out.ridge = 2 * common;
    if (Status status = rescale(dictionary, out.exponents, out.dictionary); !status.ok()) return status;
  }

  const auto weight = [&](std::size_t j) { return weights.empty() ? 1.0 : static_cast<double>(weights[j]); };
  Span scaled;
  for (std::size_t j = 0; j < features; ++j)
    if (dictionary.norm(j) > 0) scaled.take(weight(j), out.exponent(j));
  if (scaled.empty()) return {};
  // The least weights matter most.
  const int spread = std::min(scaled.largest - scaled.least, kSpread);
  out.clamped = spread < scaled.largest - scaled.least;
  out.penalty = scaled.least + spread / 2;
  if (weights.empty() && scaled.least == scaled.largest) {
    out.penalty = scaled.least - 1;  // of 1: frexp has it as ½·2¹
    return {};
  }
  out.weights.resize(features);
  const double most = std::ldexp(1.0, kSpread / 2);
  for (std::size_t j = 0; j < features; ++j) {
    const double w = weight(j);
    const double moved = std::ldexp(w, out.exponent(j) - out.penalty);
    out.weights[j] = static_cast<float>(std::isfinite(w) && w > 0 ? std::clamp(moved, 1 / most, most) : w);
  }
  return {};
}

}  // namespace unsuperpose
