// What is trained when, and for how long: end to end, or layer after layer (Chen et al. 2018; REFERENCE.md §2), with validation and patience.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lista_state.hpp"

namespace unsuperpose {

namespace {
/// Of each layer: its own parameters at the rate, then all so far at these shares of it.
constexpr double kShares[] = {1, 0.2, 0.02};
constexpr std::uint64_t kStagesALayer = std::size(kShares);
}  // namespace

std::uint64_t ListaLearner::State::stages() const {
  return options.schedule == ListaSchedule::layer_wise && !hyper() ? kStagesALayer * options.layers : 1;
}

lista::Part ListaLearner::State::part() const {
  lista::Part part;
  part.depth = stages() == 1 ? options.layers : std::min(stage / kStagesALayer + 1, options.layers);
  part.first = stages() == 1 || stage % kStagesALayer != 0 ? 0 : part.depth - 1;
  const bool own = options.weights == ListaWeights::pair || options.weights == ListaWeights::layers;
  // Weights that all layers share belong to the first.
  part.forward = own || (options.weights == ListaWeights::shared && part.first == 0);
  return part;
}

/// End to end it falls to 0 over the last share of the planned steps.
double ListaLearner::State::rate() const {
  if (stages() > 1) return options.rate * kShares[stage % kStagesALayer];
  const auto step = static_cast<double>(steps), planned = static_cast<double>(options.planned);
  const double falls = planned * (1 - options.decay);
  if (!(options.planned > 0) || step <= falls) return options.rate;
  return options.rate * std::max(0.0, (planned - step) / (planned - falls));
}

void ListaLearner::State::forget_moments() {
  first = lista::Tensors(network.at);
  second = lista::Tensors(network.at);
  power1 = power2 = 1;
}

Status ListaLearner::State::validate(const Execution& execution) {
  if (!holdout.ready) {
    if (Status status =
            scale(holdout.input.view(), supervised() ? &holdout.codes : nullptr, execution, holdout.samples);
        !status.ok())
      return status;
    holdout.ready = true;
  }
  lista::Outcome outcome;
  const std::size_t depth = part().depth;
  if (Status status = pass.measure(network, objective, holdout.samples, depth, execution, outcome);
      !status.ok())
    return status;
  validated.assign(depth, 0);
  for (std::size_t k = 0; k < depth; ++k) validated[k] = relative(outcome.errors[k], outcome.base);
  const double error = outcome.overflow < holdout.samples.x.count ? std::numeric_limits<double>::infinity()
                                                                  : outcome.errors.back();
  // The base is the same each time, and may be 0.
  if (best.there && !(error < best.error)) return {};
  best.there = true;
  best.error = error;
  best.base = outcome.base;
  lista::copy(weights, best.values);
  best.hyper = network.at.hyper;
  since_better = 0;
  return {};
}

Status ListaLearner::State::observe(const lista::Outcome& outcome, double norm, const Execution& execution) {
  since.add(outcome, norm);
  ++steps;
  ++stage_steps;
  ++since_better;
  samples += batch.x.count;
  const bool validates = holdout.there && options.validate_every > 0;
  if (validates && steps % options.validate_every == 0)
    if (Status status = validate(execution); !status.ok()) return status;
  const bool over = options.planned > 0 && stage_steps >= options.planned;
  const bool waited = validates && options.patience > 0 && since_better >= options.patience;
  const bool refined = hyper() && reach == 0;
  if (!over && !waited && !refined) return {};
  // What the last steps came to counts too.
  if (validates && steps % options.validate_every != 0)
    if (Status status = validate(execution); !status.ok()) return status;
  end_stage();
  publish(execution);
  return execution.cancelled() ? Status::cancelled() : Status{};
}

/// On to the next stage, from the best parameters of this one.
void ListaLearner::State::end_stage() {
  if (best.there) {
    lista::copy(best.values, weights);
    network.at.hyper = best.hyper;
  }
  if (stage + 1 >= stages()) {
    finished = true;
    return;
  }
  ++stage;
  stage_steps = since_better = 0;
  forget_moments();
  if (stage % kStagesALayer != 0) return;
  best.there = false;
  validated.clear();  // of a network of fewer layers
  fits_layer = true;
}

}  // namespace unsuperpose
