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
  std::vector<std::pair<std::uint32_t, float>> best;  // the best code so far that was left behind
  Evaluation best_at{};
  double best_objective = std::numeric_limits<double>::infinity();
  unsigned rounds_without_progress = 0;
  std::uint32_t solves = 0;
  std::uint8_t rung = 0;  // of the scorer's precisions
  bool done = false;
};

/// What is known of the atoms outside a working set: those that may violate the optimality conditions, strongest first.
struct Outside {
  std::vector<product::Entry> entries;
  double error = 0;     // of every strength
  double unlisted = 0;  // what is not listed has at most this strength, error included
  bool full = false;    // more atoms may be as strong as the last
};

/// An atom and its exact correlation with the residual.
struct Violator {
  std::uint32_t atom;
  double correlation, strength;
};

/// What exact correlations say about the atoms outside.
struct Decision {
  std::vector<Violator> violators;  // the strongest, strongest first
  double strongest = 0;             // strength of any atom outside, at most, or λ
  bool certain = true;              // false: only as far as float32 scores tell
};

/// Scratch of one thread; marks is all zero between uses.
struct LassoWorkspace {
  std::vector<std::uint8_t> marks;
  std::vector<double> doubles;
  AlignedBuffer<double> newton;
  Outside outside;
  Decision decision;
  std::vector<const float*> rows;
  std::vector<std::uint32_t> support;
  std::vector<float> support_values;
};

inline LassoWorkspace& lasso_workspace(std::size_t features) {
  thread_local LassoWorkspace scratch;
  if (scratch.marks.size() < features) scratch.marks.resize(features, 0);
  return scratch;
}

}  // namespace unsuperpose
