// One batch through a matching-pursuit autoencoder and back (Costa et al. 2025, "From Flat to Hierarchical: Extracting Sparse
// Representations with Matching Pursuit").
//
// A step is r⁺ = r − (d·r) d. So with g⁺ = ∂L/∂r⁺ and a = d·r, going backwards:
//   b = d·g⁺,   ∂L/∂d = −(a g⁺ + b r),   g = g⁺ − b d,
// where r = r⁺ + a d is made again on the way. It starts from g = r, what is left at the end, and ends with ∂L/∂b_dec = −g.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../solvers/matching_steps.hpp"
#include "autoencoder_weights.hpp"

namespace unsuperpose::autoencoder {

class PursuitPass {
 public:
  PursuitPass(const AutoencoderOptions& options, std::size_t dims);

  /// As Pass::run(); x is its own target. `used`: how many samples used each feature.
  Status run(Weights& weights, ConstMatrix32 x, const Settings& settings, const Execution& execution,
             Gradients& gradients, std::vector<std::uint32_t>& used, Outcome& out);

 private:
  Status revive(const Weights& weights, const std::vector<std::uint32_t>& dead, const Execution& execution,
                Gradients& gradients, Outcome& out);
  void backward(const Weights& weights, const MatchingSteps& steps, const Rows& left, float factor,
                const Execution& execution, Gradients& gradients, std::vector<std::uint32_t>* used);
  void back(const Weights& weights, const MatchingSteps& steps, const Rows& left, std::size_t i,
            std::size_t first);
  void gather(const MatchingSteps& steps, std::size_t first, std::size_t end, float factor,
              const Execution& execution, Gradients& gradients, std::vector<std::uint32_t>* used);

  const AutoencoderOptions& options_;
  Rows left_, dead_left_;  // what is left of each sample
  Rows slope_;             // ∂L/∂r at the start, of each sample
  Rows parts_;             // a g⁺ + b r of some steps
  MatchingSteps steps_, dead_steps_;
};

}  // namespace unsuperpose::autoencoder
