// One scoring pass over vectors in float32, and what it proves about the atoms outside a sample's candidates.
#pragma once
#include <vector>

#include "../core/execution.hpp"
#include "../scoring/scorer.hpp"
#include "../scoring/vectors.hpp"
#include "candidates.hpp"

namespace unsuperpose {

class Screening {
 public:
  /// What is asked of one vector: which atoms have |d_j·v|/w_j above `threshold` (nonnegative: d_j·v/w_j)?
  struct Question {
    std::uint32_t slot;  // of the vector
    double threshold;
    double norm;             // of v
    double noise;            // rounding of v, as a norm
    std::size_t candidates;  // that will be listed too
    double floor;            // ≤ threshold: atoms down to here are listed
  };
  struct Answer {
    std::vector<std::uint32_t> violators;   // outside the candidates, strongest first
    std::vector<std::uint32_t> runners_up;  // the listed ones after them, where there is a violator
    /// At least max_j |d_j·v|/w_j over all atoms outside, and at least the threshold.
    double strongest = 0;
    bool open = false;  // is that only a bound, of what was not listed?
  };

  /// `wide`: of atoms with their low parts.
  Screening(const Dictionary& dictionary, const std::vector<float>& weights, bool nonnegative,
            bool wide = false);

  /// Scores every atom against the vectors asked about; at least `room` atoms more than the candidates are listed for each.
  void score(const scoring::SplitVectors& vectors, const std::vector<Question>& questions, std::size_t room,
             const Execution& execution);
  /// The answer to questions[position] of the last score().
  void examine(std::size_t position, const scoring::SplitVectors& vectors, const Question& question,
               const Candidates& candidates, Answer& answer) const;
  /// The same by exact products of every atom, for where the bound of what was not listed decides.
  void decide(const scoring::SplitVectors& vectors, const Question& question, const Candidates& candidates,
              Answer& answer) const;

  double weight(std::uint32_t j) const { return scorer_.weight(j); }
  /// d_j · v in float64, both parts of each.
  double product(std::uint32_t j, const scoring::SplitVectors& vectors, std::uint32_t slot) const;
  /// At least max_j ‖d_j‖/w_j.
  double largest() const { return scorer_.largest(); }
  double strength(double correlation, double weight) const { return scorer_.strength(correlation, weight); }

 private:
  double exact_strength(std::uint32_t j, const scoring::SplitVectors& vectors,
                        const Question& question) const;
  bool violates(std::uint32_t j, double exact, const Question& question) const;

  const Dictionary& dictionary_;
  const bool low_;  // atoms' low parts count
  scoring::Scorer scorer_;
  std::vector<scoring::Request> requests_;
};

/// How many of the strongest atoms a sample takes into its candidates at first, and when there are some.
std::size_t first_candidates(std::size_t dims);
std::size_t later_candidates(std::size_t dims, std::size_t size);

}  // namespace unsuperpose
