// Directions that explain what a dictionary leaves of samples.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/aligned.hpp"
#include "coverage.hpp"

namespace unsuperpose {

/// Unit vectors.
using Directions = std::vector<std::vector<float>>;

/// Some samples and what the dictionary leaves of them.
struct Group {
  AlignedBuffer<float> samples, residuals;
  std::size_t rows = 0, dims = 0;
  ConstMatrix32 view() const { return {samples.data(), rows, dims}; }
  ConstMatrix32 left() const { return {residuals.data(), rows, dims}; }
};
Group group(ConstMatrix32 samples, const AlignedBuffer<float>& residuals,
            const std::vector<std::uint32_t>& chosen);

/// Where samples can be unfolded (λ > 0), a direction is a feature that the dictionary lacks, and learned as
/// one: the dictionary's atoms stay, codes over both and the new atoms are improved in turn (block coordinate
/// descent: Mairal et al. 2009, "Online dictionary learning for sparse coding", algorithm 2). A sample's content
/// of a direction is its code. Where only codes are given, a direction is one that residuals lie along, and the
/// content the residual's component.
class Novelty {
 public:
  Novelty(const Dictionary& dictionary, const CoverageOptions& options, const Execution& execution)
      : dictionary_(dictionary), options_(options), execution_(execution) {}

  /// Codes of the samples (given or unfolded), and with them x − aD in float32 and ‖x − aD‖². Counts samples
  /// as progress.
  Status residuals(ConstMatrix32 samples, const SparseCodes* codes, AlignedBuffer<float>& out,
                   std::vector<double>& energy) const;

  /// One direction more, or none if nothing recurs in what is left.
  Status extend(const Group& found, Directions& directions) const;
  /// The first `known` count as features, those after them are on trial.
  Status refine(const Group& found, std::size_t known, Directions& directions) const;

  /// contents[t][i]: how much of direction t is in sample i, ≥ 0; in the samples' units.
  Status contents(const Group& of, const Directions& directions, std::size_t known,
                  std::vector<std::vector<double>>& contents) const;

 private:
  /// codes[t][i] of the new atoms, and what is left of each sample, samples × dims.
  Status unfold_with(ConstMatrix32 samples, const Directions& directions, std::size_t known,
                     std::vector<std::vector<double>>& codes, std::vector<double>& left) const;
  std::vector<float> recurring(ConstMatrix32 left) const;
  Status lasso(ConstMatrix32 samples, const Dictionary& dictionary, SparseCodes& codes) const;
  bool is_mixture(const std::vector<float>& v, const Directions& known) const;
  double atom_norm() const;

  const Dictionary& dictionary_;
  const CoverageOptions& options_;
  const Execution& execution_;
};

}  // namespace unsuperpose
