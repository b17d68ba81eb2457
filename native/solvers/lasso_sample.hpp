// What one sample of the lasso carries from round to round, and what a thread works with.
#pragma once
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "../kernels/product/product.hpp"
#include "certificate.hpp"
#include "working_set.hpp"

namespace unsuperpose {

struct LassoSample {
  std::uint32_t slot;  // place in the batch
  WorkingSet set;
  Evaluation at{};       // of the current code
  double strongest = 0;  // strength in the working set, exact
  double best_gap = std::numeric_limits<double>::infinity();
  double open_gap = 0;  // the gap if nothing unlisted is stronger than what is listed
  std::vector<std::pair<std::uint32_t, float>> best;  // the best code so far that was left behind
  Evaluation best_at{};
  double best_objective = std::numeric_limits<double>::infinity();
  unsigned rounds_without_progress = 0;
  std::uint32_t solves = 0;
  std::uint8_t rung = 0;  // of the scorer's precisions
  bool done = false;

  /// As new, but for room in the arrays.
  void reset();
};

/// Scratch of one thread; marks is all zero between uses.
struct LassoWorkspace {
  std::vector<std::uint8_t> marks;
  std::vector<double> doubles;
  AlignedBuffer<double> newton;
  std::vector<product::Entry> violators, doubtful;
  std::vector<std::uint32_t> support;
  std::vector<float> support_values;
  std::vector<std::pair<std::uint32_t, float>> codes;
};

inline void LassoSample::reset() {
  LassoSample fresh{};
  set.clear();
  best.clear();
  fresh.set = std::move(set);
  fresh.best = std::move(best);
  *this = std::move(fresh);
}

inline LassoWorkspace& lasso_workspace(std::size_t features) {
  thread_local LassoWorkspace scratch;
  if (scratch.marks.size() < features) scratch.marks.resize(features, 0);
  return scratch;
}

}  // namespace unsuperpose
