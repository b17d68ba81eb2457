// Problems outside the range in which float32 is at home, brought into it by powers of two, which are exact, so that atoms, weights and
// λ of 1e±30 are as good as 1:
//
//   d̃_j = 2^e_j·d_j,   w̃_j = 2^(e_j − c)·w_j,   λ̃ = 2^c·λ,   β̃ = 4^e·β,   a_j = 2^e_j·ã_j
//
// have the same P. With a ridge, and for methods that compare codes of different atoms, all e_j are one e. Samples are scaled in
// any case (batch.hpp). Ordinary problems stay as they are, bit for bit.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../core/status.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

/// What of a problem may be rescaled without changing what a method does.
enum class Scaling : std::uint8_t {
  common,  // all atoms by one factor
  each,    // each atom by a factor of its own
};

struct Range {
  std::shared_ptr<const Dictionary> dictionary;  // the rescaled one; null: as given
  std::vector<int> exponents;                    // e_j; empty: all 0
  int penalty = 0;                               // c
  std::vector<float> weights;                    // w̃, empty: all 1
  int ridge = 0;                                 // 2e, where there is one e
  bool clamped = false;  // do weights differ by more than float32 can bear? Then w̃ are not quite these

  bool ordinary() const { return !dictionary && penalty == 0; }
  int exponent(std::size_t j) const { return exponents.empty() ? 0 : exponents[j]; }

  /// Finds the range of a problem over `dictionary` with these weights (empty: 1), of which each is positive; a weight that is 0 or
  /// Infinity stays so.
  static Status make(const Dictionary& dictionary, std::span<const float> weights, Scaling scaling,
                     Range& out);
};

}  // namespace unsuperpose
