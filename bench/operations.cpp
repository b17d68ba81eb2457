// What the operations beside the product reach, from L1, in cycles for a register of their work. They fill the tables at the heads of
// native/kernels/<operation>/<operation>.hpp, which say what a register of work is and what it could take at least.
#include <cstdio>
#include <vector>

#include "../native/core/aligned.hpp"
#include "../native/core/random.hpp"
#include "../native/kernels/adam/adam.hpp"
#include "../native/kernels/compressed_rows/compressed_rows.hpp"
#include "../native/kernels/descent/descent.hpp"
#include "../native/kernels/dots/dots.hpp"
#include "../native/kernels/draw/draw.hpp"
#include "../native/kernels/isa.hpp"
#include "../native/kernels/panels/panels.hpp"
#include "../native/kernels/reduce/reduce.hpp"
#include "../native/kernels/shrink/shrink.hpp"
#include "../native/kernels/sparse_rows/sparse_rows.hpp"
#include "kernel_time.hpp"

using namespace unsuperpose;

namespace {

constexpr int kCalls = 200;

std::size_t lanes() {
  switch (active_isa()) {
    case Isa::avx512: return 16;
    case Isa::avx2: return 8;
    case Isa::neon: return 4;
    default: return 1;
  }
}

AlignedBuffer<float> floats(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  AlignedBuffer<float> made(count);
  for (std::size_t i = 0; i < count; ++i) made[i] = static_cast<float>(random.normal());
  return made;
}

std::vector<const float*> rows_of(const AlignedBuffer<float>& data, std::size_t count, std::size_t dims) {
  std::vector<const float*> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(data.data() + i * dims);
  return rows;
}

/// `entries` float32 entries of work, as many a register as the level has lanes.
template <class Call>
void line(const char* name, std::size_t entries, const Call& call) {
  const double time = bench::fastest(kCalls, call), clock = bench::clock_rate();
  const double registers = static_cast<double>(entries) / static_cast<double>(lanes());
  std::printf("%-46s %8.1f ns", name, time);
  if (clock > 0) std::printf(", %7.2f cycles a register of work (%.2f GHz)", time * clock / registers, clock);
  std::printf("\n");
}

#if defined(__x86_64__)
/// How many of an instruction a cycle, by 1,000 of them in four turns of registers; ymm4 and ymm5 hold some floats.
#define UNSUPERPOSE_PEAK(name, a, b, c, d)                                             \
  {                                                                                    \
    const double time = bench::fastest(kCalls, [&] {                                   \
      __asm__ volatile(                                                                \
          "vmovaps (%0), %%ymm4\n\tvmovaps 32(%0), %%ymm5\n\t"                         \
          ".rept 250\n\t" a "\n\t" b "\n\t" c "\n\t" d "\n\t.endr"                     \
          :                                                                            \
          : "r"(at)                                                                    \
          : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"); \
    });                                                                                \
    std::printf("%-46s %8.2f a cycle\n", name, 1000 / (time * bench::clock_rate()));   \
  }
#endif

void peak_lines() {
#if defined(__x86_64__)
  if (active_isa() != Isa::avx2 && active_isa() != Isa::avx512) return;
  AlignedBuffer<float> data(64);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = 1.7f + static_cast<float>(i);
  float* const at = data.data();
  UNSUPERPOSE_PEAK("peak: instructions", "nop", "nop", "nop", "nop")
  UNSUPERPOSE_PEAK("peak: loads of 32 bytes", "vmovaps (%0), %%ymm0", "vmovaps 32(%0), %%ymm1",
                   "vmovaps 64(%0), %%ymm2", "vmovaps 96(%0), %%ymm3")
  UNSUPERPOSE_PEAK("peak: stores of 32 bytes", "vmovaps %%ymm0, (%0)", "vmovaps %%ymm1, 32(%0)",
                   "vmovaps %%ymm2, 64(%0)", "vmovaps %%ymm3, 96(%0)")
  UNSUPERPOSE_PEAK("peak: conversions of four floats to doubles", "vcvtps2pd (%0), %%ymm0",
                   "vcvtps2pd 16(%0), %%ymm1", "vcvtps2pd 32(%0), %%ymm2", "vcvtps2pd 48(%0), %%ymm3")
  UNSUPERPOSE_PEAK("peak: conversions of eight bytes to floats",
                   "vpmovsxbd (%0), %%ymm0\n\tvcvtdq2ps %%ymm0, %%ymm4",
                   "vpmovsxbd 8(%0), %%ymm1\n\tvcvtdq2ps %%ymm1, %%ymm5",
                   "vpmovsxbd 16(%0), %%ymm2\n\tvcvtdq2ps %%ymm2, %%ymm6",
                   "vpmovsxbd 24(%0), %%ymm3\n\tvcvtdq2ps %%ymm3, %%ymm7")
  UNSUPERPOSE_PEAK("peak: divisions of eight floats", "vdivps %%ymm4, %%ymm5, %%ymm0",
                   "vdivps %%ymm4, %%ymm5, %%ymm1", "vdivps %%ymm4, %%ymm5, %%ymm2",
                   "vdivps %%ymm4, %%ymm5, %%ymm3")
  UNSUPERPOSE_PEAK("peak: square roots of eight floats", "vsqrtps %%ymm4, %%ymm0", "vsqrtps %%ymm4, %%ymm1",
                   "vsqrtps %%ymm4, %%ymm2", "vsqrtps %%ymm4, %%ymm3")
  UNSUPERPOSE_PEAK("peak: multiplications of eight 32-bit integers", "vpmulld %%ymm4, %%ymm5, %%ymm0",
                   "vpmulld %%ymm4, %%ymm5, %%ymm1", "vpmulld %%ymm4, %%ymm5, %%ymm2",
                   "vpmulld %%ymm4, %%ymm5, %%ymm3")
#endif
}

void dots_lines() {
  constexpr std::size_t kRows = 12, kDims = 256;
  const auto data = floats(2 * kRows * kDims, 1), x = floats(kDims, 2);
  const auto rows = rows_of(data, 2 * kRows, kDims);
  float out[kRows * kRows], sums[kRows];
  double exact[kRows];
  const dots::Table& table = dots::table();
  line("dots.gram, 12 × 12 × 256", kRows * kRows * kDims,
       [&] { table.gram(rows.data(), kRows, rows.data() + kRows, kRows, kDims, out, kRows); });
  line("dots.correlate, 12 × 256", kRows * kDims,
       [&] { table.correlate(rows.data(), kRows, x.data(), kDims, exact); });
  line("dots.correlate32, 12 × 256", kRows * kDims,
       [&] { table.correlate32(rows.data(), kRows, x.data(), kDims, sums); });
}

void sparse_rows_lines() {
  constexpr std::size_t kRows = 12, kDims = 512;
  const auto data = floats(kRows * kDims, 3), x = floats(kDims, 4), values = floats(kRows, 5);
  const auto rows = rows_of(data, kRows, kDims);
  AlignedBuffer<float> out(kDims);
  std::uint32_t indices[kRows];
  for (std::uint32_t i = 0; i < kRows; ++i) indices[i] = i;
  const sparse_rows::Table& table = sparse_rows::table();
  line("sparse_rows.residual, 12 × 512", kRows * kDims, [&] {
    table.residual(x.data(), indices, values.data(), kRows, data.data(), kDims, kDims, out.data());
  });
  line("sparse_rows.residual32, 12 × 512", kRows * kDims,
       [&] { table.residual32(x.data(), rows.data(), values.data(), kRows, kDims, out.data()); });
  line("sparse_rows.axpy, 512", kDims, [&] { table.axpy(1e-3f, x.data(), out.data(), kDims); });
}

void compressed_rows_lines() {
  constexpr std::size_t kEntries = 4096, kRows = 3;
  const auto row = floats(kEntries, 6);
  AlignedBuffer<float> correlations(kEntries), most(compressed_rows::block_max_size(kEntries));
  for (std::size_t i = 0; i < kEntries; ++i) correlations[i] = row[i];
  AlignedBuffer<std::int8_t> bytes(kRows * kEntries);
  const compressed_rows::Table& table = compressed_rows::table();
  line("compressed_rows.compress, 4096", kEntries,
       [&] { table.compress(row.data(), kEntries, bytes.data()); });
  const std::int8_t* rows[kRows];
  const float factors[kRows] = {1e-3f, -1e-3f, 1e-3f};
  for (std::size_t i = 0; i < kRows; ++i) {
    table.compress(row.data(), kEntries, bytes.data() + i * kEntries);
    rows[i] = bytes.data() + i * kEntries;
  }
  line("compressed_rows.subtract, 4096, one row", kEntries,
       [&] { table.subtract(correlations.data(), kEntries, rows, factors, 1, false, most.data()); });
  line("compressed_rows.subtract, 4096, three rows", kRows * kEntries,
       [&] { table.subtract(correlations.data(), kEntries, rows, factors, kRows, false, most.data()); });
}

void panels_lines() {
  constexpr std::size_t kFeatures = 60, kDims = 20, kPanel = panels::kPanel;
  const auto weights = floats(kFeatures * kDims, 7), x = floats(kFeatures * kPanel, 8);
  const auto hidden = floats(kDims * kPanel, 9), bias = floats(kFeatures, 10);
  AlignedBuffer<float> packed(panels::packed_size(kFeatures, kDims)), out(kFeatures * kPanel);
  AlignedBuffer<float> sums(kFeatures * panels::kMostLanes), tiles(panels::tiles_size(kFeatures, kDims));
  std::fill_n(sums.data(), sums.size(), 0.0f);
  std::fill_n(tiles.data(), tiles.size(), 0.0f);
  const panels::Table& table = panels::table();
  table.pack(weights.data(), kFeatures, kDims, packed.data());
  constexpr std::size_t kWork = kFeatures * kDims * kPanel;
  line("panels.encode, 60 × 20", kWork,
       [&] { table.encode(weights.data(), kFeatures, kDims, x.data(), out.data()); });
  line("panels.multiply, 60 × 20", kWork,
       [&] { table.multiply(packed.data(), kFeatures, kDims, hidden.data(), out.data()); });
  const panels::Decoder decoder{packed.data(), bias.data(), bias.data(), kFeatures, kDims, true};
  line("panels.decode, 60 × 20", kWork,
       [&] { table.decode(decoder, x.data(), hidden.data(), out.data(), sums.data()); });
  constexpr std::size_t kPanels = 8;  // as many as wait for one another in the learner, and no longer in L1
  const auto v = floats(kPanels * kFeatures * kPanel, 14), u = floats(kPanels * kDims * kPanel, 15);
  const panels::Pair pair{v.data(), u.data()};
  line("panels.outer, 60 × 20, 8 panels", kPanels * kWork,
       [&] { table.outer(&pair, 1, kPanels, kFeatures, kDims, tiles.data()); });
}

void rows_lines() {
  constexpr std::size_t kEntries = 2048;
  const auto x = floats(kEntries, 11), gradient = floats(kEntries, 12);
  AlignedBuffer<float> out(kEntries), first(kEntries), second(kEntries);
  for (std::size_t i = 0; i < kEntries; ++i) {
    out[i] = first[i] = x[i];
    second[i] = x[i] * x[i];
  }
  line("shrink.soft, 2048", kEntries,
       [&] { shrink::table().soft(x.data(), 0.5f, nullptr, false, out.data(), kEntries); });
  const reduce::Table& table = reduce::table();
  volatile double kept = 0;
  line("reduce.squared_norm, 2048", kEntries, [&] { kept = table.squared_norm(x.data(), kEntries); });
  line("reduce.absolute_sum, 2048", kEntries, [&] { kept = table.absolute_sum(x.data(), kEntries); });
  line("reduce.max_absolute, 2048", kEntries,
       [&] { kept = static_cast<double>(table.max_absolute(x.data(), kEntries)); });
  line("reduce.all_finite, 2048", kEntries, [&] { kept = table.all_finite(x.data(), kEntries); });
  const adam::Settings settings{1, 1e-6f, 0.9f, 0.999f, 1, 1e-8f};
  constexpr std::size_t kParameters = 1024;  // four arrays of them in L1
  line("adam.step, 1024", kParameters, [&] {
    adam::table().step(settings, gradient.data(), first.data(), second.data(), out.data(), kParameters);
  });
  constexpr std::size_t kRows = 64;
  std::vector<draw::Draw> draws(kRows);
  for (std::uint32_t i = 0; i < kRows; ++i) draws[i] = {i, ~i, -1, 2e9f, 0, 1e-9f};
  std::uint32_t active[kRows];
  line("draw.draw, 64 features", kRows * draw::kPanel,
       [&] { draw::table().draw(draws.data(), kRows, 1, 2, 3, out.data(), active); });
}

/// A working set of 32 unit atoms in 256 dims: sweeps over all of them, and a Newton step.
void descent_lines() {
  constexpr std::size_t kCount = 32, kDims = 256;
  auto atoms = floats(kCount * kDims, 13);
  for (std::size_t i = 0; i < kCount * kDims; ++i) atoms[i] /= 16;
  const auto rows = rows_of(atoms, kCount, kDims);
  AlignedBuffer<float> gram(kCount * kCount), code(kCount), correlation(kCount), threshold(kCount),
      inverse(kCount);
  dots::table().gram(rows.data(), kCount, rows.data(), kCount, kDims, gram.data(), kCount);
  std::vector<double> scratch(descent::newton_scratch(kCount));
  const descent::Problem problem{gram.data(), kCount, kCount,      threshold.data(),  inverse.data(),
                                 0,           false,  code.data(), correlation.data()};
  for (std::size_t j = 0; j < kCount; ++j) {
    threshold[j] = 0.1f;
    inverse[j] = 1 / gram[j * kCount + j];
  }
  const auto start = [&] {
    for (std::size_t j = 0; j < kCount; ++j) {
      code[j] = 1;
      correlation[j] = 0.5f + 0.01f * static_cast<float>(j);
    }
  };
  // An accuracy that no sweep meets: all of them are done, each an update of every correlation for every atom.
  constexpr unsigned kSweeps = 9;
  line("descent.sweep, 9 sweeps of 32 atoms", kSweeps * kCount * kCount, [&] {
    start();
    descent::table().sweep(problem, -1, kSweeps);
  });
  // n³/6 multiplications and subtractions of doubles, two entries of work each.
  line("descent.newton, 32 atoms", kCount * kCount * kCount / 3, [&] {
    start();
    descent::table().newton(problem, scratch.data());
  });
}

}  // namespace

void bench::print_operations() {
  peak_lines();
  dots_lines();
  sparse_rows_lines();
  compressed_rows_lines();
  panels_lines();
  rows_lines();
  descent_lines();
}
