// Sorting in shared memory, by a bitonic network over a block.
#pragma once
#include "cuda.cuh"

namespace unsuperpose::cuda {

inline constexpr std::uint64_t kLastKey = ~std::uint64_t{0};

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
/// Ascending keys: strongest first, ties by the lower index, which the lower half is.
DEVICE std::uint64_t strongest_first(float strength, std::uint32_t index) {
  return static_cast<std::uint64_t>(~ordered(strength)) << 32 | index;
}

/// Sorts `size` (a power of two) keys ascending, `values` with them where there are some. Keys are there before; all threads of the block come here.
DEVICE void sort_keys(std::uint64_t* keys, float* values, unsigned size) {
  sync_block();
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

}  // namespace unsuperpose::cuda
