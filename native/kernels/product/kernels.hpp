// What a level supplies to the selecting product in float32: its tile shape, the micro-kernel, and what the epilogues do with a
// tile. The body is product-inl.hpp; driver.hpp has the loops around the micro-kernel, product.cpp the epilogues around these.
// A tile is up to `rows` left rows by one panel of right rows. What rounded precisions have instead of `multiply` is in
// precision.hpp; panel, filter and strongest are the level's for them too.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../dispatch.hpp"
#include "product.hpp"

namespace unsuperpose::product {

/// The candidates of one left row, in ascending order of index. Each array has kSlack elements more than
/// are ever counted: registers are stored whole.
struct Candidates {
  float* strengths;
  float* values;
  std::uint32_t* indices;
  std::size_t count;
  float floor;  // only strengths above it are worth keeping
};
inline constexpr std::size_t kSlack = 16;

struct Kernels {
  std::size_t panel;  // right rows in a panel
  std::size_t rows;   // left rows in a full tile

  /// c[r·stride + j] = (accumulate ? itself : 0) + Σ_d left[d·rows + r]·right[d·panel + j], one chain of
  /// fused multiply-adds over ascending d, the same for every number of rows.
  void (*multiply)(std::size_t rows, const float* left, const float* right, std::size_t depth, float* c,
                   std::size_t stride, bool accumulate);

  /// Appends to candidates[r] the entries of row r of the tile (rows × panel) that are stronger than its
  /// floor; the tile's columns are features first … first + valid. There must be room for `valid` entries.
  /// `scale` starts at the tile's first feature and has `panel` entries, or is null.
  void (*filter)(const float* tile, std::size_t rows, std::size_t valid, const float* scale,
                 bool positive_only, std::uint32_t first, Candidates* candidates);

  /// Drops candidates that at least `keep` stronger ones make hopeless, and raises the floor to match, until not
  /// many more than `keep` are left. False if ties prevent that.
  bool (*cut)(Candidates& candidates, std::size_t keep);

  /// Drops candidates that are weaker by more than `margin` ≥ 0 than at least `keep` others, and raises the floor to match. There must be
  /// one at least.
  void (*narrow)(Candidates& candidates, std::size_t keep, float margin);

  /// out[rank] = candidate for the `keep` strongest, ties by lower index. Time grows with count².
  void (*order)(const Candidates& candidates, std::size_t keep, Entry* out);

  /// strongest[r] = max(strongest[r], the strengths in row r of the tile)
  void (*strongest)(const float* tile, std::size_t rows, std::size_t valid, const float* scale,
                    bool positive_only, float* strongest);
};

/// The float before it: a strength that is rounded up to `strength` is above that.
inline float below(float strength) {
  return std::nextafter(strength, -std::numeric_limits<float>::infinity());
}

UNSUPERPOSE_DISPATCH(Kernels, kernels)

}  // namespace unsuperpose::product
