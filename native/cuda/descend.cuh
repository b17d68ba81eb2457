// Coordinate descent on a working set, by a warp: its Gram matrix in shared memory, codes and correlations in registers. Lane l has
// coordinates l, l + 32, … Each coordinate is minimised exactly:  a_k = soft(c_k + G_kk a_k, λ w_k) / (G_kk + β),  then c −= δ G_k.
// Every lane knows at all times how far its own coordinates would move; in turn, one lane's answer goes to all: a shuffle, a row of G and a
// multiply-add for each 32 atoms. n² multiply-adds a sweep over n atoms at most, most sweeps over the codes that are not zero. In float32: no
// certificate depends on it.
#pragma once
#include "lasso.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

/// The inner solve aims at this share of the gap that is asked for.
inline constexpr double kInnerShare = 0.25;

/// Correlations with the sample to those with the residual of the code there is:  c −= G a.
template <unsigned each>
DEVICE void subtract_codes(const Batch& batch, unsigned sample, unsigned size, const float* gram) {
  float correlation[each];
#pragma unroll
  for (unsigned i = 0; i < each; ++i) {
    const unsigned k = 32 * i + lane();
    correlation[i] = k < size ? batch.correlation[sample * kSet + k] : 0.0f;
  }
  for (unsigned k = 0; k < size; ++k) {
    const float code = batch.code[sample * kSet + k];
    if (code == 0) continue;
#pragma unroll
    for (unsigned i = 0; i < each; ++i)
      correlation[i] = fmaf(-code, gram[k * 32 * each + 32 * i + lane()], correlation[i]);
  }
#pragma unroll
  for (unsigned i = 0; i < each; ++i) {
    const unsigned k = 32 * i + lane();
    if (k < size) batch.correlation[sample * kSet + k] = correlation[i];
  }
  sync_warp();  // all have read the codes that descent writes over
}

/// `gram`: size rows of 32 · each. From the sample's code and correlations and back. `rough`: so much less accuracy does.
template <unsigned each>
DEVICE void descend_set(const Batch& batch, unsigned sample, unsigned size, const float* gram, double rough) {
  constexpr unsigned kMostSweeps = 300;
  constexpr unsigned kActiveSweeps = 8;  // over the codes that are not zero, between two over all
  constexpr unsigned kStride = 32 * each;
  const double lambda = batch.lambda[sample];
  const float ridge = static_cast<float>(batch.ridge);
  float code[each], correlation[each], threshold[each], diagonal[each], inverse[each];
  double weight_least = 1e300;
  float most = 0;
#pragma unroll
  for (unsigned i = 0; i < each; ++i) {
    const unsigned k = 32 * i + lane();
    const bool there = k < size;
    const unsigned at = sample * kSet + k;
    code[i] = there ? batch.code[at] : 0.0f;
    correlation[i] = there ? batch.correlation[at] : 0.0f;
    const double weight = there && batch.weights ? batch.weights[batch.set[at]] : 1.0;
    threshold[i] = static_cast<float>(lambda * weight);
    if (there) {
      weight_least = weight < weight_least ? weight : weight_least;
      most = fmaxf(most, fabsf(correlation[i]));
    }
  }
#pragma unroll
  for (unsigned i = 0; i < each; ++i) {
    const unsigned k = 32 * i + lane();
    diagonal[i] = k < size ? gram[k * kStride + k] : 0.0f;
    const float curvature = diagonal[i] + ridge;
    inverse[i] = k < size && curvature > 0 ? 1.0f / curvature : 0.0f;  // 0: stays where it is
  }
  weight_least = -warp_max(-weight_least);
  most = warp_max(most);
  const Evaluation at = batch.at[sample];
  const double affordable = kInnerShare * rough * batch.tolerance * 0.5 * at.squared_input;
  const double shrunk = lambda * sqrt(2 * affordable / at.squared_residual);
  const double least = static_cast<double>(most) * 0x1.0p-22;

  bool all = true;
  for (unsigned sweep = 0, inner = 0; sweep < kMostSweeps; ++sweep) {
    float worst = 0;
#pragma unroll
    for (unsigned i = 0; i < each; ++i) {
      // Those that may move: codes that are not zero, and, in a sweep over all, violators.
      const float slope = batch.nonnegative ? correlation[i] : fabsf(correlation[i]);
      unsigned open = ballot(inverse[i] > 0 && (code[i] != 0 || (all && slope > threshold[i])));
      while (open != 0) {
        const unsigned turn = lowest_bit(open);
        open &= open - 1;
        const float rho = fmaf(diagonal[i], code[i], correlation[i]);
        float next = 0;
        if (rho > threshold[i])
          next = (rho - threshold[i]) * inverse[i];
        else if (rho < -threshold[i] && !batch.nonnegative)
          next = (rho + threshold[i]) * inverse[i];
        const float step = next - code[i], delta = shuffle(step, static_cast<int>(turn));
        if (lane() == turn) {
          code[i] = next;
          worst = fmaxf(worst, fabsf(step) * (diagonal[i] + ridge));
        }
        const float* row = gram + (32 * i + turn) * kStride + lane();
#pragma unroll
        for (unsigned j = 0; j < each; ++j) correlation[j] = fmaf(-delta, row[32 * j], correlation[j]);
      }
    }
    worst = warp_max(worst);
    // A violation of η costs about η Σ|a| / w in the gap (solvers/lasso.cpp).
    double sum = 0;
#pragma unroll
    for (unsigned i = 0; i < each; ++i) sum += fabs(static_cast<double>(code[i]));
    sum = warp_sum(sum);
    double violation = 0;
    if (sum > 0) violation = weight_least * (affordable / sum < shrunk ? affordable / sum : shrunk);
    if (worst <= static_cast<float>(violation > least ? violation : least)) {
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
  for (unsigned i = 0; i < each; ++i) {
    const unsigned k = 32 * i + lane();
    if (k >= size) continue;
    batch.code[sample * kSet + k] = code[i];
    batch.correlation[sample * kSet + k] = correlation[i];
  }
}

}  // namespace unsuperpose::cuda
