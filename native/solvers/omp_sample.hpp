// What one sample of orthogonal matching pursuit carries from round to round, and what a thread works with.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "lazy_correlations.hpp"
#include "pursuit_sample.hpp"
#include "unfolding.hpp"

namespace unsuperpose {

struct OmpSample : PursuitSample {
  std::uint32_t choices = 0;
  Outcome outcome = Outcome::converged;
  bool done = false;
  bool exact = false;          // scores in low precision leave too much open
  bool waits_for_row = false;  // of the atom that was chosen last
  LazyCorrelations::Paused paused;
  std::vector<std::uint32_t> dependent;  // atoms that depend on the support, ascending

  /// As new, but for room in the arrays.
  void reset() {
    PursuitSample::clear();
    choices = 0;
    outcome = Outcome::converged;
    done = exact = waits_for_row = false;
    paused = {};
    dependent.clear();
  }

  void end(Outcome how) {
    done = true;
    outcome = how;
  }
};

/// What a thread works with.
struct OmpScratch : PursuitScratch {
  OmpScratch(const CompressedGram* gram, const Dictionary& dictionary, bool nonnegative)
      : PursuitScratch(dictionary.dims()), correlations(gram, dictionary.features(), nonnegative) {}
  LazyCorrelations correlations;
  std::vector<std::pair<std::uint32_t, float>> codes;
};

}  // namespace unsuperpose
