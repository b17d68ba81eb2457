// Lists come from atomics in any order: sorted, the answer is the same every time. One block a list, a bitonic network in shared memory.
#include "kernels.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr std::uint64_t kLast = ~std::uint64_t{0};

BOTH unsigned power_above(unsigned n) {
  unsigned power = 1;
  while (power < n) power *= 2;
  return power;
}

/// The order of floats as that of integers.
DEVICE unsigned ordered(float v) {
  const unsigned bits = float_bits(v);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}

/// Sorts `size` (a power of two) keys ascending, `values` with them.
DEVICE void sort_shared(std::uint64_t* keys, float* values, unsigned size) {
  for (unsigned width = 2; width <= size; width *= 2)
    for (unsigned step = width / 2; step > 0; step /= 2) {
      for (unsigned at = threadIdx.x; at < size / 2; at += blockDim.x) {
        const unsigned low = 2 * at - (at & (step - 1)), high = low + step;
        const bool ascending = (low & width) == 0;
        const std::uint64_t a = keys[low], b = keys[high];
        if ((a > b) == ascending) {
          keys[low] = b;
          keys[high] = a;
          if (values) {
            const float v = values[low];
            values[low] = values[high];
            values[high] = v;
          }
        }
      }
      sync_block();
    }
}

KERNEL sort_kernel(Sort sort) {
  SHARED(memory);
  const std::size_t row = blockIdx.x;
  const unsigned passed = sort.counts[row], listed = passed < sort.capacity ? passed : sort.capacity;
  const unsigned size = power_above(listed);
  std::uint64_t* keys = reinterpret_cast<std::uint64_t*>(memory);
  float* values = reinterpret_cast<float*>(keys + size);
  for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
    std::uint64_t key = kLast;
    float value = 0;
    if (i < listed) {
      const UnsuperposeCudaEntry entry = sort.entries[row * sort.capacity + i];
      value = entry.value;
      float strength = sort.positive_only ? value : fabsf(value);
      if (sort.weights) strength *= sort.weights[entry.index];
      const unsigned rank = sort.by_index ? 0u : ~ordered(strength);
      key = static_cast<std::uint64_t>(rank) << 32 | entry.index;
    }
    keys[i] = key;
    values[i] = value;
  }
  sync_block();
  sort_shared(keys, values, size);
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
    keys[i] = i < columns ? static_cast<std::uint64_t>(~ordered(row[i])) << 32 | i : kLast;
  sync_block();
  sort_shared(keys, nullptr, size);
  if (threadIdx.x == 0) out[blockIdx.x] = row[static_cast<std::uint32_t>(keys[rank - 1])];
}

}  // namespace

void sort_lists(const Sort& sort, cudaStream_t stream) {
  if (sort.rows == 0) return;
  const unsigned shared = power_above(sort.capacity) * (sizeof(std::uint64_t) + sizeof(float));
  check(cudaFuncSetAttribute(sort_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(sort_kernel, static_cast<unsigned>(sort.rows), kThreads, shared, stream, sort);
  check(cudaGetLastError(), "sorting lists");
}

void ranked(const float* values, std::size_t rows, unsigned columns, unsigned rank, float* out, cudaStream_t stream) {
  if (rows == 0) return;
  const unsigned shared = power_above(columns) * sizeof(std::uint64_t);
  LAUNCH(ranked_kernel, static_cast<unsigned>(rows), kThreads, shared, stream, values, columns, rank, out);
  check(cudaGetLastError(), "ranking a sample");
}

}  // namespace unsuperpose::cuda
