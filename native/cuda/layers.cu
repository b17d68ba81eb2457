// A layer of an unrolled network, a block a sample: r = x − aD by gathering the atoms of the code; after a pass that lists what may exceed the
// threshold (select.cu), z of the listed features and of those of the code by gathering rows of W; then thresholds, and support selection by counting.
// Of n atoms of a code and m candidates: 4 (n + m) · dims bytes, and as many multiply-adds in float64.
// A sample fails, and is the CPU's, where a list is longer than there is room, where a bound exceeds the threshold, or numbers leave their range.
#include "../scoring/device_bound.hpp"
#include "layers.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;
/// Of ‖step · r‖²: where products of larger rows could leave float32's range.
constexpr double kLargestSquared = 0x1.0p60;

KERNEL residual_kernel(LayerBatch batch) {
  SHARED(memory);
  double* sums = reinterpret_cast<double*>(memory);
  const unsigned sample = blockIdx.x, dims = batch.dims;
  const std::size_t at = static_cast<std::size_t>(sample) * dims;
  const unsigned size = batch.first ? 0 : batch.before.size[sample];
  const std::uint32_t* index = batch.before.index + static_cast<std::size_t>(sample) * batch.capacity;
  const float* value = batch.before.value + static_cast<std::size_t>(sample) * batch.capacity;
  double squared = 0;
  constexpr unsigned kTogether = 4;  // dims of a thread at a time
  for (unsigned from = threadIdx.x; from < dims; from += kTogether * kThreads) {
    double left[kTogether];
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = from + i * kThreads;
      left[i] = d < dims ? static_cast<double>(batch.samples[at + d]) : 0.0;
    }
    for (unsigned e = 0; e < size; ++e) {
      const double a = static_cast<double>(value[e]);
      const float* atom = batch.atoms + static_cast<std::size_t>(index[e]) * dims;
#pragma unroll
      for (unsigned i = 0; i < kTogether; ++i) {
        const unsigned d = from + i * kThreads;
        if (d < dims) left[i] = fma(-a, static_cast<double>(atom[d]), left[i]);
      }
    }
#pragma unroll
    for (unsigned i = 0; i < kTogether; ++i) {
      const unsigned d = from + i * kThreads;
      if (d >= dims) break;
      const float stepped = batch.step * static_cast<float>(left[i]);
      batch.residual[at + d] = stepped;
      squared = fma(static_cast<double>(stepped), static_cast<double>(stepped), squared);
    }
  }
  squared = block_sum(squared, sums);
  // Also where it is no number.
  if (threadIdx.x == 0 && !(squared <= kLargestSquared)) batch.failed[sample] = 1;
}

KERNEL floors_kernel(LayerBatch batch) {
  const unsigned sample = blockIdx.x * kThreads + threadIdx.x;
  if (sample >= batch.count) return;
  constexpr double kSlack = 0x1.0p-20;
  // z is rounded to float32 before it is compared: kSlack is more.
  const double error = scoring::device_error(false, batch.dims, batch.norms[sample], batch.moved[sample],
                                             batch.row_norm, batch.row_moved, 1);
  const double floor = static_cast<double>(batch.threshold) * (1 - kSlack) - error;
  if (!(floor > 0)) batch.failed[sample] = 1;
  constexpr float kNever = 3.402823466e38f;
  batch.floors[sample] = batch.failed[sample] != 0 ? kNever : static_cast<float>(floor * (1 - 0x1.0p-23));
}

KERNEL append_kernel(LayerBatch batch) {
  const unsigned sample = blockIdx.x;
  const unsigned listed = batch.counts[sample], size = batch.first ? 0 : batch.before.size[sample];
  const bool failed = batch.failed[sample] != 0 || listed > batch.capacity || listed + size > batch.capacity;
  UnsuperposeCudaEntry* to = batch.entries + static_cast<std::size_t>(sample) * batch.capacity;
  const std::uint32_t* index = batch.before.index + static_cast<std::size_t>(sample) * batch.capacity;
  sync_block();
  if (!failed)
    for (unsigned e = threadIdx.x; e < size; e += kThreads) to[listed + e] = {0, index[e]};
  if (threadIdx.x != 0) return;
  batch.counts[sample] = failed ? 0 : listed + size;
  if (failed) batch.failed[sample] = 1;
}

/// The code of `feature`, 0 where it has none.
DEVICE float code_of(const std::uint32_t* index, const float* value, unsigned size, std::uint32_t feature) {
  unsigned low = 0, high = size;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (index[middle] < feature)
      low = middle + 1;
    else
      high = middle;
  }
  return low < size && index[low] == feature ? value[low] : 0.0f;
}

struct Shared {
  double sums[kWarps];
  unsigned passed[kWarps];
};

DEVICE unsigned block_count(unsigned v, Shared& shared) {
  return static_cast<unsigned>(block_sum(static_cast<double>(v), shared.sums));
}

KERNEL shrink_kernel(LayerBatch batch) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  float* z = reinterpret_cast<float*>(memory + sizeof(Shared));
  float* threshold = z + batch.capacity;
  const unsigned sample = blockIdx.x, thread = threadIdx.x, warp = thread / 32, dims = batch.dims;
  const std::size_t list = static_cast<std::size_t>(sample) * batch.capacity;
  const unsigned count = batch.counts[sample], size = batch.first ? 0 : batch.before.size[sample];
  const UnsuperposeCudaEntry* candidates = batch.candidates + list;
  const std::uint32_t* index = batch.before.index + list;
  const float* value = batch.before.value + list;
  const float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  const auto strength = [&](float v) { return batch.nonnegative ? v : fabsf(v); };

  unsigned strange = 0;
  for (unsigned e = warp; e < count; e += kWarps) {
    const std::uint32_t j = candidates[e].index;
    const bool again = e > 0 && candidates[e - 1].index == j;
    float at = 0, own = 0;
    if (!again) {
      const double product = warp_dot(batch.weights + static_cast<std::size_t>(j) * dims, residual, dims);
      const float a = code_of(index, value, size, j);
      at = static_cast<float>(product) + a;
      own = batch.adaptive > 0 && !batch.first ? batch.threshold / (1 + fabsf(a) / batch.adaptive)
                                               : batch.threshold;
      if (!(fabsf(at) <= 3.402823466e38f)) strange = 1;
    }
    if (lane() == 0) {
      z[e] = at;  // 0 passes no threshold
      threshold[e] = own;
    }
  }
  strange = block_count(strange, shared);  // a barrier

  unsigned passing = 0;
  for (unsigned e = thread; e < count; e += kThreads)
    if (strength(z[e]) > threshold[e]) ++passing;
  passing = block_count(passing, shared);
  // Entries stronger than this are selected: the (most + 1)-th largest, by its bits, where there are so many.
  float limit = batch.most == 0 ? 3.402823466e38f : -1.0f;
  if (batch.most != 0 && passing > batch.most) {
    const auto wanted = static_cast<unsigned>(batch.most) + 1;
    unsigned bits = 0;
    for (unsigned bit = 1u << 30; bit > 0; bit /= 2) {
      unsigned reaching = 0;
      for (unsigned e = thread; e < count; e += kThreads)
        if (strength(z[e]) > threshold[e] && float_bits(strength(z[e])) >= (bits | bit)) ++reaching;
      if (block_count(reaching, shared) >= wanted) bits |= bit;
    }
    limit = bits_float(bits);
  }
  unsigned written = 0;
  for (unsigned from = 0; from < count; from += kThreads) {
    const unsigned e = from + thread;
    const bool passes = e < count && strength(z[e]) > threshold[e];
    const unsigned those = ballot(passes);
    sync_block();
    if (lane() == 0) shared.passed[warp] = static_cast<unsigned>(count_bits(those));
    sync_block();
    unsigned before = written;
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < warp) before += shared.passed[w];
      written += shared.passed[w];
    }
    if (!passes) continue;
    const unsigned to = before + static_cast<unsigned>(count_bits(those & ((1u << lane()) - 1)));
    batch.after.index[list + to] = candidates[e].index;
    batch.after.value[list + to] = z[e] - copysignf(strength(z[e]) > limit ? 0.0f : threshold[e], z[e]);
  }
  if (thread != 0) return;
  batch.after.size[sample] = strange != 0 ? 0 : written;
  if (strange != 0) batch.failed[sample] = 1;
}

KERNEL pack_kernel(LayerCodes codes, unsigned capacity, const std::uint64_t* offsets,
                   UnsuperposeCudaEntry* out) {
  const std::size_t list = static_cast<std::size_t>(blockIdx.x) * capacity;
  for (unsigned e = threadIdx.x; e < codes.size[blockIdx.x]; e += kThreads)
    out[offsets[blockIdx.x] + e] = {codes.value[list + e], codes.index[list + e]};
}

}  // namespace

void layer_residuals(const LayerBatch& batch, cudaStream_t stream) {
  LAUNCH(residual_kernel, batch.count, kThreads, kWarps * sizeof(double), stream, batch);
  check(cudaGetLastError(), "computing residuals");
}

void layer_floors(const LayerBatch& batch, cudaStream_t stream) {
  LAUNCH(floors_kernel, (batch.count + kThreads - 1) / kThreads, kThreads, 0, stream, batch);
  check(cudaGetLastError(), "setting floors");
}

void layer_append(const LayerBatch& batch, cudaStream_t stream) {
  LAUNCH(append_kernel, batch.count, kThreads, 0, stream, batch);
  check(cudaGetLastError(), "listing codes");
}

void layer_shrink(const LayerBatch& batch, cudaStream_t stream) {
  const auto shared = static_cast<unsigned>(sizeof(Shared) + 2 * batch.capacity * sizeof(float));
  check(cudaFuncSetAttribute(shrink_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(shrink_kernel, batch.count, kThreads, shared, stream, batch);
  check(cudaGetLastError(), "shrinking codes");
}

void pack_codes(const LayerCodes& codes, unsigned count, unsigned capacity, const std::uint64_t* offsets,
                UnsuperposeCudaEntry* out, cudaStream_t stream) {
  LAUNCH(pack_kernel, count, kThreads, 0, stream, codes, capacity, offsets, out);
  check(cudaGetLastError(), "packing codes");
}

}  // namespace unsuperpose::cuda
