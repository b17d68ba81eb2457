// Directions that explain what a fixed dictionary leaves of samples.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "../core/aligned.hpp"
#include "../core/execution.hpp"
#include "../core/sparse_codes.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "../scoring/dictionary.hpp"
#include "../scoring/mutable_dictionary.hpp"

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

struct DirectionOptions {
  double lambda = 0;  // unfolds by lasso if > 0; else residuals are of given codes
  double ridge = 0;
  bool nonnegative = false;
  double tolerance = 1e-4;
};

/// The lasso's codes of samples, in the options' terms.
Status lasso_codes(ConstMatrix32 samples, const Dictionary& dictionary, const DirectionOptions& options,
                   const Execution& execution, SparseCodes& codes);

/// Where samples can be unfolded (λ > 0), a direction is a feature that the dictionary lacks, and learned as
/// one: the dictionary's atoms stay, codes over both and the new atoms are improved in turn (block coordinate
/// descent: Mairal et al. 2009, "Online dictionary learning for sparse coding", algorithm 2). A sample's content
/// of a direction is its code. Where only codes are given, a direction is one that residuals lie along, and the
/// content the residual's component.
class DirectionLearner {
 public:
  DirectionLearner(const Dictionary& dictionary, const DirectionOptions& options, const Execution& execution)
      : dictionary_(dictionary), options_(options), execution_(execution) {}

  /// One direction more, or none if nothing recurs in what is left.
  Status extend(const Group& found, Directions& directions);
  /// The first `known` count as features, those after them are on trial.
  Status refine(const Group& found, std::size_t known, Directions& directions);

  /// contents[t][i]: how much of direction t is in sample i, ≥ 0; in the samples' units.
  Status contents(const Group& of, const Directions& directions, std::size_t known,
                  std::vector<std::vector<double>>& contents);

 private:
  /// codes[t][i] of the new atoms, and what is left of each sample, samples × dims.
  Status unfold_with(ConstMatrix32 samples, const Directions& directions, std::size_t known,
                     std::vector<std::vector<double>>& codes, std::vector<double>& left);
  std::vector<float> recurring(ConstMatrix32 left) const;
  bool is_mixture(const std::vector<float>& v, const Directions& known) const;
  double atom_norm() const;

  const Dictionary& dictionary_;
  DirectionOptions options_;
  const Execution& execution_;
  std::unique_ptr<MutableDictionary> both_;  // the dictionary's atoms, and after them the directions
};

}  // namespace unsuperpose
