// Which atom a pursuit takes next: the argmax of |d_j · r| (nonnegative: of d_j · r), the lower index among equals. One block a sample.
//   floor      of a pass: a strength that few atoms exceed, first from a sample of them, then somewhat below the last pass's second strongest, which will
//              be the first. Where M, the strongest score, less twice the bound of a score's error (scoring/device_bound.hpp) lies below it, the pass
//              is run again from there
//   open       all whose score is at least M − 2 · bound: nothing else can be the strongest
//   the choice among them in float64, with the float64 residual
// A list that overflowed decides nothing, for which of its entries it has is chance: its floor is raised. What stays open in float16, or lies so
// deep that the code's own rounding counts, is the CPU's.
#include "../scoring/device_bound.hpp"
#include "pursuit.hpp"
#include "reduce.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / 32;
/// More atoms than these cost more one by one than another pass in float16.
constexpr unsigned kFewOpen = 96;
/// Passes for one choice, at most.
constexpr unsigned kTries = 12;
constexpr float kRaise = 1.125f;
/// The second strongest is taken for this much of the next strongest; or, where only the strongest was listed, what lies below for this much of the floor.
constexpr double kNextShare = 0.9, kFloorShare = 0.8;
/// A floor falls by no more than this: too many would pass.
constexpr double kLeastShare = 0.5;
/// Of a floor and of a residual's size.
constexpr double kSlack = 0x1.0p-20;
/// As in solvers/pursuit_sample.cpp: float64's unit roundoff, and the share of a residual's parts below which the code's rounding shows.
constexpr double kUnit = 0x1.0p-53, kCorrected = 0x1.0p-30;

KERNEL floors_kernel(Pursuit pursuit, const float* thresholds) {
  const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= pursuit.count) return;
  const unsigned sample = pursuit.active[place];
  float floor = pursuit.floor[sample];
  if (floor < 0) floor = thresholds ? thresholds[place] : 0.0f;
  pursuit.floors[place] = floor > 0 ? floor : 0.0f;
}

struct Shared {
  double sums[kWarps];
  double strength[kWarps];
  std::uint32_t best[kWarps];
  std::uint32_t support[kMostSupport];
  std::uint32_t open[kMostPicked];
  unsigned opened;
};

KERNEL pick_kernel(Pursuit pursuit, int precision) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned place = blockIdx.x, sample = pursuit.active[place], thread = threadIdx.x, warp = thread / 32;
  const unsigned size = pursuit.size[sample], dims = pursuit.dims, count = pursuit.counts[place];
  const bool finest = precision == UNSUPERPOSE_CUDA_FLOAT16;
  const double floor = static_cast<double>(pursuit.floors[place]);
  const double* residual = pursuit.residual + static_cast<std::size_t>(sample) * dims;
  // What is found out here is told by one thread.
  const auto end = [&](Pursued stage) { pursuit.stage[sample] = stage; };
  const auto look_closer = [&] {
    if (finest) return end(Pursued::unfinished);
    pursuit.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
    pursuit.floor[sample] = pursuit.floors[place];
    pursuit.look[sample] = Floor::guessed;
  };
  const unsigned tries = pursuit.tries[sample];
  sync_block();  // read by all before thread 0 may change it
  if (thread == 0) {
    pursuit.choice[sample] = kNoAtom;
    pursuit.tries[sample] = tries + 1;
  }
  if (tries >= kTries) {
    if (thread == 0) end(Pursued::unfinished);
    return;
  }
  if (count > pursuit.capacity) {
    if (thread == 0) {
      if (pursuit.look[sample] == Floor::certain) {  // too many are too near to one another
        look_closer();
      } else {
        pursuit.floor[sample] = pursuit.floors[place] * kRaise;
        pursuit.look[sample] = Floor::raised;
      }
    }
    return;
  }

  for (unsigned k = thread; k < size; k += kThreads)
    shared.support[k] = pursuit.support[static_cast<std::size_t>(sample) * pursuit.room + k];
  if (thread == 0) shared.opened = 0;
  sync_block();
  const UnsuperposeCudaEntry* entries = pursuit.entries + static_cast<std::size_t>(place) * pursuit.capacity;
  const auto strength_of = [&](const UnsuperposeCudaEntry& entry) {
    return static_cast<double>(pursuit.nonnegative ? entry.value : fabsf(entry.value));
  };
  const auto chosen = [&](std::uint32_t atom) {
    bool found = false;
    for (unsigned k = 0; k < size; ++k) found |= shared.support[k] == atom;
    return found;
  };
  double most = 0;
  for (unsigned e = thread; e < count; e += kThreads) {
    const double strength = strength_of(entries[e]);
    if (strength > most && !chosen(entries[e].index)) most = strength;
  }
  most = block_max(most, shared.sums);
  // The scored residual is one rounded to float32.
  const double error = scoring::device_error(!finest, dims, pursuit.norms[place], pursuit.moved[place],
                                             pursuit.row_norm[precision], pursuit.row_moved[precision], 1) +
                       (1 + kSlack) * (0x1.0p-24 * pursuit.left[sample]) * pursuit.row_norm[precision];
  const double least = (most - 2 * error) * (1 - kSlack);
  if (!(most > 0)) {
    if (thread == 0) {
      if (floor > 0 && pursuit.look[sample] != Floor::raised)
        pursuit.floor[sample] = static_cast<float>(0.5 * floor);
      else
        look_closer();
    }
    return;
  }
  if (!(least > floor)) {
    if (thread == 0) {
      const float lower = static_cast<float>(least * (1 - kSlack));
      // A floor that was raised because so many passed it is not to be lowered again.
      if (lower > 0 && pursuit.look[sample] == Floor::guessed && static_cast<double>(lower) < floor) {
        pursuit.floor[sample] = lower;
        pursuit.look[sample] = Floor::certain;
      } else {
        look_closer();
      }
    }
    return;
  }
  for (unsigned e = thread; e < count; e += kThreads)
    if (strength_of(entries[e]) >= least && !chosen(entries[e].index))
      shared.open[atomic_add(&shared.opened, 1u)] = entries[e].index;
  sync_block();
  const unsigned opened = shared.opened;
  if (opened > kFewOpen && !finest) {
    if (thread == 0) look_closer();
    return;
  }

  double best = 0;
  std::uint32_t atom = kNoAtom;
  for (unsigned o = warp; o < opened; o += kWarps) {
    const std::uint32_t j = shared.open[o];
    const double product = warp_dot(pursuit.atoms + static_cast<std::size_t>(j) * dims, residual, dims);
    const double strength = pursuit.nonnegative ? product : fabs(product);
    if (strength > best || (strength == best && j < atom && best > 0)) {
      best = strength;
      atom = j;
    }
  }
  if (lane() == 0) {
    shared.strength[warp] = best;
    shared.best[warp] = atom;
  }
  sync_block();
  for (unsigned w = 0; w < kWarps; ++w) {
    const double strength = shared.strength[w];
    if (strength > best || (strength == best && shared.best[w] < atom)) {
      best = strength;
      atom = shared.best[w];
    }
  }
  double second = 0;
  for (unsigned e = thread; e < count; e += kThreads) {
    const double strength = strength_of(entries[e]);
    if (strength > second && entries[e].index != atom && !chosen(entries[e].index)) second = strength;
  }
  second = block_max(second, shared.sums);
  if (warp != 0) return;
  double norm = 0;
  if (atom != kNoAtom) {
    const float* row = pursuit.atoms + static_cast<std::size_t>(atom) * dims;
    norm = sqrt(warp_dot(row, row, dims));
  }
  if (lane() != 0) return;
  const double parts = pursuit.parts[sample];
  if (size > 0 && !(best > kCorrected * norm * parts)) return end(Pursued::unfinished);
  const double rounding = static_cast<double>(2 * size + 8) * kUnit * parts;
  if (!(best > rounding * norm))  // nothing correlates with what is left
    return end(pursuit.all_explained ? Pursued::converged : Pursued::stalled);
  pursuit.choice[sample] = atom;
  const double expected = second > 0 ? kNextShare * second : kFloorShare * floor;
  double next = expected - 2 * error;
  if (next < kLeastShare * floor && !finest) {  // int8 would let too many pass
    pursuit.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
    next = expected;
  }
  pursuit.floor[sample] = static_cast<float>(next > kLeastShare * floor ? next : kLeastShare * floor);
  pursuit.look[sample] = Floor::guessed;
  pursuit.tries[sample] = 0;
}

}  // namespace

void set_floors(const Pursuit& pursuit, const float* thresholds, cudaStream_t stream) {
  LAUNCH(floors_kernel, (pursuit.count + kThreads - 1) / kThreads, kThreads, 0, stream, pursuit, thresholds);
  check(cudaGetLastError(), "setting floors");
}

void pick(const Pursuit& pursuit, int precision, cudaStream_t stream) {
  LAUNCH(pick_kernel, pursuit.count, kThreads, sizeof(Shared), stream, pursuit, precision);
  check(cudaGetLastError(), "picking atoms");
}

}  // namespace unsuperpose::cuda
