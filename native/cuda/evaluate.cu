// What a code is worth: the residual r = x − Σ a_k d_k and the sums of its certificate (½‖r‖², x·r, Σ w|a|, ‖a‖²) in float64, and the correlations
// d_k · r of the atoms whose codes are not zero with the residual as it was rounded to float32. One block a sample. Some dims of all these atoms are
// copied to shared memory at a time, one step ahead, and serve both: 4 n · dims bytes and 2 n · dims multiply-adds in float64 for n atoms. And the
// start: r = x, an empty set.
#include "lasso.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kStartThreads = 256;
constexpr unsigned kThreads = 128, kWarps = kThreads / 32;
/// Of a step: a place for 48 rows of 128 dims, or 96 of 64, or 192 of 32. Four blocks fit a multiprocessor.
constexpr unsigned kStepRows = 48, kStepFloats = kStepRows * kThreads;
static_assert(kSet + 1 <= 4 * kStepRows);

struct Shared {
  float residual[kThreads];  // of a step
  double sums[kWarps];
  std::uint32_t atom[kSet];  // those whose codes are not zero
  double minus[kSet];        // their codes, negated
  unsigned place[kSet];      // in the set
  unsigned count;
};
constexpr unsigned kHeadBytes = 3072;
static_assert(sizeof(Shared) <= kHeadBytes);

KERNEL start_kernel(Batch batch) {
  SHARED(memory);
  double* sums = reinterpret_cast<double*>(memory);
  const unsigned sample = blockIdx.x, dims = batch.dims;
  const float* x = batch.samples + static_cast<std::size_t>(sample) * dims;
  float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  double squared = 0;
  for (unsigned k = threadIdx.x; k < dims; k += kStartThreads) {
    residual[k] = x[k];
    squared = fma(static_cast<double>(x[k]), static_cast<double>(x[k]), squared);
  }
  squared = block_sum(squared, sums);
  if (threadIdx.x != 0) return;
  batch.at[sample] = {squared, squared, squared, squared, 0, 0};
  batch.strongest[sample] = 0;
  batch.gap[sample] = 1;
  batch.size[sample] = batch.with_gram[sample] = 0;
  batch.precision[sample] = UNSUPERPOSE_CUDA_INT8;
  batch.stage[sample] = Stage::running;
  batch.rounds[sample] = batch.stalled[sample] = 0;
  batch.solve[sample] = static_cast<std::uint8_t>(Solve::kept);
  batch.proof[sample] = static_cast<std::uint8_t>(Proof::where_short);
}

/// By the first warp: the atoms whose codes are not zero, in the set's order.
DEVICE void gather_codes(const Batch& batch, unsigned sample, Shared& shared) {
  const unsigned size = batch.size[sample];
  unsigned count = 0;
  for (unsigned first = 0; first < size; first += 32) {
    const unsigned k = first + lane();
    const float code = k < size ? batch.code[sample * kSet + k] : 0.0f;
    const unsigned mask = ballot(code != 0);
    if (code != 0) {
      const unsigned to = count + static_cast<unsigned>(count_bits(mask & ((1u << lane()) - 1)));
      shared.atom[to] = batch.set[sample * kSet + k];
      shared.minus[to] = -static_cast<double>(code);
      shared.place[to] = k;
    }
    count += static_cast<unsigned>(count_bits(mask));
  }
  if (lane() == 0) shared.count = count;
}

KERNEL_BOUNDS(kThreads, 4)
evaluate_kernel(Batch batch) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  float* places = reinterpret_cast<float*>(memory + kHeadBytes);  // two
  const unsigned sample = batch.active[blockIdx.x], dims = batch.dims, thread = threadIdx.x,
                 warp = thread / 32;
  if (warp == 0) gather_codes(batch, sample, shared);
  sync_block();
  const unsigned count = shared.count, rows = count + 1;  // and x
  const float* x = batch.samples + static_cast<std::size_t>(sample) * dims;
  float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  const unsigned width = rows <= kStepRows ? 128 : rows <= 2 * kStepRows ? 64 : 32, pieces = width / 4;
  const unsigned steps = (dims + width - 1) / width;
  const bool by_four = dims % 4 == 0;  // rows start at multiples of 16 bytes

  const auto load = [&](unsigned step) {
    if (step < steps) {
      float* to = places + step % 2 * kStepFloats;
      for (unsigned i = thread; i < rows * pieces; i += kThreads) {
        const unsigned row = i / pieces, first = step * width + i % pieces * 4;
        const float* from =
            (row < count ? batch.atoms + static_cast<std::size_t>(shared.atom[row]) * dims : x) + first;
        if (by_four && first < dims) {
          copy_async(to + 4 * i, from);
          continue;
        }
        for (unsigned e = 0; e < 4; ++e)
          if (first + e < dims)
            copy_async_word(to + 4 * i + e, from + e);
          else
            to[4 * i + e] = 0;
      }
    }
    copy_commit();
  };

  double squared = 0, rounded = 0, with_input = 0;
  constexpr unsigned kRowsOfWarp = kSet / kWarps;
  double products[kRowsOfWarp];  // of rows warp, warp + kWarps, …; this lane's share
#pragma unroll
  for (unsigned i = 0; i < kRowsOfWarp; ++i) products[i] = 0;
  load(0);
  for (unsigned step = 0; step < steps; ++step) {
    copy_wait<0>();
    sync_block();
    load(step + 1);
    const float* place = places + step % 2 * kStepFloats;
    if (thread < width) {
      const float input = place[count * width + thread];
      double left = static_cast<double>(input);
#pragma unroll 8
      for (unsigned k = 0; k < count; ++k)
        left = fma(shared.minus[k], static_cast<double>(place[k * width + thread]), left);
      const float r = static_cast<float>(left);
      shared.residual[thread] = r;
      if (step * width + thread < dims) residual[step * width + thread] = r;
      squared = fma(left, left, squared);
      rounded = fma(static_cast<double>(r), static_cast<double>(r), rounded);
      with_input = fma(static_cast<double>(input), static_cast<double>(r), with_input);
    }
    sync_block();
    if (4 * lane() < width) {
      double r[4];
#pragma unroll
      for (unsigned e = 0; e < 4; ++e) r[e] = static_cast<double>(shared.residual[4 * lane() + e]);
#pragma unroll
      for (unsigned i = 0; i < kRowsOfWarp; ++i) {
        const unsigned row = kWarps * i + warp;
        if (row >= count) break;
        float d[4];
        load_four(d, place + row * width + 4 * lane());
#pragma unroll
        for (unsigned e = 0; e < 4; ++e) products[i] = fma(static_cast<double>(d[e]), r[e], products[i]);
      }
    }
  }
  squared = block_sum(squared, shared.sums);
  rounded = block_sum(rounded, shared.sums);
  with_input = block_sum(with_input, shared.sums);
  double l1 = 0, squared_code = 0;
  if (thread < count) {
    const double a = shared.minus[thread];
    l1 = (batch.weights ? batch.weights[shared.atom[thread]] : 1.0) * fabs(a);
    squared_code = a * a;
  }
  static_assert(kSet <= kThreads);
  l1 = block_sum(l1, shared.sums);
  squared_code = block_sum(squared_code, shared.sums);
  double strongest = 0;
#pragma unroll
  for (unsigned i = 0; i < kRowsOfWarp; ++i) {
    const unsigned row = kWarps * i + warp;
    if (row >= count) break;
    const double product = warp_sum(products[i]);
    const double weight = batch.weights ? batch.weights[shared.atom[row]] : 1.0;
    const double slope = product + batch.ridge * shared.minus[row];
    const double strength = (batch.nonnegative ? slope : fabs(slope)) / weight;
    strongest = strength > strongest ? strength : strongest;
    if (lane() == 0) batch.correlation[sample * kSet + shared.place[row]] = static_cast<float>(product);
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
  LAUNCH(start_kernel, samples, kStartThreads, kStartThreads / 32 * sizeof(double), stream, batch);
  check(cudaGetLastError(), "starting");
}

void evaluate(const Batch& batch, cudaStream_t stream) {
  if (batch.count == 0) return;
  constexpr unsigned kShared = kHeadBytes + 2 * kStepFloats * static_cast<unsigned>(sizeof(float));
  check(cudaFuncSetAttribute(evaluate_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared),
        "asking for shared memory");
  LAUNCH(evaluate_kernel, batch.count, kThreads, kShared, stream, batch);
  check(cudaGetLastError(), "evaluating codes");
}

}  // namespace unsuperpose::cuda
