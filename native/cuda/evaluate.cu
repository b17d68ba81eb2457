// What a code is worth: the residual r = x − Σ a_k d_k and the sums of its certificate (½‖r‖², x·r, Σ w|a|, ‖a‖²) in float64, and, where the next
// pass certifies, the set's correlations d_k · r with the residual as it was rounded to float32. One block a sample; the atoms are read twice, the
// second time mostly from cache: 8 n · dims bytes and 2 n · dims multiply-adds in float64 for n atoms. And the start: r = x, an empty set.
#include "lasso.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;

struct Shared {
  double sums[kWarps];
  std::uint32_t set[kSet];
  float code[kSet];
};

KERNEL start_kernel(Batch batch) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = blockIdx.x, dims = batch.dims;
  const float* x = batch.samples + static_cast<std::size_t>(sample) * dims;
  float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  double squared = 0;
  for (unsigned k = threadIdx.x; k < dims; k += kThreads) {
    residual[k] = x[k];
    squared = fma(static_cast<double>(x[k]), static_cast<double>(x[k]), squared);
  }
  squared = block_sum(squared, shared.sums);
  if (threadIdx.x != 0) return;
  batch.at[sample] = {squared, squared, squared, squared, 0, 0};
  batch.strongest[sample] = 0;
  batch.gap[sample] = 1;
  batch.size[sample] = batch.with_gram[sample] = 0;
  batch.precision[sample] = UNSUPERPOSE_CUDA_INT8;
  batch.stage[sample] = Stage::running;
  batch.rounds[sample] = batch.stalled[sample] = 0;
  batch.proof[sample] = static_cast<std::uint8_t>(Proof::where_short);
}

KERNEL evaluate_kernel(Batch batch) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = batch.active[blockIdx.x], dims = batch.dims, thread = threadIdx.x,
                 warp = thread / 32;
  const unsigned size = batch.size[sample];
  for (unsigned k = thread; k < size; k += kThreads) {
    shared.set[k] = batch.set[sample * kSet + k];
    shared.code[k] = batch.code[sample * kSet + k];
  }
  sync_block();
  const float* x = batch.samples + static_cast<std::size_t>(sample) * dims;
  float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  double squared = 0, rounded = 0, with_input = 0;
  constexpr unsigned kTogether = 4;  // dims of a thread at a time
  for (unsigned first = thread; first < dims; first += kTogether * kThreads) {
    double left[kTogether];
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = first + i * kThreads;
      left[i] = d < dims ? static_cast<double>(x[d]) : 0.0;
    }
    for (unsigned k = 0; k < size; ++k) {
      if (shared.code[k] == 0) continue;
      const double a = static_cast<double>(shared.code[k]);
      const float* atom = batch.atoms + static_cast<std::size_t>(shared.set[k]) * dims;
#pragma unroll
      for (unsigned i = 0; i < kTogether; ++i) {
        const unsigned d = first + i * kThreads;
        if (d < dims) left[i] = fma(-a, static_cast<double>(atom[d]), left[i]);
      }
    }
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = first + i * kThreads;
      if (d >= dims) break;
      const float r = static_cast<float>(left[i]);
      residual[d] = r;
      squared = fma(left[i], left[i], squared);
      rounded = fma(static_cast<double>(r), static_cast<double>(r), rounded);
      with_input = fma(static_cast<double>(x[d]), static_cast<double>(r), with_input);
    }
  }
  squared = block_sum(squared, shared.sums);
  rounded = block_sum(rounded, shared.sums);
  with_input = block_sum(with_input, shared.sums);
  double l1 = 0, squared_code = 0;
  for (unsigned k = thread; k < size; k += kThreads) {
    const double a = static_cast<double>(shared.code[k]);
    const double weight = batch.weights ? batch.weights[shared.set[k]] : 1.0;
    l1 += weight * fabs(a);
    squared_code = fma(a, a, squared_code);
  }
  l1 = block_sum(l1, shared.sums);
  squared_code = block_sum(squared_code, shared.sums);
  // The residual is whole: block_sum() is a barrier.
  double strongest = 0;
  for (unsigned k = warp; k < size; k += kWarps) {
    if (shared.code[k] == 0) continue;
    const double product =
        warp_dot(batch.atoms + static_cast<std::size_t>(shared.set[k]) * dims, residual, dims);
    const double weight = batch.weights ? batch.weights[shared.set[k]] : 1.0;
    const double slope = product - batch.ridge * static_cast<double>(shared.code[k]);
    const double strength = (batch.nonnegative ? slope : fabs(slope)) / weight;
    strongest = strength > strongest ? strength : strongest;
    if (lane() == 0) batch.correlation[sample * kSet + k] = static_cast<float>(product);
  }
  strongest = block_max(strongest, shared.sums);
  if (thread != 0) return;
  Evaluation& at = batch.at[sample];
  at.squared_residual = squared;
  at.squared_rounded = rounded;
  at.input_residual = with_input;
  at.weighted_l1 = l1;
  at.squared_code = squared_code;
  batch.strongest[sample] = strongest;
}

}  // namespace

void start(const Batch& batch, unsigned samples, cudaStream_t stream) {
  if (samples == 0) return;
  LAUNCH(start_kernel, samples, kThreads, sizeof(Shared), stream, batch);
  check(cudaGetLastError(), "starting");
}

void evaluate(const Batch& batch, cudaStream_t stream) {
  if (batch.count == 0) return;
  LAUNCH(evaluate_kernel, batch.count, kThreads, sizeof(Shared), stream, batch);
  check(cudaGetLastError(), "evaluating codes");
}

}  // namespace unsuperpose::cuda
