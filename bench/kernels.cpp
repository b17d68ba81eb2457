// What the product's micro-kernels reach, from L1: multiply-adds a nanosecond at each precision of the active level, the best of many
// runs; then the other operations (operations.cpp). It fills the tables in native/kernels/product/precision.hpp and in the other
// operations' headers:
//   cmake --build build --target bench_kernels && build/bench_kernels
#include <cstdio>

#include "../native/core/random.hpp"
#include "../native/kernels/product/kernels.hpp"
#include "../native/kernels/product/product.hpp"
#include "kernel_time.hpp"

using namespace unsuperpose;
using product::Precision;

namespace {

constexpr std::size_t kRows = 96;  // no tile has more
constexpr int kCalls = 2000;

double rate(Precision precision, std::size_t dims) {
  const product::Kernels& full = product::kernels();
  const product::RoundedKernels* rounded = product::rounded_kernels(precision, dims);
  const std::size_t rows = rounded ? rounded->rows : full.rows, panel = full.panel;
  Random random(1);
  AlignedBuffer<float> right(panel * dims), left(kRows * dims), out(kRows * panel);
  for (std::size_t i = 0; i < panel * dims; ++i) right[i] = static_cast<float>(random.normal());
  for (std::size_t i = 0; i < kRows * dims; ++i) left[i] = static_cast<float>(random.normal());
  const product::PackedRows packed({right.data(), panel, dims}, active_isa(), precision);
  product::RoundedRows lefts;
  AlignedBuffer<std::uint32_t> tile(2 * kRows * dims);
  if (rounded) {
    lefts.assign(ConstMatrix32(left.data(), kRows, dims), precision, active_isa(), Execution());
    for (std::size_t w = 0; w < lefts.words(); ++w)
      for (std::size_t r = 0; r < rows; ++r)
        tile[rounded->row_multiple > 0 ? r * lefts.words() + w : w * rows + r] = lefts.row(r)[w];
  }
  const double time = bench::fastest(kCalls, [&] {
    if (rounded)
      rounded->multiply(rows, tile.data(), packed.data(), packed.words(), lefts.starts(), lefts.scales(),
                        packed.scales(), out.data(), panel);
    else
      full.multiply(rows, left.data(), reinterpret_cast<const float*>(packed.data()), dims, out.data(), panel,
                    false);
  });
  return static_cast<double>(rows * panel * dims) / time;
}

}  // namespace

int main() {
  std::printf("level %s\n", isa_name(active_isa()));
  for (const std::size_t dims : {128, 256, 512, 1024}) {
    const double float32 = rate(Precision::float32, dims);
    for (const Precision precision : product::kEveryPrecision)
      if (precision == Precision::float32 || product::rounded_kernels(precision, dims)) {
        const double reached = rate(precision, dims);
        std::printf("%4zu dims, %-8s  %6.1f multiply-adds/ns, %.3f of float32's time\n", dims,
                    product::precision_name(precision), reached, float32 / reached);
      }
  }
  bench::print_operations();
}
