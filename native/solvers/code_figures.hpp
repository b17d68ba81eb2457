// Figures of codes that are there already, in float64: what they leave of a sample, and how far from the LASSO's minimum they can be.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../core/execution.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "../scoring/scorer.hpp"
#include "certificate.hpp"

namespace unsuperpose {

/// The residual of a code in float32 (dims and the padding of atoms must fit `residual`), and the sums that an objective and its gap
/// are made of. `squared_norm` is ‖x‖².
Evaluation evaluate_code(const float* x, double squared_norm, std::span<const std::uint32_t> atoms,
                         std::span<const float> values, const Dictionary& dictionary, float* residual);

/// strongest[p] ≥ max_j |d_j·r| of row rows[p] of `residuals` (nonnegative: without | |), as scored on that rung and settled in float64 among
/// the `listed` strongest. For relative_gap(). Nothing is valid if the call was cancelled.
void strongest_correlations(scoring::Scorer& scorer, const Dictionary& dictionary, ConstMatrix32 residuals,
                            std::span<const std::uint32_t> rows, std::span<const Evaluation> at,
                            std::size_t listed, const Execution& execution, std::vector<double>& strongest,
                            std::size_t rung);

}  // namespace unsuperpose
