#include "product.hpp"

#include <atomic>
#include <cmath>
#include <cstring>
#include <new>

#include "driver.hpp"

namespace unsuperpose::product {

namespace scalar { const Kernels* kernels(); }
namespace avx2 { const Kernels* kernels(); }
namespace avx512 { const Kernels* kernels(); }
namespace neon { const Kernels* kernels(); }

const Kernels* kernels(Isa isa) {
  switch (isa) {
    case Isa::scalar: return scalar::kernels();
    case Isa::avx2: return avx2::kernels();
    case Isa::avx512: return avx512::kernels();
    case Isa::neon: return neon::kernels();
  }
  return nullptr;
}

PackedRows::PackedRows(ConstMatrix32 rows, Isa isa)
    : rows_(rows.rows), dims_(rows.cols), panel_(kernels(isa)->panel), isa_(isa) {
  const std::size_t panels = (rows_ + panel_ - 1) / panel_;
  if (dims_ != 0 && panels > static_cast<std::size_t>(-1) / sizeof(float) / panel_ / dims_) throw std::bad_alloc();
  data_ = AlignedBuffer<float>(panels * panel_ * dims_);
  for (std::size_t p = 0; p < panels; ++p) {
    float* panel = data_.data() + p * panel_ * dims_;
    for (std::size_t j = 0; j < panel_; ++j) {
      const float* row = p * panel_ + j < rows_ ? rows.row(p * panel_ + j) : nullptr;
      for (std::size_t d = 0; d < dims_; ++d) panel[d * panel_ + j] = row ? row[d] : 0.0f;
    }
  }
}

namespace {

struct NoTarget {
  float* operator()(std::size_t, std::size_t, std::size_t, std::size_t*) const { return nullptr; }
};

/// A tile, or one for every tile of a block where they have to wait for the next part of the depth.
std::size_t scratch_size(const Plan& plan) {
  return (plan.depth_parts > 1 ? plan.largest_block() : plan.kernels.rows) * plan.kernels.panel;
}

std::size_t valid_columns(const Plan& plan, std::size_t panel) {
  return std::min(plan.kernels.panel, plan.features - panel * plan.kernels.panel);
}

/// The scale, padded with ones to whole panels; null where there is none.
const float* padded_scale(const float* scale, const Plan& plan, AlignedBuffer<float>& buffer) {
  if (!scale) return nullptr;
  const std::size_t size = plan.panels * plan.kernels.panel;
  buffer.reserve(size);
  std::copy(scale, scale + plan.features, buffer.data());
  std::fill(buffer.data() + plan.features, buffer.data() + size, 1.0f);
  return buffer.data();
}

}  // namespace

void store(const LeftRows& left, const PackedRows& right, Matrix32 out, const Execution& execution) {
  if (left.count == 0 || right.rows() == 0) return;
  const Plan plan(left.count, right);
  const std::size_t panel_size = plan.kernels.panel;
  for_each_item(plan, left, execution, [&](const Item& item, const float* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    run_item(
        plan, right, packed, item, scratch.data(), execution,
        [&](std::size_t first, std::size_t, std::size_t panel, std::size_t* stride) -> float* {
          if (valid_columns(plan, panel) < panel_size) return nullptr;
          *stride = out.stride;
          return out.row(item.rows.first + first) + panel * panel_size;
        },
        [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
          for (std::size_t r = 0; r < rows; ++r)
            std::memcpy(out.row(item.rows.first + first + r) + panel * panel_size, tile + r * panel_size,
                        valid_columns(plan, panel) * sizeof(float));
        });
  });
}

void max(const LeftRows& left, const PackedRows& right, const SelectOptions& options, float* strongest,
         const Execution& execution) {
  std::fill(strongest, strongest + left.count, -std::numeric_limits<float>::infinity());
  if (left.count == 0 || right.rows() == 0) return;
  const Plan plan(left.count, right);
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  // One line of results a group; maxima of maxima do not depend on the order.
  std::vector<float> partial(plan.groups * left.count, -std::numeric_limits<float>::infinity());
  const bool cancelled = for_each_item(plan, left, execution, [&](const Item& item, const float* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    float* best = partial.data() + item.group * left.count + item.rows.first;
    run_item(plan, right, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
               plan.kernels.strongest(tile, rows, valid_columns(plan, panel),
                                      scale ? scale + panel * plan.kernels.panel : nullptr, options.positive_only,
                                      best + first);
             });
  });
  if (cancelled) return;
  for (std::size_t g = 0; g < plan.groups; ++g)
    for (std::size_t i = 0; i < left.count; ++i)
      strongest[i] = std::max(strongest[i], partial[g * left.count + i]);
}

namespace {

/// Stronger first, ties by lower index. A total order, so "the strongest k" is one set, whoever finds it.
struct Stronger {
  const float* scale;
  bool positive_only;
  float strength(const Entry& entry) const {
    const float value = positive_only ? entry.value : std::fabs(entry.value);
    return scale ? value * scale[entry.index] : value;
  }
  bool operator()(const Entry& a, const Entry& b) const {
    const float x = strength(a), y = strength(b);
    return x > y || (x == y && a.index < b.index);
  }
};

/// Leaves the `capacity` strongest of `count` entries in front, sorted; answers how many there are.
std::size_t keep_strongest(Entry* entries, std::size_t count, std::size_t capacity, const Stronger& stronger) {
  if (count > capacity) std::nth_element(entries, entries + capacity, entries + count, stronger);
  count = std::min(count, capacity);
  std::sort(entries, entries + count, stronger);
  return count;
}

void raise(std::atomic<float>& floor, float to) {
  float now = floor.load(std::memory_order_relaxed);
  while (to > now && !floor.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

}  // namespace

void select(const LeftRows& left, const PackedRows& right, const SelectOptions& options, Selection& out,
            const Execution& execution) {
  out.capacity = options.capacity;
  if (options.capacity > 0 && left.count > out.entries.max_size() / options.capacity) throw std::bad_alloc();
  out.entries.resize(left.count * options.capacity);
  out.count.assign(left.count, 0);
  if (left.count == 0 || right.rows() == 0 || options.capacity == 0) return;
  const Plan plan(left.count, right);
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  const Stronger stronger{options.scale, options.positive_only};

  // What a group keeps of a row, and how much it gathers before it cuts.
  const std::size_t kept = std::min(options.capacity, plan.largest_group());
  const std::size_t room = (kept == plan.largest_group() ? kept : 2 * kept) + plan.kernels.panel;
  const bool merges = plan.groups > 1;
  std::vector<Entry> partial(merges ? plan.groups * left.count * kept : 0);
  std::vector<std::uint32_t> partial_count(merges ? plan.groups * left.count : 0);

  // A row's floor as known to all groups: `capacity` entries at least as strong as it exist. Which group
  // raises it first changes the work, never the answer.
  std::vector<std::atomic<float>> floors(left.count);
  for (std::size_t i = 0; i < left.count; ++i)
    floors[i].store(options.floor ? options.floor[i] : -std::numeric_limits<float>::infinity(),
                    std::memory_order_relaxed);

  const bool cancelled = for_each_item(plan, left, execution, [&](const Item& item, const float* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    AlignedBuffer<Entry> gathered(item.rows.size() * room);
    std::vector<Candidates> candidates(item.rows.size());
    for (std::size_t r = 0; r < item.rows.size(); ++r)
      candidates[r] = {gathered.data() + r * room, 0, floors[item.rows.first + r].load(std::memory_order_relaxed)};

    run_item(plan, right, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
               plan.kernels.filter(tile, rows, valid_columns(plan, panel),
                                   scale ? scale + panel * plan.kernels.panel : nullptr, options.positive_only,
                                   static_cast<std::uint32_t>(panel * plan.kernels.panel), candidates.data() + first);
               for (std::size_t r = first; r < first + rows; ++r) {
                 Candidates& row = candidates[r];
                 if (row.count + plan.kernels.panel <= room) continue;
                 row.count = keep_strongest(row.entries, row.count, kept, stronger);
                 if (kept < options.capacity) continue;
                 // Later entries lose a tie, so they have to be stronger; those of other groups may win one.
                 row.floor = std::max(row.floor, stronger.strength(row.entries[kept - 1]));
                 raise(floors[item.rows.first + r], std::nextafter(row.floor, -std::numeric_limits<float>::infinity()));
               }
             });

    for (std::size_t r = 0; r < item.rows.size(); ++r) {
      const std::size_t i = item.rows.first + r, line = item.group * left.count + i;
      const std::size_t count = keep_strongest(candidates[r].entries, candidates[r].count, kept, stronger);
      std::copy(candidates[r].entries, candidates[r].entries + count,
                merges ? partial.data() + line * kept : out.entries.data() + i * options.capacity);
      (merges ? partial_count[line] : out.count[i]) = static_cast<std::uint32_t>(count);
    }
  });
  if (cancelled || !merges) return;

  constexpr std::size_t kRowsTogether = 64;
  execution.for_each((left.count + kRowsTogether - 1) / kRowsTogether, [&](std::size_t block) {
    std::vector<Entry> all(plan.groups * kept);
    const std::size_t end = std::min(left.count, (block + 1) * kRowsTogether);
    for (std::size_t i = block * kRowsTogether; i < end; ++i) {
      std::size_t count = 0;
      for (std::size_t g = 0; g < plan.groups; ++g) {
        const std::size_t line = g * left.count + i;
        std::copy(partial.data() + line * kept, partial.data() + line * kept + partial_count[line],
                  all.data() + count);
        count += partial_count[line];
      }
      count = keep_strongest(all.data(), count, options.capacity, stronger);
      std::copy(all.data(), all.data() + count, out.entries.data() + i * options.capacity);
      out.count[i] = static_cast<std::uint32_t>(count);
    }
  });
}

Status above(const LeftRows& left, const PackedRows& right, const SelectOptions& options, std::size_t limit,
             std::vector<std::vector<Entry>>& rows, const Execution& execution) {
  rows.assign(left.count, {});
  if (left.count == 0 || right.rows() == 0) return {};
  const Plan plan(left.count, right);
  const std::size_t panel_size = plan.kernels.panel;
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  std::vector<std::vector<Entry>> partial(plan.groups * left.count);
  std::atomic<std::size_t> total{0};

  const bool cancelled = for_each_item(plan, left, execution, [&](const Item& item, const float* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    AlignedBuffer<Entry> gathered(plan.kernels.rows * panel_size);
    std::vector<Candidates> candidates(plan.kernels.rows);
    run_item(plan, right, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t tile_rows, std::size_t panel, const float* tile) {
               if (total.load(std::memory_order_relaxed) > limit) return;
               for (std::size_t r = 0; r < tile_rows; ++r)
                 candidates[r] = {gathered.data() + r * panel_size, 0,
                                  options.floor ? options.floor[item.rows.first + first + r]
                                                : -std::numeric_limits<float>::infinity()};
               plan.kernels.filter(tile, tile_rows, valid_columns(plan, panel),
                                   scale ? scale + panel * panel_size : nullptr, options.positive_only,
                                   static_cast<std::uint32_t>(panel * panel_size), candidates.data());
               std::size_t found = 0;
               for (std::size_t r = 0; r < tile_rows; ++r) {
                 auto& line = partial[item.group * left.count + item.rows.first + first + r];
                 line.insert(line.end(), candidates[r].entries, candidates[r].entries + candidates[r].count);
                 found += candidates[r].count;
               }
               if (found > 0) total.fetch_add(found, std::memory_order_relaxed);
             });
  });
  if (cancelled) return Status::cancelled();
  if (total.load() > limit)
    return Status::fail(Code::too_large, "more than " + std::to_string(limit) + " entries lie above the threshold");
  for (std::size_t i = 0; i < left.count; ++i) {
    rows[i] = std::move(partial[i]);
    for (std::size_t g = 1; g < plan.groups; ++g) {
      const auto& more = partial[g * left.count + i];
      rows[i].insert(rows[i].end(), more.begin(), more.end());
    }
  }
  return {};
}

}  // namespace unsuperpose::product
