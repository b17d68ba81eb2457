// What the greedy methods share: how many atoms, how close, and whether codes may be negative.
#pragma once
#include "method.hpp"

namespace unsuperpose {

struct GreedyOptions {
  std::vector<std::uint32_t>
      sparsity;         // most atoms a sample; 1 entry or one a sample; empty: min(dims, features)
  double residual = 0;  // stop once ‖x − aD‖ ≤ residual
  bool nonnegative = false;
  std::uint32_t max_iterations = 0;  // 0: the method's default

  Status check_greedy(ConstMatrix32 samples, const Dictionary& dictionary) const;
  /// Of one sample.
  std::size_t most_atoms(std::size_t sample, const Dictionary& dictionary) const;
};

}  // namespace unsuperpose
