// All features above a floor, as entries by sample: of JumpReLU (those above their threshold, or near it), and of BatchTopK, whose strongest of a whole
// batch are then taken from them: by digits of their values, ties by lower sample, then feature. Decided by float64 sums, as everything here.
#include "../scoring/device_bound.hpp"
#include "reduce.cuh"
#include "sort.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;
constexpr unsigned kDropped = 0xffffffffu;

DEVICE double extra_of(const Training& t, unsigned j) {
  if (t.constants == 1) return 0;
  return static_cast<double>(t.encoder.values[static_cast<std::size_t>(j) * t.width + t.inputs + 1]);
}

/// The entry that selects: as on the CPU, ε/2 − θ.
KERNEL margins_kernel(Training t) {
  const unsigned j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j < t.features)
    t.encoder.values[static_cast<std::size_t>(j) * t.width + t.inputs + 1] =
        t.bandwidth / 2 - t.threshold.values[j];
}

KERNEL floors_kernel(Training t, unsigned count, double floor, const double* norms, const double* moved,
                     float* floors) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const double off =
      scoring::device_error(false, t.width, norms[i], moved[i],
                            t.outcome->largest_norm + t.outcome->largest_moved, t.outcome->largest_moved, 1);
  const double lowest = floor - off;
  floors[i] = static_cast<float>(lowest - fabs(lowest) * 0x1.0p-22 - 0x1.0p-140);
}

/// One block.
KERNEL most_kernel(Training t, const unsigned* counts, unsigned count) {
  SHARED(memory);
  double* const scratch = reinterpret_cast<double*>(memory);
  double most = 0;
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) {
    const double own = static_cast<double>(counts[i]);
    most = own > most ? own : most;
  }
  most = block_max(most, scratch);
  if (threadIdx.x == 0) t.outcome->failed = static_cast<unsigned>(most);
}

/// A block a sample: exact scores in place of the listed ones; those that are not above the floor are dropped.
KERNEL score_lists_kernel(Training t, unsigned first, double floor, UnsuperposeCudaEntry* lists,
                          unsigned capacity, Entries entries, unsigned* kept_of) {
  SHARED(memory);
  double* const scratch = reinterpret_cast<double*>(memory);
  const unsigned sample = first + blockIdx.x, count = entries.count[sample];
  UnsuperposeCudaEntry* list = lists + static_cast<std::size_t>(blockIdx.x) * capacity;
  const float* input = t.input + static_cast<std::size_t>(sample) * t.width;
  double kept = 0;
  for (unsigned e = threadIdx.x / 32; e < count; e += kWarps) {
    const unsigned j = list[e].index;
    const double score = warp_dot(t.encoder.values + static_cast<std::size_t>(j) * t.width, input, t.width);
    if (lane() != 0) continue;
    const bool passes = score > floor;
    list[e] = {static_cast<float>(score - extra_of(t, j)), passes ? j : kDropped};
    kept += passes ? 1 : 0;
  }
  kept = block_sum(kept, scratch);
  if (threadIdx.x == 0 && kept_of) kept_of[sample] = static_cast<unsigned>(kept);
}

KERNEL order_lists_kernel(unsigned first_sample, const UnsuperposeCudaEntry* lists, unsigned capacity,
                          Entries entries) {
  SHARED(memory);
  const unsigned sample = first_sample + blockIdx.x, count = entries.count[sample],
                 first = entries.first[sample];
  const unsigned kept = entries.first[sample + 1] - first, size = power_above(count);
  std::uint64_t* const keys = reinterpret_cast<std::uint64_t*>(memory);
  float* const values = reinterpret_cast<float*>(keys + size);
  for (unsigned e = threadIdx.x; e < size; e += kThreads) {
    const UnsuperposeCudaEntry entry = e < count ? lists[static_cast<std::size_t>(blockIdx.x) * capacity + e]
                                                 : UnsuperposeCudaEntry{0, kDropped};
    keys[e] = entry.index;
    values[e] = entry.value;
  }
  sort_keys(keys, values, size);
  for (unsigned e = threadIdx.x; e < kept; e += kThreads) {
    entries.index[first + e] = static_cast<unsigned>(keys[e]);
    entries.sample[first + e] = sample;
    entries.value[first + e] = values[e];
  }
  sync_block();
  if (threadIdx.x == 0) entries.count[sample] = kept;
}

/// From the scores of all features; `writing`: once entries.first is known.
KERNEL all_kernel(Training t, Scores s, double floor, Entries entries, bool writing) {
  SHARED(memory);
  unsigned* const scratch = reinterpret_cast<unsigned*>(memory);
  const unsigned sample = s.first + blockIdx.x, first = entries.first[sample];
  const double* scores = s.scores + static_cast<std::size_t>(blockIdx.x) * s.features;
  unsigned written = 0;
  for (unsigned from = 0; from < s.features; from += kThreads) {
    const unsigned j = from + threadIdx.x;
    const bool kept = j < s.features && scores[j] > floor;
    const unsigned those = ballot(kept);
    sync_block();
    if (lane() == 0) scratch[threadIdx.x / 32] = static_cast<unsigned>(count_bits(those));
    sync_block();
    unsigned to = first + written + static_cast<unsigned>(count_bits(those & ((1u << lane()) - 1)));
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < threadIdx.x / 32) to += scratch[w];
      written += scratch[w];
    }
    if (!kept || !writing) continue;
    entries.index[to] = j;
    entries.sample[to] = sample;
    entries.value[to] = static_cast<float>(scores[j] - extra_of(t, j));
  }
  sync_block();
  if (threadIdx.x != 0) return;
  entries.count[sample] = written;
  if (!writing) entries.first[sample] = written;
}

/// Of the digit from `shift` on, of values whose higher digits are cut.prefix, how many have which.
KERNEL digits_kernel(const float* values, unsigned count, unsigned shift, Cut* cut) {
  SHARED(memory);
  unsigned* const counts = reinterpret_cast<unsigned*>(memory);
  for (unsigned c = threadIdx.x; c < 256; c += kThreads) counts[c] = 0;
  sync_block();
  const unsigned prefix = cut->prefix;
  for (unsigned e = blockIdx.x * kThreads + threadIdx.x; e < count; e += gridDim.x * kThreads) {
    const unsigned key = values[e] > 0 ? float_bits(values[e]) : 0;
    if (shift == 24 || key >> (shift + 8) == prefix) atomic_add(&counts[(key >> shift) & 255u], 1u);
  }
  sync_block();
  for (unsigned c = threadIdx.x; c < 256; c += kThreads)
    if (counts[c] > 0) atomic_add(&cut->counts[c], counts[c]);
}

/// One warp.
KERNEL digit_kernel(Cut* cut) {
  if (threadIdx.x == 0) {
    unsigned digit = 255, left = cut->left;
    while (digit > 0 && cut->counts[digit] < left) left -= cut->counts[digit--];
    cut->left = left;
    cut->prefix = cut->prefix << 8 | digit;
  }
  sync_warp();
  for (unsigned c = threadIdx.x; c < 256; c += 32) cut->counts[c] = 0;
}

/// A warp a sample: how many of its entries are above the cut, and how many are like it.
KERNEL weigh_kernel(Entries entries, unsigned samples, const Cut* cut, unsigned* greater, unsigned* alike) {
  const unsigned i = blockIdx.x * kWarps + threadIdx.x / 32;
  if (i >= samples) return;
  unsigned more = 0, same = 0;
  for (unsigned from = 0; from < entries.count[i]; from += 32) {
    const unsigned e = from + lane();
    const float v = e < entries.count[i] ? entries.value[entries.first[i] + e] : 0.0f;
    const unsigned key = v > 0 ? float_bits(v) : 0;
    more += static_cast<unsigned>(count_bits(ballot(key > cut->prefix)));
    same += static_cast<unsigned>(count_bits(ballot(key == cut->prefix && key != 0)));
  }
  if (lane() != 0) return;
  greater[i] = more;
  alike[i] = same;
}

/// Of those alike, the first cut.left over all samples are kept; `alike` is scanned.
KERNEL keep_kernel(unsigned samples, const Cut* cut, const unsigned* greater, const unsigned* alike,
                   Entries to) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= samples) return;
  const unsigned before = alike[i], same = alike[i + 1] - before;
  const unsigned left = cut->left > before ? cut->left - before : 0;
  to.count[i] = to.first[i] = greater[i] + (same < left ? same : left);
}

KERNEL cut_kernel(Entries from, unsigned samples, const Cut* cut, const unsigned* alike, Entries to) {
  const unsigned i = blockIdx.x * kWarps + threadIdx.x / 32;
  if (i >= samples) return;
  unsigned written = 0, same = alike[i];
  for (unsigned start = 0; start < from.count[i]; start += 32) {
    const unsigned e = start + lane(), at = from.first[i] + e;
    const float v = e < from.count[i] ? from.value[at] : 0.0f;
    const unsigned key = v > 0 ? float_bits(v) : 0;
    const unsigned ties = ballot(key == cut->prefix && key != 0);
    const unsigned earlier = (1u << lane()) - 1;
    const bool kept =
        key > cut->prefix || (key == cut->prefix && key != 0 &&
                              same + static_cast<unsigned>(count_bits(ties & earlier)) < cut->left);
    const unsigned those = ballot(kept);
    if (kept) {
      const unsigned place = to.first[i] + written + static_cast<unsigned>(count_bits(those & earlier));
      to.index[place] = from.index[at];
      to.sample[place] = i;
      to.value[place] = v;
    }
    written += static_cast<unsigned>(count_bits(those));
    same += static_cast<unsigned>(count_bits(ties));
  }
}

unsigned blocks_of(std::size_t n, unsigned each) { return static_cast<unsigned>((n + each - 1) / each); }

}  // namespace

void set_margins(const Training& t, cudaStream_t stream) {
  LAUNCH(margins_kernel, blocks_of(t.features, kThreads), kThreads, 0, stream, t);
  check(cudaGetLastError(), "setting thresholds");
}

void floors_below(const Training& t, const Part& part, double floor, const double* norms, const double* moved,
                  float* floors, cudaStream_t stream) {
  LAUNCH(floors_kernel, blocks_of(part.count, kThreads), kThreads, 0, stream, t, part.count, floor, norms,
         moved, floors);
  check(cudaGetLastError(), "setting floors");
}

void most_listed(const Training& t, const unsigned* counts, unsigned count, cudaStream_t stream) {
  LAUNCH(most_kernel, 1, 1024, 32 * sizeof(double), stream, t, counts, count);
  check(cudaGetLastError(), "counting lists");
}

void score_lists(const Training& t, const Part& part, double floor, UnsuperposeCudaEntry* lists,
                 unsigned capacity, const Entries& entries, unsigned* kept, cudaStream_t stream) {
  LAUNCH(score_lists_kernel, part.count, kThreads, kWarps * sizeof(double), stream, t, part.first, floor,
         lists, capacity, entries, kept);
  check(cudaGetLastError(), "scoring lists");
}

void order_lists(const Part& part, const UnsuperposeCudaEntry* lists, unsigned capacity, unsigned most,
                 const Entries& entries, cudaStream_t stream) {
  const unsigned shared = power_above(most) * (sizeof(std::uint64_t) + sizeof(float));
  check(cudaFuncSetAttribute(order_lists_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(order_lists_kernel, part.count, kThreads, shared, stream, part.first, lists, capacity, entries);
  check(cudaGetLastError(), "sorting lists");
}

void all_above(const Training& t, const Scores& scores, double floor, const Entries& entries, bool writing,
               cudaStream_t stream) {
  LAUNCH(all_kernel, scores.count, kThreads, kWarps * sizeof(unsigned), stream, t, scores, floor, entries,
         writing);
  check(cudaGetLastError(), "choosing features");
}

void keep_strongest(const Entries& from, unsigned samples, unsigned count, Cut* cut, unsigned* greater,
                    unsigned* alike, const Entries& to, cudaStream_t stream) {
  constexpr unsigned kMostBlocks = 1024;
  for (int shift = 24; count > 0 && shift >= 0; shift -= 8) {
    LAUNCH(digits_kernel, std::min(kMostBlocks, blocks_of(count, kThreads)), kThreads, 256 * sizeof(unsigned),
           stream, from.value, count, static_cast<unsigned>(shift), cut);
    LAUNCH(digit_kernel, 1, 32, 0, stream, cut);
  }
  const unsigned by_warps = blocks_of(samples, kWarps);
  LAUNCH(weigh_kernel, by_warps, kThreads, 0, stream, from, samples, cut, greater, alike);
  scan_counts(alike, samples, stream);
  LAUNCH(keep_kernel, blocks_of(samples, kThreads), kThreads, 0, stream, samples, cut, greater, alike, to);
  scan_counts(to.first, samples, stream);
  LAUNCH(cut_kernel, by_warps, kThreads, 0, stream, from, samples, cut, alike, to);
  check(cudaGetLastError(), "taking the strongest of a batch");
}

}  // namespace unsuperpose::cuda
