// What the selecting products share: which tile a block works on, and what is kept of a tile.
#pragma once
#include "kernels.hpp"

namespace unsuperpose::cuda {

/// Left rows of a block; its right side is kRightRows.
inline constexpr unsigned kLeftRows = kTileRows;
inline constexpr unsigned kLeftSize = kTileSize, kRightSize = 2 * kTileSize,
                          kStageSize = kLeftSize + kRightSize;

/// Above every strength.
inline constexpr float kNever = std::numeric_limits<float>::infinity();

struct SelectTask {
  Select select;
  unsigned left_blocks, right_blocks;
};

/// Blocks are worked on in an order in which those that run together share rows: `kTogether` left blocks against one right block after the other.
DEVICE void block_at(const SelectTask& task, unsigned t, unsigned* left, unsigned* right) {
  constexpr unsigned kTogether = 32;
  const unsigned band = t / (kTogether * task.right_blocks);
  const unsigned first = band * kTogether;
  const unsigned height = task.left_blocks - first < kTogether ? task.left_blocks - first : kTogether;
  const unsigned in = t - band * kTogether * task.right_blocks;
  *left = first + in % height;
  *right = in / height * task.select.every;
}

/// A left row as a tile's epilogue sees it. A strength is factor · product · scale; it is compared without the scale.
template <bool positive>
struct Row {
  std::size_t row;
  float scale, floor;  // floor / scale
  bool there;

  DEVICE Row(const Select& select, std::size_t row_) : row(row_), there(row_ < select.left_count) {
    scale = there ? select.left.scales[row] : 0.0f;
    const float given = there && select.floors ? select.floors[row] : 0.0f;
    // A row of zeros has no product above zero.
    floor = !there ? kNever : scale > 0 ? given / scale : given < 0 ? -1.0f : 0.0f;
  }
  static DEVICE float strength(float product, float factor) {
    return positive ? product * factor : fabsf(product * factor);
  }
  DEVICE bool passes(float product, float factor) const { return strength(product, factor) > floor; }
};

/// Adds an entry to the list of `row`.
DEVICE void keep(const Select& select, std::size_t row, unsigned column, float product) {
  if (column >= select.right_count) return;
  const unsigned place = atomic_add(&select.counts[row], 1u);
  if (place >= select.capacity) return;
  select.entries[row * select.capacity + place] = {
      product * select.left.scales[row] * select.right.scales[column], column};
}

void launch_mma(const SelectTask& task, int precision, std::size_t shared_limit, cudaStream_t stream);
void launch_wgmma(const SelectTask& task, int precision, int multiprocessors, cudaStream_t stream);

}  // namespace unsuperpose::cuda
