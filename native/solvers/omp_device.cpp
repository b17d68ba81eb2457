// Orthogonal matching pursuit on a device: all rounds run there (cuda/pursuit.hpp), and what it does not finish is pursued on here, from where it
// is.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/cancellation.hpp"
#include "batch.hpp"
#include "omp.hpp"

namespace unsuperpose {

namespace {

/// Atoms of a support that a device holds.
constexpr std::size_t kCapacity = 128;

}  // namespace

Outcome OrthogonalMatchingPursuit::outcome_of(Outcome ended, std::size_t sample, const Dictionary& dictionary,
                                              std::size_t size, double squared_residual, double bound) const {
  const bool full = size >= most_atoms(sample, dictionary);
  if (ended != Outcome::converged || !(residual > 0) || (!sparsity.empty() && full) ||
      !(std::sqrt(squared_residual) > bound * (1 + 1e-6)))
    return ended;
  return full ? Outcome::iterations : Outcome::stalled;
}

Status OrthogonalMatchingPursuit::solve_on_device(const ScaledBatch& batch, const Dictionary& dictionary,
                                                  std::size_t first, const Execution& execution,
                                                  OmpStart& left, std::vector<SampleResult>& out) const {
  const std::size_t count = batch.count();
  std::vector<std::uint32_t> most(count), indices(count * kCapacity), counts(count), choices(count);
  std::vector<float> values(count * kCapacity);
  std::vector<std::uint8_t> outcomes(count);
  std::vector<double> bounds(count), squared_residual(count);
  for (std::size_t i = 0; i < count; ++i) {
    most[i] = static_cast<std::uint32_t>(most_atoms(first + i, dictionary));
    bounds[i] = batch.to_scaled(i, residual);
  }
  const ConstMatrix32 samples = batch.samples();
  UnsuperposeCudaPursuit problem{};
  problem.samples = {samples.data, samples.stride, count, samples.cols, nullptr};
  problem.most = most.data();
  problem.residual = bounds.data();
  problem.nonnegative = nonnegative;
  problem.all_explained = !(residual > 0);
  problem.capacity = kCapacity;
  problem.cancelled = [](void* context) {
    return static_cast<const Execution*>(context)->cancelled() ? 1 : 0;
  };
  problem.context = const_cast<Execution*>(&execution);
  UnsuperposeCudaSupports supports{indices.data(),
                                   values.data(),
                                   counts.data(),
                                   outcomes.data(),
                                   choices.data(),
                                   squared_residual.data(),
                                   {}};
  device::Device& device = *execution.device;
  UnsuperposeCudaError error;
  const int answer = device.table->pursue(dictionary.on_device(device).handle(), &problem, &supports, &error);
  if (answer == UNSUPERPOSE_CUDA_CANCELLED) return Status::cancelled();
  if (answer != UNSUPERPOSE_CUDA_OK) return device::status_of(device, answer, error);

  left.done.assign(count, 1);
  left.supports.assign(count, {});
  left.choices.assign(count, 0);
  std::vector<std::pair<std::uint32_t, float>> code;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t* support = indices.data() + i * kCapacity;
    const std::size_t size = std::min<std::size_t>(counts[i], kCapacity);
    if (outcomes[i] == UNSUPERPOSE_CUDA_PURSUED_PART) {
      left.done[i] = 0;
      left.supports[i].assign(support, support + size);
      left.choices[i] = choices[i];
      ++left.left;
      continue;
    }
    code.clear();
    for (std::size_t k = 0; k < size; ++k) code.emplace_back(support[k], values[i * kCapacity + k]);
    std::sort(code.begin(), code.end());
    const Outcome ended = outcomes[i] == UNSUPERPOSE_CUDA_PURSUED         ? Outcome::converged
                          : outcomes[i] == UNSUPERPOSE_CUDA_PURSUED_LIMIT ? Outcome::iterations
                                                                          : Outcome::stalled;
    SampleResult& result = out[i];
    result.gap = std::numeric_limits<double>::quiet_NaN();
    result.iterations = choices[i];
    result.outcome = outcome_of(ended, first + i, dictionary, size, squared_residual[i], bounds[i]);
    batch.finish(i, code, 0.5 * squared_residual[i], squared_residual[i], result);
  }
  execution.advance(count - left.left);
  return {};
}

}  // namespace unsuperpose
