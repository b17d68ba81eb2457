#include "driver.hpp"

namespace unsuperpose::product {

namespace {

constexpr std::size_t kDepth = 512;                         // of a panel: 128 KiB at 64 features
constexpr std::size_t kBlockRows = 96;                      // × kDepth: 192 KiB, they share L2 with the panel
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;   // packed left rows
constexpr std::size_t kGroupBytes = std::size_t{8} << 20;   // panels that stay in L3 while all blocks pass
constexpr std::size_t kEnoughItems = 32;
constexpr std::size_t kItemWork = std::size_t{1} << 22;       // multiply-adds worth handing to a thread
constexpr std::size_t kItemBytes = std::size_t{1} << 20;      // of panels: few rows are bound by memory

std::size_t ceil_divide(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

Plan::Plan(std::size_t count_, const PackedRows& right)
    : kernels(*product::kernels(right.isa())),
      count(count_),
      features(right.rows()),
      dims(right.dims()),
      panels(ceil_divide(right.rows(), kernels.panel)),
      depth_parts(std::max<std::size_t>(1, ceil_divide(dims, kDepth))) {
  const std::size_t chunk_rows =
      std::max(kChunkBytes / (std::max<std::size_t>(dims, 1) * sizeof(float)), 2 * kBlockRows);
  chunks = std::max<std::size_t>(1, ceil_divide(count, chunk_rows));
  const std::size_t rows = std::max<std::size_t>(1, ceil_divide(count, chunks));  // of a chunk

  blocks = std::max<std::size_t>(1, ceil_divide(rows, kBlockRows));
  const double work = static_cast<double>(rows) * static_cast<double>(features) * static_cast<double>(dims);
  const double by_work = std::min(work / kItemWork, static_cast<double>(kEnoughItems));
  const std::size_t by_bytes = std::min(right.bytes() / kItemBytes, kEnoughItems);
  const std::size_t wanted = std::max(static_cast<std::size_t>(by_work), by_bytes);
  groups = std::clamp(std::max(ceil_divide(wanted, blocks), right.bytes() / kGroupBytes), std::size_t{1},
                      std::max<std::size_t>(1, panels));
}

float* left_buffer(std::size_t size) {
  static thread_local AlignedBuffer<float> buffer;
  buffer.reserve(size);
  return buffer.data();
}

void pack_left(const LeftRows& left, const Range& rows, const Plan& plan, float* to) {
  const std::size_t tiles = ceil_divide(rows.size(), plan.kernels.rows);
  for (std::size_t t = 0; t < tiles; ++t) {
    const Range tile = part(rows.size(), tiles, t);
    for (std::size_t r = 0; r < tile.size(); ++r) {
      const float* row = left.row(rows.first + tile.first + r);
      for (std::size_t d = 0; d < plan.dims; ++d) to[d * tile.size() + r] = row[d];
    }
    to += tile.size() * plan.dims;
  }
}

}  // namespace unsuperpose::product
