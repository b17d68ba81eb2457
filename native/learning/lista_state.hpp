// What training an unrolled network keeps between steps.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lista_backward.hpp"
#include "lista_learner.hpp"

namespace unsuperpose {

struct ListaLearner::State {
  /// A tensor that the running stage trains, with what Adam needs of it. Vectors are one row.
  struct Trained {
    std::string name;
    Matrix32 values, gradient, first, second;
    product::PackedRows* packed = nullptr;  // where layers read it: packed, or row after row
    float* plain = nullptr;
    std::size_t plain_stride = 0;
  };
  /// Samples that are set aside, as they were given.
  struct Holdout {
    lista::Rows input;
    SparseCodes codes;
    lista::Samples samples;  // in the network's units, once those are known
    bool there = false, ready = false;
  };
  /// The parameters of the best validation.
  struct Best {
    bool there = false;
    double error = 0, base = 0;  // after the last trained layer, and that of no codes at all
    lista::Tensors values;
    std::vector<double> hyper;
  };
  /// Of the steps since figures were told.
  struct Sums {
    std::vector<double> errors;
    double base = 0, gradient_norm = 0;
    std::uint64_t steps = 0;

    void add(const lista::Outcome& outcome, double norm) {
      if (errors.size() != outcome.errors.size()) *this = {};  // of fewer layers: no means over both
      errors.resize(outcome.errors.size(), 0);
      for (std::size_t k = 0; k < errors.size(); ++k) errors[k] += outcome.errors[k];
      base += outcome.base;
      gradient_norm += norm;
      ++steps;
    }
  };

  /// How far the grid of hyper has been searched; empty before and after.
  struct Search {
    std::uint64_t points = 0;
    std::vector<double> errors;  // after each layer, of the best point so far
    double base = 0;
  };

  ListaOptions options;
  std::optional<ListaPrior> prior;
  ListaParameters given;  // sizes and the dictionary
  bool begun = false;
  lista::Network network;
  lista::Objective objective;
  lista::Tensors weights, gradients, first, second;  // first, second: moments
  lista::Pass pass;
  lista::Samples batch;
  Holdout holdout;
  Best best;
  Sums since;
  Search search;
  std::function<void()> on_search;
  std::vector<double> validated;  // relative errors by layer
  double power1 = 1, power2 = 1;  // β^t of the running stage
  double reach = 0;               // of the pattern search, in powers of two; hyper only
  std::uint64_t steps = 0, samples = 0, stage = 0, stage_steps = 0, since_better = 0;
  bool finished = false, fits_layer = false;  // fits_layer: a new layer's first step and threshold are due
  AlignedBuffer<float> kept;                  // what the mask of a batch lets through

  bool supervised() const { return !(options.lambda > 0); }
  bool hyper() const { return options.weights == ListaWeights::hyper; }
  ConstMatrix32 dictionary() const { return {given.dictionary.data(), given.features, given.dims}; }

  /// An error in relation to `base`, that of no codes at all. Where that is 0 there is nothing to compare with: +∞ for an error, NaN for none, so
  /// that it never looks as if the codes were perfect.
  static double relative(double error, double base) {
    if (base > 0) return error / base;
    return error > 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }

  /// p_k of each layer.
  std::vector<float> selection() const;

  // lista_stages.cpp
  std::uint64_t stages() const;
  lista::Part part() const;
  double rate() const;
  /// Validates where it is due, and ends the stage where it is over. After each step; `norm` is its gradient's.
  Status observe(const lista::Outcome& outcome, double norm, const Execution& execution);
  Status validate(const Execution& execution);
  void end_stage();
  void forget_moments();

  // lista_start.cpp
  Status begin(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution);
  /// Everything that a network's parameters decide: made anew for `parameters`.
  Status build(ListaParameters parameters, const Execution& execution);
  /// The batch in the network's units. ERR_OPTION where a sample is too large for them.
  Status scale(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution,
               lista::Samples& out) const;
  /// Chooses the step and threshold of a layer that has not been trained.
  Status fit_layer(std::size_t layer, const lista::Samples& from, const Execution& execution);

  // lista_hyper.cpp
  Status search_grid(const lista::Samples& from, const Execution& execution);
  Status refine(const Execution& execution, lista::Outcome& outcome);

  // lista_update.cpp
  std::vector<Trained> trained();
  /// `norm`: of the gradient before clipping.
  Status update(const Execution& execution, double& norm);
  /// Brings what layers read up to date with `weights`.
  void publish(const Execution& execution);
  void read_best(ListaParameters& out) const;

  // lista_learner.cpp
  Status step(ConstMatrix32 input, const SparseCodes* codes, const Execution& execution);
};

namespace lista {
void copy(const Tensors& from, Tensors& to);
}

}  // namespace unsuperpose
