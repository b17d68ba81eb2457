// The way back from codes to samples: residuals r = base − Σ a d in float64, rounded once; their squares; and what each code pulls, d_j · r. One
// block a sample; the decoder's rows are read twice, the second time mostly from cache: 8 k · depth bytes a sample.
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;

KERNEL decode_kernel(Training t, Decoding to) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  const std::size_t sample = blockIdx.x;
  const unsigned thread = threadIdx.x, warp = thread / 32;
  const std::size_t first = to.entries.first[sample];
  const unsigned count = to.entries.count[sample];
  const unsigned* index = to.entries.index + first;
  const float* value = to.entries.value + first;
  const float* base = to.base + sample * t.depth;
  float* residual = to.residual + sample * t.depth;
  double squared = 0;
  for (unsigned d = 4 * thread; d < t.depth; d += 4 * kThreads) {
    float v[4];
    load_four(v, base + d);
    double left[4];
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) left[i] = static_cast<double>(v[i]);
#pragma unroll 4
    for (unsigned e = 0; e < count; ++e) {
      const double a = static_cast<double>(value[e]);
      float row[4];
      load_four(row, t.decoder.values + static_cast<std::size_t>(index[e]) * t.depth + d);
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) left[i] = fma(-a, static_cast<double>(row[i]), left[i]);
    }
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      residual[d + i] = static_cast<float>(left[i]);
      squared = fma(left[i], left[i], squared);
    }
  }
  squared = block_sum(squared, sums);  // and the residual is whole
  for (unsigned e = warp; e < count; e += kWarps) {
    const double product =
        warp_dot(t.decoder.values + static_cast<std::size_t>(index[e]) * t.depth, residual, t.depth);
    if (lane() == 0) to.entries.pull[first + e] = static_cast<float>(product) * to.scale;
  }
  if (thread != 0) return;
  to.squares[sample] = squared;
  if (!to.counts) return;
  unsigned active = 0;
  float weakest = INFINITY;
  for (unsigned e = 0; e < count; ++e) {
    if (!(value[e] > 0)) continue;
    ++active;
    weakest = fminf(weakest, value[e]);
  }
  t.actives[sample] = active;
  t.weakest[sample] = weakest;
}

constexpr unsigned kConcluding = 1024;

/// One block: every thread takes samples a block apart.
KERNEL conclude_kernel(Training t) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  double squares = 0, dead = 0, target = 0, active = 0, weakest = -INFINITY;
  for (unsigned i = threadIdx.x; i < t.samples; i += kConcluding) {
    squares += t.squares[i];
    if (t.revives) dead += t.dead_squares[i];
    target += t.target_squares[i];
    active += static_cast<double>(t.actives[i]);
    const double own = -static_cast<double>(t.weakest[i]);
    weakest = own > weakest ? own : weakest;
  }
  squares = block_sum(squares, sums);
  dead = block_sum(dead, sums);
  target = block_sum(target, sums);
  active = block_sum(active, sums);
  weakest = block_max(weakest, sums);
  if (threadIdx.x != 0) return;
  Outcome& out = *t.outcome;
  out.loss = (squares + static_cast<double>(t.dead_share) * dead) / 2 / static_cast<double>(t.samples);
  out.squared_residual = squares;
  out.squared_target = target;
  out.active = static_cast<unsigned>(active);
  out.weakest = active > 0 ? -weakest : 0;
  if (out.fault == kNone && !isfinite(out.loss)) out.fault = kLoss;
}

}  // namespace

void decode(const Training& training, const Decoding& decoding, cudaStream_t stream) {
  LAUNCH(decode_kernel, training.samples, kThreads, kWarps * sizeof(double), stream, training, decoding);
  check(cudaGetLastError(), "decoding");
}

void conclude(const Training& training, cudaStream_t stream) {
  LAUNCH(conclude_kernel, 1, kConcluding, kConcluding / 32 * sizeof(double), stream, training);
  check(cudaGetLastError(), "adding a batch up");
}

}  // namespace unsuperpose::cuda
