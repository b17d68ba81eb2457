// Entries by sample become uses by feature, each feature's by ascending sample. Counted by atomics, scanned, placed in any order by atomics, then
// put in order: a warp ranks up to 32; of more, a window of samples at a time is laid out in shared memory, where each has its own slot.
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32, kScanning = 1024;
constexpr unsigned kWindow = 8192;  // samples

/// Σ of v over the lanes before this one; `all`: over all.
DEVICE unsigned warp_before(unsigned v, unsigned* all) {
  unsigned sum = v;
  for (unsigned step = 1; step < 32; step *= 2) {
    const unsigned other = shuffle(sum, static_cast<int>((lane() + 32 - step) % 32));
    sum += lane() >= step ? other : 0;
  }
  *all = shuffle(sum, 31);
  return sum - v;
}

/// The same over a block; `scratch` has an entry a warp.
DEVICE unsigned block_before(unsigned v, unsigned* scratch, unsigned* all) {
  unsigned own = 0;
  const unsigned before = warp_before(v, &own);
  sync_block();
  if (lane() == 0) scratch[threadIdx.x / 32] = own;
  sync_block();
  unsigned earlier = 0, sum = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) {
    if (w < threadIdx.x / 32) earlier += scratch[w];
    sum += scratch[w];
  }
  *all = sum;
  return earlier + before;
}

KERNEL count_kernel(Entries entries, unsigned samples) {
  for (unsigned i = blockIdx.x * kWarps + threadIdx.x / 32; i < samples; i += gridDim.x * kWarps)
    for (unsigned e = lane(); e < entries.count[i]; e += 32)
      atomic_add(&entries.start[entries.index[entries.first[i] + e]], 1u);
}

/// One block; each thread has kEach in a row.
constexpr unsigned kEach = 8;
KERNEL scan_kernel(unsigned* at, unsigned count) {
  SHARED(memory);
  unsigned* const scratch = reinterpret_cast<unsigned*>(memory);
  unsigned before = 0;
  for (unsigned start = 0; start < count; start += kEach * kScanning) {
    const unsigned first = start + kEach * threadIdx.x;
    unsigned own[kEach], sum = 0, all = 0;
#pragma unroll
    for (unsigned e = 0; e < kEach; ++e) {
      own[e] = first + e < count ? at[first + e] : 0;
      sum += own[e];
    }
    unsigned next = before + block_before(sum, scratch, &all);
#pragma unroll
    for (unsigned e = 0; e < kEach; ++e) {
      if (first + e < count) at[first + e] = next;
      next += own[e];
    }
    before += all;
  }
  if (threadIdx.x == 0) at[count] = before;
}

/// Entries by feature, in any order.
KERNEL place_kernel(Entries entries, unsigned samples) {
  for (unsigned i = blockIdx.x * kWarps + threadIdx.x / 32; i < samples; i += gridDim.x * kWarps)
    for (unsigned e = lane(); e < entries.count[i]; e += 32) {
      const unsigned at = entries.first[i] + e, j = entries.index[at];
      entries.placed[entries.start[j] + atomic_add(&entries.next[j], 1u)] = at;
    }
}

/// Features that at most 32 samples use: a warp each. The others are left to long_kernel.
KERNEL short_kernel(Entries entries, unsigned features) {
  const unsigned j = blockIdx.x * kWarps + threadIdx.x / 32;
  if (j >= features) return;
  const unsigned first = entries.start[j], count = entries.start[j + 1] - first;
  if (count > kLongUses) {
    const unsigned parts = (count + kPartUses - 1) / kPartUses;
    const unsigned own = lane() == 0 ? atomic_add(entries.part_count, parts) : 0, start = shuffle(own, 0);
    if (lane() == 0) entries.part_start[j] = start;
    for (unsigned p = lane(); p < parts; p += 32) entries.part_feature[start + p] = j;
  }
  if (count == 0 || count > 32) return;
  const bool there = lane() < count;
  const unsigned at = there ? entries.placed[first + lane()] : 0;
  const unsigned sample = there ? entries.sample[at] : 0;
  unsigned rank = 0;
  for (unsigned other = 0; other < count; ++other)
    rank += shuffle(sample, static_cast<int>(other)) < sample ? 1u : 0u;
  if (there) entries.uses[first + rank] = {sample, entries.value[at], entries.pull[at]};
}

/// The features that more samples use: a block each, a window of samples at a time.
KERNEL long_kernel(Entries entries, unsigned samples, unsigned features) {
  SHARED(memory);
  unsigned* const slots = reinterpret_cast<unsigned*>(memory);  // of a sample: its entry's number + 1
  unsigned* const scratch = slots + kWindow;
  for (unsigned j = blockIdx.x; j < features; j += gridDim.x) {
    const unsigned first = entries.start[j], count = entries.start[j + 1] - first;
    if (count <= 32) continue;
    unsigned written = 0;
    for (unsigned window = 0; window < samples; window += kWindow) {
      const unsigned width = samples - window < kWindow ? samples - window : kWindow;
      sync_block();
      for (unsigned s = threadIdx.x; s < width; s += kThreads) slots[s] = 0;
      sync_block();
      for (unsigned u = threadIdx.x; u < count; u += kThreads) {
        const unsigned at = entries.placed[first + u], sample = entries.sample[at];
        if (sample >= window && sample - window < width) slots[sample - window] = at + 1;
      }
      sync_block();
      for (unsigned from = 0; from < width; from += kThreads) {
        const unsigned s = from + threadIdx.x;
        const unsigned slot = s < width ? slots[s] : 0;
        unsigned all = 0;
        const unsigned before = block_before(slot != 0 ? 1u : 0u, scratch, &all);
        if (slot != 0)
          entries.uses[first + written + before] = {window + s, entries.value[slot - 1],
                                                    entries.pull[slot - 1]};
        written += all;
      }
    }
  }
}

}  // namespace

void scan_counts(unsigned* at, unsigned count, cudaStream_t stream) {
  LAUNCH(scan_kernel, 1, kScanning, kScanning / 32 * sizeof(unsigned), stream, at, count);
  check(cudaGetLastError(), "scanning counts");
}

void transpose(const Entries& entries, unsigned samples, unsigned features, cudaStream_t stream) {
  constexpr unsigned kMostBlocks = 2048;
  const unsigned by_sample = std::min(kMostBlocks, (samples + kWarps - 1) / kWarps);
  check(cudaMemsetAsync(entries.start, 0, (features + std::size_t{1}) * sizeof(unsigned), stream),
        "clearing memory");
  check(cudaMemsetAsync(entries.next, 0, features * sizeof(unsigned), stream), "clearing memory");
  check(cudaMemsetAsync(entries.part_count, 0, sizeof(unsigned), stream), "clearing memory");
  LAUNCH(count_kernel, by_sample, kThreads, 0, stream, entries, samples);
  scan_counts(entries.start, features, stream);
  LAUNCH(place_kernel, by_sample, kThreads, 0, stream, entries, samples);
  LAUNCH(short_kernel, (features + kWarps - 1) / kWarps, kThreads, 0, stream, entries, features);
  LAUNCH(long_kernel, std::min(kMostBlocks, features), kThreads, (kWindow + kWarps) * sizeof(unsigned),
         stream, entries, samples, features);
  check(cudaGetLastError(), "sorting codes by feature");
}

}  // namespace unsuperpose::cuda
