// The Gram rows of atoms that are new in a working set: G[k][l] = d_k · d_l in float32, for all k that are new and all l. One block a sample: the
// set's atoms come through shared memory 32 dims at a time, and each thread sums squares of 4 x 4 products. Of n atoms 4 n · dims bytes are
// read, and half of n² · dims multiply-adds done.
#include "lasso.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 128;
constexpr unsigned kStep = 32, kStride = kStep + 4;  // floats of a row in shared memory
constexpr unsigned kSide = kSet / 4;
constexpr unsigned kMostSquares = (kSide * (kSide + 1) / 2 + kThreads - 1) / kThreads;  // of a thread

/// Square `t` of the lower triangle that starts at row `first`: row by row.
DEVICE void square_at(unsigned t, unsigned first, unsigned* row, unsigned* column) {
  unsigned r = first;
  while (t > r) {
    t -= r + 1;
    ++r;
  }
  *row = r;
  *column = t;
}

template <unsigned most>
KERNEL gram_kernel(Batch batch) {
  SHARED(memory);
  float* rows = reinterpret_cast<float*>(memory);
  const unsigned sample = batch.active[blockIdx.x], thread = threadIdx.x, dims = batch.dims;
  const unsigned size = batch.size[sample], old = batch.with_gram[sample];
  const unsigned side = (size + 3) / 4, first = old / 4;
  const unsigned squares = side * (side + 1) / 2 - first * (first + 1) / 2;
  if (size == old || (squares + kThreads - 1) / kThreads > most || (most > 1 && (squares + kThreads - 1) / kThreads <= most / 2)) return;
  const std::uint32_t* set = batch.set + static_cast<std::size_t>(sample) * kSet;
  float sums[most][16];
  unsigned at_row[most], at_column[most];
#pragma unroll
  for (unsigned q = 0; q < most; ++q) {
    const unsigned t = thread + q * kThreads;
    at_row[q] = at_column[q] = 0;
    if (t < squares) square_at(t, first, &at_row[q], &at_column[q]);
#pragma unroll
    for (unsigned i = 0; i < 16; ++i) sums[q][i] = 0;
  }
  for (unsigned start = 0; start < dims; start += kStep) {
    sync_block();
    for (unsigned i = thread; i < 4 * side * kStep; i += kThreads) {
      const unsigned row = i / kStep, k = start + i % kStep;
      rows[row * kStride + i % kStep] =
          row < size && k < dims ? batch.atoms[static_cast<std::size_t>(set[row]) * dims + k] : 0.0f;
    }
    sync_block();
#pragma unroll
    for (unsigned q = 0; q < most; ++q) {
      if (thread + q * kThreads >= squares) break;
      const float* a = rows + 4 * at_row[q] * kStride;
      const float* b = rows + 4 * at_column[q] * kStride;
      for (unsigned k = 0; k < kStep; k += 4) {
        float x[4][4], y[4][4];
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          load_four(x[i], a + i * kStride + k);
          load_four(y[i], b + i * kStride + k);
        }
#pragma unroll
        for (unsigned e = 0; e < 4; ++e)
#pragma unroll
          for (unsigned i = 0; i < 4; ++i)
#pragma unroll
            for (unsigned j = 0; j < 4; ++j) sums[q][4 * i + j] = fmaf(x[i][e], y[j][e], sums[q][4 * i + j]);
      }
    }
  }
  float* gram = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;
#pragma unroll
  for (unsigned q = 0; q < most; ++q) {
    if (thread + q * kThreads >= squares) break;
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned j = 0; j < 4; ++j) {
        const unsigned k = 4 * at_row[q] + i, l = 4 * at_column[q] + j;
        if (k >= size || l >= size) continue;
        gram[k * kSet + l] = sums[q][4 * i + j];
        gram[l * kSet + k] = sums[q][4 * i + j];
      }
  }
  if (thread == 0) batch.with_gram[sample] = size;
}

template <unsigned most>
void launch(const Batch& batch, cudaStream_t stream) {
  LAUNCH((gram_kernel<most>), batch.count, kThreads, kSet * kStride * sizeof(float), stream, batch);
}

}  // namespace

void complete_gram(const Batch& batch, cudaStream_t stream) {
  if (batch.count == 0) return;
  // Each sample by the kernel with registers enough for its squares; the others pass it by.
  launch<1>(batch, stream);
  launch<2>(batch, stream);
  launch<4>(batch, stream);
  launch<8>(batch, stream);
  static_assert(kMostSquares <= 8);
  check(cudaGetLastError(), "making Gram matrices");
}

}  // namespace unsuperpose::cuda
