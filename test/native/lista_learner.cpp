// Training unrolled networks: the same bits for any number of threads, budget of memory, and stop on the way; when training ends. Prints
// one line; exits 1 if not.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "lista_learning.hpp"

using namespace unsuperpose;
using namespace unsuperpose::check;

namespace {

/// Every kind, both losses, both schedules.
void for_each_setting(const std::function<void(const char*, const ListaOptions&)>& body) {
  for (const ListaWeights kind : kKinds)
    for (const double lambda : {0.0, 0.1})
      for (const bool layer_wise : {false, true}) {
        if (kind == ListaWeights::hyper && (layer_wise || lambda > 0)) continue;
        ListaOptions options = options_of(kind);
        options.lambda = lambda;
        options.every = lambda > 0;
        options.adaptive = kind == ListaWeights::fixed ? 0.1 : 0;
        options.ridge = kind == ListaWeights::hyper || lambda > 0 ? 0.2 : 0;
        if (layer_wise) {
          options.schedule = ListaSchedule::layer_wise;
          options.planned = 3;
          options.validate_every = 2;
        }
        if (kind == ListaWeights::hyper) options.planned = 12;
        body(name_of(kind), options);
      }
}

void threads_and_memory() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  for_each_setting([&](const char* name, const ListaOptions& options) {
    const std::uint64_t steps = options.schedule == ListaSchedule::layer_wise ? 20 : 14;
    const auto one = make(options, &prior, dictionary);
    run(*one, steps);
    const Checkpoint expected = state_of(*one);
    // Work is cut by its size, so one number of threads that divides nothing shows what any would.
    const auto shared = make(options, &prior, dictionary);
    run(*shared, steps, 3);
    that(same(state_of(*shared), expected), "%s, 3 threads", name);
    // Residuals of no layer, and of some.
    for (const std::size_t memory : {std::size_t{0}, 2 * kBatch * 32 * sizeof(float)}) {
      ListaOptions little = options;
      little.memory = memory;
      const auto other = make(little, &prior, dictionary);
      run(*other, steps);
      that(same(state_of(*other), expected), "%s, %zu bytes of memory", name, memory);
    }
  });
}

void resumes() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  for_each_setting([&](const char* name, ListaOptions options) {
    if (options.weights != ListaWeights::hyper && options.schedule != ListaSchedule::layer_wise)
      options.planned = 20;
    const bool layer_wise = options.schedule == ListaSchedule::layer_wise;
    const std::uint64_t steps = layer_wise ? 36 : options.planned;
    const auto whole = make(options, &prior, dictionary);
    // Inside each of a layer's stages, at their ends, and before the first step.
    std::vector<std::uint64_t> stops = {0, 1, 6, 7, 11};
    if (layer_wise) stops = {0, 1, 3, 4, 6, 8, 9, 10, 14, 17, 27, 35};
    std::vector<Checkpoint> saved;
    for (std::uint64_t step = 0; step <= steps; ++step) {
      if (std::find(stops.begin(), stops.end(), step) != stops.end()) saved.push_back(state_of(*whole));
      if (step < steps) run(*whole, 1, 2);
    }
    const Checkpoint end = state_of(*whole);
    const ListaStatistics statistics = whole->statistics();
    // From each stop to the next, which is to have the same state: what a state lacked would show up to the end.
    for (std::size_t s = 0; s < saved.size(); ++s) {
      const bool last = s + 1 == saved.size();
      const auto other = make(options, &prior, dictionary);
      that(other->resume(saved[s]).ok(), "%s, resumed", name);
      that(same(state_of(*other), saved[s]), "%s, saved again at once", name);
      run(*other, (last ? steps : stops[s + 1]) - stops[s]);
      that(same(state_of(*other), last ? end : saved[s + 1]), "%s, from step %d on", name,
           static_cast<int>(stops[s]));
      if (!last) continue;
      that(same(other->statistics().layers, statistics.layers), "%s, figures", name);
      that(same(frozen(*other), frozen(*whole)), "%s, frozen", name);
    }
    // Another seed, another end.
    ListaOptions otherwise = options;
    ++otherwise.seed;
    const auto different = make(otherwise, &prior, dictionary);
    run(*different, steps);
    that(!same(frozen(*different), frozen(*whole)), "%s, another seed", name);
    // What does not fit is refused, and changes nothing.
    otherwise.layers = kLayers + 1;
    const auto larger = make(otherwise, &prior, dictionary);
    run(*larger, 1);
    const Checkpoint before = state_of(*larger);
    if (options.weights != ListaWeights::hyper)
      that(!larger->resume(end).ok() && same(state_of(*larger), before), "%s, refused", name);
  });
}

/// Finished by its stages, each of which ends by itself; more steps change nothing.
void ends() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  ListaOptions options = options_of(ListaWeights::fixed);
  options.schedule = ListaSchedule::layer_wise;
  options.planned = 5;
  const auto layer_wise = make(options, &prior, dictionary);
  run(*layer_wise, 5 * 3 * kLayers);
  that(layer_wise->finished() && layer_wise->steps() == 5 * 3 * kLayers, "stages end");
  const Checkpoint end = state_of(*layer_wise);
  run(*layer_wise, 3);
  that(same(state_of(*layer_wise), end), "nothing changes past the end");
  // A rate at which nothing gets better: patience ends what 10,000 steps would not.
  options = options_of(ListaWeights::fixed);
  options.planned = 10000;
  options.validate_every = 5;
  options.patience = 20;
  options.rate = 1e-12;
  const auto patient = make(options, &prior, dictionary);
  for (int step = 0; step < 400 && !patient->finished(); ++step) run(*patient, 1);
  that(patient->finished() && patient->steps() >= 20, "patience ends training, after %d steps",
       static_cast<int>(patient->steps()));
  // What is frozen is what validated best.
  options.rate = 0.3;
  options.patience = 0;
  options.planned = 30;
  const auto wild = make(options, &prior, dictionary);
  double best = std::numeric_limits<double>::infinity();
  ListaParameters kept;
  for (int step = 0; step < 30; ++step) {
    run(*wild, 1);
    const ListaStatistics now = wild->statistics();
    if (wild->steps() % 5 != 0 || !(now.validated.back() < best)) continue;
    best = now.validated.back();
    kept = frozen(*wild);
  }
  that(wild->finished() && same(kept, frozen(*wild)) && wild->statistics().best == best,
       "the best is frozen");
}

/// A start that is cancelled, wherever in it, is none: the next step makes it again.
void cancelled_start() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  using Clock = std::chrono::steady_clock;
  for (const ListaWeights kind : kKinds) {
    const auto whole = make(options_of(kind), &prior, dictionary);
    const Clock::time_point begin = Clock::now();
    run(*whole, 1);
    const Clock::duration taken = Clock::now() - begin;
    run(*whole, 1);
    const Checkpoint expected = state_of(*whole);
    const ListaParameters sizes = frozen(*whole);
    constexpr int kParts = 12;
    for (int part = 0; part < kParts + 4; ++part) {
      const auto learner = make(options_of(kind), &prior, dictionary);
      Monitor monitor;
      Execution cancelled;
      cancelled.monitor = &monitor;
      if (part == 0) monitor.cancel();
      std::thread canceller([&] {
        std::this_thread::sleep_for(taken * part / kParts);
        monitor.cancel();
      });
      const bool stepped = learner->feed({}, cancelled).ok();
      canceller.join();
      ListaParameters out;
      if (learner->freeze({}, out).ok()) {
        that(part > 0 && out.forward.size() == sizes.forward.size() &&
                 out.recurrent.size() == sizes.recurrent.size() && out.weights == kind,
             "%s: begun is begun wholly", name_of(kind));
      } else {
        run(*learner, 2);
        that(same(state_of(*learner), expected), "%s: begun again", name_of(kind));
      }
      if (stepped) break;
    }
  }
}

}  // namespace

int main() {
  threads_and_memory();
  resumes();
  ends();
  cancelled_start();
  return check::finish();
}
