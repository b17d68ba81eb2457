// The gradients of an autoencoder's features, and what Adam makes of the parameters, in one pass over both: gradients are never stored.
//   ∂L/∂d_j = −Σ a r,  ∂L/∂w_j = Σ dL/dh [x', 1]   over the samples that use j, ascending: chains of fused multiply-adds in float32
// Each block goes through kFeaturesTogether features; its threads keep four entries of a row each, so that samples' rows (in the L2 cache, mostly) and
// parameters are read whole. 48 bytes of parameters and moments are read and written for a weight of each kind, and 4 a use.
// Clipping needs the gradient's norm first. Where a bound of it, from the norms of residuals and inputs, is below the clip, nothing is clipped, and
// the norm comes out of the same pass; otherwise measure_gradient() adds the gradients up once more.
#include "reduce.cuh"
#include "round.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kMostThreads = 512, kMostQuads = 8;

/// sum (four entries) += Σ scale · what each use counts for · its row; those that are not above `floor` count nothing.
template <unsigned quads>
DEVICE void gather(const Use* uses, unsigned count, bool by_pull, float floor, float scale, const float* rows,
                   unsigned stride, float (&sum)[quads][4]) {
  constexpr unsigned kTogether = quads > 2 ? 2 : 4;
  for (unsigned from = 0; from < count; from += kTogether) {
    float factor[kTogether];
    const float* row[kTogether];
#pragma unroll
    for (unsigned u = 0; u < kTogether; ++u) {
      const Use use = uses[from + u < count ? from + u : from];
      const float own = by_pull ? use.pull : use.value;
      factor[u] = from + u < count && use.value > floor ? scale * own : 0.0f;
      row[u] = rows + static_cast<std::size_t>(use.sample) * stride;
    }
#pragma unroll
    for (unsigned q = 0; q < quads; ++q) {
      const unsigned d = 4 * (threadIdx.x + q * blockDim.x);
      if (d >= stride) continue;
      float v[kTogether][4];
#pragma unroll
      for (unsigned u = 0; u < kTogether; ++u) load_four(v[u], row[u] + d);
#pragma unroll
      for (unsigned u = 0; u < kTogether; ++u)
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) sum[q][i] = fmaf(factor[u], v[u][i], sum[q][i]);
    }
  }
}

/// body(q, d): the four entries from d on, of rows of `stride`, that this thread has.
template <unsigned quads, class Body>
DEVICE void for_quads(unsigned stride, const Body& body) {
#pragma unroll
  for (unsigned q = 0; q < quads; ++q)
    if (const unsigned d = 4 * (threadIdx.x + q * blockDim.x); d < stride) body(q, d);
}

DEVICE void store_four(float* to, const float (&v)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}

DEVICE void step_of(const Adam& adam, float factor, const float (&gradient)[4], float (&values)[4],
                    float* first, float* second) {
  float m[4], v[4];
  load_four(m, first);
  load_four(v, second);
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) {
    const float g = gradient[i] * factor;
    m[i] = fmaf(1 - adam.beta1, g - m[i], m[i]);
    v[i] = fmaf(1 - adam.beta2, g * g - v[i], v[i]);
    values[i] -= m[i] * adam.rate / (sqrtf(v[i]) * adam.correction + adam.epsilon);
  }
  store_four(first, m);
  store_four(second, v);
}

struct Shared {
  double sums[kMostThreads / 32];
  double others[kMostThreads / 32];
  float most[kMostThreads / 32];
  float bias[2];  // of features in turn
};

/// Σ a, Σ b and the largest c over the block, for every thread.
DEVICE void block_totals(Shared& shared, double* a, double* b, float* c) {
  *a = warp_sum(*a);
  *b = warp_sum(*b);
  *c = warp_max(*c);
  sync_block();
  if (lane() == 0) {
    shared.sums[threadIdx.x / 32] = *a;
    shared.others[threadIdx.x / 32] = *b;
    shared.most[threadIdx.x / 32] = *c;
  }
  sync_block();
  *a = *b = 0;
  *c = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) {
    *a += shared.sums[w];
    *b += shared.others[w];
    *c = fmaxf(*c, shared.most[w]);
  }
}

/// The gradients of a block's features: their squares, and what they take from b_dec; and where it is `updating`, the step.
template <unsigned quads, bool updating>
KERNEL_BOUNDS(kMostThreads, 1)
features_kernel(Training t, Adam adam, std::uint64_t step) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const Outcome& outcome = *t.outcome;
  if (outcome.fault != kNone || (!updating && outcome.measures == 0)) return;
  const float factor = updating ? outcome.factor : 0.0f;
  const float mean = static_cast<float>(1.0 / static_cast<double>(t.samples));
  double squares[3] = {0, 0, 0};  // encoder, decoder, thresholds
  float bias[quads][4] = {};
  for (unsigned j = blockIdx.x * kFeaturesTogether;
       j < (blockIdx.x + 1) * kFeaturesTogether && j < t.features; ++j) {
    float* const decoder = t.decoder.values + static_cast<std::size_t>(j) * t.depth;
    float* const encoder = t.encoder.values + static_cast<std::size_t>(j) * t.width;
    const unsigned first = t.active.start[j], uses = t.active.start[j + 1] - first;
    const Use* const used = t.active.uses + first;
    const unsigned dead_first = t.revives ? t.revived.start[j] : 0;
    const unsigned dead_uses = t.revives ? t.revived.start[j + 1] - dead_first : 0;
    const Use* const revived = t.revived.uses + dead_first;
    // A threshold with its moments, read before any thread changes them.
    const float threshold = t.jumps ? t.threshold.values[j] : 0.0f, floor = t.jumps ? threshold : -INFINITY;
    const float threshold_first = t.jumps ? t.threshold.first[j] : 0.0f;
    const float threshold_second = t.jumps ? t.threshold.second[j] : 0.0f;
    float row[quads][4] = {}, weight[quads][4] = {}, by_row[quads][4] = {}, by_weight[quads][4] = {};
    for_quads<quads>(t.depth, [&](unsigned q, unsigned d) { load_four(row[q], decoder + d); });
    for_quads<quads>(t.width, [&](unsigned q, unsigned d) { load_four(weight[q], encoder + d); });
    gather<quads>(used, uses, false, floor, -mean, t.residual, t.depth, by_row);
    gather<quads>(used, uses, true, floor, mean, t.input, t.width, by_weight);
    if (dead_uses > 0) {
      gather<quads>(revived, dead_uses, false, floor, -(mean * t.dead_share), t.dead_residual, t.depth,
                    by_row);
      gather<quads>(revived, dead_uses, true, floor, mean, t.input, t.width, by_weight);
    }
    // What would only change a decoder row's norm is taken out.
    double along = 0, none = 0, count = 0;
    float zero = 0;
    for (unsigned u = threadIdx.x; u < uses; u += blockDim.x)
      count += used[u].value > 0 && used[u].value > floor ? 1 : 0;
    for_quads<quads>(t.depth, [&](unsigned q, unsigned) {
      for (unsigned i = 0; i < 4; ++i)
        along = fma(static_cast<double>(by_row[q][i]), static_cast<double>(row[q][i]), along);
    });
    float by_threshold = 0;
    if (t.jumps) {
      double sum = 0;
      for (unsigned u = threadIdx.x; u < uses; u += blockDim.x) {
        const Use use = used[u];
        if (!(fabsf(use.value - threshold) < t.bandwidth / 2)) continue;
        sum += static_cast<double>(mean * (-(threshold * use.pull + outcome.price) / t.bandwidth));
      }
      block_totals(shared, &sum, &none, &zero);
      by_threshold = static_cast<float>(sum);
      if (threadIdx.x == 0)
        squares[2] = fma(static_cast<double>(by_threshold), static_cast<double>(by_threshold), squares[2]);
      // The entry that only selects.
      for_quads<quads>(t.width, [&](unsigned q, unsigned d) {
        for (unsigned i = 0; i < 4; ++i)
          if (d + i == t.inputs + 1) by_weight[q][i] = 0;
      });
    }
    for_quads<quads>(t.width, [&](unsigned q, unsigned d) {
      if (d <= t.inputs && t.inputs < d + 4) shared.bias[j % 2] = by_weight[q][t.inputs - d];
    });
    block_totals(shared, &along, &count, &zero);
    const float by_bias = -shared.bias[j % 2];
    for_quads<quads>(t.depth, [&](unsigned q, unsigned) {
      for (unsigned i = 0; i < 4; ++i) {
        by_row[q][i] = fmaf(static_cast<float>(-along), row[q][i], by_row[q][i]);
        squares[1] = fma(static_cast<double>(by_row[q][i]), static_cast<double>(by_row[q][i]), squares[1]);
      }
    });
    for_quads<quads>(t.width, [&](unsigned q, unsigned) {
      for (unsigned i = 0; i < 4; ++i) {
        squares[0] =
            fma(static_cast<double>(by_weight[q][i]), static_cast<double>(by_weight[q][i]), squares[0]);
        bias[q][i] = fmaf(by_bias, weight[q][i], bias[q][i]);
      }
    });
    if (!updating) continue;

    float margin = 0;
    if (t.jumps) {
      const float g = by_threshold * factor;
      const float m = fmaf(1 - adam.beta1, g - threshold_first, threshold_first);
      const float v = fmaf(1 - adam.beta2, g * g - threshold_second, threshold_second);
      const float next = fmaxf(0.0f, threshold - m * adam.rate / (sqrtf(v) * adam.correction + adam.epsilon));
      margin = t.bandwidth / 2 - next;
      if (threadIdx.x == 0) {
        t.threshold.first[j] = m;
        t.threshold.second[j] = v;
        t.threshold.values[j] = next;
      }
    }
    double length = 0, product = 0;
    float largest = 0;
    for_quads<quads>(t.depth, [&](unsigned q, unsigned d) {
      const std::size_t at = static_cast<std::size_t>(j) * t.depth + d;
      step_of(adam, factor, by_row[q], row[q], t.decoder.first + at, t.decoder.second + at);
      for (unsigned i = 0; i < 4; ++i)
        length = fma(static_cast<double>(row[q][i]), static_cast<double>(row[q][i]), length);
    });
    for_quads<quads>(t.width, [&](unsigned q, unsigned d) {
      const std::size_t at = static_cast<std::size_t>(j) * t.width + d;
      step_of(adam, factor, by_weight[q], weight[q], t.encoder.first + at, t.encoder.second + at);
      if (t.jumps)
        for (unsigned i = 0; i < 4; ++i)
          if (d + i == t.inputs + 1) weight[q][i] = margin;
      for (unsigned i = 0; i < 4; ++i) largest = fmaxf(largest, fabsf(weight[q][i]));
    });
    block_totals(shared, &length, &none, &largest);
    length = sqrt(length);
    const bool fine = length > 0 && isfinite(length);
    if (!fine && threadIdx.x == 0) atomic_max(&t.outcome->fault, kLength);
    const float shorter = fine ? static_cast<float>(1 / length) : 1.0f;
    for_quads<quads>(t.depth, [&](unsigned q, unsigned d) {
      for (unsigned i = 0; i < 4; ++i) row[q][i] *= shorter;
      store_four(decoder + d, row[q]);
    });
    if (t.aligned) {
      for_quads<quads>(t.depth, [&](unsigned q, unsigned d) {
        for (unsigned i = 0; i < 4; ++i)
          if (d + i < t.inputs)
            product = fma(static_cast<double>(weight[q][i]), static_cast<double>(row[q][i]), product);
      });
      block_totals(shared, &product, &none, &zero);
      largest = 0;
      for_quads<quads>(t.width, [&](unsigned q, unsigned d) {
        for (unsigned i = 0; i < 4; ++i) {
          if (d + i < t.inputs) weight[q][i] = fmaf(static_cast<float>(1 - product), row[q][i], weight[q][i]);
          largest = fmaxf(largest, fabsf(weight[q][i]));
        }
      });
      none = 0;
      product = 0;
      block_totals(shared, &product, &none, &largest);
    }
    // The encoder's row, rounded as round_rows() rounds it.
    const Float16 format(largest);
    double norm = 0, moved = 0;
    for_quads<quads>(t.width, [&](unsigned q, unsigned d) {
      store_four(encoder + d, weight[q]);
      unsigned bits[4];
      for (unsigned i = 0; i < 4; ++i) {
        double as = 0;
        bits[i] = format.round(weight[q][i], &as);
        const double off = static_cast<double>(weight[q][i]) - as;
        norm = fma(as, as, norm);
        moved = fma(off, off, moved);
      }
      *reinterpret_cast<uint2*>(t.tiles.bytes + place(j, 2 * d, t.tiles.chunks)) =
          make_uint2(bits[0] | bits[1] << 16, bits[2] | bits[3] << 16);
    });
    block_totals(shared, &norm, &moved, &zero);
    if (threadIdx.x != 0) continue;
    t.tiles.scales[j] = format.scale;
    t.factors[j] = format.scale;
    t.row_norms[j] = sqrt(norm) * kUp;
    t.row_moved[j] = sqrt(moved) * kUp;
    t.usage[j] += static_cast<std::uint64_t>(count);
    if (count > 0) t.last_used[j] = step;
    t.dead_before[j] = step - t.last_used[j] >= t.dead_after ? 1u : 0u;
  }
  if (t.subtract_bias)
    for_quads<quads>(t.depth, [&](unsigned q, unsigned d) {
      store_four(t.bias_parts + static_cast<std::size_t>(blockIdx.x) * t.depth + d, bias[q]);
    });
  float zero = 0;
  block_totals(shared, &squares[0], &squares[1], &zero);
  if (threadIdx.x != 0) return;
  for (unsigned i = 0; i < 3; ++i) t.square_parts[3 * blockIdx.x + i] = squares[i];
}

/// Entry d of b_dec's gradient: minus the mean residual, and what b_dec takes from the input.
DEVICE float bias_gradient(const Training& t, unsigned d) {
  if (d >= t.outputs) return 0;
  const double sum = t.subtract_bias ? t.bias_sums[d] : 0;
  return static_cast<float>(sum - t.residual_sums[d] / static_cast<double>(t.samples));
}

/// A bound of the gradient's norm, feature by feature: a warp each.
KERNEL bound_kernel(Training t) {
  SHARED(memory);
  double* const shared = reinterpret_cast<double*>(memory);
  if (t.outcome->fault != kNone) return;
  const unsigned warp = threadIdx.x / 32, j = blockIdx.x * kFeaturesTogether + warp;
  double by_row = 0, by_weight = 0, by_bias = 0;
  const auto add = [&](const Entries& entries, const double* squares, double share) {
    for (unsigned u = entries.start[j] + lane(); u < entries.start[j + 1]; u += 32) {
      const Use use = entries.uses[u];
      by_row += share * fabs(static_cast<double>(use.value)) * sqrt(squares[use.sample]);
      const double pull = fabs(static_cast<double>(use.pull));
      by_weight += pull * sqrt(t.input_squares[use.sample]);
      by_bias += pull;
    }
  };
  if (j < t.features) {
    add(t.active, t.squares, 1);
    if (t.revives) add(t.revived, t.dead_squares, static_cast<double>(t.dead_share));
  }
  const double mean = 1 / static_cast<double>(t.samples);
  by_row = mean * warp_sum(by_row);
  by_weight = mean * warp_sum(by_weight);
  by_bias = mean * warp_sum(by_bias);
  if (lane() == 0) {
    shared[3 * warp] = by_weight * by_weight;
    shared[3 * warp + 1] = by_row * by_row;
    shared[3 * warp + 2] = j < t.features ? by_bias * (t.row_norms[j] + t.row_moved[j]) : 0;
  }
  sync_block();
  if (threadIdx.x >= 3) return;
  double sum = 0;
  for (unsigned w = 0; w < kFeaturesTogether; ++w) sum += shared[3 * w + threadIdx.x];
  t.bound_parts[3 * blockIdx.x + threadIdx.x] = sum;
}

constexpr unsigned kOne = 1024;

/// One block.
KERNEL bounded_kernel(Training t, unsigned blocks) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  double part[3] = {0, 0, 0}, bias = 0;
  for (unsigned b = threadIdx.x; b < blocks; b += kOne)
    for (unsigned i = 0; i < 3; ++i) part[i] += t.bound_parts[3 * b + i];
  for (unsigned d = threadIdx.x; d < t.outputs; d += kOne) {
    const double mean = t.residual_sums[d] / static_cast<double>(t.samples);
    bias = fma(mean, mean, bias);
  }
  for (double& one : part) one = block_sum(one, sums);
  bias = block_sum(bias, sums);
  if (threadIdx.x != 0 || t.outcome->fault != kNone) return;
  const double whole = sqrt(bias) + (t.subtract_bias ? part[2] : 0);
  // 2⁻¹⁰: far above what the sums of either are off by.
  const double relative = 2 / static_cast<double>(t.outputs);
  const double bound = (1 + 0x1.0p-10) * relative * sqrt(part[0] + part[1] + whole * whole);
  t.outcome->bound = bound;
  t.outcome->measures = bound <= t.clip && !t.jumps ? 0u : 1u;  // it knows no thresholds
  t.outcome->factor = static_cast<float>(relative);
}

/// One block. What the features' gradients come to, and b_dec's; then the factor of the gradient, or, after the features, b_dec's own step.
KERNEL finish_kernel(Training t, Adam adam, bool updating, unsigned blocks) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  Outcome& out = *t.outcome;
  const unsigned fault = out.fault, measures = out.measures;
  const float factor = out.factor;
  sync_block();
  if (fault != kNone || (!updating && measures == 0)) return;
  double encoder = 0, decoder = 0, thresholds = 0, bias = 0;
  for (unsigned b = threadIdx.x; b < blocks; b += kOne) {
    encoder += t.square_parts[3 * b];
    decoder += t.square_parts[3 * b + 1];
    thresholds += t.square_parts[3 * b + 2];
  }
  for (unsigned d = 4 * threadIdx.x; d < t.depth; d += 4 * kOne) {
    float gradient[4], v[4];
    load_four(v, t.bias.values + d);
    for (unsigned i = 0; i < 4; ++i) {
      gradient[i] = bias_gradient(t, d + i);
      bias = fma(static_cast<double>(gradient[i]), static_cast<double>(gradient[i]), bias);
    }
    if (!updating) continue;
    step_of(adam, factor, gradient, v, t.bias.first + d, t.bias.second + d);
    store_four(t.bias.values + d, v);
  }
  encoder = block_sum(encoder, sums);
  decoder = block_sum(decoder, sums);
  thresholds = block_sum(thresholds, sums);
  bias = block_sum(bias, sums);
  if (threadIdx.x != 0) return;
  const double relative = 2 / static_cast<double>(t.outputs);
  const double norm = relative * sqrt(encoder + decoder + thresholds + bias);
  out.gradient_norm = norm;
  if (updating) return;
  out.factor = static_cast<float>(relative * (norm > t.clip ? t.clip / norm : 1));
  if (isfinite(norm)) return;
  out.fault = !isfinite(encoder)      ? kEncoder
              : !isfinite(decoder)    ? kDecoder
              : !isfinite(bias)       ? kBias
              : !isfinite(thresholds) ? kThreshold
                                      : kNorm;
}

/// The features whose flags were scanned, ascending.
KERNEL dead_kernel(Training t) {
  const unsigned j = blockIdx.x * blockDim.x + threadIdx.x;
  if (t.outcome->fault != kNone) return;  // there are no flags
  if (j == 0) t.outcome->dead = t.dead_before[t.features];
  if (j < t.features && t.dead_before[j + 1] > t.dead_before[j]) t.dead[t.dead_before[j]] = j;
}

template <unsigned quads, bool updating>
void launch_features(const Training& t, unsigned threads, const Adam& adam, std::uint64_t step,
                     cudaStream_t stream) {
  const unsigned blocks = (t.features + kFeaturesTogether - 1) / kFeaturesTogether;
  LAUNCH((features_kernel<quads, updating>), blocks, threads, sizeof(Shared), stream, t, adam, step);
}

template <bool updating>
void launch_features(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  const unsigned widest = std::max(t.width, t.depth) / 4;
  const unsigned threads = std::min(kMostThreads, (widest + 31) / 32 * 32);
  const unsigned quads = (widest + threads - 1) / threads;
  if (quads <= 1)
    launch_features<1, updating>(t, threads, adam, step, stream);
  else if (quads <= 2)
    launch_features<2, updating>(t, threads, adam, step, stream);
  else if (quads <= 4)
    launch_features<4, updating>(t, threads, adam, step, stream);
  else
    launch_features<kMostQuads, updating>(t, threads, adam, step, stream);
  check(cudaGetLastError(), "training features");
}

void finish(const Training& t, const Adam& adam, bool updating, cudaStream_t stream) {
  const unsigned blocks = (t.features + kFeaturesTogether - 1) / kFeaturesTogether;
  if (t.subtract_bias) column_sums(t.bias_parts, blocks, t.depth, t.outputs, t.partial, t.bias_sums, stream);
  LAUNCH(finish_kernel, 1, kOne, kOne / 32 * sizeof(double), stream, t, adam, updating, blocks);
  check(cudaGetLastError(), "training the bias");
}

}  // namespace

void bound_gradient(const Training& t, cudaStream_t stream) {
  const unsigned blocks = (t.features + kFeaturesTogether - 1) / kFeaturesTogether;
  column_sums(t.residual, t.samples, t.depth, t.outputs, t.partial, t.residual_sums, stream);
  LAUNCH(bound_kernel, blocks, 32 * kFeaturesTogether, 3 * kFeaturesTogether * sizeof(double), stream, t);
  LAUNCH(bounded_kernel, 1, kOne, kOne / 32 * sizeof(double), stream, t, blocks);
  check(cudaGetLastError(), "bounding the gradient");
}

void measure_gradient(const Training& t, cudaStream_t stream) {
  launch_features<false>(t, {}, 0, stream);
  finish(t, {}, false, stream);
}

void update(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  launch_features<true>(t, adam, step, stream);
  finish(t, adam, true, stream);
  scan_counts(t.dead_before, t.features, stream);
  LAUNCH(dead_kernel, (t.features + kThreads - 1) / kThreads, kThreads, 0, stream, t);
  check(cudaGetLastError(), "looking for dead features");
}

}  // namespace unsuperpose::cuda
