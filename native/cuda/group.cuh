// Rows that warps have in their registers, and what samples' rows add up to in them.
#pragma once
#include "reduce.cuh"
#include "train.hpp"

namespace unsuperpose::cuda {

inline constexpr unsigned kGroupThreads = 256, kGroupWarps = kGroupThreads / 32;

/// A feature's uses; where they are many, in parts that are added up already.
struct Uses {
  const Use* at = nullptr;
  unsigned count = 0, first_part = 0, parts = 0;
  DEVICE Uses(const Entries& entries, unsigned j, bool there) {
    if (!there) return;
    at = entries.uses + entries.start[j];
    count = entries.start[j + 1] - entries.start[j];
    if (count <= kLongUses) return;
    first_part = entries.part_start[j];
    parts = (count + kPartUses - 1) / kPartUses;
  }
};

/// `warps` warps that have a row together, `quads` times four entries a thread.
template <unsigned warps, unsigned quads>
struct Group {
  static constexpr unsigned kThreadsOf = 32 * warps, kGroups = kGroupWarps / warps;
  double* scratch;  // an entry a warp of the block
  unsigned index = threadIdx.x / kThreadsOf, member = threadIdx.x % kThreadsOf;

  /// Σ v over the group, for each of its threads. All threads of the block come here.
  DEVICE double sum(double v) const {
    v = warp_sum(v);
    if (warps == 1) return v;
    sync_block();
    if (lane() == 0) scratch[threadIdx.x / 32] = v;
    sync_block();
    double all = 0;
    for (unsigned w = 0; w < warps; ++w) all += scratch[index * warps + w];
    return all;
  }
  DEVICE float most(float v) const {
    v = warp_max(v);
    if (warps == 1) return v;
    sync_block();
    if (lane() == 0) scratch[threadIdx.x / 32] = static_cast<double>(v);
    sync_block();
    double all = 0;
    for (unsigned w = 0; w < warps; ++w) all = fmax(all, scratch[index * warps + w]);
    return static_cast<float>(all);
  }
  /// body(q, d): the four entries from d on, of rows of `stride`, that this thread has.
  template <class Body>
  DEVICE void each(unsigned stride, const Body& body) const {
#pragma unroll
    for (unsigned q = 0; q < quads; ++q)
      if (const unsigned d = 4 * (member + q * kThreadsOf); d < stride) body(q, d);
  }
  /// sum += Σ scale · what each use counts for · its row; those that are not above `floor` count nothing.
  DEVICE void gather(const Use* uses, unsigned count, bool by_pull, float floor, float scale,
                     const float* rows, unsigned stride, float (&to)[quads][4]) const {
    for (unsigned from = 0; from < count; from += 32) {
      Use own{0, 0, 0};
      if (from + lane() < count) own = uses[from + lane()];
      const float factors = own.value > floor ? scale * (by_pull ? own.pull : own.value) : 0.0f;
      const unsigned together = count - from < 32 ? count - from : 32;
      for (unsigned u = 0; u < together; ++u) {
        const float factor = shuffle(factors, static_cast<int>(u));
        const float* row = rows + static_cast<std::size_t>(shuffle(own.sample, static_cast<int>(u))) * stride;
        float v[quads][4] = {};
        each(stride, [&](unsigned q, unsigned d) { load_four(v[q], row + d); });
        each(stride, [&](unsigned q, unsigned) {
#pragma unroll
          for (unsigned i = 0; i < 4; ++i) to[q][i] = fmaf(factor, v[q][i], to[q][i]);
        });
      }
    }
  }
  /// The same of all uses of a feature.
  DEVICE void add(const Uses& uses, bool by_pull, float floor, float scale, const float* rows,
                  const float* parts, unsigned stride, float (&to)[quads][4]) const {
    if (uses.parts == 0) return gather(uses.at, uses.count, by_pull, floor, scale, rows, stride, to);
    for (unsigned p = 0; p < uses.parts; ++p)
      each(stride, [&](unsigned q, unsigned d) {
        float v[4];
        load_four(v, parts + (static_cast<std::size_t>(uses.first_part) + p) * stride + d);
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) to[q][i] += v[i];
      });
  }
};

/// body.operator()<warps, quads>() with those that hold a row of so many entries.
template <class Body>
void for_group_of(unsigned entries, const Body& body) {
  constexpr unsigned kFew = 3, kMany = 9;  // quads
  const unsigned quads = (entries / 4 + 31) / 32;
  if (quads <= kFew)
    body.template operator()<1, kFew>();
  else if (quads <= kMany)
    body.template operator()<1, kMany>();
  else if (quads <= 2 * kMany)
    body.template operator()<2, kMany>();
  else if (quads <= 4 * kMany)
    body.template operator()<4, kMany>();
  else
    body.template operator()<8, kMany>();
}

}  // namespace unsuperpose::cuda
