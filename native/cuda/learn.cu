// The statistics of online dictionary learning, A += w aᵀa and B += w aᵀx, a feature's rows a block and its users in the order of the samples: no
// atomics, the same bits every time, and those of the CPU for the same codes where its sums are fused likewise. Of n entries, s a sample: 4 n · dims
// bytes of samples, mostly from cache, n · dims multiply-adds, and n · s scattered sums.
#include "learning.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256;

KERNEL teach_kernel(Statistics to, Lesson lesson) {
  const unsigned j = lesson.touched[blockIdx.x];
  const unsigned from = lesson.first[blockIdx.x], end = lesson.first[blockIdx.x + 1];
  float* samples = to.b + static_cast<std::size_t>(j) * to.dims;
  for (unsigned k = threadIdx.x; k < to.dims; k += kThreads) {
    float sum = samples[k];
    for (unsigned u = from; u < end; ++u) {
      const unsigned at = lesson.users[u];
      const float factor = lesson.weight * lesson.values[at];
      sum = fmaf(factor, lesson.samples[static_cast<std::size_t>(lesson.owners[at]) * to.dims + k], sum);
    }
    samples[k] = sum;
  }
  float* codes = to.a + j * to.a_stride;
  for (unsigned u = from; u < end; ++u) {
    const unsigned at = lesson.users[u], sample = lesson.owners[at];
    const float factor = lesson.weight * lesson.values[at];
    // The features of a sample differ; those of two samples may be the same.
    for (unsigned e = lesson.begin[sample] + threadIdx.x; e < lesson.begin[sample + 1]; e += kThreads)
      codes[lesson.indices[e]] += factor * lesson.values[e];
    sync_block();
  }
}

KERNEL multiply_kernel(float* values, std::size_t count, double factor) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kThreads;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += stride)
    values[i] = static_cast<float>(static_cast<double>(values[i]) * factor);
}

KERNEL clear_kernel(Statistics of, unsigned feature) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i < of.features) {
    of.a[feature * of.a_stride + i] = 0;
    of.a[i * of.a_stride + feature] = 0;
  }
  if (i < of.dims) of.b[static_cast<std::size_t>(feature) * of.dims + i] = 0;
}

KERNEL gather_kernel(const float* rows, const std::uint32_t* which, unsigned dims, float* out) {
  const std::size_t i = blockIdx.x, from = which[i];
  for (unsigned k = threadIdx.x; k < dims; k += kThreads) out[i * dims + k] = rows[from * dims + k];
}

}  // namespace

void add_codes(const Statistics& to, const Lesson& lesson, cudaStream_t stream) {
  if (lesson.touched_count == 0) return;
  LAUNCH(teach_kernel, lesson.touched_count, kThreads, 0, stream, to, lesson);
  check(cudaGetLastError(), "adding codes");
}

void multiply_all(float* values, std::size_t count, double factor, cudaStream_t stream) {
  if (count == 0) return;
  constexpr std::size_t kBlocks = 4096;
  const std::size_t blocks = (count + kThreads - 1) / kThreads;
  LAUNCH(multiply_kernel, static_cast<unsigned>(blocks < kBlocks ? blocks : kBlocks), kThreads, 0, stream,
         values, count, factor);
  check(cudaGetLastError(), "scaling statistics");
}

void clear_feature(const Statistics& of, unsigned feature, cudaStream_t stream) {
  const unsigned most = of.features > of.dims ? of.features : of.dims;
  LAUNCH(clear_kernel, (most + kThreads - 1) / kThreads, kThreads, 0, stream, of, feature);
  check(cudaGetLastError(), "forgetting a feature");
}

void gather_rows(const float* rows, const std::uint32_t* which, std::size_t count, unsigned dims, float* out,
                 cudaStream_t stream) {
  if (count == 0) return;
  LAUNCH(gather_kernel, static_cast<unsigned>(count), kThreads, 0, stream, rows, which, dims, out);
  check(cudaGetLastError(), "gathering rows");
}

}  // namespace unsuperpose::cuda
