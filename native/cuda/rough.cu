// The first solve of a set that will grow: over its atoms as int8 has them, whose rows fit in shared memory and are read once. Gram matrix, codes and
// residual are good enough to choose further atoms by. What certifies never comes from here: the next solve makes all of it anew. One block a
// sample; of n atoms n · dims bytes are read, and n² · dims multiply-adds done in int8, n · dims in float32.
#include "descend.cuh"
#include "tiles.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / 32;
/// Samples of a multiprocessor at least: descent has one warp of a block busy.
constexpr unsigned kSeveral = 4;
/// A share of the accuracy that is asked for.
constexpr double kRough = 16;
/// Squares of 16 x 16 of the Gram matrix that a warp makes, at most.
constexpr unsigned kSquares = kRoughSet / 16 * (kRoughSet / 16) / kWarps;

struct Head {
  double sums[kWarps];
  std::uint32_t set[kRoughSet];
  float scale[kRoughSet];
  float code[kRoughSet];  // times scale
};
constexpr unsigned kHeadBytes = 1024;
static_assert(sizeof(Head) <= kHeadBytes);

BOTH unsigned rows_of(unsigned size) { return (size + 15) / 16 * 16; }

/// `each`: 32s of atoms.
template <unsigned each>
KERNEL_BOUNDS(kThreads, 1)
rough_kernel(Batch batch, unsigned most) {
  constexpr unsigned kStride = 32 * each;
  SHARED(memory);
  const unsigned sample = batch.active[blockIdx.x], dims = batch.dims, thread = threadIdx.x,
                 warp = thread / 32;
  const unsigned size = batch.size[sample];
  Head& head = *reinterpret_cast<Head*>(memory);
  const unsigned rows = rows_of(size), chunks = batch.bytes.chunks, chunk_bytes = rows_of(most) * kTileBytes;
  unsigned char* tiles = memory + kHeadBytes;  // a chunk's rows, then the next chunk's
  float* gram = reinterpret_cast<float*>(tiles + std::size_t{chunks} * chunk_bytes);
  for (unsigned row = thread; row < rows; row += kThreads) {
    const std::uint32_t atom = row < size ? batch.set[static_cast<std::size_t>(sample) * kSet + row] : 0;
    head.set[row] = atom;
    head.scale[row] = row < size ? batch.bytes.scales[atom] : 0.0f;  // rows beyond the set count nothing
  }
  sync_block();
  for (unsigned i = thread; i < rows * chunks * 8; i += kThreads) {
    const unsigned row = i / (8 * chunks), chunk = i / 8 % chunks, piece = i % 8;
    copy_async(
        tiles + chunk * chunk_bytes + within_tile(row, 16 * piece),
        batch.bytes.bytes + place(head.set[row], std::size_t{chunk} * kTileBytes + 16 * piece, chunks));
  }
  copy_commit();
  copy_wait<0>();
  sync_block();

  const unsigned side = rows / 16, squares = side * side;
  int sums[kSquares][2][4];
#pragma unroll
  for (unsigned i = 0; i < kSquares; ++i)
#pragma unroll
    for (unsigned n = 0; n < 2; ++n)
#pragma unroll
      for (unsigned e = 0; e < 4; ++e) sums[i][n][e] = 0;
  for (unsigned chunk = 0; chunk < chunks; ++chunk) {
    const unsigned char* tile = tiles + chunk * chunk_bytes;
#pragma unroll
    for (unsigned step = 0; step < kTileBytes / 32; ++step)
#pragma unroll
      for (unsigned i = 0; i < kSquares; ++i) {
        const unsigned square = kWarps * i + warp;
        if (square >= squares) break;
        const unsigned row = square / side * 16, column = square % side * 16;
        std::uint32_t a[4], b[4];
        load_matrices(a, tile + within_tile(row + lane() % 16, 32 * step + lane() / 16 * 16));
        load_matrices(
            b, tile + within_tile(column + lane() % 8 + lane() / 16 * 8, 32 * step + lane() / 8 % 2 * 16));
        multiply(sums[i][0], a, b[0], b[1]);
        multiply(sums[i][1], a, b[2], b[3]);
      }
  }
#pragma unroll
  for (unsigned i = 0; i < kSquares; ++i) {
    const unsigned square = kWarps * i + warp;
    if (square >= squares) break;
#pragma unroll
    for (unsigned n = 0; n < 2; ++n)
#pragma unroll
      for (unsigned e = 0; e < 4; ++e) {
        const unsigned row = square / side * 16 + lane() / 4 + e / 2 * 8;
        const unsigned column = square % side * 16 + 8 * n + lane() % 4 * 2 + e % 2;
        gram[row * kStride + column] =
            static_cast<float>(sums[i][n][e]) * head.scale[row] * head.scale[column];
      }
  }
  // Descent reads rows of the set over all its lanes.
  for (unsigned i = thread; i < rows * (kStride - rows); i += kThreads)
    gram[i / (kStride - rows) * kStride + rows + i % (kStride - rows)] = 0;
  sync_block();
  if (warp == 0) descend_set<each>(batch, sample, size, gram, kRough);
  sync_block();

  double l1 = 0, squared_code = 0;
  for (unsigned k = thread; k < size; k += kThreads) {
    const float code = batch.code[static_cast<std::size_t>(sample) * kSet + k];
    head.code[k] = code * head.scale[k];
    const double a = static_cast<double>(code);
    l1 += (batch.weights ? batch.weights[head.set[k]] : 1.0) * fabs(a);
    squared_code = fma(a, a, squared_code);
  }
  l1 = block_sum(l1, head.sums);
  squared_code = block_sum(squared_code, head.sums);
  const float* x = batch.samples + static_cast<std::size_t>(sample) * dims;
  float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  double squared = 0, with_input = 0;
  for (unsigned first = 4 * thread; first < dims; first += 4 * kThreads) {
    const unsigned char* tile = tiles + first / kTileBytes * chunk_bytes;
    float left[4];
#pragma unroll
    for (unsigned e = 0; e < 4; ++e) left[e] = first + e < dims ? x[first + e] : 0.0f;
    for (unsigned k = 0; k < size; ++k) {
      const float a = head.code[k];
      if (a == 0) continue;
      const std::uint32_t word =
          *reinterpret_cast<const std::uint32_t*>(tile + within_tile(k, first % kTileBytes));
#pragma unroll
      for (unsigned e = 0; e < 4; ++e)
        left[e] = fmaf(-a, static_cast<float>(static_cast<std::int8_t>(word >> (8 * e))), left[e]);
    }
#pragma unroll
    for (unsigned e = 0; e < 4; ++e) {
      if (first + e >= dims) break;
      residual[first + e] = left[e];
      const double r = static_cast<double>(left[e]);
      squared = fma(r, r, squared);
      with_input = fma(static_cast<double>(x[first + e]), r, with_input);
    }
  }
  squared = block_sum(squared, head.sums);
  with_input = block_sum(with_input, head.sums);
  if (thread != 0) return;
  Evaluation& at = batch.at[sample];
  at.squared_residual = at.squared_rounded = squared;
  at.input_residual = with_input;
  at.weighted_l1 = l1;
  at.squared_code = squared_code;
  batch.strongest[sample] = 0;
}

template <unsigned each>
unsigned shared_bytes(unsigned most, unsigned chunks) {
  return kHeadBytes +
         rows_of(most) * (chunks * kTileBytes + 32 * each * static_cast<unsigned>(sizeof(float)));
}

template <unsigned each>
void launch(const Batch& batch, cudaStream_t stream) {
  const unsigned most = batch.first_choice, shared = shared_bytes<each>(most, batch.bytes.chunks);
  const auto kernel = rough_kernel<each>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(kernel, batch.count, kThreads, shared, stream, batch, most);
}

}  // namespace

bool rough_fits(unsigned first_choice, std::size_t dims, std::size_t shared_limit) {
  return first_choice <= kRoughSet &&
         kSeveral * shared_bytes<2>(first_choice, chunks_of(dims, UNSUPERPOSE_CUDA_INT8)) <= shared_limit;
}

void solve_roughly(const Batch& batch, cudaStream_t stream) {
  if (batch.count == 0) return;
  batch.first_choice <= 32 ? launch<1>(batch, stream) : launch<2>(batch, stream);
  check(cudaGetLastError(), "solving roughly");
}

}  // namespace unsuperpose::cuda
