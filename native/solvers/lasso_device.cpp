// The lasso on a device: all rounds run there (cuda/lasso.hpp), and what it does not finish is solved on here, from where it is.
#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"
#include "batch.hpp"
#include "lasso.hpp"

namespace unsuperpose {

namespace {

/// Codes of a sample that a device answers.
constexpr std::size_t kCapacity = 128;
/// Rounds there, after which a sample is this solver's.
constexpr std::uint32_t kRounds = 40;
/// Answers that a thread brings home at a time.
constexpr std::size_t kTogether = 64;
/// More dims overflow sums of int8 products.
constexpr std::size_t kMostDims = 131072;

}  // namespace

bool Lasso::on_device(const Dictionary& dictionary) const {
  // A limit of rounds counts those of one solver.
  return max_iterations == 0 && dictionary.dims() <= kMostDims;
}

Status Lasso::solve_on_device(const ScaledBatch& batch, const Dictionary& dictionary,
                              const Execution& execution, std::vector<SampleResult>& out) const {
  const std::size_t count = batch.count();
  std::vector<double> lambdas(count);
  for (std::size_t i = 0; i < count; ++i) lambdas[i] = batch.lambda(i);
  // Kept from call to call: fresh pages would take longer than the answers do.
  const device::Room room(execution.device, 2 * count * kCapacity);
  float* const values = room.data();
  auto* const indices = reinterpret_cast<std::uint32_t*>(room.data() + count * kCapacity);
  std::vector<std::uint32_t> counts(count), rounds(count);
  std::vector<std::uint8_t> outcome(count);
  std::vector<double> gap(count), objective(count), squared_residual(count);
  const ConstMatrix32 samples = batch.samples();
  UnsuperposeCudaLasso problem{};
  problem.samples = {samples.data, samples.stride, count, samples.cols, nullptr};
  problem.lambda = lambdas.data();
  problem.weights = weights.empty() ? nullptr : weights.data();
  problem.ridge = ridge;
  problem.tolerance = tolerance;
  problem.nonnegative = nonnegative;
  problem.max_rounds = kRounds;
  problem.capacity = kCapacity;
  problem.cancelled = [](void* context) {
    return static_cast<const Execution*>(context)->cancelled() ? 1 : 0;
  };
  problem.context = const_cast<Execution*>(&execution);
  UnsuperposeCudaCodes codes{indices,
                             values,
                             counts.data(),
                             outcome.data(),
                             rounds.data(),
                             gap.data(),
                             objective.data(),
                             squared_residual.data(),
                             {}};
  device::Device& device = *execution.device;
  UnsuperposeCudaError error;
  const int answer = device.table->lasso(dictionary.on_device(device).handle(), &problem, &codes, &error);
  if (answer == UNSUPERPOSE_CUDA_CANCELLED) return Status::cancelled();
  if (answer != UNSUPERPOSE_CUDA_OK) return device::status_of(device, answer, error);

  std::vector<std::uint8_t> done(count);
  execution.for_items(count, kTogether, [&](std::size_t i) {
    // What the device certifies is held to the tolerance here as well.
    done[i] = outcome[i] == UNSUPERPOSE_CUDA_CONVERGED && gap[i] <= tolerance;
    batch.finish(i, {indices + i * kCapacity, counts[i]}, {values + i * kCapacity, counts[i]}, objective[i],
                 squared_residual[i], out[i]);
    out[i].gap = gap[i];
    out[i].iterations = rounds[i];
  });
  if (execution.cancelled()) return Status::cancelled();
  SparseCodes left;  // where the others are
  left.indptr.push_back(0);
  std::size_t finished = 0;
  for (std::size_t i = 0; i < count; ++i) {
    SampleResult& result = out[i];
    finished += done[i];
    if (!done[i]) {
      left.indices.insert(left.indices.end(), result.indices.begin(), result.indices.end());
      left.values.insert(left.values.end(), result.values.begin(), result.values.end());
      result = {};
    }
    left.indptr.push_back(static_cast<std::uint32_t>(left.indices.size()));
  }
  execution.advance(finished);
  if (finished == count) return {};
  return solve(batch, dictionary, execution, &left, 0, &done, out);
}

}  // namespace unsuperpose
