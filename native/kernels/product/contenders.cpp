// Who may be among the strongest: select() for scores that may be wrong, without an order.
#include <cmath>
#include <new>

#include "epilogue.hpp"

namespace unsuperpose::product {

void contenders(const LeftRows& left, const PackedRows& right, const ContenderOptions& options,
                Contenders& out, const Execution& execution) {
  const std::size_t capacity = std::min(options.capacity, right.rows());
  out.capacity = capacity;
  if (capacity > 0 && left.count > out.entries.max_size() / capacity) throw std::bad_alloc();
  out.entries.resize(left.count * capacity);
  out.count.assign(left.count, 0);
  out.fits.assign(left.count, 1);
  if (left.count == 0 || right.rows() == 0) return;
  const Plan plan(left.count, right, execution.threads);
  AlignedBuffer<float> scales;
  const float* scale = padded_scale(options.scale, plan, scales);
  const std::size_t panel_size = plan.kernels.panel, wanted = options.wanted;
  // What is gathered before it is narrowed down: enough for that to be rare.
  const std::size_t room = capacity + capacity / 2 + panel_size;
  const bool merges = plan.groups > 1;
  const std::size_t line_total = merges ? plan.groups * plan.largest_chunk() : 0;
  AlignedBuffer<Entry> lines(line_total * capacity);
  AlignedBuffer<float> line_strengths(lines.size());
  std::vector<std::uint32_t> line_count(line_total);
  // As in select(): which group raises a floor first changes the work, never the answer, as every entry is held against the last floor.
  std::vector<std::atomic<float>> floors(left.count);
  for (auto& floor : floors) floor.store(-std::numeric_limits<float>::infinity(), std::memory_order_relaxed);
  std::vector<std::atomic<std::uint8_t>> fits(left.count);
  for (auto& one : fits) one.store(1, std::memory_order_relaxed);

  const auto narrow = [&](Candidates& row, std::size_t i) {
    if (row.count > 0) plan.kernels.narrow(row, wanted, options.margins[i]);
    raise(floors[i], row.floor);
  };
  // Nothing more is kept of a row that has too many.
  const auto give_up = [&](Candidates& row, std::size_t i) {
    fits[i].store(0, std::memory_order_relaxed);
    row.count = 0;
    row.floor = std::numeric_limits<float>::infinity();
  };
  const auto work = [&](const Item& item, const std::uint32_t* packed) {
    AlignedBuffer<float> scratch(scratch_size(plan));
    CandidateRows candidates(item.rows.size(), room);
    for (std::size_t r = 0; r < item.rows.size(); ++r)
      candidates[r].floor = floors[item.rows.first + r].load(std::memory_order_relaxed);
    run_item(plan, right, left, packed, item, scratch.data(), execution, NoTarget(),
             [&](std::size_t first, std::size_t rows, std::size_t panel, const float* tile) {
               plan.kernels.filter(tile, rows, valid_columns(plan, panel),
                                   scale ? scale + panel * panel_size : nullptr, options.positive_only,
                                   static_cast<std::uint32_t>(panel * panel_size), candidates.data() + first);
               for (std::size_t r = first; r < first + rows; ++r) {
                 if (candidates[r].count + panel_size <= room) continue;
                 narrow(candidates[r], item.rows.first + r);
                 if (candidates[r].count + panel_size > room) give_up(candidates[r], item.rows.first + r);
               }
             });
    if (execution.cancelled()) return;
    for (std::size_t r = 0; r < item.rows.size(); ++r) {
      const std::size_t i = item.rows.first + r;
      Candidates& row = candidates[r];
      narrow(row, i);
      if (row.count > capacity) give_up(row, i);
      if (!fits[i].load(std::memory_order_relaxed)) continue;
      Entry* const to = merges ? lines.data() + item.line(i) * capacity : out.entries.data() + i * capacity;
      for (std::size_t k = 0; k < row.count; ++k) to[k] = {row.values[k], row.indices[k]};
      const auto count = static_cast<std::uint32_t>(row.count);
      if (!merges) {
        out.count[i] = count;
        continue;
      }
      std::copy(row.strengths, row.strengths + row.count, line_strengths.data() + item.line(i) * capacity);
      line_count[item.line(i)] = count;
    }
  };
  const auto merge = [&](const Range& chunk) {
    if (!merges) return;
    constexpr std::size_t kRowsTogether = 64;
    execution.for_each((chunk.size() + kRowsTogether - 1) / kRowsTogether, [&](std::size_t block) {
      CandidateRows all(1, plan.groups * capacity);
      Candidates& row = all[0];
      const std::size_t end = chunk.first + std::min(chunk.size(), (block + 1) * kRowsTogether);
      for (std::size_t i = chunk.first + block * kRowsTogether; i < end; ++i) {
        if (!fits[i].load(std::memory_order_relaxed)) continue;
        row.count = 0;
        row.floor = floors[i].load(std::memory_order_relaxed);
        for (std::size_t g = 0; g < plan.groups; ++g) {
          const std::size_t line = g * chunk.size() + i - chunk.first;
          for (std::size_t k = line * capacity; k < line * capacity + line_count[line]; ++k) {
            if (!(line_strengths[k] > row.floor)) continue;
            row.strengths[row.count] = line_strengths[k];
            row.values[row.count] = lines[k].value;
            row.indices[row.count++] = lines[k].index;
          }
        }
        narrow(row, i);
        if (row.count > capacity) {
          give_up(row, i);
          continue;
        }
        out.count[i] = static_cast<std::uint32_t>(row.count);
        for (std::size_t k = 0; k < row.count; ++k)
          out.entries[i * capacity + k] = {row.values[k], row.indices[k]};
      }
    });
  };
  for_each_item(plan, left, execution, work, merge);
  for (std::size_t i = 0; i < left.count; ++i) {
    out.fits[i] = fits[i].load(std::memory_order_relaxed);
    if (!out.fits[i]) out.count[i] = 0;
  }
}

}  // namespace unsuperpose::product
