// Floors for a pass, and what is made of its lists: a certificate, or new atoms for the working set. One block a sample.
//   floor    λ less the bound of a score's error (scoring/device_bound.hpp), where that is likely to leave a short list: complete, it has every
//            violator. Else a share of the residual's norm that few atoms reach, at least λ: enough to choose from
//   gap      solvers/certificate.hpp, in float64, with the largest |d·r − βa| / w of the set and a complete list, exact, and λ for what is in neither
//   chosen   the strongest violators, by their exact strength where they were met exactly, else as they were scored
// A list that overflowed certifies nothing, and chooses nothing, for which of its entries it has is chance: the next pass is more precise, or has a
// higher floor.
#include "../scoring/device_bound.hpp"
#include "lasso.hpp"
#include "reduce.cuh"
#include "sort.cuh"

namespace unsuperpose::cuda {

namespace {

constexpr unsigned kThreads = 128, kWarps = kThreads / 32;
/// Rounds without a new atom, after which float32 codes will not come closer.
constexpr unsigned kStallRounds = 3;
/// A list has room for several times as many as reach the share of the residual's norm: for those that reach so much of it.
constexpr double kLower = 0.9;
/// Later choices are smaller than the first: their floors are so much higher.
constexpr double kLater = 1.1;
/// Of a floor whose list overflowed.
constexpr double kRaise = 1.25;
/// Of a floor that too few atoms reach.
constexpr float kReduce = 0.8f;
/// Int8 serves where its bound is at most that share of λ: residuals shrink, and their bounds with them.
constexpr double kInt8Share = 0.75;
/// Of what the strongest violator exceeds λ by: those that exceed it by less may not be needed once the stronger ones are in the set.
constexpr double kStrongShare = 0.25;
/// Where there are violators, atoms at that share of λ come along: most rounds that are left are of a few samples, and take as long as for many.
constexpr double kNear = 0.95;

DEVICE double error_of(const Batch& batch, int precision, unsigned place) {
  return scoring::device_error(precision == UNSUPERPOSE_CUDA_INT8, batch.dims, batch.norms[place],
                               batch.moved[place], batch.row_norm[precision], batch.row_moved[precision],
                               batch.weight_scale);
}
DEVICE double weight_of(const Batch& batch, unsigned feature) {
  return batch.weights ? batch.weights[feature] : 1.0;
}
DEVICE double strength_of(const Batch& batch, unsigned feature, double slope) {
  return (batch.nonnegative ? slope : fabs(slope)) / weight_of(batch, feature);
}

DEVICE unsigned larger(unsigned a, unsigned b) { return a > b ? a : b; }

KERNEL floors_kernel(Batch batch, int precision, bool fresh, const float* thresholds) {
  const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= batch.count) return;
  const unsigned sample = batch.active[place];
  constexpr double kSlack = 0x1.0p-20;
  const double lambda = batch.lambda[sample], norm = batch.norms[place];
  if (fresh) {
    const double first = thresholds ? static_cast<double>(thresholds[place]) : lambda;
    batch.share[sample] = norm > 0 ? static_cast<float>(first / norm) : 0.0f;
  }
  const double reached = static_cast<double>(batch.share[sample]) * norm;
  const double few = fresh ? reached : kLater * reached;
  // What is not above it is at most λ, if it is above 0: what is not above 0 may be as strong as the error.
  const double sure = lambda * (1 - kSlack) - error_of(batch, precision, place);
  const auto proof = static_cast<Proof>(batch.proof[sample]);
  const bool complete =
      sure > 0 && proof != Proof::failed && (proof == Proof::needed || kLower * reached <= sure);
  const double floor = complete ? sure : few > lambda ? few : lambda;
  batch.complete[place] = complete;
  // Down, so that nothing above it is lost.
  batch.floors[place] = static_cast<float>(floor * (1 - 0x1.0p-23));
}

struct Shared {
  double sums[kWarps];
  double dots[kListed];  // exact strengths
  std::uint64_t keys[kListed];
  std::uint32_t set[kSet];
  unsigned zeros[kSet];  // places in the set of listed atoms whose codes are zero
  unsigned listed, above, zero;
};

/// What no atom of a list shows at its precision, or not completely, the next pass must: with a lower floor, or as a proof.
DEVICE void look_closer(const Batch& batch, int precision, unsigned place, unsigned sample) {
  const auto proof = static_cast<Proof>(batch.proof[sample]);
  if (proof == Proof::where_short && static_cast<double>(batch.floors[place]) > batch.lambda[sample]) {
    batch.share[sample] *= kReduce;
    return;
  }
  const bool best = precision == UNSUPERPOSE_CUDA_FLOAT16;
  if (best && (proof == Proof::needed || proof == Proof::failed)) batch.stage[sample] = Stage::unfinished;
  batch.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
  batch.proof[sample] = static_cast<std::uint8_t>(Proof::needed);
}

/// After a list that overflowed.
DEVICE void shorten(const Batch& batch, int precision, unsigned place, unsigned sample, double lambda) {
  const double norm = batch.norms[place];
  if (batch.complete[place]) {
    const bool best = precision == UNSUPERPOSE_CUDA_FLOAT16;
    batch.proof[sample] = static_cast<std::uint8_t>(best ? Proof::failed : Proof::needed);
    batch.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
    if (best) batch.share[sample] = static_cast<float>(lambda / norm);
    return;
  }
  const double was = static_cast<double>(batch.share[sample]) * norm;
  batch.share[sample] = static_cast<float>(kRaise * (was > lambda ? was : lambda) / norm);
  if (static_cast<Proof>(batch.proof[sample]) == Proof::where_short)
    batch.proof[sample] = static_cast<std::uint8_t>(Proof::raised);
}

/// By a warp: the set goes on without the atoms whose codes are zero. What is known of it otherwise is made anew.
DEVICE void drop_zeros(const Batch& batch, unsigned sample, unsigned size) {
  unsigned kept = 0;
  for (unsigned first = 0; first < size; first += 32) {
    const unsigned k = first + lane(), from = sample * kSet + k;
    const float code = k < size ? batch.code[from] : 0.0f;
    const std::uint32_t atom = code != 0 ? batch.set[from] : 0;
    const unsigned mask = ballot(code != 0);
    const unsigned to = sample * kSet + kept + static_cast<unsigned>(count_bits(mask & ((1u << lane()) - 1)));
    sync_warp();  // all have read what others write over
    if (code != 0) {
      batch.code[to] = code;
      batch.set[to] = atom;
    }
    kept += static_cast<unsigned>(count_bits(mask));
  }
  if (lane() == 0) batch.size[sample] = kept;
}

KERNEL choose_kernel(Batch batch, int precision) {
  SHARED(memory);
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const unsigned place = blockIdx.x, sample = batch.active[place], thread = threadIdx.x, warp = thread / 32;
  unsigned size = batch.size[sample];
  const unsigned dims = batch.dims;
  const float* residual = batch.residual + static_cast<std::size_t>(sample) * dims;
  const double lambda = batch.lambda[sample];
  const bool rough = batch.solve[sample] == static_cast<std::uint8_t>(Solve::rough);  // certifies nothing
  const bool complete = batch.complete[place] != 0 && !rough;
  const double error = error_of(batch, precision, place);
  const unsigned count = batch.counts[place];
  const unsigned rounds = batch.rounds[sample];  // read before thread 0 may change it
  if (count > kListed) {
    if (thread == 0) shorten(batch, precision, place, sample, lambda);
    return;
  }
  if (rough) {
    sync_block();  // all have read the size that it writes over
    if (warp == 0) drop_zeros(batch, sample, size);
    sync_block();
    size = batch.size[sample];
  }
  const unsigned keys = power_above(count);
  for (unsigned k = thread; k < size; k += kThreads) shared.set[k] = batch.set[sample * kSet + k];
  if (thread == 0) shared.listed = shared.above = shared.zero = 0;
  sync_block();

  // Those that are not in the set, by strength as it was computed. Keys: strongest first, then the lower index.
  double most = 0;
  for (unsigned e = thread; e < keys; e += kThreads) {
    std::uint64_t key = kLastKey;
    if (e < count) {
      const UnsuperposeCudaEntry entry = batch.entries[static_cast<std::size_t>(place) * kListed + e];
      unsigned known = size;
      for (unsigned k = 0; k < size; ++k) known = shared.set[k] == entry.index ? k : known;
      if (known < size) {
        if (batch.code[sample * kSet + known] == 0) shared.zeros[atomic_add(&shared.zero, 1u)] = known;
      } else {
        const double strength = strength_of(batch, entry.index, static_cast<double>(entry.value));
        key = strongest_first(static_cast<float>(strength), entry.index);
        most = strength > most ? strength : most;
        atomic_add(&shared.listed, 1u);
        if (strength > lambda) atomic_add(&shared.above, 1u);
      }
    }
    shared.keys[e] = key;
  }
  most = block_max(most, shared.sums);
  sort_keys(shared.keys, nullptr, keys);
  const unsigned listed = shared.listed, above = shared.above;
  const Evaluation at = batch.at[sample];

  // How many of the keys violate.
  unsigned violators = above;
  if (!complete) {
    if (above == 0 && !rough) {
      if (thread == 0) look_closer(batch, precision, place, sample);
      return;
    }
    if (rounds >= batch.max_rounds) {
      if (thread == 0) batch.stage[sample] = Stage::unfinished;
      return;
    }
  } else {
    const double least = most - error;
    const bool sure = above > 0 && least > lambda && rounds < batch.max_rounds &&
                      relative_gap(at, lambda, batch.ridge, least) > batch.tolerance;
    if (!sure) {
      // Exact correlations of whatever may be stronger than what the codes and λ say already.
      for (unsigned e = warp; e < listed; e += kWarps) {
        const unsigned feature = static_cast<unsigned>(shared.keys[e]);
        const double product =
            warp_dot(batch.atoms + static_cast<std::size_t>(feature) * dims, residual, dims);
        if (lane() == 0) shared.dots[e] = strength_of(batch, feature, product);
      }
      // Atoms of the set count too, but are not chosen: descent has only to hear what it did not see.
      double strongest = 0;
      for (unsigned e = warp; e < shared.zero; e += kWarps) {
        const unsigned at_set = shared.zeros[e], feature = shared.set[at_set];
        const double product =
            warp_dot(batch.atoms + static_cast<std::size_t>(feature) * dims, residual, dims);
        const double strength = strength_of(batch, feature, product);
        strongest = strength > strongest ? strength : strongest;
        if (lane() == 0) batch.correlation[sample * kSet + at_set] = static_cast<float>(product);
      }
      sync_block();
      most = 0;
      for (unsigned e = thread; e < listed; e += kThreads)
        most = shared.dots[e] > most ? shared.dots[e] : most;
      most = block_max(most, shared.sums);
      strongest = block_max(strongest, shared.sums);
      strongest = most > strongest ? most : strongest;
      const double in_codes = batch.strongest[sample];
      strongest = in_codes > strongest ? in_codes : strongest;
      strongest = lambda > strongest ? lambda : strongest;  // what is not listed
      const double gap = relative_gap(at, lambda, batch.ridge, strongest);
      if (gap <= batch.tolerance) {
        if (thread == 0) {
          batch.gap[sample] = gap;
          batch.stage[sample] = Stage::converged;
        }
        return;
      }
      // Violators by their exact strength, strongest first, and those that are likely to be some once these are in the set.
      if (thread == 0) shared.above = shared.listed = 0;
      sync_block();
      for (unsigned e = thread; e < listed; e += kThreads)
        if (shared.dots[e] > lambda) atomic_add(&shared.above, 1u);
      sync_block();
      const bool any = shared.above > 0;
      for (unsigned e = thread; e < keys; e += kThreads) {
        const unsigned feature = static_cast<unsigned>(shared.keys[e]);
        const bool taken = any && e < listed && shared.dots[e] > kNear * lambda;
        shared.keys[e] = taken ? strongest_first(static_cast<float>(shared.dots[e]), feature) : kLastKey;
        if (taken) atomic_add(&shared.listed, 1u);
      }
      sync_block();
      sort_keys(shared.keys, nullptr, keys);
      violators = shared.listed;
      const unsigned stalled = violators == 0 ? batch.stalled[sample] + 1 : 0;
      sync_block();
      if (thread == 0) {
        batch.gap[sample] = gap;
        batch.stalled[sample] = stalled;
        // Codes that come no closer, or no more rounds: another solver's.
        if (stalled > kStallRounds || rounds >= batch.max_rounds) batch.stage[sample] = Stage::unfinished;
      }
    }
  }

  if (violators > 0 && size == kSet) {
    if (thread == 0) batch.stage[sample] = Stage::unfinished;
    return;
  }
  unsigned taken = batch.first_choice;
  if (size > 0) {
    // Later violators have met a solution already. Most of those that are not much weaker than the strongest will be active.
    if (thread == 0) shared.listed = 0;
    const std::uint64_t limit =
        strongest_first(static_cast<float>(lambda + kStrongShare * (most - lambda)), ~0u);
    sync_block();
    for (unsigned e = thread; e < violators; e += kThreads)
      if (shared.keys[e] <= limit) atomic_add(&shared.listed, 1u);
    sync_block();
    const unsigned strong = shared.listed, least = larger(batch.first_choice * 3 / 8, size / 3),
                   most_taken = larger(batch.first_choice * 3 / 4, size / 2);
    taken = strong < least ? least : strong < most_taken ? strong : most_taken;
  }
  taken = taken < violators ? taken : violators;
  taken = taken < kSet - size ? taken : kSet - size;
  for (unsigned e = thread; e < taken; e += kThreads) {
    const unsigned to = sample * kSet + size + e;
    batch.set[to] = static_cast<unsigned>(shared.keys[e]);
    batch.code[to] = 0;
  }
  // Of a floor above λ, not all that violate are listed.
  const bool more = violators > taken || static_cast<double>(batch.floors[place]) > lambda;
  const bool roughly = rounds == 0 && more && batch.may_be_rough;
  if (roughly) {
    // With the scores as correlations.
    sync_block();
    for (unsigned e = thread; e < count; e += kThreads) {
      const UnsuperposeCudaEntry entry = batch.entries[static_cast<std::size_t>(place) * kListed + e];
      for (unsigned k = 0; k < taken; ++k)
        if (static_cast<unsigned>(shared.keys[k]) == entry.index)
          batch.correlation[sample * kSet + k] = entry.value;
    }
  }
  if (thread == 0) {
    batch.solve[sample] = static_cast<std::uint8_t>(roughly ? Solve::rough
                                                    : rough ? Solve::anew
                                                            : Solve::kept);
    batch.size[sample] = size + taken;
    // What a high floor has kept from this choice must not be missed by the next ones too.
    if (!complete && violators < batch.first_choice / 2 &&
        static_cast<double>(batch.floors[place]) > lambda &&
        static_cast<Proof>(batch.proof[sample]) == Proof::where_short)
      batch.share[sample] *= kReduce;
    batch.proof[sample] = static_cast<std::uint8_t>(Proof::where_short);
    ++batch.rounds[sample];
    if (rounds > 0 && error > kInt8Share * lambda) batch.precision[sample] = UNSUPERPOSE_CUDA_FLOAT16;
  }
}

}  // namespace

void set_floors(const Batch& batch, int precision, bool fresh, const float* thresholds, cudaStream_t stream) {
  LAUNCH(floors_kernel, (batch.count + kThreads - 1) / kThreads, kThreads, 0, stream, batch, precision, fresh,
         thresholds);
  check(cudaGetLastError(), "setting floors");
}

void choose(const Batch& batch, int precision, cudaStream_t stream) {
  LAUNCH(choose_kernel, batch.count, kThreads, sizeof(Shared), stream, batch, precision);
  check(cudaGetLastError(), "choosing atoms");
}

}  // namespace unsuperpose::cuda
