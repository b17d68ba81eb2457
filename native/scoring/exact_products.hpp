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

}  // namespace unsuperpose::scoring
