// Exact decisions: what scores leave open, in float64. Products of float32 numbers are exact there.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "../core/index.hpp"
#include "../kernels/dots/dots.hpp"
#include "scorer.hpp"

namespace unsuperpose::scoring {

/// row · (high + low)
inline double split_product(const float* row, const float* high, const float* low, std::size_t dims) {
  const auto& dots = dots::table();
  return dots.dot(row, high, dims) + dots.dot(row, low, dims);
}

/// Which of a list's entries may be among the k ≥ 1 strongest rows: the first `count`. `decided` says that no other row may.
struct Contenders {
  std::size_t count;
  bool decided;
};
inline Contenders contenders(const Scorer& scorer, const Scored& scored, std::size_t rows, std::size_t k) {
  const bool complete = scored.count == rows;
  if (scored.count < k) return {scored.count, complete};
  // The k-th strongest of all is at least the k-th listed less the error: what is further below is out.
  const double floor = scorer.strength(scored.entries[k - 1]) - 2 * scored.error;
  if (!std::isfinite(floor) || !std::isfinite(scorer.strength(scored.entries[0])))
    return {scored.count, false};
  std::size_t count = 0;
  while (count < scored.count && scorer.strength(scored.entries[count]) >= floor) ++count;
  return {count, complete || count < scored.count};
}

struct Strongest {
  double value = 0;  // 0 if none is above
  std::uint32_t index = kNone;
};

/// The strongest of the rows that admit(j) lets in, the lowest among equals, by value(j) ≥ its strength in float64, for a vector that was scored by
/// Scorer::list() at 2^−exponent its size. Values as float64 has them: where the list does not decide, all rows are looked at.
template <class Value, class Admit>
Strongest strongest_exactly(const Scorer& scorer, const Scored& scored, std::size_t rows, int exponent,
                            const Value& value, const Admit& admit) {
  Strongest found;
  const auto look = [&](std::uint32_t j) {
    if (!admit(j)) return;
    const double strength = value(j);
    if (strength > found.value || found.index == kNone || (strength == found.value && j < found.index))
      found = {std::max(0.0, strength), j};
  };
  for (std::size_t k = 0; k < scored.count; ++k) look(scored.entries[k].index);
  const bool decided = scored.count == rows || (scorer.reliable() && scored.full &&
                                                std::ldexp(scored.unlisted, exponent) < found.value);
  for (std::uint32_t j = 0; !decided && j < rows; ++j) look(j);
  return found;
}

}  // namespace unsuperpose::scoring
