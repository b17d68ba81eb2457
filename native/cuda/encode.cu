// Which features are active, decided by float64 sums of exact products of the float32 parameters, as on the CPU. From all scores (few features, or
// what lists could not tell), or from lists that a selecting product made with a bound: then only those that may count are scored exactly.
#include "../scoring/device_bound.hpp"
#include "reduce.cuh"
#include "sort.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 256, kWarps = kThreads / 32;
constexpr unsigned kSamples = 4;  // that a warp scores with a feature at a time

DEVICE unsigned sample_of(const Scores& s, unsigned g) { return s.which ? s.which[g] : s.first + g; }
DEVICE unsigned feature_of(const Scores& s, unsigned j) { return s.pick ? s.pick[j] : j; }

/// A warp a feature.
KERNEL scores_kernel(Scores s) {
  const unsigned j = blockIdx.x * kWarps + threadIdx.x / 32;
  if (j >= s.features) return;
  const float* row = s.rows + static_cast<std::size_t>(feature_of(s, j)) * s.width;
  const unsigned first = blockIdx.y * kSamples;
  double sum[kSamples] = {};
  const float* input[kSamples];
#pragma unroll
  for (unsigned g = 0; g < kSamples; ++g)
    input[g] =
        s.input + static_cast<std::size_t>(sample_of(s, first + g < s.count ? first + g : first)) * s.width;
  for (unsigned k = 4 * lane(); k < s.width; k += 128) {
    float w[4];
    load_four(w, row + k);
#pragma unroll
    for (unsigned g = 0; g < kSamples; ++g) {
      float x[4];
      load_four(x, input[g] + k);
      for (unsigned e = 0; e < 4; ++e)
        sum[g] = fma(static_cast<double>(w[e]), static_cast<double>(x[e]), sum[g]);
    }
  }
#pragma unroll
  for (unsigned g = 0; g < kSamples; ++g) {
    const double h = warp_sum(sum[g]);
    if (lane() == 0 && first + g < s.count)
      s.scores[static_cast<std::size_t>(first + g) * s.features + j] = h;
  }
}

/// The order of doubles as that of integers; all that is not above 0 is 0.
DEVICE std::uint64_t key_of(double v) { return v > 0 ? double_bits(v) : 0; }

struct Choosing {
  unsigned counts[256];
  unsigned scratch[kWarps];
  unsigned left, digit;
};

/// Writes the entries that `keep` names, in ascending order of j. All threads of the block come here.
template <class Keep, class Write>
DEVICE unsigned write_kept(unsigned n, unsigned* scratch, const Keep& keep, const Write& write) {
  unsigned written = 0;
  for (unsigned from = 0; from < n; from += kThreads) {
    const unsigned j = from + threadIdx.x;
    const bool kept = j < n && keep(j);
    const unsigned those = ballot(kept);
    sync_block();
    if (lane() == 0) scratch[threadIdx.x / 32] = static_cast<unsigned>(count_bits(those));
    sync_block();
    unsigned before = written;
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < threadIdx.x / 32) before += scratch[w];
      written += scratch[w];
    }
    if (kept) write(j, before + static_cast<unsigned>(count_bits(those & ((1u << lane()) - 1))));
  }
  return written;
}

/// The k-th largest by its digits of eight bits, from the top; then all above it, and as many as are left of those that are like it.
KERNEL choose_kernel(Scores s, unsigned k, Entries entries) {
  SHARED(memory);
  Choosing& shared = *reinterpret_cast<Choosing*>(memory);
  const unsigned sample = sample_of(s, blockIdx.x), first = entries.first[sample];
  const double* scores = s.scores + static_cast<std::size_t>(blockIdx.x) * s.features;
  std::uint64_t prefix = 0;
  if (threadIdx.x == 0) shared.left = k;
  for (int shift = 56; shift >= 0; shift -= 8) {
    sync_block();
    for (unsigned c = threadIdx.x; c < 256; c += kThreads) shared.counts[c] = 0;
    sync_block();
    for (unsigned j = threadIdx.x; j < s.features; j += kThreads) {
      const std::uint64_t key = key_of(scores[j]);
      if (shift == 56 || key >> (shift + 8) == prefix)
        atomic_add(&shared.counts[static_cast<unsigned>(key >> shift) & 255u], 1u);
    }
    sync_block();
    if (threadIdx.x == 0) {
      unsigned digit = 255;
      while (digit > 0 && shared.counts[digit] < shared.left) shared.left -= shared.counts[digit--];
      shared.digit = digit;
    }
    sync_block();
    prefix = prefix << 8 | shared.digit;
  }
  // `left` of those with this key are among the k; of keys 0 none is wanted.
  const unsigned left = shared.left;
  unsigned alike = 0;  // before this tile
  unsigned written = 0;
  for (unsigned from = 0; from < s.features; from += kThreads) {
    const unsigned j = from + threadIdx.x;
    const std::uint64_t key = j < s.features ? key_of(scores[j]) : 0;
    const unsigned tied = ballot(key == prefix && key != 0);
    sync_block();
    if (lane() == 0) shared.scratch[threadIdx.x / 32] = static_cast<unsigned>(count_bits(tied));
    sync_block();
    unsigned rank = alike + static_cast<unsigned>(count_bits(tied & ((1u << lane()) - 1)));
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < threadIdx.x / 32) rank += shared.scratch[w];
      alike += shared.scratch[w];
    }
    const bool kept = key > prefix || (key == prefix && key != 0 && rank < left);
    const unsigned those = ballot(kept);
    sync_block();
    if (lane() == 0) shared.scratch[threadIdx.x / 32] = static_cast<unsigned>(count_bits(those));
    sync_block();
    unsigned to = first + written + static_cast<unsigned>(count_bits(those & ((1u << lane()) - 1)));
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < threadIdx.x / 32) to += shared.scratch[w];
      written += shared.scratch[w];
    }
    if (kept) {
      entries.index[to] = feature_of(s, j);
      entries.sample[to] = sample;
      entries.value[to] = static_cast<float>(scores[j]);
    }
  }
  if (threadIdx.x == 0) entries.count[sample] = written;
}

DEVICE float below(double v) { return static_cast<float>(v - fabs(v) * 0x1.0p-23 - 0x1.0p-140); }
DEVICE float above(double v) { return static_cast<float>(v + fabs(v) * 0x1.0p-23 + 0x1.0p-140); }

/// Shared memory of a list of `room` (a power of two): keys, then what each entry is at most; and once those that may count are known, they.
struct ListMemory {
  std::uint64_t* keys;  // by what strengths are at least, strongest first
  double* exact;        // in the same place, later
  float* most;
  unsigned *feature, *order, *scratch;
  DEVICE ListMemory(unsigned char* memory, unsigned room)
      : keys(reinterpret_cast<std::uint64_t*>(memory)),
        exact(reinterpret_cast<double*>(memory)),
        most(reinterpret_cast<float*>(keys + room)),
        feature(reinterpret_cast<unsigned*>(most + room)),
        order(feature + room),
        scratch(order + room) {}
  static std::size_t bytes(unsigned room) {
    return room * (sizeof(std::uint64_t) + 3 * sizeof(unsigned)) + kWarps * sizeof(unsigned);
  }
};

KERNEL choose_listed_kernel(Training t, Listed l, Scores s, unsigned k, Entries entries) {
  SHARED(memory);
  const unsigned own = blockIdx.x, sample = l.part.first + own, thread = threadIdx.x, count = l.counts[own];
  const ListMemory shared(memory, power_above(l.capacity));
  const float* input = s.input + static_cast<std::size_t>(sample) * s.width;
  const auto fail = [&] {
    if (thread == 0) l.failed[atomic_add(&t.outcome->failed, 1u)] = sample;
  };
  const float floor = l.floors[own];
  // A list is whole, or says that nothing more is above its floor.
  if (count > l.capacity || (count < k && count < s.features)) return fail();
  const double norm = l.norms[own], moved = l.moved[own];
  const unsigned size = power_above(count);
  for (unsigned e = thread; e < size; e += kThreads) {
    std::uint64_t key = kLastKey;
    if (e < count) {
      const UnsuperposeCudaEntry entry = l.entries[static_cast<std::size_t>(own) * l.capacity + e];
      const unsigned j = feature_of(s, entry.index);
      const double off = scoring::device_error(false, s.width, norm, moved, t.row_norms[j] + t.row_moved[j],
                                               t.row_moved[j], 1);
      const double v = static_cast<double>(entry.value);
      key = strongest_first(below(v - off), e);
      shared.most[e] = above(v + off);
      shared.feature[e] = j;
    }
    shared.keys[e] = key;
  }
  sort_keys(shared.keys, nullptr, size);
  // The k-th largest of what strengths are at least: whatever is among the k strongest is at most no less.
  float needed = -INFINITY;
  if (k <= count) {
    const unsigned upper = ~static_cast<unsigned>(shared.keys[k - 1] >> 32);
    needed = bits_float((upper >> 31) != 0 ? upper & 0x7fffffffu : ~upper);
  }
  const double most_off =
      scoring::device_error(false, s.width, norm, moved, t.outcome->largest_norm + t.outcome->largest_moved,
                            t.outcome->largest_moved, 1);
  if (count < s.features && !(above(static_cast<double>(floor) + most_off) < needed)) return fail();
  const unsigned kept = write_kept(
      count, shared.scratch, [&](unsigned e) { return shared.most[e] >= needed && shared.most[e] > 0; },
      [&](unsigned e, unsigned at) { shared.order[at] = shared.feature[e]; });
  sync_block();
  // By feature, whatever order the list came in.
  for (unsigned c = thread; c < kept; c += kThreads) {
    unsigned rank = 0;
    for (unsigned o = 0; o < kept; ++o) rank += shared.order[o] < shared.order[c] ? 1u : 0u;
    shared.feature[rank] = shared.order[c];
  }
  sync_block();
  for (unsigned c = thread / 32; c < kept; c += kWarps) {
    const double h = warp_dot(s.rows + static_cast<std::size_t>(shared.feature[c]) * s.width, input, s.width);
    if (lane() == 0) shared.exact[c] = h;
  }
  sync_block();
  const unsigned first = entries.first[sample];
  const unsigned written = write_kept(
      kept, shared.scratch,
      [&](unsigned c) {
        const double h = shared.exact[c];
        if (!(h > 0)) return false;
        unsigned rank = 0;
        for (unsigned o = 0; o < kept; ++o) {
          const double other = shared.exact[o];
          rank += other > h || (other == h && o < c) ? 1u : 0u;
        }
        return rank < k;
      },
      [&](unsigned c, unsigned at) {
        entries.index[first + at] = shared.feature[c];
        entries.sample[first + at] = sample;
        entries.value[first + at] = static_cast<float>(shared.exact[c]);
      });
  if (thread == 0) entries.count[sample] = written;
}

constexpr unsigned kLargest = 1024;

KERNEL largest_kernel(Training t, const double* norms, const double* moved, unsigned count) {
  SHARED(memory);
  double* const scratch = reinterpret_cast<double*>(memory);
  double norm = 0, off = 0;
  for (unsigned j = threadIdx.x; j < count; j += kLargest) {
    norm = norms[j] > norm ? norms[j] : norm;
    off = moved[j] > off ? moved[j] : off;
  }
  norm = block_max(norm, scratch);
  off = block_max(off, scratch);
  if (threadIdx.x != 0) return;
  t.outcome->largest_norm = norm;
  t.outcome->largest_moved = off;
}

}  // namespace

void score_exactly(const Scores& scores, cudaStream_t stream) {
  if (scores.count == 0) return;
  LAUNCH(scores_kernel,
         dim3((scores.features + kWarps - 1) / kWarps, (scores.count + kSamples - 1) / kSamples), kThreads, 0,
         stream, scores);
  check(cudaGetLastError(), "scoring features");
}

void choose_largest(const Scores& scores, unsigned k, const Entries& entries, cudaStream_t stream) {
  if (scores.count == 0) return;
  LAUNCH(choose_kernel, scores.count, kThreads, sizeof(Choosing), stream, scores, k, entries);
  check(cudaGetLastError(), "choosing features");
}

void choose_listed(const Training& training, const Listed& listed, const Scores& scores, unsigned k,
                   const Entries& entries, cudaStream_t stream) {
  const std::size_t shared = ListMemory::bytes(power_above(listed.capacity));
  check(cudaFuncSetAttribute(choose_listed_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared)),
        "asking for shared memory");
  LAUNCH(choose_listed_kernel, listed.part.count, kThreads, shared, stream, training, listed, scores, k,
         entries);
  check(cudaGetLastError(), "choosing features");
}

void largest(const Training& training, const double* norms, const double* moved, unsigned count,
             cudaStream_t stream) {
  LAUNCH(largest_kernel, 1, kLargest, kLargest / 32 * sizeof(double), stream, training, norms, moved, count);
  check(cudaGetLastError(), "bounding scores");
}

}  // namespace unsuperpose::cuda
