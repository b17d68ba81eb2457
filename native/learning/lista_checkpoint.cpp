// An unrolled network's training as plain arrays, out and in; what it has learned so far; its gradients, for tests.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lista_state.hpp"

namespace unsuperpose {

namespace {

using lista::Rows;
using lista::Tensors;

/// Every tensor that there is, by name: body(name, rows).
template <class Body>
void each_tensor(const Tensors& tensors, const std::string& prefix, const Body& body) {
  for (std::size_t k = 0; k < tensors.forward.size(); ++k)
    body(prefix + "forward." + std::to_string(k), tensors.forward[k]);
  for (std::size_t k = 0; k < tensors.recurrent.size(); ++k)
    body(prefix + "recurrent." + std::to_string(k), tensors.recurrent[k]);
  if (tensors.step.count == 0) return;
  body(prefix + "step", tensors.step);
  body(prefix + "threshold", tensors.threshold);
}

void put(const Tensors& tensors, const std::string& prefix, Checkpoint& to) {
  each_tensor(tensors, prefix, [&](const std::string& name, const Rows& rows) { to.put(name, rows.view()); });
}

bool fits(const Checkpoint& from, const Tensors& like, const std::string& prefix) {
  bool all = true;
  each_tensor(like, prefix, [&](const std::string& name, const Rows& rows) {
    all = all && from.find<float>(name, rows.count * rows.cols);
  });
  return all;
}

void take(const Checkpoint& from, const Tensors& to, const std::string& prefix) {
  each_tensor(to, prefix, [&](const std::string& name, const Rows& rows) {
    const std::vector<float>& values = *from.find<float>(name);
    for (std::size_t i = 0; i < rows.count; ++i)
      std::copy_n(values.data() + i * rows.cols, rows.cols, rows.row(i));
  });
}

void flatten(const std::vector<Rows>& from, std::vector<float>& to) {
  to.clear();
  for (const Rows& one : from)
    for (std::size_t i = 0; i < one.count; ++i) to.insert(to.end(), one.row(i), one.row(i) + one.cols);
}

}  // namespace

Status ListaLearner::freeze(const Execution& /*execution*/, ListaParameters& out) {
  const State& state = *state_;
  if (!state.begun)
    return Status::fail(Code::option, "training has not begun: there were no samples to begin from");
  state.read_best(out);
  return {};
}

void ListaLearner::save(Checkpoint& to) const {
  const State& state = *state_;
  const State::Sums& since = state.since;
  to.put("counts", std::vector<std::uint64_t>{state.begun, state.steps, state.samples, state.stage,
                                              state.stage_steps, state.since_better, state.finished,
                                              state.fits_layer, state.best.there, since.steps});
  to.put("numbers", std::vector<double>{state.network.at.scale, state.power1, state.power2, state.reach,
                                        state.best.error, since.base, since.gradient_norm, state.best.base});
  to.put("errors", since.errors);
  to.put("validated", state.validated);
  to.put("hyper", state.network.at.hyper);
  to.put("best.hyper", state.best.hyper);
  if (!state.begun) return;
  put(state.weights, "", to);
  put(state.first, "first.", to);
  put(state.second, "second.", to);
  if (state.best.there) put(state.best.values, "best.", to);
}

Status ListaLearner::resume(const Checkpoint& from) {
  State& state = *state_;
  const auto refuse = [] {
    return Checkpoint::refuse("an unrolled network of these weights with so many layers, features and dims");
  };
  const auto* counts = from.find<std::uint64_t>("counts", 10);
  const auto* numbers = from.find<double>("numbers", 8);
  const auto* errors = from.find<double>("errors");
  const auto* validated = from.find<double>("validated");
  const std::size_t of_hyper = state.hyper() ? 3 : 0;
  const auto* hyper = from.find<double>("hyper");
  const auto* best_hyper = from.find<double>("best.hyper");
  if (!counts || !numbers || !errors || !validated || !hyper || !best_hyper ||
      errors->size() > state.options.layers || validated->size() > state.options.layers ||
      (*counts)[3] >= state.stages())
    return refuse();
  const bool begun = (*counts)[0] != 0, has_best = (*counts)[8] != 0;
  if (begun) {
    // The parameters of the checkpoint, in a network of their own until all of it is known to fit.
    ListaParameters p = state.given;
    const bool pair = p.weights == ListaWeights::pair;
    const std::size_t matrices = pair || p.weights == ListaWeights::layers ? p.layers : 1;
    p.scale = (*numbers)[0];
    Tensors like;
    for (std::size_t k = 0; k < matrices; ++k) like.forward.emplace_back(p.features, p.dims);
    for (std::size_t k = 0; pair && k < p.layers; ++k) like.recurrent.emplace_back(p.features, p.features);
    if (!state.hyper()) {
      like.step = Rows(1, p.layers);
      like.threshold = Rows(1, p.layers);
    }
    for (const char* prefix : {"", "first.", "second.", "best."})
      if ((has_best || std::string(prefix) != "best.") && !fits(from, like, prefix)) return refuse();
    if (hyper->size() != of_hyper || (has_best && best_hyper->size() != of_hyper)) return refuse();
    take(from, like, "");
    flatten(like.forward, p.forward);
    flatten(like.recurrent, p.recurrent);
    if (state.hyper()) {
      p.hyper = *hyper;
    } else {
      p.step.assign(like.step.row(0), like.step.row(0) + p.layers);
      p.threshold.assign(like.threshold.row(0), like.threshold.row(0) + p.layers);
      p.selection = state.selection();
    }
    if (Status status = state.build(std::move(p), {}); !status.ok()) return refuse();
    take(from, state.first, "first.");
    take(from, state.second, "second.");
    if (has_best) {
      lista::copy(state.weights, state.best.values);
      take(from, state.best.values, "best.");
    }
  }
  state.begun = begun;
  state.steps = (*counts)[1];
  state.samples = (*counts)[2];
  state.stage = (*counts)[3];
  state.stage_steps = (*counts)[4];
  state.since_better = (*counts)[5];
  state.finished = (*counts)[6] != 0;
  state.fits_layer = (*counts)[7] != 0;
  state.best.there = has_best;
  state.best.error = (*numbers)[4];
  state.best.base = (*numbers)[7];
  state.best.hyper = *best_hyper;
  state.power1 = (*numbers)[1];
  state.power2 = (*numbers)[2];
  state.reach = (*numbers)[3];
  state.since = {*errors, (*numbers)[5], (*numbers)[6], (*counts)[9]};
  state.validated = *validated;
  state.holdout.ready = false;
  return {};
}

Status lista_gradient(const ListaOptions& options, const ListaParameters& at, ConstMatrix32 input,
                      const SparseCodes* codes, const Execution& execution, ListaGradient& out) {
  if (at.weights == ListaWeights::hyper) return Status::fail(Code::option, "three numbers have no gradient");
  if (input.cols != at.dims || input.rows == 0)
    return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (!(options.lambda > 0) && (!codes || codes->indptr.size() != input.rows + 1))
    return Status::fail(Code::shape, "the supervised loss needs codes");
  ListaLearner::State state;
  state.options = options;
  state.options.weights = at.weights;
  state.options.schedule = ListaSchedule::end_to_end;
  state.options.layers = at.layers;
  state.given = at;
  if (Status status = state.build(at, execution); !status.ok()) return status;
  if (Status status = state.scale(input, state.supervised() ? codes : nullptr, execution, state.batch);
      !status.ok())
    return status;
  lista::Outcome outcome;
  if (Status status = state.pass.run(state.network, state.weights, state.objective, state.batch, state.part(),
                                     options.memory, execution, state.gradients, outcome);
      !status.ok())
    return status;
  if (outcome.overflow < input.rows)
    return Status::fail(Code::option,
                        "the codes of sample " + std::to_string(outcome.overflow) + " are not finite");
  out.loss = outcome.loss;
  out.by = at;
  flatten(state.gradients.forward, out.by.forward);
  flatten(state.gradients.recurrent, out.by.recurrent);
  const auto vector = [&](const Rows& from) {
    return std::vector<float>(from.row(0), from.row(0) + from.cols);
  };
  out.by.step = vector(state.gradients.step);
  out.by.threshold = vector(state.gradients.threshold);
  return {};
}

}  // namespace unsuperpose
