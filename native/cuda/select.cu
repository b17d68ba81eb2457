// The selecting product: of every left row i, the right rows j with |l_i · r_j| f_j > floor_i (or l_i · r_j f_j with positive_only), l and r as
// rounded. By mma.sync, on every device from compute capability 8.0 on: 128 left rows x 256 right rows a block, eight warps of 64 x 64 each. Tiles
// of 128 bytes along the dims come through two or three stages of shared memory, 48 KiB each; blocks that run together share 32 left tiles, which stay
// in the L2 cache. Sums of int8 are exact; those of float16 are off by scoring/device_bound.hpp's share. In place of lists it can store the
// strengths of every so many right blocks: what thresholds are taken from.
#include "select.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256;

/// Entry (row, column) of a warp's 64 x 64: register [m][n][2 h + k] of lane l is row 16 m + 8 h + l / 4, column 8 n + 2 (l % 4) + k.
template <class Sum, bool positive, bool storing, unsigned stages>
KERNEL_BOUNDS(kThreads, 1)
select_mma(SelectTask task) {
  SHARED(memory);
  unsigned left_block, right_block;
  block_at(task, blockIdx.x, &left_block, &right_block);
  const unsigned chunks = task.select.left.chunks;
  const std::uint8_t* left =
      task.select.left.bytes + static_cast<std::size_t>(left_block) * chunks * kTileSize;
  const std::uint8_t* right =
      task.select.right.bytes + static_cast<std::size_t>(right_block) * 2 * chunks * kTileSize;
  const unsigned thread = threadIdx.x, warp = thread / 32;
  const unsigned first_row = warp / 4 * 64, first_column = warp % 4 * 64;

  const auto load = [&](unsigned chunk) {
    if (chunk < chunks) {
      unsigned char* to = memory + chunk % stages * kStageSize;
      const std::uint8_t* tile = left + static_cast<std::size_t>(chunk) * kTileSize;
      for (unsigned at = thread * 16; at < kTileSize; at += kThreads * 16) copy_async(to + at, tile + at);
      for (unsigned half = 0; half < 2; ++half) {
        to += kTileSize;
        tile = right + (static_cast<std::size_t>(half) * chunks + chunk) * kTileSize;
        for (unsigned at = thread * 16; at < kTileSize; at += kThreads * 16) copy_async(to + at, tile + at);
      }
    }
    copy_commit();
  };

  Sum sums[4][8][4];
#pragma unroll
  for (unsigned m = 0; m < 4; ++m)
#pragma unroll
    for (unsigned n = 0; n < 8; ++n)
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) sums[m][n][i] = 0;

  for (unsigned chunk = 0; chunk + 1 < stages; ++chunk) load(chunk);
  for (unsigned chunk = 0; chunk < chunks; ++chunk) {
    copy_wait<static_cast<int>(stages) - 2>();
    sync_block();
    load(chunk + stages - 1);
    const unsigned char* a = memory + chunk % stages * kStageSize;
    const unsigned char* b = a + kLeftSize;
#pragma unroll
    for (unsigned step = 0; step < kTileBytes / 32; ++step) {
      std::uint32_t rows[4][4], columns[4][4];
#pragma unroll
      for (unsigned m = 0; m < 4; ++m)
        load_matrices(rows[m],
                      a + within_tile(first_row + 16 * m + lane() % 16, 32 * step + lane() / 16 * 16));
#pragma unroll
      for (unsigned n = 0; n < 4; ++n)
        load_matrices(columns[n], b + within_tile(first_column + 16 * n + lane() % 8 + lane() / 16 * 8,
                                                  32 * step + lane() / 8 % 2 * 16));
#pragma unroll
      for (unsigned m = 0; m < 4; ++m)
#pragma unroll
        for (unsigned n = 0; n < 8; ++n)
          multiply(sums[m][n], rows[m], columns[n / 2][n % 2 * 2], columns[n / 2][n % 2 * 2 + 1]);
    }
  }
  copy_wait<0>();

  const Select& select = task.select;
  const unsigned column_start = right_block * kRightRows + first_column + lane() % 4 * 2;
  float factors[8][2];
#pragma unroll
  for (unsigned n = 0; n < 8; ++n)
#pragma unroll
    for (unsigned k = 0; k < 2; ++k) factors[n][k] = select.factors[column_start + 8 * n + k];
#pragma unroll
  for (unsigned m = 0; m < 4; ++m)
#pragma unroll
    for (unsigned h = 0; h < 2; ++h) {
      const Row<positive> row(
          select, static_cast<std::size_t>(left_block) * kLeftRows + first_row + 16 * m + 8 * h + lane() / 4);
      bool any = storing;
#pragma unroll
      for (unsigned n = 0; n < 8; ++n)
#pragma unroll
        for (unsigned k = 0; k < 2; ++k)
          any |= row.passes(static_cast<float>(sums[m][n][2 * h + k]), factors[n][k]);
      if (!any) continue;
#pragma unroll
      for (unsigned n = 0; n < 8; ++n)
#pragma unroll
        for (unsigned k = 0; k < 2; ++k) {
          const float product = static_cast<float>(sums[m][n][2 * h + k]);
          const unsigned column = column_start + 8 * n + k;
          if (storing) {
            const unsigned stored = right_block / select.every * kRightRows + column % kRightRows;
            if (row.there && stored < select.stored)
              select.strengths[row.row * select.stored + stored] =
                  row.strength(product, factors[n][k]) * row.scale;
          } else if (row.passes(product, factors[n][k])) {
            keep(select, row.row, column, product);
          }
        }
    }
}

template <class Sum, bool positive, bool storing, unsigned stages>
void launch(const SelectTask& task, cudaStream_t stream) {
  constexpr unsigned kShared = stages * kStageSize;
  const auto kernel = select_mma<Sum, positive, storing, stages>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared),
        "asking for shared memory");
  LAUNCH(kernel, task.left_blocks * task.right_blocks, kThreads, kShared, stream, task);
}

template <class Sum, bool positive>
void launch(const SelectTask& task, std::size_t shared_limit, cudaStream_t stream) {
  const bool storing = task.select.strengths != nullptr;
  if (storing)  // little is stored
    launch<Sum, positive, true, 2>(task, stream);
  else if (shared_limit >= 3 * kStageSize)
    launch<Sum, positive, false, 3>(task, stream);
  else
    launch<Sum, positive, false, 2>(task, stream);
}

}  // namespace

void launch_mma(const SelectTask& task, int precision, std::size_t shared_limit, cudaStream_t stream) {
  const bool positive = task.select.positive_only;
  if (precision == UNSUPERPOSE_CUDA_INT8)
    positive ? launch<int, true>(task, shared_limit, stream) : launch<int, false>(task, shared_limit, stream);
  else
    positive ? launch<float, true>(task, shared_limit, stream)
             : launch<float, false>(task, shared_limit, stream);
}

void select_rows(const Select& select, int precision, bool hopper, int multiprocessors,
                 std::size_t shared_limit, cudaStream_t stream) {
  if (select.left_count == 0 || select.right_count == 0) return;
  SelectTask task{select, static_cast<unsigned>((select.left_count + kLeftRows - 1) / kLeftRows),
                  static_cast<unsigned>(padded_rows(select.right_count) / kRightRows)};
  if (select.strengths)
    task.right_blocks = select.stored / kRightRows;
  else
    task.select.every = 1;
  if (hopper && !select.strengths)
    launch_wgmma(task, precision, multiprocessors, stream);
  else
    launch_mma(task, precision, shared_limit, stream);
  check(cudaGetLastError(), "scoring rows");
}

}  // namespace unsuperpose::cuda
