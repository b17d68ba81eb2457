#include "driver.hpp"

#include <bit>
#include <cstring>

namespace unsuperpose::product {

namespace {

constexpr std::size_t kDepth =
    512;  // words of a panel: 128 KiB at 64 features, in L2 with a block of left rows
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;  // packed left rows
constexpr std::size_t kEnoughItems = 32;
constexpr std::size_t kItemWork = std::size_t{1} << 22;   // multiply-adds worth handing to a thread
constexpr std::size_t kItemBytes = std::size_t{1} << 20;  // of panels: few rows are bound by memory

std::size_t ceil_divide(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

Plan::Plan(std::size_t count_, const PackedRows& right, unsigned threads)
    : kernels(*product::kernels(right.isa())),
      rounded(rounded_kernels(right.precision(), right.dims(), right.isa())),
      tile_rows(rounded ? rounded->rows : kernels.rows),
      count(count_),
      features(right.rows()),
      dims(right.dims()),
      words(right.words()),
      left_words(rounded ? rounded->left_words(words) : words),
      panels(ceil_divide(right.rows(), kernels.panel)),
      // Integer sums are not cut: a tile holds floats, and their panels are a quarter or half as deep.
      depth_parts(rounded ? 1 : std::max<std::size_t>(1, ceil_divide(words, kDepth))) {
  const std::size_t chunk_rows =
      std::max(kChunkBytes / (std::max<std::size_t>(left_words, 1) * sizeof(float)), 2 * kBlockRows);
  chunks = std::max<std::size_t>(1, ceil_divide(count, chunk_rows));
  const std::size_t rows = std::max<std::size_t>(1, ceil_divide(count, chunks));  // of a chunk

  blocks = std::max<std::size_t>(1, ceil_divide(rows, kBlockRows));
  const double work = static_cast<double>(rows) * static_cast<double>(features) * static_cast<double>(words);
  const double by_work = std::min(work / kItemWork, static_cast<double>(kEnoughItems));
  const std::size_t by_bytes = std::min(right.bytes() / kItemBytes, kEnoughItems);
  // What an item is never shows in the answer; one thread has no use for many.
  const std::size_t wanted = threads > 1 ? std::max(static_cast<std::size_t>(by_work), by_bytes) : 1;
  const std::size_t group_bytes = rounded ? rounded->group_bytes : RoundedKernels::kGroupBytes;
  groups = std::clamp(std::max(ceil_divide(wanted, blocks), right.bytes() / group_bytes), std::size_t{1},
                      std::max<std::size_t>(1, panels));
}

std::uint32_t* left_buffer(std::size_t size) {
  static thread_local AlignedBuffer<std::uint32_t> buffer;
  buffer.reserve(size);
  return buffer.data();
}

void pack_left(const LeftRows& left, const Range& rows, const Plan& plan, std::uint32_t* to) {
  const std::size_t tiles = ceil_divide(rows.size(), plan.tile_rows);
  for (std::size_t t = 0; t < tiles; ++t) {
    const Range tile = part(rows.size(), tiles, t);
    for (std::size_t r = 0; r < tile.size(); ++r) {
      const std::size_t i = rows.first + tile.first + r;
      if (plan.rounded) {
        const std::uint32_t* row = left.rounded->row(i);
        if (plan.rounded->row_multiple > 0)
          std::memcpy(to + r * plan.left_words, row, plan.left_words * sizeof(std::uint32_t));
        else
          for (std::size_t w = 0; w < plan.left_words; ++w) to[w * tile.size() + r] = row[w];
      } else {
        const float* row = left.row(i);
        for (std::size_t w = 0; w < plan.left_words; ++w)
          to[w * tile.size() + r] = std::bit_cast<std::uint32_t>(row[w]);
      }
    }
    to += tile.size() * plan.left_words;
  }
}

}  // namespace unsuperpose::product
