// Matching pursuits of a few steps (Mallat & Zhang 1993), nonnegative, with every step told: what the encoder of a matching-pursuit
// autoencoder is (Costa et al. 2025, "From Flat to Hierarchical: Extracting Sparse Representations with Matching Pursuit").
//   j = argmax d_j·r (ties by lower index),   a = d_j·r,   r ← r − a d_j,   while a > 0
// d_j·r is the float64 sum of exact products (dots::Table::dot); a and the entries of r are rounded to float32 once a step. So the answer
// is the same bits however atoms are scored.
//
// All atoms are scored against the residuals in one product a step, or, where that costs less, in one product for all steps, and
// brought up to date with Gram rows as Batch-OMP does (Rubinstein, Zibulevsky & Elad 2008). What the scores leave open is decided in float64.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"

namespace unsuperpose {

struct MatchingOptions {
  std::size_t steps = 0;        // most of them
  double residual = 0;          // a step that leaves ‖r‖ at most this is the last
  bool stop_on_repeat = false;  // a step whose atom was taken before is the last
  std::size_t first = 0;        // the first sample's number, for messages
};

/// Of all samples: those of sample i are indptr[i] … indptr[i + 1] − 1, in their order. An atom may be taken more than once.
struct MatchingSteps {
  std::vector<std::uint32_t> indptr, atoms;
  std::vector<float> values;  // > 0
};

/// How atoms are scored, where a test wants to say it.
enum class MatchingScores : std::uint8_t { cheapest, products, gram_rows };

/// `residuals` (samples × dims, finite) holds what is to be explained, and afterwards what is left. A sample ends too once nothing
/// but the rounding of the steps is left of it. ERR_NOT_FINITE where
/// residuals overflow, ERR_TOO_LARGE beyond 2³² − 1 steps.
Status matching_steps(Matrix32 residuals, const Dictionary& dictionary, const MatchingOptions& options,
                      const Execution& execution, MatchingSteps& out,
                      MatchingScores scores = MatchingScores::cheapest);

}  // namespace unsuperpose
