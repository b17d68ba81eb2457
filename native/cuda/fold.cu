// Codes back to activations: out = Σ a_k d_k. One block a row, four dims a thread; codes come through shared memory. 4 dims bytes read an entry, 4
// dims bytes written a row: at 32 entries a row the gathers are 97 % of it, and the copies to and from the host take several times as long. Products
// of two float32 numbers are exact in float64, so sums in the entries' order are the CPU's, bit for bit.
#include "kernels.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kTogether = 4, kStaged = 128;

struct Shared {
  double code[kStaged];
  std::uint32_t atom[kStaged];
};

template <bool wide>
KERNEL fold_kernel(Fold fold) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned dims = fold.dims, thread = threadIdx.x;
  const std::uint32_t begin = fold.indptr[blockIdx.x] - fold.base,
                      end = fold.indptr[blockIdx.x + 1] - fold.base;
  float* out = fold.out + static_cast<std::size_t>(blockIdx.x) * dims;
  for (unsigned first = 0; first < dims; first += kTogether * kThreads) {
    double sums[kTogether];
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) sums[i] = 0;
    for (std::uint32_t from = begin; from < end; from += kStaged) {
      const unsigned staged = end - from < kStaged ? end - from : kStaged;
      sync_block();
      for (unsigned k = thread; k < staged; k += kThreads) {
        shared.atom[k] = fold.indices[from + k];
        shared.code[k] = wide ? fold.wide[from + k] : static_cast<double>(fold.values[from + k]);
      }
      sync_block();
      for (unsigned k = 0; k < staged; ++k) {
        const float* atom = fold.atoms + static_cast<std::size_t>(shared.atom[k]) * dims;
        const double code = shared.code[k];
#pragma unroll
        for (unsigned i = 0; i < kTogether; ++i) {
          const unsigned d = first + i * kThreads + thread;
          if (d < dims) sums[i] += code * static_cast<double>(atom[d]);
        }
      }
    }
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = first + i * kThreads + thread;
      const float sum = static_cast<float>(sums[i]);
      if (d < dims) out[d] = wide ? sum : sum + 0.0f;  // as the CPU does it: of float32 codes never −0
    }
  }
}

}  // namespace

void fold_rows(const Fold& fold, unsigned count, cudaStream_t stream) {
  if (count == 0) return;
  if (fold.wide)
    LAUNCH((fold_kernel<true>), count, kThreads, sizeof(Shared), stream, fold);
  else
    LAUNCH((fold_kernel<false>), count, kThreads, sizeof(Shared), stream, fold);
  check(cudaGetLastError(), "folding codes");
}

}  // namespace unsuperpose::cuda
