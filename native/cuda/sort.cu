// Lists come from atomics in any order: sorted, the answer is the same every time. One block a list, a bitonic network in shared memory, n log² n
// comparisons. And the rank-th largest of a row, which a threshold is made of: by a warp for low ranks, else by the same network. Exact.
#include "kernels.hpp"
#include "reduce.cuh"
#include "sort.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256;

KERNEL sort_kernel(Sort sort) {
  SHARED(memory);
  const std::size_t row = blockIdx.x;
  const unsigned passed = sort.counts[row], listed = passed < sort.capacity ? passed : sort.capacity;
  if (sort.offsets[row] == kSkipped) return;
  const unsigned size = power_above(listed);
  std::uint64_t* keys = reinterpret_cast<std::uint64_t*>(memory);
  float* values = reinterpret_cast<float*>(keys + size);
  for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
    std::uint64_t key = kLastKey;
    float value = 0;
    if (i < listed) {
      const UnsuperposeCudaEntry entry = sort.entries[row * sort.capacity + i];
      value = entry.value;
      float strength = sort.positive_only ? value : fabsf(value);
      if (sort.weights) strength *= sort.weights[entry.index];
      key = sort.by_index ? entry.index : strongest_first(strength, entry.index);
    }
    keys[i] = key;
    values[i] = value;
  }
  sort_keys(keys, values, size);
  const unsigned most = listed < sort.most ? listed : sort.most;
  for (unsigned i = threadIdx.x; i < most; i += blockDim.x)
    sort.out[sort.offsets[row] + i] = {values[i], static_cast<std::uint32_t>(keys[i])};
}

KERNEL ranked_kernel(const float* values, unsigned columns, unsigned rank, float* out) {
  SHARED(memory);
  std::uint64_t* keys = reinterpret_cast<std::uint64_t*>(memory);
  const unsigned size = power_above(columns);
  const float* row = values + static_cast<std::size_t>(blockIdx.x) * columns;
  for (unsigned i = threadIdx.x; i < size; i += blockDim.x)
    keys[i] = i < columns ? strongest_first(row[i], i) : kLastKey;
  sort_keys(keys, nullptr, size);
  if (threadIdx.x == 0) out[blockIdx.x] = row[static_cast<std::uint32_t>(keys[rank - 1])];
}

/// The same for ranks up to `kFew`, a warp a row: each lane keeps its largest few.
constexpr unsigned kRankWarps = 8;
template <unsigned kFew>
KERNEL few_ranked_kernel(const float* values, std::size_t rows, unsigned columns, unsigned rank, float* out) {
  const std::size_t at = static_cast<std::size_t>(blockIdx.x) * kRankWarps + threadIdx.x / 32;
  if (at >= rows) return;
  const float* row = values + at * columns;
  constexpr float kNone = -3.402823466e38f;
  float largest[kFew];
#pragma unroll
  for (unsigned i = 0; i < kFew; ++i) largest[i] = kNone;
  for (unsigned k = lane(); k < columns; k += 32) {
    float v = row[k];
#pragma unroll
    for (unsigned i = 0; i < kFew; ++i) {
      const float less = fminf(largest[i], v);
      largest[i] = fmaxf(largest[i], v);
      v = less;
    }
  }
  float found = 0;
  for (unsigned r = 0; r < rank; ++r) {
    found = warp_max(largest[0]);
    // The first lane that has it gives it up.
    const unsigned holders = ballot(largest[0] == found);
    if ((holders & (1u << lane())) == 0 || (holders & ((1u << lane()) - 1)) != 0) continue;
#pragma unroll
    for (unsigned i = 0; i + 1 < kFew; ++i) largest[i] = largest[i + 1];
    largest[kFew - 1] = kNone;
  }
  if (lane() == 0) out[at] = found;
}

}  // namespace

void sort_lists(const Sort& sort, cudaStream_t stream) {
  if (sort.rows == 0) return;
  const unsigned shared = power_above(sort.capacity) * (sizeof(std::uint64_t) + sizeof(float));
  check(cudaFuncSetAttribute(sort_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(sort_kernel, static_cast<unsigned>(sort.rows), kThreads, shared, stream, sort);
  check(cudaGetLastError(), "sorting lists");
}

void ranked(const float* values, std::size_t rows, unsigned columns, unsigned rank, float* out,
            cudaStream_t stream) {
  if (rows == 0) return;
  constexpr unsigned kFew = 4, kSome = 20;
  if (rank <= kSome) {
    const auto blocks = static_cast<unsigned>((rows + kRankWarps - 1) / kRankWarps);
    if (rank <= kFew)
      LAUNCH((few_ranked_kernel<kFew>), blocks, 32 * kRankWarps, 0, stream, values, rows, columns, rank, out);
    else
      LAUNCH((few_ranked_kernel<kSome>), blocks, 32 * kRankWarps, 0, stream, values, rows, columns, rank,
             out);
    check(cudaGetLastError(), "ranking a sample");
    return;
  }
  const unsigned shared = power_above(columns) * sizeof(std::uint64_t);
  check(cudaFuncSetAttribute(ranked_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(ranked_kernel, static_cast<unsigned>(rows), kThreads, shared, stream, values, columns, rank, out);
  check(cudaGetLastError(), "ranking a sample");
}

}  // namespace unsuperpose::cuda
