// The codes as the table answers them: ascending by index, without zeros, in the place of the sets. One block a sample, n log² n comparisons.
#include "lasso.hpp"
#include "sort.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 64;

struct Shared {
  std::uint64_t keys[kSet];
  float code[kSet];
  unsigned count;
};

KERNEL deliver_kernel(Batch batch, unsigned* counts, double* objective, double* squared_residual) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = blockIdx.x, thread = threadIdx.x, size = batch.size[sample];
  const unsigned keys = power_above(size);
  if (thread == 0) shared.count = 0;
  sync_block();
  for (unsigned k = thread; k < keys; k += kThreads) {
    const float code = k < size ? batch.code[sample * kSet + k] : 0.0f;
    shared.code[k] = code;
    // The index above, the place of its code below.
    shared.keys[k] =
        code != 0 ? static_cast<std::uint64_t>(batch.set[sample * kSet + k]) << 32 | k : kLastKey;
    if (code != 0) atomic_add(&shared.count, 1u);
  }
  sort_keys(shared.keys, nullptr, keys);
  const unsigned count = shared.count;
  for (unsigned e = thread; e < count; e += kThreads) {
    batch.set[sample * kSet + e] = static_cast<std::uint32_t>(shared.keys[e] >> 32);
    batch.code[sample * kSet + e] = shared.code[static_cast<std::uint32_t>(shared.keys[e])];
  }
  if (thread != 0) return;
  counts[sample] = count;
  objective[sample] = batch.at[sample].objective(batch.lambda[sample], batch.ridge);
  squared_residual[sample] = batch.at[sample].squared_residual;
}

}  // namespace

void deliver(const Batch& batch, unsigned samples, unsigned* counts, double* objective,
             double* squared_residual, cudaStream_t stream) {
  if (samples == 0) return;
  LAUNCH(deliver_kernel, samples, kThreads, sizeof(Shared), stream, batch, counts, objective,
         squared_residual);
  check(cudaGetLastError(), "ordering codes");
}

}  // namespace unsuperpose::cuda
