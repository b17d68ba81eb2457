// The Gram rows of atoms that are new in a working set, G[k][l] = d_k · d_l, and their correlations with the residual. One block a sample.
//
// Tensor cores multiply float16 numbers: an entry, brought to float16's range by its row's power of two, is split into two of them,
// x = top + low · 2⁻¹¹, which leaves less than 2⁻²² of it, and  x·y = top·top + (top·low + low·top) · 2⁻¹¹.  Sums are in float32. What the
// set is solved with is therefore as good as a Gram matrix in float32; what certifies it does not depend on it.
//
// The dictionary lies in memory split (tiles.hpp). Of the set's rows 64 dims at a time are copied to shared memory, two steps ahead (one where a block
// has too little of it), as two tiles of 128 bytes a row; the residual is split on the way and lies behind them. Of n atoms 4 n · dims bytes are read, and 1½ n² · dims multiply-adds done.
#include "lasso.hpp"
#include "tiles.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kStep = 64;                // dims of a stage in shared memory
constexpr float kResidualScale = 0x1.0p-14f;  // its norm is at most 1

/// What lies before the tiles.
struct Head {
  std::uint32_t set[kSet + 16];
  float scale[kSet + 16];
};
/// Of the head, a multiple of what tiles start at.
constexpr unsigned kHeadBytes = 2048;
static_assert(sizeof(Head) <= kHeadBytes);

BOTH unsigned rows_of(unsigned size) { return (size + 1 + 15) / 16 * 16; }

/// Of sets of more than `least` and up to `most` atoms. Blocks of 16 rows from the first that has a new atom on, a warp each, `warps` at a time; `stages` of
/// shared memory.
template <unsigned least, unsigned most, unsigned warps, unsigned blocks, unsigned stages>
KERNEL_BOUNDS(32 * warps, blocks)
gram_kernel(Batch batch) {
  constexpr unsigned kThreads = 32 * warps;
  constexpr unsigned kMostRows = (most + 1 + 15) / 16 * 16;
  constexpr unsigned kColumns = kMostRows / 8;  // blocks of 8 columns of a block of rows, at most
  SHARED(memory);
  const unsigned sample = batch.active[blockIdx.x], thread = threadIdx.x, warp = thread / 32,
                 dims = batch.dims;
  const unsigned size = batch.size[sample], old = batch.with_gram[sample];
  if (size == old || size <= least || size > most) return;
  const unsigned rows = rows_of(size);
  Head& head = *reinterpret_cast<Head*>(memory);
  const unsigned tile = rows * kTileBytes;  // tops, then lows, of each stage
  unsigned char* tiles = memory + kHeadBytes;
  // Of a set that is made anew, whose codes may not be zero, descent takes it from there.
  const float* residual =
      (old == 0 ? batch.samples : batch.residual) + static_cast<std::size_t>(sample) * dims;
  float* gram = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;
  for (unsigned row = thread; row < rows; row += kThreads) {
    const std::uint32_t atom = row < size ? batch.set[static_cast<std::size_t>(sample) * kSet + row] : 0;
    head.set[row] = atom;
    head.scale[row] = row < size ? batch.tops.scales[atom] : kResidualScale;
  }
  sync_block();

  const unsigned steps = batch.tops.chunks;
  const auto load = [&](unsigned step) {
    unsigned char* to = tiles + step % stages * 2 * tile;
    if (step < steps) {
      for (unsigned i = thread; i < 16 * size; i += kThreads) {
        const unsigned row = i / 16, piece = i % 8;
        const Tiles& from = i % 16 < 8 ? batch.tops : batch.lows;
        copy_async(to + (i % 16 < 8 ? 0 : tile) + within_tile(row, 16 * piece),
                   from.bytes + place(head.set[row], std::size_t{step} * kTileBytes + 16 * piece, steps));
      }
      for (unsigned row = size + warp; row < rows; row += warps) {
        std::uint32_t tops = 0, lows = 0;
        if (row == size)
#pragma unroll
          for (unsigned e = 0; e < 2; ++e) {
            const unsigned k = step * kStep + 2 * lane() + e;
            const float v = k < dims ? residual[k] * (1.0f / kResidualScale) : 0.0f;
            const std::uint16_t top = to_half(v);
            tops |= static_cast<std::uint32_t>(top) << (16 * e);
            lows |= static_cast<std::uint32_t>(to_half((v - from_half(top)) * kLowFactor)) << (16 * e);
          }
        const unsigned at = within_tile(row, 4 * lane());
        *reinterpret_cast<std::uint32_t*>(to + at) = tops;
        *reinterpret_cast<std::uint32_t*>(to + tile + at) = lows;
      }
    }
    copy_commit();
  };

  for (unsigned first = old / 16; first < rows / 16; first += warps) {
    const unsigned block = first + warp;
    const unsigned columns = block < rows / 16 ? 2 * (block + 1) : 0;
    float tops[kColumns][4], rests[kColumns][4];
#pragma unroll
    for (unsigned n = 0; n < kColumns; ++n)
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) tops[n][i] = rests[n][i] = 0;

    sync_block();
    for (unsigned step = 0; step + 1 < stages; ++step) load(step);
    for (unsigned at_step = 0; at_step < steps; ++at_step) {
      copy_wait<stages - 2>();
      sync_block();
      load(at_step + stages - 1);
      if (columns == 0) continue;
      const unsigned char* high = tiles + at_step % stages * 2 * tile;
      const unsigned char* low = high + tile;
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
#pragma unroll
    for (unsigned n = 0; n < kColumns; ++n) {
      if (n >= columns) break;
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = 16 * block + lane() / 4 + i / 2 * 8, column = 8 * n + lane() % 4 * 2 + i % 2;
        if (row > size || column >= size) continue;
        const float product =
            fmaf(rests[n][i], 1.0f / kLowFactor, tops[n][i]) * head.scale[row] * head.scale[column];
        if (row == size) {
          if (column >= old) batch.correlation[sample * kSet + column] = product;
        } else if (column <= row) {  // the mirrored sum of another lane may differ in its last bit
          gram[row * kSet + column] = product;
          gram[column * kSet + row] = product;
        }
      }
    }
  }
  sync_block();
  if (thread == 0) batch.with_gram[sample] = size;
}

unsigned shared_bytes(unsigned size, unsigned stages) {
  return kHeadBytes + 2 * stages * rows_of(size) * kTileBytes;
}

template <unsigned least, unsigned most, unsigned warps, unsigned blocks, unsigned stages = 3>
void launch(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (largest <= least) return;
  const unsigned shared = shared_bytes(largest < most ? largest : most, stages);
  const auto kernel = gram_kernel<least, most, warps, blocks, stages>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(kernel, batch.count, 32 * warps, shared, stream, batch);
}

}  // namespace

void complete_gram(const Batch& batch, unsigned largest, std::size_t shared_limit, cudaStream_t stream) {
  if (batch.count == 0) return;
  // Each sample by the kernel with registers for its set; the others pass it by.
  launch<0, 47, 3, 5>(batch, largest, stream);
  launch<47, 63, 4, 4>(batch, largest, stream);
  launch<63, 111, 8, 1>(batch, largest, stream);
  // 99 KiB, all that a block has where the compute capability is 8.6, 8.9 or 12, hold a full set twice, but not three times.
  if (shared_bytes(kSet, 3) <= shared_limit)
    launch<111, kSet, 8, 1>(batch, largest, stream);
  else
    launch<111, kSet, 8, 1, 2>(batch, largest, stream);
  check(cudaGetLastError(), "making Gram matrices");
}

}  // namespace unsuperpose::cuda
