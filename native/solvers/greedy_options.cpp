#include "greedy_options.hpp"

#include <algorithm>

namespace unsuperpose {

Status GreedyOptions::check_greedy(ConstMatrix32 samples, const Dictionary& dictionary) const {
  Status status = check_dims(samples, dictionary);
  if (status.ok() && !sparsity.empty()) status = check_per_sample("sparsity", sparsity.size(), samples.rows);
  if (status.ok() && !(residual >= 0)) status = Status::fail(Code::option, "residual must be ≥ 0");
  return status;
}

std::size_t GreedyOptions::most_atoms(std::size_t sample, const Dictionary& dictionary) const {
  const std::size_t most = std::min(dictionary.dims(), dictionary.features());
  if (sparsity.empty()) return most;
  return std::min<std::size_t>(most, per_sample<std::uint32_t>(sparsity, sample));
}

}  // namespace unsuperpose
