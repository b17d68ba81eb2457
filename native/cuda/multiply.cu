// Pairs of a vector and a row in float64: what encoders and rankings decide by, once lists have said which pairs may count. One block a vector, a group
// of `chains` threads a pair, a chain a thread: products of two float32 numbers are exact in float64, so that sums in the CPU's order are the CPU's, bit
// for bit. 4 dims bytes read a pair, from memory where few vectors share a row; two conversions and a multiply-add an entry take a fifth of that.
#include "kernels.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256;

template <unsigned kChains>
KERNEL multiply_kernel(Products p) {
  constexpr unsigned kGroups = kThreads / kChains;
  const unsigned begin = p.begin[blockIdx.x], end = p.begin[blockIdx.x + 1], which = p.which[blockIdx.x];
  const unsigned group = threadIdx.x / kChains, chain = threadIdx.x % kChains;
  const float* vector = p.vectors + static_cast<std::size_t>(p.pick ? p.pick[which] : which) * p.stride;
  for (unsigned from = begin; from < end; from += kGroups) {
    const unsigned e = from + group;
    const bool there = e < end;
    const float* row = p.rows + static_cast<std::size_t>(p.indices[there ? e : begin]) * p.stride;
    double sum = 0;
#pragma unroll 8
    for (unsigned d = chain; d < p.dims; d += kChains)
      sum = fma(static_cast<double>(row[d]), static_cast<double>(vector[d]), sum);
    for (unsigned mask = kChains / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, static_cast<int>(mask));
    if (there && chain == 0) p.out[e] = sum;
  }
}

}  // namespace

void multiply_pairs(const Products& products, unsigned count, cudaStream_t stream) {
  if (count == 0) return;
  switch (products.chains) {
    case 4: LAUNCH((multiply_kernel<4>), count, kThreads, 0, stream, products); break;
    case 8: LAUNCH((multiply_kernel<8>), count, kThreads, 0, stream, products); break;
    case 16: LAUNCH((multiply_kernel<16>), count, kThreads, 0, stream, products); break;
    default: throw Failure{UNSUPERPOSE_CUDA_FAILED, "products are summed in 4, 8 or 16 chains"};
  }
  check(cudaGetLastError(), "multiplying pairs");
}

}  // namespace unsuperpose::cuda
