// The way back from codes to samples: residuals r = base − Σ a d in float64, rounded once; their squares; and what each code pulls, d_j · r. One
// block a sample; the decoder's rows are read twice, the second time mostly from cache: 8 k · depth bytes a sample.
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;

struct Shared {
  double sums[kWarps];
  unsigned index[kThreads];
  float value[kThreads];
};

KERNEL decode_kernel(Training t, Decoding to) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const std::size_t sample = blockIdx.x;
  const unsigned thread = threadIdx.x, warp = thread / 32;
  const std::size_t first = to.entries.first[sample];
  const unsigned count = to.entries.count[sample];
  const unsigned* index = to.entries.index + first;
  const float* value = to.entries.value + first;
  const float* base = to.base + sample * t.depth;
  float* residual = to.residual + sample * t.depth;
  double squared = 0, active = 0, weakest = -INFINITY;
  for (unsigned start = 0; start < t.depth; start += 4 * kThreads) {
    const unsigned d = start + 4 * thread;
    double left[4] = {};
    if (d < t.depth) {
      float v[4];
      load_four(v, base + d);
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) left[i] = static_cast<double>(v[i]);
    }
    for (unsigned from = 0; from < count; from += kThreads) {
      const unsigned together = count - from < kThreads ? count - from : kThreads;
      sync_block();
      if (thread < together) {
        const unsigned j = index[from + thread];
        const float h = value[from + thread];
        const float a = t.jumps && !(h > t.threshold.values[j]) ? 0.0f : h;
        shared.index[thread] = j;
        shared.value[thread] = a;
        if (start == 0 && a > 0) {
          active += 1;
          const double own = -static_cast<double>(a);
          weakest = own > weakest ? own : weakest;
        }
      }
      sync_block();
      if (d >= t.depth) continue;
#pragma unroll 4
      for (unsigned e = 0; e < together; ++e) {
        const double a = static_cast<double>(shared.value[e]);
        float row[4];
        load_four(row, t.decoder.values + static_cast<std::size_t>(shared.index[e]) * t.depth + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) left[i] = fma(-a, static_cast<double>(row[i]), left[i]);
      }
    }
    if (d >= t.depth) continue;
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      residual[d + i] = static_cast<float>(left[i]);
      squared = fma(left[i], left[i], squared);
    }
  }
  squared = block_sum(squared, shared.sums);  // and the residual is whole
  for (unsigned e = warp; e < count; e += kWarps) {
    const double product =
        warp_dot(t.decoder.values + static_cast<std::size_t>(index[e]) * t.depth, residual, t.depth);
    if (lane() == 0) to.entries.pull[first + e] = static_cast<float>(product) * to.scale;
  }
  if (to.counts) {
    active = block_sum(active, shared.sums);
    weakest = block_max(weakest, shared.sums);
  }
  if (thread != 0) return;
  to.squares[sample] = squared;
  if (!to.counts) return;
  t.actives[sample] = static_cast<unsigned>(active);
  t.weakest[sample] = static_cast<float>(-weakest);
}

constexpr unsigned kConcluding = 1024;

/// One block: every thread takes samples, and columns, a block apart.
KERNEL conclude_kernel(Training t) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  double squares = 0, dead = 0, apart = 0, active = 0, weakest = -INFINITY;
  for (unsigned i = threadIdx.x; i < t.samples; i += kConcluding) {
    squares += t.squares[i];
    if (t.revives) dead += t.dead_squares[i];
    active += static_cast<double>(t.actives[i]);
    const double own = -static_cast<double>(t.weakest[i]);
    weakest = own > weakest ? own : weakest;
  }
  for (unsigned d = threadIdx.x; d < t.outputs; d += kConcluding) apart += t.target_apart[d];
  squares = block_sum(squares, sums);
  dead = block_sum(dead, sums);
  apart = block_sum(apart, sums);
  active = block_sum(active, sums);
  weakest = block_max(weakest, sums);
  if (threadIdx.x != 0) return;
  Outcome& out = *t.outcome;
  out.loss = (squares + static_cast<double>(t.dead_share) * dead) / 2 / static_cast<double>(t.samples);
  if (t.jumps) {
    const double l0 = active / static_cast<double>(t.samples), target = t.target_l0, off = l0 / target - 1;
    out.loss += target > 0 ? t.lambda * off * off : t.lambda * l0;
    out.price = static_cast<float>(target > 0 ? 2 * t.lambda * off / target : t.lambda);
  }
  out.squared_residual = squares;
  out.squared_apart = apart;
  out.active = static_cast<unsigned>(active);
  out.weakest = active > 0 ? -weakest : 0;
  if (out.fault == kNone && !isfinite(out.loss)) out.fault = kLoss;
}

}  // namespace

void decode(const Training& training, const Decoding& decoding, cudaStream_t stream) {
  LAUNCH(decode_kernel, training.samples, kThreads, sizeof(Shared), stream, training, decoding);
  check(cudaGetLastError(), "decoding");
}

void conclude(const Training& training, cudaStream_t stream) {
  LAUNCH(conclude_kernel, 1, kConcluding, kConcluding / 32 * sizeof(double), stream, training);
  check(cudaGetLastError(), "adding a batch up");
}

}  // namespace unsuperpose::cuda
