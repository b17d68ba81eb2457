// The geometry of a set of features: how their directions overlap. Cosines are those of the exact atoms, in float64; an atom that is
// zero has no direction, and its cosines count as 0.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../scoring/dictionary.hpp"
#include "pairs.hpp"

namespace unsuperpose {

/// The cosines of all pairs of different atoms.
Status make_cosines(std::shared_ptr<const Dictionary> dictionary, const Execution& execution,
                    std::unique_ptr<FeaturePairs>& out);

struct Coherence {
  double value = 0;  // max |cos|
  double error = 0;  // no cosine is off by more
  std::uint32_t first = kNone,
                second = kNone;  // the pair; kNone if all cosines are 0
};
Status coherence(const std::shared_ptr<const Dictionary>& dictionary, const Execution& execution,
                 Coherence& out);

/// Babel function (Tropp 2004): sums[m − 1] = max_j Σ of the m largest |cos(d_j, d_i)|, i ≠ j; features[m − 1] is that j.
struct Babel {
  std::vector<double> sums;
  std::vector<std::uint32_t> features;
  double error = 0;  // of a cosine: sums[m − 1] is off by m times that at most, and rounding
};
Status babel(const std::shared_ptr<const Dictionary>& dictionary, std::size_t most,
             const Execution& execution, Babel& out);

/// labels[j]: the cluster of atom j, where atoms with |cos| ≥ threshold > 0 belong together, directly or through others.
/// Clusters are numbered by their lowest member. Answers how many there are.
Status clusters(const std::shared_ptr<const Dictionary>& dictionary, double threshold,
                const Execution& execution, std::vector<std::uint32_t>& labels, std::size_t& count);

/// D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)² (Elhage et al. 2022), rows of the dictionary as they are; 0 for a zero row. Through WᵀW:
/// features · dims² products, not features².
Status feature_dimensionality(const Dictionary& dictionary, const Execution& execution,
                              std::vector<double>& out);

}  // namespace unsuperpose
