// What a pick does to a sample: the atom's Gram row by gathers, the factor and the code on the support by one warp (pursuit_factor.cuh), and the
// residual r = x − Σ a_k d_k in float64. One block a sample; n + 1 atoms are read twice, the second time mostly from cache. And the start: r = x, an
// empty support; and the end: the code in float32, and its residual.
#include "pursuit_factor.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;
constexpr unsigned kTogether = 4;  // dims of a thread at a time
/// As in solvers/omp.cpp: nonnegative pursuits can drop atoms again; this many choices a wanted atom end one that cycles.
constexpr unsigned kChoicesPerAtom = 3;
constexpr double kUnit = 0x1.0p-53;

struct Shared {
  double sums[kWarps];
  double products[kMostSupport + 2];  // with the support, with itself, and with the sample
  double code[kMostSupport];
  std::uint32_t support[kMostSupport];
  unsigned size;  // after the choice
};
/// In place of a size.
constexpr unsigned kDependent = ~0u, kAgain = ~0u - 1;

KERNEL start_kernel(Pursuit pursuit) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = blockIdx.x, dims = pursuit.dims;
  const std::size_t first = static_cast<std::size_t>(sample) * dims;
  double squared = 0;
  for (unsigned k = threadIdx.x; k < dims; k += kThreads) {
    const float x = pursuit.samples[first + k];
    pursuit.rounded[first + k] = x;
    pursuit.residual[first + k] = static_cast<double>(x);
    squared = fma(static_cast<double>(x), static_cast<double>(x), squared);
  }
  squared = block_sum(squared, shared.sums);
  if (threadIdx.x != 0) return;
  const double enough = pursuit.enough[sample];
  pursuit.squared_input[sample] = squared;
  pursuit.left[sample] = pursuit.parts[sample] = sqrt(squared);
  pursuit.size[sample] = pursuit.choices[sample] = pursuit.tries[sample] = 0;
  pursuit.floor[sample] = -1;
  pursuit.look[sample] = Floor::guessed;
  pursuit.precision[sample] = UNSUPERPOSE_CUDA_INT8;
  pursuit.stage[sample] =
      squared > enough * enough && pursuit.most[sample] > 0 ? Pursued::running : Pursued::converged;
}

/// x − Σ code_k d_k of entry d of the kTogether that begin at `first`, in the order of the support.
DEVICE void subtract(const Pursuit& pursuit, const Shared& shared, unsigned size, const float* x,
                     unsigned first, double (&left)[kTogether]) {
  const unsigned dims = pursuit.dims;
#pragma unroll
  for (unsigned i = 0; i < kTogether; ++i) {
    const unsigned d = first + i * kThreads;
    left[i] = d < dims ? static_cast<double>(x[d]) : 0.0;
  }
  for (unsigned k = 0; k < size; ++k) {
    const double a = shared.code[k];
    const float* atom = pursuit.atoms + static_cast<std::size_t>(shared.support[k]) * dims;
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = first + i * kThreads;
      if (d < dims) left[i] -= a * static_cast<double>(atom[d]);
    }
  }
}

/// By one warp: the support with the atom `choice`, solved; its size, or kDependent or kAgain.
DEVICE unsigned take(const Pursuit& pursuit, Shared& shared, unsigned sample, std::uint32_t choice) {
  const unsigned n = pursuit.size[sample];
  LeastSquares fit(pursuit, sample);
  const double target = shared.products[n + 1];
  if (!fit.factor_row(n, shared.products, target, kPivotFloor)) return kDependent;
  if (fit.gram)
    for (unsigned k = lane(); k <= n; k += 32) fit.gram[triangle(n) + k] = shared.products[k];
  if (lane() == 0) {
    fit.support[n] = choice;
    fit.target[n] = target;
    fit.feasible[n] = 0;
    fit.norm[n] = sqrt(shared.products[n]);
  }
  sync_warp();
  fit.solve(n + 1);
  if (!pursuit.nonnegative) return n + 1;
  const unsigned left = fit.make_nonnegative(n + 1);
  if (left == LeastSquares::kFailed) return kAgain;
  // Dropped again itself: its correlation was the rounding of the code, which is for the CPU to see.
  bool there = false;
  for (unsigned k = 0; k < left; ++k) there |= fit.support[k] == choice;
  return there ? left : kAgain;
}

KERNEL append_kernel(Pursuit pursuit) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = pursuit.active[blockIdx.x], dims = pursuit.dims, thread = threadIdx.x,
                 warp = thread / 32;
  const std::uint32_t choice = pursuit.choice[sample];
  if (choice == kNoAtom) return;
  const unsigned before = pursuit.size[sample];
  const std::uint32_t* support = pursuit.support + static_cast<std::size_t>(sample) * pursuit.room;
  const float* x = pursuit.samples + static_cast<std::size_t>(sample) * dims;
  for (unsigned k = thread; k < before; k += kThreads) shared.support[k] = support[k];
  sync_block();
  const float* atom = pursuit.atoms + static_cast<std::size_t>(choice) * dims;
  for (unsigned k = warp; k < before + 2; k += kWarps) {
    const float* other = k < before    ? pursuit.atoms + static_cast<std::size_t>(shared.support[k]) * dims
                         : k == before ? atom
                                       : x;
    const double product = warp_dot(other, atom, dims);
    if (lane() == 0) shared.products[k] = product;
  }
  sync_block();
  if (warp == 0) {
    const unsigned taken = take(pursuit, shared, sample, choice);
    if (lane() == 0) shared.size = taken;
  }
  sync_block();
  const unsigned size = shared.size;
  if (size == kDependent || size == kAgain) {
    if (thread == 0) pursuit.stage[sample] = size == kAgain ? Pursued::again : Pursued::unfinished;
    return;
  }
  LeastSquares fit(pursuit, sample);
  for (unsigned k = thread; k < size; k += kThreads) {
    shared.support[k] = support[k];
    shared.code[k] = fit.solution[k];
  }
  sync_block();
  const std::size_t row = static_cast<std::size_t>(sample) * dims;
  double squared = 0;
  for (unsigned first = thread; first < dims; first += kTogether * kThreads) {
    double left[kTogether];
    subtract(pursuit, shared, size, x, first, left);
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = first + i * kThreads;
      if (d >= dims) break;
      pursuit.residual[row + d] = left[i];
      pursuit.rounded[row + d] = static_cast<float>(left[i]);
      squared = fma(left[i], left[i], squared);
    }
  }
  squared = block_sum(squared, shared.sums);
  double parts = 0;
  for (unsigned k = thread; k < size; k += kThreads) parts += fabs(shared.code[k]) * fit.norm[k];
  parts = block_sum(parts, shared.sums);
  if (thread != 0) return;
  parts += sqrt(pursuit.squared_input[sample]);
  const double left = sqrt(squared), rounding = static_cast<double>(2 * size + 8) * kUnit * parts;
  const double enough = pursuit.enough[sample] > rounding ? pursuit.enough[sample] : rounding;
  const unsigned most = pursuit.most[sample], choices = pursuit.choices[sample] + 1;
  pursuit.left[sample] = left;
  pursuit.parts[sample] = parts;
  pursuit.size[sample] = size;
  pursuit.choices[sample] = choices;
  if (left <= enough || size >= most)
    pursuit.stage[sample] = Pursued::converged;
  else if (pursuit.nonnegative && choices >= kChoicesPerAtom * most)
    pursuit.stage[sample] = Pursued::iterations;
  else if (size == pursuit.room)
    pursuit.stage[sample] = Pursued::unfinished;
}

KERNEL answer_kernel(Pursuit pursuit) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned sample = blockIdx.x, dims = pursuit.dims, size = pursuit.size[sample];
  const float* x = pursuit.samples + static_cast<std::size_t>(sample) * dims;
  const LeastSquares fit(pursuit, sample);
  for (unsigned k = threadIdx.x; k < size; k += kThreads) {
    const float code = static_cast<float>(fit.solution[k]);
    pursuit.code[static_cast<std::size_t>(sample) * pursuit.room + k] = code;
    shared.code[k] = static_cast<double>(code);
    shared.support[k] = fit.support[k];
  }
  sync_block();
  double squared = 0;
  for (unsigned first = threadIdx.x; first < dims; first += kTogether * kThreads) {
    double left[kTogether];
    subtract(pursuit, shared, size, x, first, left);
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) squared = fma(left[i], left[i], squared);
  }
  squared = block_sum(squared, shared.sums);
  if (threadIdx.x == 0) pursuit.squared_residual[sample] = squared;
}

}  // namespace

void start(const Pursuit& pursuit, unsigned samples, cudaStream_t stream) {
  if (samples == 0) return;
  LAUNCH(start_kernel, samples, kThreads, sizeof(Shared), stream, pursuit);
  check(cudaGetLastError(), "starting");
}

void append(const Pursuit& pursuit, cudaStream_t stream) {
  LAUNCH(append_kernel, pursuit.count, kThreads, sizeof(Shared), stream, pursuit);
  check(cudaGetLastError(), "appending atoms");
}

void answer(const Pursuit& pursuit, unsigned samples, cudaStream_t stream) {
  if (samples == 0) return;
  LAUNCH(answer_kernel, samples, kThreads, sizeof(Shared), stream, pursuit);
  check(cudaGetLastError(), "answering");
}

}  // namespace unsuperpose::cuda
