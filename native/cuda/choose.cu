// Floors for a pass, and what is made of its lists: a certificate, or new atoms for the working set. One block a sample.
//   floor    λ where a pass chooses; λ less the bound of a score's error (scoring/device_bound.hpp) where it certifies, so that no violator is lost
//   gap      solvers/certificate.hpp, in float64, with the largest |d·r − βa| / w of the set and the list, exact, and λ for what is in neither
//   chosen   the strongest violators, by their exact strength where they were met exactly, else as they were scored
// A list that overflowed certifies nothing, and chooses nothing, for which of its entries it has is chance: its floor is raised for the next pass.
#include "../scoring/device_bound.hpp"
#include "lasso.hpp"
#include "reduce.cuh"
#include "sort.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / 32;
/// Rounds without a new atom, after which float32 codes will not come closer.
constexpr unsigned kStallRounds = 3;
constexpr float kRaise = 1.125f;

DEVICE double error_of(const Batch& batch, int precision, unsigned place) {
  return scoring::device_error(precision == UNSUPERPOSE_CUDA_INT8, batch.dims, batch.norms[place],
                               batch.moved[place], batch.row_norm[precision], batch.row_moved[precision],
                               batch.weight_scale);
}
DEVICE double weight_of(const Batch& batch, unsigned feature) {
  return batch.weights ? batch.weights[feature] : 1.0;
}

KERNEL floors_kernel(Batch batch, int precision, const float* thresholds) {
  const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= batch.count) return;
  const unsigned sample = batch.active[place];
  constexpr double kSlack = 0x1.0p-20;
  double floor = batch.lambda[sample];
  // Only what certifies needs all that may exceed λ; what chooses takes what probably does.
  if (precision == UNSUPERPOSE_CUDA_FLOAT16) floor = floor * (1 - kSlack) - error_of(batch, precision, place);
  if (thresholds && static_cast<double>(thresholds[place]) > floor)
    floor = static_cast<double>(thresholds[place]);
  floor *= static_cast<double>(batch.raised[sample]);
  // Down, so that nothing above it is lost.
  batch.floors[place] = static_cast<float>(floor > 0 ? floor * (1 - 0x1.0p-23) : 0.0);
}

struct Shared {
  double sums[kWarps];
  double dots[kListed];  // exact strengths
  std::uint64_t keys[kListed];
  std::uint32_t set[kSet];
  unsigned listed;
};

KERNEL choose_kernel(Batch batch, int precision) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned place = blockIdx.x, sample = batch.active[place], thread = threadIdx.x, warp = thread / 32;
  const unsigned size = batch.size[sample], dims = batch.dims;
  const float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  const double lambda = batch.lambda[sample];
  const bool certifies = precision == UNSUPERPOSE_CUDA_FLOAT16;
  const double error = error_of(batch, precision, place);
  const unsigned count = batch.counts[place];
  const float raised = batch.raised[sample];
  const unsigned rounds = batch.rounds[sample];  // read before thread 0 may change it
  if (count > kListed) {
    // Which of them are listed is chance: once more, with a higher floor.
    if (thread == 0) batch.raised[sample] = raised * kRaise;
    return;
  }
  const bool complete = raised == 1.0f;
  const unsigned keys = power_above(count);
  for (unsigned k = thread; k < size; k += kThreads) shared.set[k] = batch.set[sample * kSet + k];
  if (thread == 0) shared.listed = 0;
  sync_block();

  // Those that are not in the set, by strength as it was computed. Keys: strongest first, then the lower index.
  double most = 0;
  for (unsigned e = thread; e < keys; e += kThreads) {
    std::uint64_t key = kLastKey;
    if (e < count) {
      const UnsuperposeCudaEntry entry = batch.entries[static_cast<std::size_t>(place) * kListed + e];
      bool known = false;
      for (unsigned k = 0; k < size; ++k) known |= shared.set[k] == entry.index;
      const double strength =
          (batch.nonnegative ? static_cast<double>(entry.value) : fabs(static_cast<double>(entry.value))) /
          weight_of(batch, entry.index);
      if (!known) {
        key = strongest_first(static_cast<float>(strength), entry.index);
        most = strength > most ? strength : most;
        atomic_add(&shared.listed, 1u);
      }
    }
    shared.keys[e] = key;
  }
  most = block_max(most, shared.sums);
  sort_keys(shared.keys, nullptr, keys);
  const unsigned listed = shared.listed;
  const Evaluation at = batch.at[sample];
  const double in_set = batch.strongest[sample];

  // How many of the keys are taken in, at most.
  unsigned violators = 0;
  if (!certifies) {
    violators = listed;
    if (listed == 0) {
      // Nothing to add that shows at this precision: look closer.
      if (thread == 0) {
        batch.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
        batch.raised[sample] = 1.0f;
      }
      return;
    }
  } else {
    const double least = most - error;
    if (listed > 0 && least > lambda && rounds < batch.max_rounds &&
        relative_gap(at, lambda, batch.ridge, least) > batch.tolerance) {
      violators = listed;  // what probably violates comes along
    } else {
      // Exact correlations of whatever may be stronger than what the set and λ say already.
      double strongest = in_set;
      if (in_set == kUnknown) {
        strongest = 0;
        for (unsigned k = warp; k < size; k += kWarps) {
          const double product =
              warp_dot(batch.atoms + static_cast<std::size_t>(shared.set[k]) * dims, residual, dims);
          const double slope = product - batch.ridge * static_cast<double>(batch.code[sample * kSet + k]);
          const double strength = (batch.nonnegative ? slope : fabs(slope)) / weight_of(batch, shared.set[k]);
          strongest = strength > strongest ? strength : strongest;
        }
        strongest = block_max(strongest, shared.sums);
      }
      // What is in neither the set nor the list is at most λ.
      if (size < batch.features) strongest = strongest > lambda ? strongest : lambda;
      for (unsigned e = warp; e < listed; e += kWarps) {
        const unsigned feature = static_cast<unsigned>(shared.keys[e]);
        const double product =
            warp_dot(batch.atoms + static_cast<std::size_t>(feature) * dims, residual, dims);
        const double strength = (batch.nonnegative ? product : fabs(product)) / weight_of(batch, feature);
        if (lane() == 0) shared.dots[e] = strength;
      }
      sync_block();
      double met = 0;
      for (unsigned e = thread; e < listed; e += kThreads) met = shared.dots[e] > met ? shared.dots[e] : met;
      met = block_max(met, shared.sums);
      strongest = met > strongest ? met : strongest;
      const double gap = relative_gap(at, lambda, batch.ridge, strongest);
      if (complete && gap <= batch.tolerance) {
        if (thread == 0) {
          batch.gap[sample] = gap;
          batch.stage[sample] = Stage::converged;
        }
        return;
      }
      // Violators by their exact strength, strongest first.
      for (unsigned e = thread; e < keys; e += kThreads) {
        const unsigned feature = static_cast<unsigned>(shared.keys[e]);
        shared.keys[e] = e < listed && shared.dots[e] > lambda
                             ? strongest_first(static_cast<float>(shared.dots[e]), feature)
                             : kLastKey;
      }
      if (thread == 0) shared.listed = 0;
      sync_block();
      for (unsigned e = thread; e < keys; e += kThreads)
        if (shared.keys[e] != kLastKey) atomic_add(&shared.listed, 1u);
      sync_block();
      sort_keys(shared.keys, nullptr, keys);
      violators = shared.listed;
      const unsigned stalled = violators == 0 ? batch.stalled[sample] + 1 : 0;
      sync_block();
      if (thread == 0) {
        batch.gap[sample] = gap;
        batch.stalled[sample] = stalled;
        // Lists too long to certify, codes that come no closer, or no more rounds: another solver's.
        if ((!complete && violators == 0) || stalled > kStallRounds || rounds >= batch.max_rounds)
          batch.stage[sample] = Stage::unfinished;
      }
    }
  }

  const unsigned later = batch.first_choice * 3 / 4 > size / 2 ? batch.first_choice * 3 / 4 : size / 2;
  unsigned taken = size == 0 ? batch.first_choice : later;
  taken = taken < violators ? taken : violators;
  if (violators > 0 && size == kSet) {
    if (thread == 0) batch.stage[sample] = Stage::unfinished;
    return;
  }
  taken = taken < kSet - size ? taken : kSet - size;
  for (unsigned e = thread; e < taken; e += kThreads) {
    const unsigned to = sample * kSet + size + e;
    batch.set[to] = static_cast<unsigned>(shared.keys[e]);
    batch.code[to] = 0;
  }
  if (thread == 0) {
    batch.size[sample] = size + taken;
    batch.raised[sample] = 1.0f;
    ++batch.rounds[sample];
    if (rounds >= 1) batch.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
  }
}

}  // namespace

void set_floors(const Batch& batch, int precision, const float* thresholds, cudaStream_t stream) {
  LAUNCH(floors_kernel, (batch.count + kThreads - 1) / kThreads, kThreads, 0, stream, batch, precision,
         thresholds);
  check(cudaGetLastError(), "setting floors");
}

void choose(const Batch& batch, int precision, cudaStream_t stream) {
  LAUNCH(choose_kernel, batch.count, kThreads, sizeof(Shared), stream, batch, precision);
  check(cudaGetLastError(), "choosing atoms");
}

}  // namespace unsuperpose::cuda
