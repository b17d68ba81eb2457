#include "product.hpp"

#include <atomic>
#include <cmath>
#include <cstring>
#include <new>

#include "epilogue.hpp"

namespace unsuperpose::product {

void store(const LeftRows& left, const PackedRows& right, Matrix32 out, const Execution& execution) {
  if (left.count == 0 || right.rows() == 0) return;
  const Plan plan(left.count, right, execution.threads);
  const std::size_t panel_size = plan.kernels.panel;
  const auto work = [&](const Item& item, const std::uint32_t* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    run_item(
        plan, right, left, packed, item, scratch.data(), execution,
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
  };
  for_each_item(plan, left, execution, work, [](const Range&) {});
}

void max(const LeftRows& left, const PackedRows& right, const SelectOptions& options, float* strongest,
         const Execution& execution) {
  std::fill(strongest, strongest + left.count, -std::numeric_limits<float>::infinity());
  if (left.count == 0 || right.rows() == 0) return;
  const Plan plan(left.count, right, execution.threads);
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  AlignedBuffer<float> partial(plan.groups * plan.largest_chunk());
  const auto work = [&](const Item& item, const std::uint32_t* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    float* best = partial.data() + item.line(item.rows.first);
    std::fill(best, best + item.rows.size(), -std::numeric_limits<float>::infinity());
    run_item(plan, right, left, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
               plan.kernels.strongest(tile, rows, valid_columns(plan, panel),
                                      scale ? scale + panel * plan.kernels.panel : nullptr,
                                      options.positive_only, best + first);
             });
  };
  const auto merge = [&](const Range& chunk) {
    for (std::size_t g = 0; g < plan.groups; ++g)
      for (std::size_t i = 0; i < chunk.size(); ++i)
        strongest[chunk.first + i] = std::max(strongest[chunk.first + i], partial[g * chunk.size() + i]);
  };
  for_each_item(plan, left, execution, work, merge);
}

namespace {

/// The positions of the `keep` strongest, strongest first: the plain way, for many or for tied candidates.
std::vector<std::uint32_t> rank(const Candidates& row, std::size_t keep) {
  std::vector<std::uint32_t> positions(row.count);
  for (std::size_t i = 0; i < row.count; ++i) positions[i] = static_cast<std::uint32_t>(i);
  const auto stronger = [&](std::uint32_t a, std::uint32_t b) {
    return row.strengths[a] > row.strengths[b] || (row.strengths[a] == row.strengths[b] && a < b);
  };
  keep = std::min(keep, row.count);
  if (keep < row.count)
    std::nth_element(positions.begin(), positions.begin() + keep, positions.end(), stronger);
  positions.resize(keep);
  std::sort(positions.begin(), positions.end(), stronger);
  return positions;
}

/// Leaves at least the `keep` strongest, and room for more; answers a floor that entries of any index must
/// pass.
float cut(const Kernels& kernels, Candidates& row, std::size_t keep) {
  if (kernels.cut(row, keep)) return row.floor;
  std::vector<std::uint32_t> positions = rank(row, keep);
  // Later entries lose a tie, so they have to be stronger; those before may win one.
  row.floor = row.strengths[positions.back()];
  std::sort(positions.begin(), positions.end());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    row.strengths[i] = row.strengths[positions[i]];
    row.values[i] = row.values[positions[i]];
    row.indices[i] = row.indices[positions[i]];
  }
  row.count = positions.size();
  return below(row.floor);
}

/// Writes the `keep` strongest to `out`, strongest first; answers how many there are.
std::size_t finish(const Kernels& kernels, Candidates& row, std::size_t keep, Entry* out) {
  constexpr std::size_t kFewEnough = 256;  // for the quadratic way
  if (row.count > keep) cut(kernels, row, keep);
  if (row.count <= kFewEnough) {
    kernels.order(row, keep, out);
    return std::min(row.count, keep);
  }
  const std::vector<std::uint32_t> positions = rank(row, keep);
  for (std::size_t i = 0; i < positions.size(); ++i)
    out[i] = {row.values[positions[i]], row.indices[positions[i]]};
  return positions.size();
}

}  // namespace

void select(const LeftRows& left, const PackedRows& right, const SelectOptions& options, Selection& out,
            const Execution& execution) {
  out.capacity = options.capacity;
  if (options.capacity > 0 && left.count > out.entries.max_size() / options.capacity) throw std::bad_alloc();
  out.entries.resize(left.count * options.capacity);
  out.count.assign(left.count, 0);
  if (left.count == 0 || right.rows() == 0 || options.capacity == 0) return;
  const Plan plan(left.count, right, execution.threads);
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);

  // What a group keeps of a row, and how much it gathers before it cuts.
  const std::size_t keep = std::min(options.capacity, plan.largest_group());
  const std::size_t room = (keep == plan.largest_group() ? keep : 2 * keep) + plan.kernels.panel;
  const bool merges = plan.groups > 1;
  // Between the groups and the merge: at most `keep` and a quarter a row, in ascending order of index.
  const std::size_t line_size = keep + keep / 4;
  const std::size_t line_total = merges ? plan.groups * plan.largest_chunk() : 0;
  AlignedBuffer<Entry> lines(line_total * line_size);
  AlignedBuffer<float> line_strengths(lines.size());
  std::vector<std::uint32_t> line_count(line_total);

  // A row's floor as known to all groups: at least `capacity` stronger entries exist. Which group raises it
  // first changes the work, never the answer.
  std::vector<std::atomic<float>> floors(left.count);
  for (std::size_t i = 0; i < left.count; ++i)
    floors[i].store(options.floor ? options.floor[i] : -std::numeric_limits<float>::infinity(),
                    std::memory_order_relaxed);

  const auto work = [&](const Item& item, const std::uint32_t* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    CandidateRows candidates(item.rows.size(), room);
    for (std::size_t r = 0; r < item.rows.size(); ++r)
      candidates[r].floor = floors[item.rows.first + r].load(std::memory_order_relaxed);
    const auto shrink = [&](std::size_t r) {
      const float floor = cut(plan.kernels, candidates[r], keep);
      if (keep == options.capacity) raise(floors[item.rows.first + r], floor);
    };
    run_item(plan, right, left, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
               plan.kernels.filter(
                   tile, rows, valid_columns(plan, panel),
                   scale ? scale + panel * plan.kernels.panel : nullptr, options.positive_only,
                   static_cast<std::uint32_t>(panel * plan.kernels.panel), candidates.data() + first);
               for (std::size_t r = first; r < first + rows; ++r)
                 if (candidates[r].count + plan.kernels.panel > room) shrink(r);
             });
    if (execution.cancelled()) return;
    for (std::size_t r = 0; r < item.rows.size(); ++r) {
      const std::size_t i = item.rows.first + r;
      Candidates& row = candidates[r];
      if (!merges) {
        out.count[i] = static_cast<std::uint32_t>(
            finish(plan.kernels, row, keep, out.entries.data() + i * options.capacity));
        continue;
      }
      if (row.count > line_size) shrink(r);
      const std::size_t line = item.line(i);
      for (std::size_t k = 0; k < row.count; ++k) {
        lines[line * line_size + k] = {row.values[k], row.indices[k]};
        line_strengths[line * line_size + k] = row.strengths[k];
      }
      line_count[line] = static_cast<std::uint32_t>(row.count);
    }
  };
  const auto merge = [&](const Range& chunk) {
    if (!merges) return;
    constexpr std::size_t kRowsTogether = 64;
    execution.for_each((chunk.size() + kRowsTogether - 1) / kRowsTogether, [&](std::size_t block) {
      CandidateRows all(1, plan.groups * line_size);
      Candidates& row = all[0];
      const std::size_t end = chunk.first + std::min(chunk.size(), (block + 1) * kRowsTogether);
      for (std::size_t i = chunk.first + block * kRowsTogether; i < end; ++i) {
        row.count = 0;
        const float floor = floors[i].load(std::memory_order_relaxed);
        for (std::size_t g = 0; g < plan.groups; ++g) {
          const std::size_t line = g * chunk.size() + i - chunk.first;
          for (std::size_t k = line * line_size; k < line * line_size + line_count[line]; ++k) {
            if (!(line_strengths[k] > floor)) continue;
            row.strengths[row.count] = line_strengths[k];
            row.values[row.count] = lines[k].value;
            row.indices[row.count++] = lines[k].index;
          }
        }
        out.count[i] = static_cast<std::uint32_t>(
            finish(plan.kernels, row, options.capacity, out.entries.data() + i * options.capacity));
      }
    });
  };
  for_each_item(plan, left, execution, work, merge);
}

Status above(const LeftRows& left, const PackedRows& right, const SelectOptions& options, std::size_t limit,
             std::vector<std::vector<Entry>>& rows, const Execution& execution) {
  rows.assign(left.count, {});
  if (left.count == 0 || right.rows() == 0) return {};
  const Plan plan(left.count, right, execution.threads);
  const std::size_t panel_size = plan.kernels.panel;
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  std::vector<std::vector<Entry>> partial(plan.groups * plan.largest_chunk());
  std::atomic<std::size_t> total{0};

  const auto work = [&](const Item& item, const std::uint32_t* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    CandidateRows candidates(plan.tile_rows, panel_size);
    run_item(plan, right, left, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t tile_rows, std::size_t panel, const float* tile) {
               if (total.load(std::memory_order_relaxed) > limit) return;
               for (std::size_t r = 0; r < tile_rows; ++r) {
                 candidates[r].count = 0;
                 if (options.floor) candidates[r].floor = options.floor[item.rows.first + first + r];
               }
               plan.kernels.filter(tile, tile_rows, valid_columns(plan, panel),
                                   scale ? scale + panel * panel_size : nullptr, options.positive_only,
                                   static_cast<std::uint32_t>(panel * panel_size), candidates.data());
               std::size_t found = 0;
               for (std::size_t r = 0; r < tile_rows; ++r) {
                 auto& line = partial[item.line(item.rows.first + first + r)];
                 for (std::size_t k = 0; k < candidates[r].count; ++k)
                   line.push_back({candidates[r].values[k], candidates[r].indices[k]});
                 found += candidates[r].count;
               }
               if (found > 0) total.fetch_add(found, std::memory_order_relaxed);
             });
  };
  const auto merge = [&](const Range& chunk) {
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      auto& row = rows[chunk.first + i];
      std::swap(row, partial[i]);
      partial[i].clear();
      for (std::size_t g = 1; g < plan.groups; ++g) {
        auto& more = partial[g * chunk.size() + i];
        row.insert(row.end(), more.begin(), more.end());
        more.clear();
      }
    }
  };
  if (for_each_item(plan, left, execution, work, merge)) return Status::cancelled();
  if (total.load() > limit)
    return Status::fail(Code::too_large,
                        "more than " + std::to_string(limit) + " entries lie above the threshold");
  return {};
}

}  // namespace unsuperpose::product
