// The best one-to-one matching of two sets of features.
#pragma once
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"

namespace unsuperpose {

/// Linear assignment: column[i] ≠ column[j] for all rows i ≠ j, with Σ_i gain(i, column[i]) at its maximum; gain is rows × cols, finite,
/// rows ≤ cols. Shortest augmenting paths with dual variables (Jonker & Volgenant 1987; Crouse 2016) in float64: at most
/// rows²·cols steps. Reports rows as progress.
Status assign(ConstMatrix32 gain, const Execution& execution, std::vector<std::uint32_t>& column);

/// Features found against features known, rows of unit norm or zero; |cos| unless `signed_cosines`.
struct FeatureMatch {
  std::vector<std::uint32_t> found;    // one a true feature: its match, or kNone
  std::vector<double> cosine;          // with it, in float64; 0 for none
  std::vector<std::uint32_t> nearest;  // one a true feature
  double mcc = 0, mmcs = 0, uniqueness = 0;
  std::vector<std::uint32_t> nearest_truth;  // one a feature found
  std::vector<double> truth_cosine;          // with it
  double found_uniqueness = 0;               // different ones among nearest_truth, as a share of them
};
Status match_features(ConstMatrix32 found, ConstMatrix32 truth, bool signed_cosines,
                      const Execution& execution, FeatureMatch& out);

}  // namespace unsuperpose
