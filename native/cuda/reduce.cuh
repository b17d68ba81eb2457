// Sums and largest values over the threads of a block, the same for every run: a fixed tree.
#pragma once
#include "cuda.cuh"

namespace unsuperpose::cuda {

DEVICE double warp_sum(double v) {
  for (int mask = 16; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
  return v;
}
DEVICE double warp_max(double v) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const double other = shuffle_xor(v, mask);
    v = other > v ? other : v;
  }
  return v;
}
DEVICE float warp_max(float v) {
  for (int mask = 16; mask > 0; mask /= 2) v = fmaxf(v, shuffle_xor(v, mask));
  return v;
}

/// The sum of `v` over a block of whole warps, for every thread. `scratch` has an entry a warp.
DEVICE double block_sum(double v, double* scratch) {
  v = warp_sum(v);
  sync_block();
  if (lane() == 0) scratch[threadIdx.x / 32] = v;
  sync_block();
  double sum = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) sum += scratch[w];
  return sum;
}
DEVICE double block_max(double v, double* scratch) {
  v = warp_max(v);
  sync_block();
  if (lane() == 0) scratch[threadIdx.x / 32] = v;
  sync_block();
  double most = scratch[0];
  for (unsigned w = 1; w < blockDim.x / 32; ++w) most = scratch[w] > most ? scratch[w] : most;
  return most;
}

/// a · b of two float32 rows in float64, by a warp: exact products, a fixed order of sums.
DEVICE double warp_dot(const float* a, const float* b, unsigned dims) {
  double sum = 0;
  if (dims % 4 == 0) {  // rows start at multiples of 16 bytes
    for (unsigned k = 4 * lane(); k < dims; k += 128) {
      float x[4], y[4];
      load_four(x, a + k);
      load_four(y, b + k);
      for (unsigned e = 0; e < 4; ++e) sum = fma(static_cast<double>(x[e]), static_cast<double>(y[e]), sum);
    }
    return warp_sum(sum);
  }
  for (unsigned k = lane(); k < dims; k += 32)
    sum = fma(static_cast<double>(a[k]), static_cast<double>(b[k]), sum);
  return warp_sum(sum);
}

/// The same of a float32 row with float64 numbers.
DEVICE double warp_dot(const float* a, const double* b, unsigned dims) {
  double sum = 0;
  for (unsigned k = lane(); k < dims; k += 32) sum = fma(static_cast<double>(a[k]), b[k], sum);
  return warp_sum(sum);
}

}  // namespace unsuperpose::cuda
