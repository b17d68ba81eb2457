// The selecting product of select.cu on Hopper, by wgmma, with the same bounds. A block stays for all its tiles, and its warps share the work:
//   warp 0        copies tiles into four stages of shared memory, ahead of those that multiply
//   warps 4 - 11  two warpgroups multiply 64 x 256 each, look through the sums in their registers, and queue what passes
//   warp 1        takes the queue to the lists, whose atomics take long
// A queue holds kQueue entries of a tile. Where more pass, the tile is lost: its rows' counts become kLost. bench/README.md has the times.
#include "hopper.cuh"
#include "select.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 384, kStages = 4;
[[maybe_unused]] constexpr unsigned kMultipliers = 8;  // warps
constexpr unsigned kFactors = 8;  // right blocks whose factors are kept: more than can be on their way
[[maybe_unused]] constexpr unsigned kLead = 2;  // chunks
constexpr unsigned kQueue = 1536;               // entries that pass of one tile; there are two queues

[[maybe_unused]] constexpr unsigned kFactorBytes = kRightRows * sizeof(float);

/// An entry of a tile that passed.
struct Passed {
  float product;
  unsigned place;  // kRightRows · row + column
};

/// What lies behind the stages.
struct Shared {
  float factors[kFactors][kRightRows];
  Passed queue[2][kQueue];
  unsigned queued[2];
  hopper::Barrier full[kStages], empty[kStages];  // a stage
  hopper::Barrier queue_full[2], queue_empty[2];
  hopper::Barrier lead;  // of the first warpgroup
};
constexpr unsigned kSharedBytes = kStages * kStageSize + sizeof(Shared);
static_assert(kSharedBytes <= 227 * 1024, "what a block of Hopper can have");

#if defined(UNSUPERPOSE_CUDA_EMULATED) || !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define UNSUPERPOSE_WITH_WGMMA 1

/// The tiles of this block, one after the other: body(turn, left block, right block).
template <class Body>
DEVICE void for_tiles(const SelectTask& task, const Body& body) {
  const unsigned blocks = task.left_blocks * task.right_blocks;
  unsigned turn = 0;
  for (unsigned t = blockIdx.x; t < blocks; t += gridDim.x, ++turn) {
    unsigned left_block, right_block;
    block_at(task, t, &left_block, &right_block);
    body(turn, left_block, right_block);
  }
}

DEVICE void copy_tiles(const SelectTask& task, unsigned char* stages, Shared& shared) {
  const Select& select = task.select;
  const unsigned chunks = select.left.chunks;
  unsigned use = 0;  // of a stage, counted over all tiles
  for_tiles(task, [&](unsigned turn, unsigned left_block, unsigned right_block) {
    const std::uint8_t* left = select.left.bytes + static_cast<std::size_t>(left_block) * chunks * kTileSize;
    const std::uint8_t* right =
        select.right.bytes + static_cast<std::size_t>(right_block) * 2 * chunks * kTileSize;
    for (unsigned chunk = 0; chunk < chunks; ++chunk, ++use) {
      const unsigned stage = use % kStages;
      hopper::Barrier& full = shared.full[stage];
      shared.empty[stage].wait((use / kStages & 1u) ^ 1u);
      unsigned char* to = stages + stage * kStageSize;
      full.arrive_expecting(kStageSize + (chunk == 0 ? kFactorBytes : 0));
      if (chunk == 0)
        hopper::copy_bulk(shared.factors[turn % kFactors],
                          select.factors + static_cast<std::size_t>(right_block) * kRightRows, kFactorBytes,
                          full);
      hopper::copy_bulk(to, left + static_cast<std::size_t>(chunk) * kTileSize, kTileSize, full);
      hopper::copy_bulk(to + kLeftSize, right + static_cast<std::size_t>(chunk) * kTileSize, kTileSize, full);
      hopper::copy_bulk(to + kLeftSize + kTileSize,
                        right + static_cast<std::size_t>(chunks + chunk) * kTileSize, kTileSize, full);
    }
  });
}

DEVICE void empty_queues(const SelectTask& task, Shared& shared) {
  for_tiles(task, [&](unsigned turn, unsigned left_block, unsigned right_block) {
    const unsigned which = turn % 2;
    shared.queue_full[which].wait(turn / 2 & 1u);
    const unsigned queued = shared.queued[which], count = queued <= kQueue ? queued : 0;
    // Which of them fitted is chance: none counts.
    if (queued > kQueue)
      for (unsigned i = lane(); i < kLeftRows; i += 32)
        if (const std::size_t row = static_cast<std::size_t>(left_block) * kLeftRows + i;
            row < task.select.left_count)
          atomic_max(&task.select.counts[row], kLost);
    // Several at a time, so that their atomics are on their way together.
    constexpr unsigned kTogether = 4;
    for (unsigned first = 0; first < count; first += 32 * kTogether) {
#pragma unroll
      for (unsigned e = 0; e < kTogether; ++e) {
        const unsigned i = first + 32 * e + lane();
        if (i >= count) continue;
        const Passed passed = shared.queue[which][i];

        keep(task.select, static_cast<std::size_t>(left_block) * kLeftRows + passed.place / kRightRows,
             right_block * kRightRows + passed.place % kRightRows, passed.product);
      }
    }
    sync_warp();
    if (lane() == 0) shared.queued[which] = 0;
    shared.queue_empty[which].arrive();
  });
}

template <class Sum, bool positive>
DEVICE void multiply_tiles(const SelectTask& task, unsigned char* stages, Shared& shared) {
  const unsigned chunks = task.select.left.chunks;
  const unsigned group = threadIdx.x / 128 - 1, warp = threadIdx.x / 32 % 4;
  unsigned use = 0;
  for_tiles(task, [&](unsigned turn, unsigned left_block, unsigned) {
    Sum sums[128];
    // While one group looks through its sums, the other has the tensor cores: it must not get there at the same time.
    if (turn == 0 && group == 1) shared.lead.wait(0);
    for (unsigned chunk = 0; chunk < chunks; ++chunk, ++use) {
      const unsigned stage = use % kStages;
      shared.full[stage].wait(use / kStages & 1u);
      const unsigned char* at = stages + stage * kStageSize;
      std::uint64_t a = hopper::describe(at + group * 64 * kTileBytes), b = hopper::describe(at + kLeftSize);
      hopper::begin_products();
#pragma unroll
      for (unsigned step = 0; step < kTileBytes / 32; ++step) {
        hopper::multiply(sums, a, b, chunk > 0 || step > 0);
        a = hopper::further(a);
        b = hopper::further(b);
      }
      hopper::end_products();
      if (turn == 0 && group == 0 && lane() == 0 && chunk + 1 == (chunks < kLead ? chunks : kLead))
        shared.lead.arrive();
      // The products before these are through: their stage may be filled again.
      if (chunk > 0) {
        hopper::wait_products<1>();
        if (lane() == 0) shared.empty[(use - 1) % kStages].arrive();
      }
    }
    hopper::wait_products<0>();
    if (lane() == 0) shared.empty[(use - 1) % kStages].arrive();

    const unsigned which = turn % 2, row = group * 64 + warp * 16 + lane() / 4;
    const std::size_t first = static_cast<std::size_t>(left_block) * kLeftRows + row;
    const Row<positive> rows[2] = {Row<positive>(task.select, first), Row<positive>(task.select, first + 8)};
    const float* factors = shared.factors[turn % kFactors] + lane() % 4 * 2;
    shared.queue_empty[which].wait((turn / 2 & 1u) ^ 1u);
#pragma unroll
    for (unsigned part = 0; part < 8; ++part) {
      const auto product = [&](unsigned i, unsigned h, unsigned k) {
        return static_cast<float>(sums[4 * (4 * part + i) + 2 * h + k]);
      };
      unsigned passed = 0;  // bit 4 i + 2 h + k
#pragma unroll
      for (unsigned i = 0; i < 4; ++i)
#pragma unroll
        for (unsigned k = 0; k < 2; ++k) {
          const float factor = factors[8 * (4 * part + i) + k];
#pragma unroll
          for (unsigned h = 0; h < 2; ++h)
            if (rows[h].passes(product(i, h, k), factor)) passed |= 1u << (4 * i + 2 * h + k);
        }
      if (passed == 0) continue;
      const unsigned count = static_cast<unsigned>(count_bits(passed));
      const unsigned place = atomic_add(&shared.queued[which], count);
      if (place + count > kQueue) passed = 0;
      Passed* to = shared.queue[which] + place;
#pragma unroll
      for (unsigned i = 0; i < 4; ++i)
#pragma unroll
        for (unsigned h = 0; h < 2; ++h)
#pragma unroll
          for (unsigned k = 0; k < 2; ++k)
            if ((passed >> (4 * i + 2 * h + k) & 1u) != 0)
              *to++ = {product(i, h, k),
                       (row + 8 * h) * kRightRows + 8 * (4 * part + i) + lane() % 4 * 2 + k};
    }
    shared.queue_full[which].arrive();  // every lane for what it wrote itself
  });
}
#endif

template <class Sum, bool positive>
KERNEL_BOUNDS(kThreads, 1)
select_wgmma(SelectTask task) {
#ifdef UNSUPERPOSE_WITH_WGMMA
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory + kStages * kStageSize);
  if (threadIdx.x == 0) {
    for (unsigned s = 0; s < kStages; ++s) {
      shared.full[s].init(1);
      shared.empty[s].init(kMultipliers);
    }
    for (unsigned q = 0; q < 2; ++q) {
      shared.queue_full[q].init(32 * kMultipliers);
      shared.queue_empty[q].init(32);
      shared.queued[q] = 0;
    }
    shared.lead.init(kMultipliers / 2);
    hopper::publish_barriers();
  }
  sync_block();
  if (threadIdx.x < 128) {
    hopper::give_registers<40>();
    if (threadIdx.x == 0) copy_tiles(task, memory, shared);
    if (threadIdx.x / 32 == 1) empty_queues(task, shared);
  } else {
    hopper::take_registers<232>();
    multiply_tiles<Sum, positive>(task, memory, shared);
  }
#else
  (void)task;
#endif
}

template <class Sum, bool positive>
void launch(const SelectTask& task, int multiprocessors, cudaStream_t stream) {
  const auto kernel = select_wgmma<Sum, positive>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes),
        "asking for shared memory");
  const unsigned blocks = task.left_blocks * task.right_blocks,
                 at_once = static_cast<unsigned>(multiprocessors);
  LAUNCH(kernel, blocks < at_once ? blocks : at_once, kThreads, kSharedBytes, stream, task);
}

}  // namespace

void launch_wgmma(const SelectTask& task, int precision, int multiprocessors, cudaStream_t stream) {
  const bool positive = task.select.positive_only;
  if (precision == UNSUPERPOSE_CUDA_INT8)
    positive ? launch<int, true>(task, multiprocessors, stream)
             : launch<int, false>(task, multiprocessors, stream);
  else
    positive ? launch<float, true>(task, multiprocessors, stream)
             : launch<float, false>(task, multiprocessors, stream);
}

}  // namespace unsuperpose::cuda
