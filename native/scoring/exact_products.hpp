// Products in float64 of many pairs of a row and an atom: the decisions of encoders, and their values.
//
// What this costs is the atoms' way from memory. Row by row an atom comes from L3 for each sample that it may be active in; atom by
// atom it comes once, and the samples stay in L2. Rows that a device scored are multiplied there, where both sides are. A product's bits are the
// same in every way (dots::Table::correlate).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../core/execution.hpp"
#include "../core/status.hpp"
#include "../core/view.hpp"
#include "dictionary.hpp"
#include "scorer.hpp"

namespace unsuperpose::scoring {

/// Pairs row by row, and what they come to. Reuses its memory.
struct ExactPairs {
  std::vector<const float*> rows;
  std::vector<std::size_t> starts{0};  // row i has the pairs starts[i] … starts[i + 1] − 1
  std::vector<std::uint32_t> atoms;    // of each pair
  std::vector<double> products;        // of each pair, once multiplied

  void clear();
  /// Ends a row, whose atoms were appended; `scored`: by the scorer's last scoring.
  void end(const float* row, const Scored* scored = nullptr);
  std::size_t count(std::size_t i) const { return starts[i + 1] - starts[i]; }
  /// Σ over the first `dims` entries. Nothing is valid if the call was cancelled.
  void multiply(const Dictionary& dictionary, std::size_t dims, const Execution& execution);

 private:
  void by_row(const Dictionary& dictionary, std::size_t dims, const Execution& execution);
  void by_atom(const Dictionary& dictionary, std::size_t dims, const Execution& execution);

  const DeviceScan* scan_ = nullptr;    // of all rows; null where there is none, or rows have different ones
  std::vector<std::uint32_t> vectors_;  // the rows' places in it
  std::vector<std::size_t> first_;      // of each atom's pairs in order_
  std::vector<std::uint32_t> order_, row_of_;  // pairs by atom; of each pair
};

/// Multiplies out what the scorer's last scoring, of rows first … first + count − 1, leaves open: of each its entries, or all features where it is
/// undecided. take(pairs) gets some of the rows at a time, in order, and may answer with a failure. Answers how many pairs there were in `listed`.
template <class Take>
Status multiply_listed(const Scorer& scorer, ConstMatrix32 rows, std::size_t first, std::size_t count,
                       const Dictionary& dictionary, std::size_t dims, const Execution& execution,
                       ExactPairs& pairs, std::size_t& listed, const Take& take) {
  /// Pairs that are decided together, where there are very many.
  constexpr std::size_t kMostPairs = std::size_t{1} << 22;
  listed = 0;
  pairs.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const Scored& scored = scorer[i];
    const std::size_t open = scored.undecided ? dictionary.features() : scored.count;
    listed += open;
    for (std::size_t e = 0; e < open; ++e)
      pairs.atoms.push_back(scored.undecided ? static_cast<std::uint32_t>(e) : scored.entries[e].index);
    pairs.end(rows.row(first + i), &scored);
    if (i + 1 < count && pairs.atoms.size() < kMostPairs) continue;
    pairs.multiply(dictionary, dims, execution);
    if (execution.cancelled()) return Status::cancelled();
    if (Status status = take(pairs); !status.ok()) return status;
    pairs.clear();
  }
  return {};
}

}  // namespace unsuperpose::scoring
