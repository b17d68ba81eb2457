// A small problem for learners of unrolled networks, and what a test of them does again and again.
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/learning/lista_learner.hpp"
#include "count.hpp"
#include "same.hpp"

namespace unsuperpose::check {

inline constexpr std::size_t kFeatures = 40, kDims = 24, kLayers = 4, kBatch = 96;

inline constexpr ListaWeights kKinds[] = {ListaWeights::pair, ListaWeights::layers, ListaWeights::shared,
                                          ListaWeights::fixed, ListaWeights::hyper};
inline const char* name_of(ListaWeights kind) {
  constexpr const char* kNames[] = {"pair", "layers", "shared", "fixed", "hyper"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// Atoms of different norms in random directions; the last is zero where asked.
inline std::vector<float> atoms(double size = 1, bool with_zero = false) {
  Random random(3);
  std::vector<float> all(kFeatures * kDims);
  for (std::size_t j = 0; j < kFeatures; ++j) {
    const double own = 0.2 * (0.5 + static_cast<double>(j) / kFeatures) * size;
    for (std::size_t d = 0; d < kDims; ++d)
      all[j * kDims + d] = static_cast<float>(static_cast<float>(random.normal()) * own);
  }
  if (with_zero) std::fill(all.end() - kDims, all.end(), 0.0f);
  return all;
}

inline ConstMatrix32 view(const std::vector<float>& all, std::size_t cols) {
  return {all.data(), all.size() / cols, cols};
}

inline ListaPrior prior_of(double snr = 30) {
  ListaPrior prior;
  prior.density = 0.08;
  prior.snr = snr;
  return prior;
}

inline ListaOptions options_of(ListaWeights kind) {
  ListaOptions o;
  o.weights = kind;
  o.layers = kLayers;
  o.selection = 2.5;
  o.most_selected = 10;
  o.rate = 1e-3;
  o.planned = 40;
  o.decay = 0.25;
  o.validate_every = 7;
  o.batch_size = kBatch;
  o.seed = 5;
  return o;
}

inline std::unique_ptr<ListaLearner> make(const ListaOptions& options, const ListaPrior* prior,
                                          const std::vector<float>& dictionary) {
  std::unique_ptr<ListaLearner> made;
  const Status status = ListaLearner::make(view(dictionary, kDims), options, prior, made);
  that(status.ok(), "a learner is made: %s", status.message.c_str());
  return made;
}

inline bool same(const ListaParameters& a, const ListaParameters& b) {
  return same(a.forward, b.forward) && same(a.recurrent, b.recurrent) && same(a.step, b.step) &&
         same(a.threshold, b.threshold) && same(a.hyper, b.hyper) && a.ridge == b.ridge;
}

inline Checkpoint state_of(const ListaLearner& learner) {
  Checkpoint saved;
  learner.save(saved);
  return saved;
}

inline void run(ListaLearner& learner, std::uint64_t steps, unsigned threads = 1) {
  for (; steps > 0; --steps) {
    const Status status = learner.feed({}, Execution{threads});
    that(status.ok(), "a step: %s", status.message.c_str());
  }
}

inline ListaParameters frozen(ListaLearner& learner) {
  ListaParameters out;
  that(learner.freeze({}, out).ok(), "frozen");
  return out;
}

}  // namespace unsuperpose::check
