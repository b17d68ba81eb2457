// Many directions in few dims, as far from each other as some steps of Adam take random ones: the dictionaries of synthetic data.
#pragma once
#include <cstdint>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

struct OrthogonalOptions {
  std::uint64_t seed = 0;
  std::size_t steps = 100;  // 0: random unit rows
  double rate = 3e-4;
};

/// Unit rows of `out` (n × dims): random directions, then `steps` of Adam (β 0.9 and 0.999, ε 1e-8) on
///   Σ_{i≠j} (d_i · d_j)² + n Σ_i (‖d_i‖² − 1)²
/// and scaled to unit norm (SynthSAEBench, arXiv 2602.14687). The gradient goes through M = DᵀD: Σ_{j≠i} (d_i · d_j) d_j = M d_i − ‖d_i‖² d_i, which is
/// 2·n·dims² products a step, not n²·dims. Counts steps as progress. ERR_CANCELLED.
Status nearly_orthogonal(const OrthogonalOptions& options, const Execution& execution, Matrix32 out);

}  // namespace unsuperpose
