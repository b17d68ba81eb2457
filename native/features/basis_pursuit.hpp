// Whether basis pursuit, min ‖a‖₁ over aD = x (a ≥ 0 if nonnegative), returns codes: searched for (dual_search.hpp), many codes at a time.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "../core/execution.hpp"
#include "../scoring/scorer.hpp"
#include "dual_search.hpp"

namespace unsuperpose {

/// A code's support, of which no atom is zero, and its signs; and what was proved.
struct SupportQuestion {
  std::vector<std::uint32_t> support;
  std::vector<double> signs;
  Proof found = Proof::undecided;
  bool dependent = false;  // proved: the support's atoms depend on one another
};

class BasisPursuit {
 public:
  /// At most `steps` atoms are taken in or let go for a code, whose question is left undecided then.
  BasisPursuit(const Dictionary& dictionary, bool nonnegative, std::size_t steps, const Execution& execution);

  /// Nothing is valid if the call was cancelled.
  void decide(std::span<SupportQuestion> questions);

 private:
  struct Slot;
  void group(std::span<SupportQuestion> questions);
  void advance(Slot& slot, const float* scores);
  void certify(Slot& slot, const float* scores) const;

  const Dictionary& dictionary_;
  const bool nonnegative_;
  const std::size_t steps_, dims_, spanned_;
  const Execution& execution_;
  const std::vector<float> no_weights_;
  scoring::Scorer scorer_;
  std::vector<scoring::Request> requests_;
  AlignedBuffer<float> rows_, scores_;
};

}  // namespace unsuperpose
