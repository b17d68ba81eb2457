// Features that many samples use: what their samples' rows add up to, in parts of kPartUses, so that no warp has a long list alone while the others are
// done. A fixed tree: the same bits every time.
#include "group.cuh"

namespace unsuperpose::cuda {

namespace {

template <unsigned warps, unsigned quads>
KERNEL_BOUNDS(kGroupThreads, 2)
parts_kernel(Training t, Entries entries, bool by_pull, float scale, const float* rows, unsigned stride,
             float* parts) {
  SHARED(memory);
  using Own = Group<warps, quads>;
  const Own group{reinterpret_cast<double*>(memory)};
  const unsigned total = *entries.part_count;
  for (unsigned p = blockIdx.x * Own::kGroups + group.index; p < total; p += gridDim.x * Own::kGroups) {
    const unsigned j = entries.part_feature[p], end = entries.start[j + 1];
    const unsigned first = entries.start[j] + (p - entries.part_start[j]) * kPartUses;
    const float floor = t.jumps ? t.threshold.values[j] : -INFINITY;
    float sum[quads][4] = {};
    group.gather(entries.uses + first, end - first < kPartUses ? end - first : kPartUses, by_pull, floor,
                 scale, rows, stride, sum);
    group.each(stride, [&](unsigned q, unsigned d) {
      store_four(parts + static_cast<std::size_t>(p) * stride + d, sum[q]);
    });
  }
}

template <unsigned warps, unsigned quads>
struct Launch {
  static void parts(const Training& t, const Entries& entries, bool by_pull, float scale, const float* rows,
                    unsigned stride, float* to, cudaStream_t stream) {
    constexpr unsigned kBlocks = 1024;
    LAUNCH((parts_kernel<warps, quads>), kBlocks, kGroupThreads, kGroupWarps * sizeof(double), stream, t,
           entries, by_pull, scale, rows, stride, to);
  }
};

}  // namespace

void add_parts(const Training& t, const Entries& entries, float decoder_scale, const float* residual,
               cudaStream_t stream) {
  const auto mean = static_cast<float>(1.0 / static_cast<double>(t.samples));
  for_group_of(std::max(t.width, t.depth), [&]<unsigned warps, unsigned quads>() {
    using Own = Launch<warps, quads>;
    Own::parts(t, entries, false, decoder_scale, residual, t.depth, entries.decoder_parts, stream);
    Own::parts(t, entries, true, mean, t.input, t.width, entries.encoder_parts, stream);
  });
  check(cudaGetLastError(), "adding long lists up");
}

}  // namespace unsuperpose::cuda
