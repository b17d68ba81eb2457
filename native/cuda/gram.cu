// The Gram rows of atoms that are new in a working set, G[k][l] = d_k · d_l, and their correlations with the residual. One block a sample.
//
// Tensor cores multiply float16 numbers: an entry, brought to float16's range by its row's power of two, is split into two of them,
// x = high + low · 2⁻¹¹, which leaves less than 2⁻²² of it, and  x·y = high·high + (high·low + low·high) · 2⁻¹¹.  Sums are in float32. What the
// set is solved with is therefore as good as a Gram matrix in float32; what certifies it does not depend on it.
//
// The set's rows, 64 dims at a time, lie in shared memory as two tiles of 128 bytes a row (tiles.hpp), the residual behind them. Of n atoms
// 4 n · dims bytes are read, and 1½ n² · dims multiply-adds done.
#include "lasso.hpp"
#include "tiles.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kWarps = 4, kThreads = 32 * kWarps;
constexpr unsigned kStep = 64;                // dims in shared memory
constexpr float kLow = 2048;                  // 2¹¹
constexpr float kResidualScale = 0x1.0p-14f;  // its norm is at most 1

BOTH unsigned rows_of(unsigned size) { return (size + 1 + 15) / 16 * 16; }

/// Blocks of 16 rows from `first` on, a warp each and all of them in turn; `columns`: blocks of 8 columns of a block of rows, at most. Sets of up to
/// `most` atoms, more than `least`.
template <unsigned least, unsigned most>
KERNEL gram_kernel(Batch batch) {
  constexpr unsigned kColumns = (most + 16) / 8;
  SHARED(memory);
  const unsigned sample = batch.active[blockIdx.x], thread = threadIdx.x, warp = thread / 32,
                 dims = batch.dims;
  const unsigned size = batch.size[sample], old = batch.with_gram[sample];
  if (size == old || size <= least || size > most) return;
  const unsigned rows = rows_of(size);
  unsigned char* high = memory;
  unsigned char* low = memory + rows * kTileBytes;
  const std::uint32_t* set = batch.set + static_cast<std::size_t>(sample) * kSet;
  const float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  float* gram = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;

  const auto scale_of = [&](unsigned row) {
    return row < size ? batch.row_scales[set[row]] : kResidualScale;
  };
  for (unsigned first = old / 16; first < rows / 16; first += kWarps) {
    const unsigned block = first + warp;
    const bool works = block < rows / 16;
    const unsigned columns = works ? 2 * (block + 1) : 0;
    float tops[kColumns][4], rests[kColumns][4];
#pragma unroll
    for (unsigned n = 0; n < kColumns; ++n)
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) tops[n][i] = rests[n][i] = 0;

    for (unsigned start = 0; start < dims; start += kStep) {
      sync_block();
      // Two entries of a row at a time.
      for (unsigned i = thread; i < rows * (kStep / 2); i += kThreads) {
        const unsigned row = i / (kStep / 2), k = start + 2 * (i % (kStep / 2));
        std::uint32_t highs = 0, lows = 0;
        if (row <= size) {
          const float* from = row < size ? batch.atoms + static_cast<std::size_t>(set[row]) * dims : residual;
          const float by = 1.0f / scale_of(row);
#pragma unroll
          for (unsigned e = 0; e < 2; ++e) {
            const float v = k + e < dims ? from[k + e] * by : 0.0f;
            const std::uint16_t top = to_half(v);
            highs |= static_cast<std::uint32_t>(top) << (16 * e);
            lows |= static_cast<std::uint32_t>(to_half((v - from_half(top)) * kLow)) << (16 * e);
          }
        }
        const unsigned at = within_tile(row, 4 * (i % (kStep / 2)));
        *reinterpret_cast<std::uint32_t*>(high + at) = highs;
        *reinterpret_cast<std::uint32_t*>(low + at) = lows;
      }
      sync_block();
      if (!works) continue;
#pragma unroll
      for (unsigned step = 0; step < kStep / 16; ++step) {
        std::uint32_t a_high[4], a_low[4];
        const unsigned a = within_tile(16 * block + lane() % 16, 32 * step + lane() / 16 * 16);
        load_matrices(a_high, high + a);
        load_matrices(a_low, low + a);
#pragma unroll
        for (unsigned n = 0; n < kColumns; ++n) {
          if (n >= columns) break;
          // Lanes 0 – 15 name the high halves' two pieces, 16 – 31 the low halves'.
          std::uint32_t b[4];
          const unsigned at = within_tile(8 * n + lane() % 8, 32 * step + lane() / 8 % 2 * 16);
          load_matrices(b, (lane() < 16 ? high : low) + at);
          multiply(tops[n], a_high, b[0], b[1]);
          multiply(rests[n], a_high, b[2], b[3]);
          multiply(rests[n], a_low, b[0], b[1]);
        }
      }
    }
    if (!works) continue;
#pragma unroll
    for (unsigned n = 0; n < kColumns; ++n) {
      if (n >= columns) break;
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = 16 * block + lane() / 4 + i / 2 * 8, column = 8 * n + lane() % 4 * 2 + i % 2;
        if (row > size || column >= size) continue;
        const float product = fmaf(rests[n][i], 1.0f / kLow, tops[n][i]) * scale_of(row) * scale_of(column);
        if (row == size) {
          if (column >= old) batch.correlation[sample * kSet + column] = product;
        } else {
          gram[row * kSet + column] = product;
          gram[column * kSet + row] = product;
        }
      }
    }
  }
  sync_block();
  if (thread == 0) batch.with_gram[sample] = size;
}

template <unsigned least, unsigned most>
void launch(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (largest <= least) return;
  const unsigned shared = 2 * rows_of(largest < most ? largest : most) * kTileBytes;
  const auto kernel = gram_kernel<least, most>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(kernel, batch.count, kThreads, shared, stream, batch);
}

}  // namespace

void complete_gram(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (batch.count == 0) return;
  // Each sample by the kernel with registers for its set; the others pass it by.
  launch<0, 47>(batch, largest, stream);
  launch<47, kSet>(batch, largest, stream);
  check(cudaGetLastError(), "making Gram matrices");
}

}  // namespace unsuperpose::cuda
