// λ_max, the smallest λ whose LASSO has the zero solution.
#include <cmath>

#include "../core/sums.hpp"
#include "../scoring/exact.hpp"
#include "batch.hpp"

namespace unsuperpose {

namespace {

constexpr std::size_t kBatch = 512;
/// Atoms listed for each sample: the strongest of them decides unless more are within rounding of it.
constexpr std::size_t kCandidates = 16;

}  // namespace

Status lambda_max(const Samples& samples, const Dictionary& dictionary, const std::vector<float>& weights,
                  bool nonnegative, bool wide, const Execution& execution, std::vector<double>& out) {
  Status status = check_dims(samples.high, dictionary);
  if (status.ok()) status = check_weights(weights, dictionary);
  if (status.ok()) status = check_atoms(dictionary, wide);
  if (!status.ok()) return status;

  wide = wide && (samples.split() || dictionary.split());
  scoring::Scorer scorer(dictionary.rows(wide, execution.device), weights, nonnegative,
                         execution.device ? scoring::Ladder::finest : scoring::Ladder::float32);
  const std::size_t rung = scorer.telling_rung();
  std::vector<scoring::Request> requests;
  out.assign(samples.rows(), 0);
  for (std::size_t first = 0; first < samples.rows(); first += kBatch) {
    const std::size_t count = std::min(kBatch, samples.rows() - first);
    const ScaledBatch batch(samples.slice(first, count), {}, first);
    requests.assign(count, {});
    for (std::size_t i = 0; i < count; ++i)
      requests[i] = {.row = static_cast<std::uint32_t>(i),
                     .norm = std::sqrt(batch.squared_norm(i)),
                     .hidden = wide ? scoring::kSlack * std::sqrt(batch.squared_norm(i)) : 0};
    scorer.list(rung, batch.samples(), requests, kCandidates, execution);
    if (execution.cancelled()) return Status::cancelled();
    execution.for_each(count, [&](std::size_t i) {
      const float* x = batch.samples().row(i);
      std::vector<double> both(wide ? dictionary.dims() : 0), atom(both.size());
      for (std::size_t k = 0; k < both.size(); ++k)
        both[k] = static_cast<double>(x[k]) + (batch.split() ? static_cast<double>(batch.low(i)[k]) : 0);
      const auto strength = [&](std::uint32_t j) -> double {
        if (!wide)
          return scorer.strength(dots::table().dot(dictionary.atom(j), x, dictionary.dims()),
                                 scorer.weight(j));
        dictionary.read(j, atom.data());
        return scorer.strength(sums::dot(atom.data(), both.data(), both.size()), scorer.weight(j));
      };
      const auto any = [](std::uint32_t) { return true; };
      out[first + i] = batch.from_scaled(
          i, scoring::strongest_exactly(scorer, scorer[i], dictionary.features(), 0, strength, any).value);
    });
  }
  return execution.cancelled() ? Status::cancelled() : Status{};
}

}  // namespace unsuperpose
