// How much superposition there is in weights W (features × dims), in float64. Elhage et al. 2022: feature i has the
// dimensionality D_i = ‖W_i‖²/Σ_j(Ŵ_i·W_j)², Ŵ_i = W_i/‖W_i‖; the interference it suffers is Σ_{j≠i}(Ŵ_i·W_j)².
// Σ_j(Ŵ_i·W_j)² = Ŵ_i M Ŵ_iᵀ with M = WᵀW (dims × dims), so the cost is features·dims², and no pair is formed.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

/// One entry a feature; all 0 for a feature whose weights are 0.
struct Superposition {
  std::vector<double> norm, dimensionality, interference;
  std::vector<double> alignment;      // max_k W_ik²/‖W_i‖²: 1 if the feature is a neuron
  std::vector<double> fourth;         // Σ_k W_ik⁴/‖W_i‖⁴
  std::vector<std::uint32_t> neuron;  // where that maximum is
};

void measure_superposition(ConstMatrix32 weights, const Execution& execution, Superposition& out);

}  // namespace unsuperpose
