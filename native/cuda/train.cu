// The gradients of an autoencoder's features, and what Adam makes of the parameters, in one pass over both: gradients are never stored.
//   ∂L/∂d_j = −Σ a r,  ∂L/∂w_j = Σ dL/dh [x', 1]   over the samples that use j, ascending: chains of fused multiply-adds in float32
// First all decoder rows, then all encoder rows, so that the samples' rows that are gathered stay in the L2 cache: 24 bytes of parameters and moments
// are read and written for a weight, past the cache, and 4 gathered for each use. A row of up to 1,148 entries is a warp's, in its registers, and no
// thread waits for another; longer rows are two, four or eight warps'.
// Clipping needs the gradient's norm first. Where a bound of it, from the norms of residuals and inputs, is below the clip, nothing is clipped, and
// the norm comes out of the same pass; otherwise measure_gradient() adds the gradients up once more.
#include "adam.cuh"
#include "group.cuh"
#include "reduce.cuh"
#include "round.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = kGroupThreads, kWarps = kGroupWarps;

/// The squares of a block's gradients: `which` of encoder, decoder, thresholds.
DEVICE void store_squares(const Training& t, double squares, double* scratch, unsigned which) {
  squares = block_sum(squares, scratch);
  if (threadIdx.x == 0) t.square_parts[3 * blockIdx.x + which] = squares;
}

DEVICE bool has_work(const Outcome& outcome, bool updating) {
  return outcome.fault == kNone && (updating || outcome.measures != 0);
}

/// Decoder rows; and who was used.
template <unsigned warps, unsigned quads, bool updating>
KERNEL_BOUNDS(kThreads, 2)
decoder_kernel(Training t, Adam adam, std::uint64_t step) {
  SHARED(memory);
  using Own = Group<warps, quads>;
  const Own group{reinterpret_cast<double*>(memory)};
  if (!has_work(*t.outcome, updating)) return;
  const float factor = updating ? t.outcome->factor : 0.0f;
  const float mean = static_cast<float>(1.0 / static_cast<double>(t.samples));
  double squares = 0;
  for (unsigned turn = 0; turn < kFeaturesTogether / Own::kGroups; ++turn) {
    const unsigned j = blockIdx.x * kFeaturesTogether + turn * Own::kGroups + group.index;
    const bool there = j < t.features;
    const unsigned depth = there ? t.depth : 0;
    const std::size_t at = static_cast<std::size_t>(j) * t.depth;
    float* const values = t.decoder.values + at;
    const float floor = t.jumps && there ? t.threshold.values[j] : -INFINITY;
    float row[quads][4] = {}, gradient[quads][4] = {};
    double count = 0;
    {
      const Uses used(t.active, j, there);
      for (unsigned u = group.member; u < used.count; u += Own::kThreadsOf)
        count += used.at[u].value > 0 && used.at[u].value > floor ? 1 : 0;
      group.add(used, false, floor, -mean, t.residual, t.active.decoder_parts, depth, gradient);
    }
    if (t.revives)
      group.add(Uses(t.revived, j, there), false, floor, -(mean * t.dead_share), t.dead_residual,
                t.revived.decoder_parts, depth, gradient);
    // After the samples' rows: together they need more registers than there are.
    group.each(depth, [&](unsigned q, unsigned d) { load_four_once(row[q], values + d); });
    // What would only change the row's norm is taken out.
    double along = 0;
    group.each(depth, [&](unsigned q, unsigned) {
#pragma unroll
      for (unsigned i = 0; i < 4; ++i)
        along = fma(static_cast<double>(gradient[q][i]), static_cast<double>(row[q][i]), along);
    });
    const float less = static_cast<float>(-group.sum(along));
    double length = 0;
    group.each(depth, [&](unsigned q, unsigned d) {
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        gradient[q][i] = fmaf(less, row[q][i], gradient[q][i]);
        squares = fma(static_cast<double>(gradient[q][i]), static_cast<double>(gradient[q][i]), squares);
      }
      if (!updating) return;
      step_of(adam, factor, gradient[q], row[q], t.decoder.first + at + d, t.decoder.second + at + d);
#pragma unroll
      for (unsigned i = 0; i < 4; ++i)
        length = fma(static_cast<double>(row[q][i]), static_cast<double>(row[q][i]), length);
    });
    if (!updating) continue;
    length = sqrt(group.sum(length));
    const bool fine = length > 0 && isfinite(length);
    const float shorter = fine ? static_cast<float>(1 / length) : 1.0f;
    group.each(depth, [&](unsigned q, unsigned d) {
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) row[q][i] *= shorter;
      store_four_once(values + d, row[q]);
    });
    count = group.sum(count);
    if (group.member != 0 || !there) continue;
    if (!fine) atomic_max(&t.outcome->unfit, 1u);  // `fault` is read by those that begin
    t.usage[j] += static_cast<std::uint64_t>(count);
    if (count > 0) t.last_used[j] = step;
    t.dead_before[j] = step - t.last_used[j] >= t.dead_after ? 1u : 0u;
  }
  store_squares(t, squares, group.scratch, 1);
}

/// A feature's threshold.
struct Threshold {
  float value = 0, first = 0, second = 0;
  /// One step, from what the samples near it say.
  DEVICE float next(const Adam& adam, float factor, float gradient) {
    const float g = gradient * factor;
    first = fmaf(1 - adam.beta1, g - first, first);
    second = fmaf(1 - adam.beta2, g * g - second, second);
    value = fmaxf(0.0f, value - first * adam.rate / (sqrtf(second) * adam.correction + adam.epsilon));
    return value;
  }
};

/// Encoder rows, biases and thresholds; what they take from b_dec; and the rows rounded again, as round_rows() rounds them.
template <unsigned warps, unsigned quads, bool updating>
KERNEL_BOUNDS(kThreads, warps == 1 ? 2 : 1)
encoder_kernel(Training t, Adam adam) {
  SHARED(memory);
  using Own = Group<warps, quads>;
  const Own group{reinterpret_cast<double*>(memory)};
  double* const squares_here = group.scratch + kWarps + group.index;  // of thresholds
  float* const bias = reinterpret_cast<float*>(group.scratch + 2 * kWarps) + group.index * t.width;
  if (!has_work(*t.outcome, updating)) return;
  const float factor = updating ? t.outcome->factor : 0.0f;
  const float mean = static_cast<float>(1.0 / static_cast<double>(t.samples));
  double squares = 0;
  if (group.member == 0) *squares_here = 0;
  for (unsigned turn = 0; turn < kFeaturesTogether / Own::kGroups; ++turn) {
    const unsigned j = blockIdx.x * kFeaturesTogether + turn * Own::kGroups + group.index;
    const bool there = j < t.features;
    const unsigned width = there ? t.width : 0;
    const std::size_t at = static_cast<std::size_t>(j) * t.width;
    float* const values = t.encoder.values + at;
    const float floor = t.jumps && there ? t.threshold.values[j] : -INFINITY;
    float row[quads][4] = {}, gradient[quads][4] = {};
    float by_threshold = 0;
    {
      const Uses used(t.active, j, there);
      if (t.jumps) {
        double sum = 0;
        for (unsigned u = group.member; u < used.count; u += Own::kThreadsOf) {
          const Use use = used.at[u];
          if (fabsf(use.value - floor) < t.bandwidth / 2)
            sum += static_cast<double>(mean * (-(floor * use.pull + t.outcome->price) / t.bandwidth));
        }
        by_threshold = static_cast<float>(group.sum(sum));
        if (group.member == 0)
          *squares_here =
              fma(static_cast<double>(by_threshold), static_cast<double>(by_threshold), *squares_here);
      }
      group.add(used, true, floor, mean, t.input, t.active.encoder_parts, width, gradient);
    }
    if (t.revives)
      group.add(Uses(t.revived, j, there), true, floor, mean, t.input, t.revived.encoder_parts, width,
                gradient);
    group.each(width, [&](unsigned q, unsigned d) { load_four_once(row[q], values + d); });
    if (t.jumps) {
      // The entry that only selects has no gradient.
      group.each(width, [&](unsigned q, unsigned d) {
#pragma unroll
        for (unsigned i = 0; i < 4; ++i)
          if (d + i == t.inputs + 1) gradient[q][i] = 0;
      });
    }
    if (t.subtract_bias) {
      double own = 0;
      group.each(width, [&](unsigned q, unsigned d) {
#pragma unroll
        for (unsigned i = 0; i < 4; ++i)
          if (d + i == t.inputs) own = static_cast<double>(gradient[q][i]);
      });
      const float by_bias = -static_cast<float>(group.sum(own));
      group.each(t.width, [&](unsigned q, unsigned d) {
        float sum[4] = {};
        if (turn > 0) load_four(sum, bias + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) sum[i] = there ? fmaf(by_bias, row[q][i], sum[i]) : sum[i];
        store_four(bias + d, sum);
      });
    }
    float largest = 0;
    // Read before member 0 changes it: sums over the group lie between.
    Threshold threshold;
    if (updating && t.jumps && there) threshold = {floor, t.threshold.first[j], t.threshold.second[j]};
    const float margin = t.bandwidth / 2 - threshold.next(adam, factor, by_threshold);
    group.each(width, [&](unsigned q, unsigned d) {
#pragma unroll
      for (unsigned i = 0; i < 4; ++i)
        squares = fma(static_cast<double>(gradient[q][i]), static_cast<double>(gradient[q][i]), squares);
      if (!updating) return;
      step_of(adam, factor, gradient[q], row[q], t.encoder.first + at + d, t.encoder.second + at + d);
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        if (t.jumps && d + i == t.inputs + 1) row[q][i] = margin;
        largest = fmaxf(largest, fabsf(row[q][i]));
      }
    });
    if (!updating) continue;
    if (t.aligned) {  // the decoder's row has its new values already
      const float* const other = t.decoder.values + static_cast<std::size_t>(j) * t.depth;
      const unsigned depth = there ? t.depth : 0;
      double product = 0;
      group.each(depth, [&](unsigned q, unsigned d) {
        float v[4];
        load_four(v, other + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i)
          product = fma(static_cast<double>(d + i < t.inputs ? row[q][i] : 0.0f), static_cast<double>(v[i]),
                        product);
      });
      const float missing = static_cast<float>(1 - group.sum(product));
      largest = 0;
      group.each(width, [&](unsigned q, unsigned d) {
        float v[4] = {};
        if (d < depth) load_four(v, other + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          if (d + i < t.inputs) row[q][i] = fmaf(missing, v[i], row[q][i]);
          largest = fmaxf(largest, fabsf(row[q][i]));
        }
      });
    }
    const Float16 format(group.most(largest));
    // Squares in units of the scale, in which they are of a size.
    const float inverse = static_cast<float>(format.inverse);
    float norm = 0, moved = 0;
    group.each(width, [&](unsigned q, unsigned d) {
      store_four_once(values + d, row[q]);
      unsigned bits[4];
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const float v = row[q][i] * inverse;  // exact: a power of two
        bits[i] = to_half(v);
        const float as = from_half(static_cast<std::uint16_t>(bits[i])), off = v - as;
        norm = fmaf(as, as, norm);
        moved = fmaf(off, off, moved);
      }
      *reinterpret_cast<uint2*>(t.tiles.bytes + place(j, 2 * d, t.tiles.chunks)) =
          make_uint2(bits[0] | bits[1] << 16, bits[2] | bits[3] << 16);
    });
    const double norms = group.sum(static_cast<double>(norm)), moves = group.sum(static_cast<double>(moved));
    if (group.member != 0 || !there) continue;
    // Chains of 4 · quads terms in float32; and what is too small for a square.
    constexpr double kAbove = 1 + 0x1.0p-17, kLeast = 0x1.0p-60;
    t.tiles.scales[j] = format.scale;
    t.factors[j] = format.scale;
    t.row_norms[j] = static_cast<double>(format.scale) * (sqrt(norms) * kAbove + kLeast);
    t.row_moved[j] = static_cast<double>(format.scale) * (sqrt(moves) * kAbove + kLeast);
    if (!t.jumps) continue;
    t.threshold.values[j] = threshold.value;
    t.threshold.first[j] = threshold.first;
    t.threshold.second[j] = threshold.second;
  }
  if (t.subtract_bias) {
    sync_block();
    const float* const all = reinterpret_cast<float*>(group.scratch + 2 * kWarps);
    for (unsigned d = 4 * threadIdx.x; d < t.depth; d += 4 * kThreads) {
      float sum[4] = {};
      for (unsigned g = 0; g < Own::kGroups; ++g) {
        float v[4];
        load_four(v, all + g * t.width + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) sum[i] += v[i];
      }
      store_four(t.bias_parts + static_cast<std::size_t>(blockIdx.x) * t.depth + d, sum);
    }
  }
  store_squares(t, squares, group.scratch, 0);
  store_squares(t, group.member == 0 ? *squares_here : 0, group.scratch, 2);
}

template <unsigned warps, unsigned quads, bool updating>
void launch_features(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  const unsigned blocks = (t.features + kFeaturesTogether - 1) / kFeaturesTogether;
  const unsigned shared = kWarps * sizeof(double);
  const auto sums = static_cast<unsigned>(kWarps / warps * t.width * sizeof(float));
  const unsigned with_bias = 2 * shared + (t.subtract_bias ? sums : 0);
  const auto encoder = encoder_kernel<warps, quads, updating>;
  check(
      cudaFuncSetAttribute(encoder, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(with_bias)),
      "asking for shared memory");
  LAUNCH((decoder_kernel<warps, quads, updating>), blocks, kThreads, shared, stream, t, adam, step);
  LAUNCH(encoder, blocks, kThreads, with_bias, stream, t, adam);
}

template <bool updating>
void launch_features(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  for_group_of(std::max(t.width, t.depth), [&]<unsigned warps, unsigned quads>() {
    launch_features<warps, quads, updating>(t, adam, step, stream);
  });
  check(cudaGetLastError(), "training features");
}

}  // namespace

void feature_gradients(const Training& t, cudaStream_t stream) { launch_features<false>(t, {}, 0, stream); }

void update_features(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  launch_features<true>(t, adam, step, stream);
}

}  // namespace unsuperpose::cuda
