// What is left of a step besides its features (train.cu): a bound of the gradient's norm and the norm, the factor that clips, b_dec, and who is dead.
#include "adam.cuh"
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

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
/// Gradients of such a norm have sums in float32 that are finite.
constexpr double kFinite = 1e30;

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
  t.outcome->measures = bound <= fmin(t.clip, kFinite) && !t.jumps ? 0u : 1u;  // it knows no thresholds
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
  if (updating) {
    if (out.unfit != 0) out.fault = kLength;
    return;
  }
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
  feature_gradients(t, stream);
  finish(t, {}, false, stream);
}

void update(const Training& t, const Adam& adam, std::uint64_t step, cudaStream_t stream) {
  constexpr unsigned kThreads = 256;
  update_features(t, adam, step, stream);
  finish(t, adam, true, stream);
  scan_counts(t.dead_before, t.features, stream);
  LAUNCH(dead_kernel, (t.features + kThreads - 1) / kThreads, kThreads, 0, stream, t);
  check(cudaGetLastError(), "looking for dead features");
}

}  // namespace unsuperpose::cuda
