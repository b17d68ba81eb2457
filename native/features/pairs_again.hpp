// All pairs once more, for verification: every value by plain float64 sums from the matrices in their order. No low precision, no
// bounds that decide what to look at, no cut of the chain: slow, and independent of pairs.hpp.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "circuits.hpp"

namespace unsuperpose {

struct PairAgain {
  double value = 0;  // with its sign; of ties the lower from, then to; 0 if all are
  std::uint32_t from = kNone, to = kNone;
  double error = 0;  // no value is off by more
  double there = 0;  // the value of the pair that was asked about
};

/// The strongest of all pairs d_jᵀ W e_i, and the value of (from, to), if they are features.
Status strongest_again(const Dictionary& from, const MatrixChain& chain, const Dictionary& to,
                       std::uint32_t asked_from, std::uint32_t asked_to, const Execution& execution,
                       PairAgain& out);

struct CircuitAgain {
  double strength = 0;         // of the strongest path
  double sum = 0;              // the largest absolute sum over all paths to a `to` feature
  std::vector<double> values;  // v_l along the path that was asked about
  double error = 0;            // the strength and the sum are off by that at most
};

/// `path` may be empty.
Status circuit_again(const Dictionary& from, const std::vector<CircuitStep>& steps,
                     const CircuitOptions& options, const std::vector<std::uint32_t>& path,
                     const Execution& execution, CircuitAgain& out);

}  // namespace unsuperpose
