// Paths of features through a chain of layers: the strength of i_0 → i_1 → … → i_L is Π |v_l(i_{l+1}, i_l)|, v_l the virtual weights
// of layer l. Over all middle features,
//   strongest path   m_{l+1}(j) = max_i |v_l(j, i)| m_l(i)     (Viterbi's recursion in the max-product semiring)
//   all paths        s_{l+1}(j) = Σ_i |v_l(j, i)| s_l(i)       (no cancelling: a bound of the effect through all paths together)
// each with an upper bound that includes all rounding, so that "no path is stronger" is proved, not estimated.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "pair_maps.hpp"

namespace unsuperpose {

/// One layer: its weights, and the features that it leads to.
struct CircuitStep {
  MatrixChain chain;
  std::shared_ptr<const Dictionary> to;
};

struct CircuitOptions {
  std::vector<std::uint32_t> from, to;  // the features that paths may begin and end with; none: all
  bool sums = true;
};

struct Circuit {
  double bound = 0;     // no path is stronger
  double strength = 0;  // of `path`, at least
  std::vector<std::uint32_t>
      path;                    // the strongest one: a feature for each end of a layer; empty if all are zero
  std::vector<double> values;  // v_l along it
  double sum_bound = 0;        // no `to` feature has more in absolute sums over all paths; NaN without sums
  std::uint32_t sum_feature = 0;  // the one that has
};

Status strongest_circuit(std::shared_ptr<const Dictionary> from, const std::vector<CircuitStep>& steps,
                         const CircuitOptions& options, const Execution& execution, Circuit& out);

}  // namespace unsuperpose
