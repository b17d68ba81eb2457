// What the epilogues share: where tiles and candidates lie.
#pragma once
#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "driver.hpp"

namespace unsuperpose::product {

struct NoTarget {
  float* operator()(std::size_t, std::size_t, std::size_t, std::size_t*) const { return nullptr; }
};

/// A tile, or one for every tile of a block where they have to wait for the next part of the depth.
inline std::size_t scratch_size(const Plan& plan) {
  return (plan.depth_parts > 1 ? plan.largest_block() : plan.tile_rows) * plan.kernels.panel;
}

inline std::size_t valid_columns(const Plan& plan, std::size_t panel) {
  return std::min(plan.kernels.panel, plan.features - panel * plan.kernels.panel);
}

/// The scale, padded with ones to whole panels; null where there is none.
inline const float* padded_scale(const float* scale, const Plan& plan, AlignedBuffer<float>& buffer) {
  if (!scale) return nullptr;
  const std::size_t size = plan.panels * plan.kernels.panel;
  buffer.reserve(size);
  std::copy(scale, scale + plan.features, buffer.data());
  std::fill(buffer.data() + plan.features, buffer.data() + size, 1.0f);
  return buffer.data();
}

/// The memory of the candidates of some rows.
class CandidateRows {
 public:
  CandidateRows(std::size_t rows, std::size_t room)
      : rows_(rows),
        strengths_(rows * (room + kSlack)),
        values_(strengths_.size()),
        indices_(strengths_.size()) {
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = r * (room + kSlack);
      rows_[r] = {strengths_.data() + at, values_.data() + at, indices_.data() + at, 0,
                  -std::numeric_limits<float>::infinity()};
    }
  }
  Candidates& operator[](std::size_t r) { return rows_[r]; }
  Candidates* data() { return rows_.data(); }

 private:
  std::vector<Candidates> rows_;
  AlignedBuffer<float> strengths_, values_;
  AlignedBuffer<std::uint32_t> indices_;
};

/// floor = max(floor, to)
inline void raise(std::atomic<float>& floor, float to) {
  float now = floor.load(std::memory_order_relaxed);
  while (to > now && !floor.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

}  // namespace unsuperpose::product
