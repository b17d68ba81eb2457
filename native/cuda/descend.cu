// Coordinate descent on the working sets: one warp a sample, its Gram matrix in shared memory, codes and correlations in registers. Lane l has
// coordinates l, l + 32, … Each coordinate is minimised exactly:  a_k = soft(c_k + G_kk a_k, λ w_k) / (G_kk + β),  then c −= δ G_k.
// n² multiply-adds a sweep over n atoms at most, most sweeps over the codes that are not zero; 4 n² bytes read once. In float32: no certificate
// depends on it.
#include "lasso.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kEach = kSet / 32;  // coordinates of a lane
constexpr unsigned kMostSweeps = 300;
constexpr unsigned kActiveSweeps = 8;  // over the codes that are not zero, between two over all
/// The inner solve aims at this share of the gap that is asked for.
constexpr double kInnerShare = 0.25;
/// A set that was chosen in int8 will grow: this much less accuracy does.
constexpr double kRough = 16;

KERNEL descend_kernel(Batch batch, unsigned largest) {
  SHARED(memory);
  float* gram = reinterpret_cast<float*>(memory);
  const unsigned sample = batch.active[blockIdx.x];
  const unsigned size = batch.size[sample];
  if (size == 0 || size > largest) return;
  const unsigned stride = (size + 31) / 32 * 32;
  const float* from = batch.gram + static_cast<std::size_t>(sample) * kSet * kSet;
  for (unsigned k = 0; k < size; ++k)
    for (unsigned l = lane(); l < stride; l += 32)
      gram[k * stride + l] = l < size ? from[k * kSet + l] : 0.0f;
  sync_warp();
  const double lambda = batch.lambda[sample];
  const float ridge = static_cast<float>(batch.ridge);
  float code[kEach], correlation[kEach], threshold[kEach], diagonal[kEach], inverse[kEach];
  double weight_least = 1e300;
  float most = 0;
#pragma unroll
  for (unsigned i = 0; i < kEach; ++i) {
    const unsigned k = 32 * i + lane();
    const bool there = k < size;
    const unsigned at = sample * kSet + k;
    code[i] = there ? batch.code[at] : 0.0f;
    correlation[i] = there ? batch.correlation[at] : 0.0f;
    const double weight = there && batch.weights ? batch.weights[batch.set[at]] : 1.0;
    threshold[i] = static_cast<float>(lambda * weight);
    diagonal[i] = there ? gram[k * stride + k] : 1.0f;
    const float curvature = diagonal[i] + ridge;
    inverse[i] = there && curvature > 0 ? 1.0f / curvature : 0.0f;
    if (there) {
      weight_least = weight < weight_least ? weight : weight_least;
      most = fmaxf(most, fabsf(correlation[i]));
    }
  }
  weight_least = -warp_max(-weight_least);
  most = warp_max(most);
  const Evaluation at = batch.at[sample];
  const bool rough = batch.precision[sample] == UNSUPERPOSE_CUDA_INT8;
  const double affordable = kInnerShare * (rough ? kRough : 1) * batch.tolerance * 0.5 * at.squared_input;
  const double shrunk = lambda * sqrt(2 * affordable / at.squared_residual);

  bool all = true;
  for (unsigned sweep = 0, inner = 0; sweep < kMostSweeps; ++sweep) {
    // A violation of η costs about η Σ|a| / w in the gap (solvers/lasso.cpp).
    double sum = 0;
#pragma unroll
    for (unsigned i = 0; i < kEach; ++i) sum += fabs(static_cast<double>(code[i]));
    sum = warp_sum(sum);
    double violation = 0;
    if (sum > 0) violation = weight_least * (affordable / sum < shrunk ? affordable / sum : shrunk);
    const double least = static_cast<double>(most) * 0x1.0p-22;
    const float accuracy = static_cast<float>(violation > least ? violation : least);
    float worst = 0;
#pragma unroll
    for (unsigned i = 0; i < kEach; ++i) {
      if (32 * i >= size) break;
      // Those that may move: codes that are not zero, and, in a sweep over all, violators.
      for (unsigned from_lane = 0; from_lane < 32 && 32 * i + from_lane < size; ++from_lane) {
        const float c = correlation[i];
        const bool open = code[i] != 0 || (all && (batch.nonnegative ? c : fabsf(c)) > threshold[i]);
        const unsigned opens = ballot(open) >> from_lane;
        if (opens == 0) break;
        if ((opens & 1u) == 0) continue;
        const float old = shuffle(code[i], static_cast<int>(from_lane));
        const float rho =
            shuffle(c, static_cast<int>(from_lane)) + shuffle(diagonal[i], static_cast<int>(from_lane)) * old;
        const float t = shuffle(threshold[i], static_cast<int>(from_lane));
        const float scale = shuffle(inverse[i], static_cast<int>(from_lane));
        float next = 0;
        if (rho > t)
          next = (rho - t) * scale;
        else if (rho < -t && !batch.nonnegative)
          next = (rho + t) * scale;
        const float delta = next - old;
        if (delta == 0) continue;
        const unsigned k = 32 * i + from_lane;
        if (lane() == from_lane) code[i] = next;
        const float* row = gram + k * stride;
#pragma unroll
        for (unsigned j = 0; j < kEach; ++j)
          if (32 * j < stride) correlation[j] = fmaf(-delta, row[32 * j + lane()], correlation[j]);
        const float met = fabsf(delta) * (shuffle(diagonal[i], static_cast<int>(from_lane)) + ridge);
        worst = met > worst ? met : worst;
      }
    }
    if (worst <= accuracy) {
      if (all) break;
      all = true;
      inner = 0;
    } else if (all) {
      all = false;
      inner = 0;
    } else if (++inner == kActiveSweeps) {
      all = true;
    }
  }
#pragma unroll
  for (unsigned i = 0; i < kEach; ++i) {
    const unsigned k = 32 * i + lane();
    if (k >= size) continue;
    batch.code[sample * kSet + k] = code[i];
    batch.correlation[sample * kSet + k] = correlation[i];
  }
}

}  // namespace

void descend(const Batch& batch, unsigned largest, cudaStream_t stream) {
  if (batch.count == 0 || largest == 0) return;
  const unsigned stride = (largest + 31) / 32 * 32;
  const unsigned shared = largest * stride * static_cast<unsigned>(sizeof(float));
  check(cudaFuncSetAttribute(descend_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(descend_kernel, batch.count, 32, shared, stream, batch, largest);
  check(cudaGetLastError(), "descending");
}

}  // namespace unsuperpose::cuda
