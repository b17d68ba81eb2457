// Block-coordinate descent over atoms (learning/online_update.cpp), a turn of 32 at a time: exact Gauss–Seidel, in any number of blocks.
//   numerators  b_j − A_j D + A_jj d_j of the turn's atoms, with all others as they are by then. A_j D is a product in float32: 32 × features by
//               features × dims, cut along the features into chunks of a fixed size, whose parts are added in order. A block makes 32 × 128 of a
//               part; a thread 4 × 8. It reads 128 bytes of A and 512 of D for 4,096 multiply-adds.
//   turns       one block: atom after atom its numerator less A_je Δd_e of those before it, u = …/A_jj, d_j = u/max(1, ‖u‖). Their changes lie in
//               shared memory where they fit.
#include "learning.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

// --- numerators ---
constexpr unsigned kColumns = 128, kDepth = 16, kThreads = 128;
constexpr unsigned kRowsOf = 4, kColumnsOf = 8;  // of a thread
constexpr unsigned kLeastChunk = 512, kMostChunks = 64;
static_assert(kTurn / kRowsOf * (kColumns / kColumnsOf) == kThreads && kTurn * kDepth == 4 * kThreads);

unsigned chunk_of(unsigned rows) {
  const unsigned share = (rows + kMostChunks - 1) / kMostChunks;
  return ((share > kLeastChunk ? share : kLeastChunk) + kDepth - 1) / kDepth * kDepth;
}

struct Tile {
  float a[kDepth][kTurn];
  float d[kDepth][kColumns];
};

KERNEL parts_kernel(Statistics from, Turn turn, unsigned chunk) {
  SHARED(memory);
  Tile& tile = *reinterpret_cast<Tile*>(memory);
  const unsigned thread = threadIdx.x, column = blockIdx.x * kColumns;
  const unsigned first = blockIdx.y * chunk, end = first + chunk < turn.rows ? first + chunk : turn.rows;
  // Of A: four of a member's entries; of D: four columns of every fourth row.
  const unsigned member = thread / 4, deep = 4 * (thread % 4);
  const float* codes =
      member < turn.count ? from.a + static_cast<std::size_t>(turn.members[member]) * from.a_stride : nullptr;
  const unsigned wide = 4 * (thread % 32), row = thread / 32;
  const bool by_four = from.dims % 4 == 0;
  float a[4], d[kDepth / 4][4];
  const auto load = [&](unsigned at) {
    if (codes && at + deep < end)
      load_four(a, codes + at + deep);  // padded with zeros
    else
      for (float& v : a) v = 0;
#pragma unroll
    for (unsigned r = 0; r < kDepth / 4; ++r) {
      const unsigned j = at + row + 4 * r, k = column + wide;
      const float* atom = turn.atoms + static_cast<std::size_t>(j) * from.dims;
      if (j < end && by_four && k < from.dims) {
        load_four(d[r], atom + k);
        continue;
      }
#pragma unroll
      for (unsigned e = 0; e < 4; ++e) d[r][e] = j < end && k + e < from.dims ? atom[k + e] : 0.0f;
    }
  };
  float sum[kRowsOf][kColumnsOf] = {};
  const unsigned own_row = kRowsOf * (thread / 16), own_column = 4 * (thread % 16);
  load(first);
  for (unsigned at = first; at < end; at += kDepth) {
    sync_block();
#pragma unroll
    for (unsigned e = 0; e < 4; ++e) tile.a[deep + e][member] = a[e];
#pragma unroll
    for (unsigned r = 0; r < kDepth / 4; ++r)
#pragma unroll
      for (unsigned e = 0; e < 4; ++e) tile.d[row + 4 * r][wide + e] = d[r][e];
    sync_block();
    if (at + kDepth < end) load(at + kDepth);
#pragma unroll
    for (unsigned k = 0; k < kDepth; ++k) {
      float x[kRowsOf], y[2][4];
      load_four(x, tile.a[k] + own_row);
      load_four(y[0], tile.d[k] + own_column);
      load_four(y[1], tile.d[k] + own_column + kColumns / 2);
#pragma unroll
      for (unsigned r = 0; r < kRowsOf; ++r)
#pragma unroll
        for (unsigned c = 0; c < kColumnsOf; ++c) sum[r][c] = fmaf(x[r], y[c / 4][c % 4], sum[r][c]);
    }
  }
#pragma unroll
  for (unsigned r = 0; r < kRowsOf; ++r) {
    if (own_row + r >= turn.count) break;
    float* to = turn.parts + (static_cast<std::size_t>(blockIdx.y) * kTurn + own_row + r) * from.dims;
#pragma unroll
    for (unsigned c = 0; c < kColumnsOf; ++c) {
      const unsigned k = column + own_column + (c / 4) * (kColumns / 2) + c % 4;
      if (k < from.dims) to[k] = sum[r][c];
    }
  }
}

KERNEL add_parts_kernel(Statistics from, Turn turn, unsigned chunks) {
  const unsigned k = blockIdx.x * kThreads + threadIdx.x, i = blockIdx.y;
  if (k >= from.dims) return;
  float made = 0;
  for (unsigned c = 0; c < chunks; ++c)
    made += turn.parts[(static_cast<std::size_t>(c) * kTurn + i) * from.dims + k];
  const std::size_t j = turn.members[i];
  turn.numerator[static_cast<std::size_t>(i) * from.dims + k] =
      fmaf(from.a[j * from.a_stride + j], turn.atoms[j * from.dims + k], from.b[j * from.dims + k] - made);
}

// --- turns ---
constexpr unsigned kTurnThreads = 1024, kTurnWarps = kTurnThreads / 32;

struct Turns {
  double sums[kTurnWarps];
  float couplings[kTurn][kTurn];
};

KERNEL_BOUNDS(1024, 1) turns_kernel(Statistics from, Turn turn, bool in_shared) {
  SHARED(memory);
  Turns& shared = *reinterpret_cast<Turns*>(memory);
  float* changes = in_shared ? reinterpret_cast<float*>(memory + sizeof(Turns)) : turn.changes;
  for (unsigned at = threadIdx.x; at < kTurn * kTurn; at += kTurnThreads) {
    const unsigned i = at / kTurn, e = at % kTurn;
    shared.couplings[i][e] =
        i < turn.count && e < turn.count ? from.a[turn.members[i] * from.a_stride + turn.members[e]] : 0;
  }
  sync_block();
  for (unsigned i = 0; i < turn.count; ++i) {
    float* numerator = turn.numerator + static_cast<std::size_t>(i) * from.dims;
    float* atom = turn.atoms + static_cast<std::size_t>(turn.members[i]) * from.dims;
    const float own = shared.couplings[i][i];
    double squared = 0;
    for (unsigned k = threadIdx.x; k < from.dims; k += kTurnThreads) {
      float left = numerator[k];
      for (unsigned e = 0; e < i; ++e)
        left = fmaf(-shared.couplings[i][e], changes[static_cast<std::size_t>(e) * from.dims + k], left);
      numerator[k] = left;
      squared = fma(static_cast<double>(left), static_cast<double>(left), squared);
    }
    const double norm = sqrt(block_sum(squared, shared.sums));
    const bool moves = own > 0 && norm != 0;  // where it is NaN the atom shall show it
    const double larger = norm > static_cast<double>(own) ? norm : static_cast<double>(own);
    const float scale = moves ? static_cast<float>(1.0 / larger) : 0.0f;
    // Each thread goes on with the columns that it wrote.
    for (unsigned k = threadIdx.x; k < from.dims; k += kTurnThreads) {
      const float before = atom[k], next = moves ? numerator[k] * scale : before;
      changes[static_cast<std::size_t>(i) * from.dims + k] = next - before;
      atom[k] = next;
    }
  }
}

}  // namespace

unsigned chunks_of_product(unsigned rows) { return (rows + chunk_of(rows) - 1) / chunk_of(rows); }

void numerators(const Statistics& from, const Turn& turn, cudaStream_t stream) {
  const unsigned chunks = chunks_of_product(turn.rows);
  LAUNCH(parts_kernel, dim3((from.dims + kColumns - 1) / kColumns, chunks), kThreads, sizeof(Tile), stream,
         from, turn, chunk_of(turn.rows));
  LAUNCH(add_parts_kernel, dim3((from.dims + kThreads - 1) / kThreads, turn.count), kThreads, 0, stream, from,
         turn, chunks);
  check(cudaGetLastError(), "multiplying codes and atoms");
}

void take_turns(const Statistics& from, const Turn& turn, std::size_t shared_limit, cudaStream_t stream) {
  const std::size_t changes = std::size_t{kTurn} * from.dims * sizeof(float);
  const bool in_shared = sizeof(Turns) + changes <= shared_limit;
  const auto shared = static_cast<unsigned>(sizeof(Turns) + (in_shared ? changes : 0));
  check(cudaFuncSetAttribute(turns_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(turns_kernel, 1, kTurnThreads, shared, stream, from, turn, in_shared);
  check(cudaGetLastError(), "updating atoms");
}

}  // namespace unsuperpose::cuda
