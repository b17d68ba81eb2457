// The Gram rows of atoms that are new in a working set: G[k][l] = d_k · d_l in float32, for all k that are new and all l. One block a sample. Each
// warp sums over every fourth piece of 32 dims, which it copies to shared memory one ahead; each lane has some squares of 4 x 4 products. Of n
// atoms 4 n · dims bytes are read, and half of n² · dims multiply-adds done.
#include "lasso.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kWarps = 4, kThreads = 32 * kWarps;
constexpr unsigned kStep = 32, kStride = kStep + 4;  // floats of a row in shared memory
constexpr unsigned kEach[] = {2, 3, 5, 17};          // squares of a lane, at most; a kernel each
constexpr unsigned kSide = kSet / 4;
static_assert(32 * kEach[3] >= kSide * (kSide + 1) / 2);

/// Square `t` of the lower triangle from row `first` on: row by row.
DEVICE void square_at(unsigned t, unsigned first, unsigned* row, unsigned* column) {
  unsigned r = first;
  while (t > r) {
    t -= r + 1;
    ++r;
  }
  *row = r;
  *column = t;
}

BOTH unsigned squares_of(unsigned size, unsigned old) {
  const unsigned side = (size + 3) / 4, first = old / 4;
  return side * (side + 1) / 2 - first * (first + 1) / 2;
}
/// Floats of shared memory of a sample whose set has `size` atoms.
BOTH unsigned shared_floats(unsigned size, unsigned squares) {
  const unsigned pieces = kWarps * 2 * ((size + 3) / 4 * 4) * kStride, sums = kWarps * squares * 16;
  return pieces > sums ? pieces : sums;
}

/// `together`: squares that a lane sums at a time; the dims are gone through once for each.
template <unsigned least, unsigned each, unsigned together>
KERNEL gram_kernel(Batch batch) {
  SHARED(memory);
  const unsigned sample = batch.active[blockIdx.x], thread = threadIdx.x, warp = thread / 32, dims = batch.dims;
  const unsigned size = batch.size[sample], old = batch.with_gram[sample];
  const unsigned squares = squares_of(size, old), rows = (size + 3) / 4 * 4;
  if (size == old || squares <= 32 * least || squares > 32 * each) return;
  float* shared = reinterpret_cast<float*>(memory);
  float* pieces = shared + warp * 2 * rows * kStride;
  const std::uint32_t* set = batch.set + static_cast<std::size_t>(sample) * kSet;
  float* gram = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;

  const auto load = [&](unsigned start, unsigned buffer) {
    float* to = pieces + buffer * rows * kStride;
    const unsigned k = start + lane();
    for (unsigned row = 0; row < rows; ++row) {
      // Rows of one place in their four lie together: lanes that read them meet different banks.
      float* at = to + (row % 4 * (rows / 4) + row / 4) * kStride + lane();
      if (start < dims && k < dims && row < size)
        copy_async_word(at, batch.atoms + static_cast<std::size_t>(set[row]) * dims + k);
      else
        *at = 0;
    }
    copy_commit();
  };

  for (unsigned from = 0; from < squares; from += 32 * together) {
    float sums[together][16];
    unsigned at_row[together], at_column[together];
#pragma unroll
    for (unsigned q = 0; q < together; ++q) {
      const unsigned t = from + lane() + 32 * q;
      at_row[q] = at_column[q] = 0;
      if (t < squares) square_at(t, old / 4, &at_row[q], &at_column[q]);
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) sums[q][i] = 0;
    }
    sync_block();
    load(warp * kStep, 0);
    unsigned buffer = 0;
    for (unsigned start = warp * kStep; start < dims; start += kThreads, buffer ^= 1) {
      load(start + kThreads, buffer ^ 1);
      copy_wait<1>();
      sync_warp();
      const float* piece = pieces + buffer * rows * kStride;
#pragma unroll
      for (unsigned q = 0; q < together; ++q) {
        const float* a = piece + at_row[q] * kStride;
        const float* b = piece + at_column[q] * kStride;
        for (unsigned k = 0; k < kStep; k += 4) {
          float x[4][4], y[4][4];
#pragma unroll
          for (unsigned i = 0; i < 4; ++i) {
            load_four(x[i], a + i * (rows / 4) * kStride + k);
            load_four(y[i], b + i * (rows / 4) * kStride + k);
          }
#pragma unroll
          for (unsigned e = 0; e < 4; ++e)
#pragma unroll
            for (unsigned i = 0; i < 4; ++i)
#pragma unroll
              for (unsigned j = 0; j < 4; ++j) sums[q][4 * i + j] = fmaf(x[i][e], y[j][e], sums[q][4 * i + j]);
        }
      }
      sync_warp();
    }
    copy_wait<0>();
    sync_block();
    // The warps' parts, in a fixed order.
    const unsigned here = squares - from < 32 * together ? squares - from : 32 * together;
#pragma unroll
    for (unsigned q = 0; q < together; ++q) {
      const unsigned t = lane() + 32 * q;
      if (t >= here) continue;
#pragma unroll
      for (unsigned i = 0; i < 16; ++i) shared[(warp * here + t) * 16 + i] = sums[q][i];
    }
    sync_block();
    for (unsigned i = thread; i < here * 16; i += kThreads) {
      float sum = 0;
      for (unsigned w = 0; w < kWarps; ++w) sum += shared[w * here * 16 + i];
      unsigned row, column;
      square_at(from + i / 16, old / 4, &row, &column);
      const unsigned k = 4 * row + i % 16 / 4, l = 4 * column + i % 4;
      if (k >= size || l >= size) continue;
      gram[k * kSet + l] = sum;
      gram[l * kSet + k] = sum;
    }
  }
  if (thread == 0) batch.with_gram[sample] = size;
}

template <unsigned least, unsigned each, unsigned together>
void launch(const Batch& batch, unsigned largest, cudaStream_t stream) {
  // No set has more atoms than `largest`, and no kernel more squares than its own.
  const unsigned squares = squares_of(largest, 0) < 32 * each ? squares_of(largest, 0) : 32 * each;
  if (squares_of(largest, 0) <= 32 * least) return;
  const unsigned shared = shared_floats(largest, squares < 32 * together ? squares : 32 * together) *
                          static_cast<unsigned>(sizeof(float));
  const auto kernel = gram_kernel<least, each, together>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(kernel, batch.count, kThreads, shared, stream, batch);
}

}  // namespace

void complete_gram(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (batch.count == 0 || largest == 0) return;
  // Each sample by the kernel with registers for its squares; the others pass it by.
  launch<0, kEach[0], 2>(batch, largest, stream);
  launch<kEach[0], kEach[1], 3>(batch, largest, stream);
  launch<kEach[1], kEach[2], 5>(batch, largest, stream);
  launch<kEach[2], kEach[3], 5>(batch, largest, stream);
  check(cudaGetLastError(), "making Gram matrices");
}

}  // namespace unsuperpose::cuda
