// A batch in the units of training: x' = c·x − b_dec with the constant after it, and y − b_dec, each entry rounded as the CPU rounds it. One
// block a sample. And sums over the rows of a matrix, in parts of kRowsTogether rows, in float64.
//
// The spread of the targets, Σ‖y − mean‖², is no difference of sums over all of them, which tells nothing of samples far from 0. A part's entries of a column
// are taken from their first, f: with o = y − f, Σ (y − m)² = Σ o² − (Σ o)² / r over r rows, where Σ o² ≤ (r + 1) Σ (y − m)², as (f − m)² is in the sum.
// What rounding does to it is below 3 r (r + 1) 2⁻⁵³ of it, 6 · 10⁻¹², and nothing where all are equal. Parts are joined as core/spread.hpp joins batches
// (Chan, Golub & LeVeque 1979). Of 4,096 × 1,024 targets: 17 MB are read, as for their sums alone, 0.5 MB of parts written and read, and 13 · 10⁶
// operations in float64.
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kColumns = 128;

DEVICE float scaled(float v, double scale) { return static_cast<float>(static_cast<double>(v) * scale); }

KERNEL prepare_kernel(Training t) {
  SHARED(memory);
  double* const sums = reinterpret_cast<double*>(memory);
  const std::size_t sample = blockIdx.x;
  const float* x = t.given + sample * t.inputs;
  const float* y = t.given_target ? t.given_target + sample * t.outputs : x;
  const float* bias = t.bias.values;
  double own = 0;
  bool fits = true;
  for (unsigned d = threadIdx.x; d < t.width; d += kThreads) {
    float v = d < t.inputs + t.constants ? 1.0f : 0.0f;
    if (d < t.inputs) {
      v = scaled(x[d], t.input_scale);
      fits = fits && isfinite(v);
      if (t.subtract_bias) v -= bias[d];
    }
    t.input[sample * t.width + d] = v;
    own = fma(static_cast<double>(v), static_cast<double>(v), own);
  }
  for (unsigned d = threadIdx.x; d < t.depth; d += kThreads) {
    float v = 0;
    if (d < t.outputs) {
      v = scaled(y[d], t.target_scale);
      fits = fits && isfinite(v);
      v -= bias[d];
    }
    t.residual[sample * t.depth + d] = v;
  }
  own = block_sum(own, sums);
  if (!fits) atomic_max(&t.outcome->fault, kTooLarge);
  if (threadIdx.x == 0) t.input_squares[sample] = own;
}

KERNEL parts_kernel(const float* rows, std::size_t count, unsigned stride, unsigned columns,
                    double* partial) {
  const unsigned column = blockIdx.x * kColumns + threadIdx.x;
  if (column >= columns) return;
  const std::size_t first = static_cast<std::size_t>(blockIdx.y) * kRowsTogether;
  const std::size_t end = first + kRowsTogether < count ? first + kRowsTogether : count;
  double sum = 0;
#pragma unroll 8
  for (std::size_t i = first; i < end; ++i) sum += static_cast<double>(rows[i * stride + column]);
  partial[static_cast<std::size_t>(blockIdx.y) * columns + column] = sum;
}

KERNEL whole_kernel(const double* partial, unsigned parts, unsigned columns, double* out) {
  const unsigned column = blockIdx.x * kColumns + threadIdx.x;
  if (column >= columns) return;
  double sum = 0;
#pragma unroll 8
  for (unsigned p = 0; p < parts; ++p) sum += partial[static_cast<std::size_t>(p) * columns + column];
  out[column] = sum;
}

/// Of each part, means and Σ (y − mean)²: partial[2 · part] and [2 · part + 1].
KERNEL spread_parts_kernel(const float* rows, std::size_t count, unsigned columns, double* partial) {
  const unsigned column = blockIdx.x * kColumns + threadIdx.x;
  if (column >= columns) return;
  const std::size_t first = static_cast<std::size_t>(blockIdx.y) * kRowsTogether;
  const std::size_t end = first + kRowsTogether < count ? first + kRowsTogether : count;
  const double from = static_cast<double>(rows[first * columns + column]);
  double sum = 0, squares = 0;
#pragma unroll 8
  for (std::size_t i = first + 1; i < end; ++i) {
    const double off = static_cast<double>(rows[i * columns + column]) - from;
    sum += off;
    squares = fma(off, off, squares);
  }
  const double mean = sum / static_cast<double>(end - first);
  double* const to = partial + 2 * static_cast<std::size_t>(blockIdx.y) * columns + column;
  to[0] = from + mean;
  to[columns] = fma(-mean, sum, squares);
}

KERNEL spread_kernel(const double* partial, std::size_t count, unsigned columns, double* means,
                     double* apart) {
  const unsigned column = blockIdx.x * kColumns + threadIdx.x;
  if (column >= columns) return;
  const double* from = partial + column;
  double mean = from[0], squares = from[columns];
  for (std::size_t before = kRowsTogether; before < count; before += kRowsTogether) {
    from += 2 * static_cast<std::size_t>(columns);
    const std::size_t here = count - before < kRowsTogether ? count - before : kRowsTogether;
    const double share = static_cast<double>(here) / static_cast<double>(before + here);
    const double off = from[0] - mean;
    mean = fma(share, off, mean);
    squares += fma(off * off, static_cast<double>(before) * share, from[columns]);
  }
  means[column] = mean;
  apart[column] = squares;
}

}  // namespace

void prepare(const Training& training, cudaStream_t stream) {
  LAUNCH(prepare_kernel, training.samples, kThreads, kThreads / 32 * sizeof(double), stream, training);
  check(cudaGetLastError(), "preparing a batch");
}

void column_sums(const float* rows, std::size_t count, unsigned stride, unsigned columns, double* partial,
                 double* out, cudaStream_t stream) {
  const unsigned blocks = (columns + kColumns - 1) / kColumns;
  const unsigned parts = static_cast<unsigned>((count + kRowsTogether - 1) / kRowsTogether);
  LAUNCH(parts_kernel, dim3(blocks, parts), kColumns, 0, stream, rows, count, stride, columns, partial);
  LAUNCH(whole_kernel, blocks, kColumns, 0, stream, partial, parts, columns, out);
  check(cudaGetLastError(), "adding rows up");
}

void column_spreads(const float* rows, std::size_t count, unsigned columns, double* partial, double* means,
                    double* apart, cudaStream_t stream) {
  const unsigned blocks = (columns + kColumns - 1) / kColumns;
  const unsigned parts = static_cast<unsigned>((count + kRowsTogether - 1) / kRowsTogether);
  LAUNCH(spread_parts_kernel, dim3(blocks, parts), kColumns, 0, stream, rows, count, columns, partial);
  LAUNCH(spread_kernel, blocks, kColumns, 0, stream, partial, count, columns, means, apart);
  check(cudaGetLastError(), "taking the spread of a batch");
}

}  // namespace unsuperpose::cuda
