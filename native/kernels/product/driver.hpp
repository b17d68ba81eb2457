// The loops around the micro-kernel, shared by all epilogues: the left rows are packed in chunks, a chunk is
// cut into items (blocks of left rows × groups of panels) by size alone, and each item calls the
// epilogue with one finished tile after the other, panels ascending.
#pragma once
#include <algorithm>
#include <cstddef>

#include "kernels.hpp"

namespace unsuperpose::product {

struct Range {
  std::size_t first, end;
  std::size_t size() const { return end - first; }
};

/// part `index` of [0, total) cut into `parts` nearly equal ones
inline Range part(std::size_t total, std::size_t parts, std::size_t index) {
  const std::size_t base = total / parts, extra = total % parts;
  const std::size_t first = index * base + std::min(index, extra);
  return {first, first + base + (index < extra ? 1 : 0)};
}

struct Plan {
  /// Whole tiles of 6, 4 and 3 rows.
  static constexpr std::size_t kBlockRows = 96;

  Plan(std::size_t count, const PackedRows& right, unsigned threads);

  const Kernels& kernels;
  const RoundedKernels* rounded;  // null in float32
  std::size_t tile_rows;          // left rows in a full tile
  std::size_t count, features, dims;
  std::size_t words;        // of 32 bits in a right row
  std::size_t left_words;   // in a left row
  std::size_t panels;       // of right rows
  std::size_t depth_parts;  // the depth is cut so that a panel and a block of left rows share L2
  std::size_t chunks;       // of left rows, so that a packed chunk is of bounded size
  std::size_t blocks;       // of left rows, in each chunk
  std::size_t groups;       // of panels

  Range chunk(std::size_t index) const { return part(count, chunks, index); }
  Range group(std::size_t index) const { return part(panels, groups, index); }
  /// rows of a block, relative to its chunk
  Range block(const Range& chunk, std::size_t index) const {
    return {std::min(chunk.size(), index * kBlockRows), std::min(chunk.size(), (index + 1) * kBlockRows)};
  }
  std::size_t largest_chunk() const { return part(count, chunks, 0).size(); }
  std::size_t largest_block() const { return std::min(kBlockRows, largest_chunk()); }
  std::size_t largest_group() const { return part(panels, groups, 0).size() * kernels.panel; }
};

/// One unit of work: `rows` are left rows in the order of the call, `chunk` those of its chunk.
struct Item {
  Range chunk, rows, panels;
  std::size_t group;
  /// Row i of the call among the rows of the chunk, group by group: where a partial result waits.
  std::size_t line(std::size_t i) const { return group * chunk.size() + i - chunk.first; }
};

/// Packs the left rows `rows` into `to` (rows × left_words), tile after tile, words-major in a tile.
void pack_left(const LeftRows& left, const Range& rows, const Plan& plan, std::uint32_t* to);

/// A buffer of the calling thread, kept between calls.
std::uint32_t* left_buffer(std::size_t size);

/// The words as floats, which they are in float32.
inline const float* as_floats(const std::uint32_t* words) { return reinterpret_cast<const float*>(words); }

/// Runs one item. `target(first, rows, panel, &stride)` says where a tile may be computed in place, or
/// answers null for a scratch tile; `consume(first, rows, panel, tile)` gets every finished scratch tile.
/// `first` counts from the item's first row; `packed` are the item's left rows.
template <class Target, class Consume>
void run_item(const Plan& plan, const PackedRows& right, const LeftRows& left, const std::uint32_t* packed,
              const Item& item, float* scratch, const Execution& execution, const Target& target,
              const Consume& consume) {
  const Kernels& kernels = plan.kernels;
  const std::size_t tiles = (item.rows.size() + plan.tile_rows - 1) / plan.tile_rows;
  for (std::size_t panel = item.panels.first; panel < item.panels.end; ++panel) {
    if (execution.cancelled()) return;
    const std::uint32_t* columns = right.data() + panel * kernels.panel * plan.words;
    for (std::size_t k = 0; k < plan.depth_parts; ++k) {
      const Range depth = part(plan.words, plan.depth_parts, k);
      for (std::size_t t = 0; t < tiles; ++t) {
        const Range rows = part(item.rows.size(), tiles, t);
        std::size_t stride = kernels.panel;
        float* direct = target(rows.first, rows.size(), panel, &stride);
        // With several parts the tiles of a panel wait for the next one side by side.
        float* tile = direct ? direct : scratch + (plan.depth_parts > 1 ? rows.first * kernels.panel : 0);
        const std::uint32_t* tile_left = packed + rows.first * plan.left_words;
        if (plan.rounded) {
          const std::size_t row = item.rows.first + rows.first;
          plan.rounded->multiply(rows.size(), tile_left, columns, plan.words, left.rounded->starts() + row,
                                 left.rounded->scales() + row, right.scales() + panel * kernels.panel, tile,
                                 stride);
        } else {
          kernels.multiply(rows.size(), as_floats(tile_left) + depth.first * rows.size(),
                           as_floats(columns) + depth.first * kernels.panel, depth.size(), tile, stride,
                           k > 0);
        }
        if (k + 1 == plan.depth_parts && !direct) consume(rows.first, rows.size(), panel, tile);
      }
    }
  }
}

/// Calls work(item, packed left rows of the item) for every item of every chunk, the items of a chunk in parallel,
/// groups ascending; then merge(chunk). Answers whether the call was cancelled.
template <class Work, class Merge>
bool for_each_item(const Plan& plan, const LeftRows& left, const Execution& execution, const Work& work,
                   const Merge& merge) {
  for (std::size_t c = 0; c < plan.chunks && !execution.cancelled(); ++c) {
    const Range chunk = plan.chunk(c);
    std::uint32_t* packed = left_buffer(chunk.size() * plan.left_words);
    execution.for_each(plan.blocks, [&](std::size_t b) {
      const Range block = plan.block(chunk, b);
      pack_left(left, {chunk.first + block.first, chunk.first + block.end}, plan,
                packed + block.first * plan.left_words);
    });
    // Neighbours in time share a group of panels, so that threads share it in the last cache.
    execution.for_each(plan.blocks * plan.groups, [&](std::size_t index) {
      const std::size_t group = index / plan.blocks;
      const Range block = plan.block(chunk, index % plan.blocks);
      work(Item{chunk, {chunk.first + block.first, chunk.first + block.end}, plan.group(group), group},
           packed + block.first * plan.left_words);
    });
    if (!execution.cancelled()) merge(chunk);
  }
  return execution.cancelled();
}

}  // namespace unsuperpose::product
