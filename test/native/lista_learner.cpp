// Training unrolled networks: the same bits for any number of threads, budget of memory, and stop on the way; samples of a prior; what a
// small problem comes to; scales; when training ends, and what it refuses. Prints one line; exits 1 if not.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/learning/lista_learner.hpp"
#include "../../native/learning/lista_network.hpp"
#include "count.hpp"

using namespace unsuperpose;
using check::that;

namespace {

constexpr std::size_t kFeatures = 40, kDims = 24, kLayers = 4, kBatch = 96;

constexpr ListaWeights kKinds[] = {ListaWeights::pair, ListaWeights::layers, ListaWeights::shared,
                                   ListaWeights::fixed, ListaWeights::hyper};
const char* name_of(ListaWeights kind) {
  constexpr const char* kNames[] = {"pair", "layers", "shared", "fixed", "hyper"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// Atoms of different norms in random directions; the last is zero where asked.
std::vector<float> atoms(double size = 1, bool with_zero = false) {
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

ConstMatrix32 view(const std::vector<float>& all, std::size_t cols) {
  return {all.data(), all.size() / cols, cols};
}

ListaPrior prior_of(double snr = 30) {
  ListaPrior prior;
  prior.density = 0.08;
  prior.snr = snr;
  return prior;
}

ListaOptions options_of(ListaWeights kind) {
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

std::unique_ptr<ListaLearner> make(const ListaOptions& options, const ListaPrior* prior,
                                   const std::vector<float>& dictionary) {
  std::unique_ptr<ListaLearner> made;
  const Status status = ListaLearner::make(view(dictionary, kDims), options, prior, made);
  that(status.ok(), "a learner is made: %s", status.message.c_str());
  return made;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool same(const Checkpoint& a, const Checkpoint& b) {
  if (a.arrays().size() != b.arrays().size()) return false;
  for (const auto& [name, values] : a.arrays()) {
    const auto other = b.arrays().find(name);
    if (other == b.arrays().end() || other->second.index() != values.index()) return false;
    const bool equal = std::visit(
        [&](const auto& all) { return same(all, std::get<std::decay_t<decltype(all)>>(other->second)); },
        values);
    if (!equal) return that(false, "  %s differs", name.c_str());
  }
  return true;
}

bool same(const ListaParameters& a, const ListaParameters& b) {
  return same(a.forward, b.forward) && same(a.recurrent, b.recurrent) && same(a.step, b.step) &&
         same(a.threshold, b.threshold) && same(a.hyper, b.hyper) && a.ridge == b.ridge;
}

Checkpoint state_of(const ListaLearner& learner) {
  Checkpoint saved;
  learner.save(saved);
  return saved;
}

void run(ListaLearner& learner, std::uint64_t steps, unsigned threads = 1) {
  for (; steps > 0; --steps) {
    const Status status = learner.feed({}, Execution{threads});
    that(status.ok(), "a step: %s", status.message.c_str());
  }
}

ListaParameters frozen(ListaLearner& learner) {
  ListaParameters out;
  that(learner.freeze({}, out).ok(), "frozen");
  return out;
}

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
          options.planned = 5;
          options.validate_every = 3;
        }
        if (kind == ListaWeights::hyper) options.planned = 12;
        body(name_of(kind), options);
      }
}

void threads_and_memory() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  for_each_setting([&](const char* name, const ListaOptions& options) {
    const std::uint64_t steps = options.schedule == ListaSchedule::layer_wise ? 33 : 14;
    const auto one = make(options, &prior, dictionary);
    run(*one, steps);
    const Checkpoint expected = state_of(*one);
    for (const unsigned threads : {2u, 3u}) {
      const auto other = make(options, &prior, dictionary);
      run(*other, steps, threads);
      that(same(state_of(*other), expected), "%s, %u threads", name, threads);
    }
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
  for_each_setting([&](const char* name, const ListaOptions& options) {
    const bool layer_wise = options.schedule == ListaSchedule::layer_wise;
    const std::uint64_t steps = layer_wise ? 60 : options.planned;
    const auto whole = make(options, &prior, dictionary);
    // Inside each of a layer's stages, at their ends, and before the first step.
    std::vector<std::uint64_t> stops = {0, 1, 6, 7, 11};
    if (layer_wise) stops = {0, 2, 5, 7, 10, 13, 15, 16, 22, 27, 45, 59};
    std::vector<Checkpoint> saved;
    for (std::uint64_t step = 0; step <= steps; ++step) {
      if (std::find(stops.begin(), stops.end(), step) != stops.end()) saved.push_back(state_of(*whole));
      if (step < steps) run(*whole, 1, 2);
    }
    const Checkpoint end = state_of(*whole);
    const ListaStatistics statistics = whole->statistics();
    for (std::size_t s = 0; s < saved.size(); ++s) {
      const auto other = make(options, &prior, dictionary);
      that(other->resume(saved[s]).ok(), "%s, resumed", name);
      that(same(state_of(*other), saved[s]), "%s, saved again at once", name);
      run(*other, steps - stops[s]);
      that(same(state_of(*other), end), "%s, from step %d on", name, static_cast<int>(stops[s]));
      if (s + 1 < saved.size()) continue;
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

void prior_samples() {
  const std::vector<float> dictionary = atoms(1, true);
  const ConstMatrix32 d = view(dictionary, kDims);
  constexpr std::size_t kRows = 4000;
  const double n = static_cast<double>(kRows);
  constexpr double kSigmas = 5;
  // Mean, mean square and mean fourth power of a value without its sign.
  struct Row {
    PriorValues values;
    double absolute, square, fourth;
  };
  const Row all[] = {{PriorValues::normal, std::sqrt(2 / 3.14159265358979), 1, 3},
                     {PriorValues::uniform, 1, 1 + 1.0 / 12, 1 + 6.0 / 12 + 1.0 / 80},
                     {PriorValues::exponential, 1, 2, 24},
                     {PriorValues::one, 1, 1, 1}};
  for (const Row& row : all)
    for (const bool nonnegative : {false, true})
      for (const double snr : {std::numeric_limits<double>::infinity(), 20.0}) {
        ListaPrior prior;
        prior.density = 0.1;
        prior.values = row.values;
        prior.snr = snr;
        std::vector<float> x, again;
        SparseCodes codes, codes_again;
        draw_samples(prior, nonnegative, d, 7, 3, kRows, Execution{3}, x, codes);
        draw_samples(prior, nonnegative, d, 7, 3, 50, {}, again, codes_again);
        that(std::memcmp(x.data(), again.data(), again.size() * sizeof(float)) == 0 &&
                 std::equal(codes_again.values.begin(), codes_again.values.end(), codes.values.begin()) &&
                 std::equal(codes_again.indices.begin(), codes_again.indices.end(), codes.indices.begin()),
             "sample i does not depend on how many there are, or threads");
        const double count = static_cast<double>(codes.values.size()), places = n * kFeatures;
        that(std::fabs(count - 0.1 * places) <= kSigmas * std::sqrt(places * 0.1 * 0.9), "density");
        double sum = 0, absolute = 0, square = 0;
        for (const float value : codes.values) {
          const double v = static_cast<double>(value);
          that(!nonnegative || v > 0, "nonnegative values");
          sum += v;
          absolute += std::fabs(v);
          square += v * v;
        }
        that(std::fabs(absolute / count - row.absolute) <=
                 kSigmas * std::sqrt((row.square - row.absolute * row.absolute) / count) + 1e-6,
             "mean size %.4f of %.4f", absolute / count, row.absolute);
        that(std::fabs(square / count - row.square) <=
                 kSigmas * std::sqrt((row.fourth - row.square * row.square) / count) + 1e-6,
             "mean square %.4f of %.4f", square / count, row.square);
        if (!nonnegative) that(std::fabs(sum / count) <= kSigmas * std::sqrt(row.square / count), "signs");
        // ‖noise‖²/(‖aD‖²·10^(−snr/10)) is χ² of dims, over dims.
        double relative = 0;
        std::size_t used = 0;
        for (std::size_t i = 0; i < kRows; ++i) {
          double clean = 0, noise = 0;
          for (std::size_t k = 0; k < kDims; ++k) {
            double exact = 0;
            for (std::uint32_t e = codes.indptr[i]; e < codes.indptr[i + 1]; ++e)
              exact += static_cast<double>(codes.values[e]) *
                       static_cast<double>(dictionary[codes.indices[e] * kDims + k]);
            const double off = static_cast<double>(x[i * kDims + k]) - exact;
            clean += exact * exact;
            noise += off * off;
          }
          if (std::isinf(snr)) that(noise <= 1e-13 * clean, "x = aD");
          if (clean == 0) continue;
          ++used;
          relative += noise / clean * 100;
        }
        if (!std::isinf(snr))
          that(std::fabs(relative / static_cast<double>(used) - 1) <=
                   kSigmas * std::sqrt(2.0 / (kDims * static_cast<double>(used))) + 1e-5,
               "noise");
      }
  ListaPrior prior = prior_of();
  std::vector<float> a, b, c;
  SparseCodes codes;
  draw_samples(prior, false, d, 7, 0, 20, {}, a, codes);
  draw_samples(prior, false, d, 7, 1, 20, {}, b, codes);
  draw_samples(prior, false, d, 8, 0, 20, {}, c, codes);
  that(!same(a, b) && !same(a, c) && !same(b, c), "batches and seeds differ");
}

/// Σ‖a − a*‖² of least squares on the true supports, relative to Σ‖a*‖², of codes of unit atoms: in dB. Samples whose support does not
/// determine its codes count nothing.
double floor_of(const std::vector<float>& dictionary, const std::vector<float>& x, const SparseCodes& codes) {
  double error = 0, base = 0;
  for (std::size_t i = 0; i + 1 < codes.indptr.size(); ++i) {
    const std::size_t first = codes.indptr[i], s = codes.indptr[i + 1] - first;
    std::vector<double> gram(s * s), right(s), norm(s);
    const auto atom = [&](std::size_t a, std::size_t d) {
      return static_cast<double>(dictionary[codes.indices[first + a] * kDims + d]);
    };
    for (std::size_t a = 0; a < s; ++a) {
      for (std::size_t b = 0; b < s; ++b)
        for (std::size_t d = 0; d < kDims; ++d) gram[a * s + b] += atom(a, d) * atom(b, d);
      for (std::size_t d = 0; d < kDims; ++d) right[a] += atom(a, d) * static_cast<double>(x[i * kDims + d]);
      norm[a] = std::sqrt(gram[a * s + a]);
    }
    for (std::size_t p = 0; p < s; ++p)  // Gauss, the matrix is positive definite
      for (std::size_t a = p + 1; a < s; ++a) {
        const double factor = gram[a * s + p] / gram[p * s + p];
        for (std::size_t b = p; b < s; ++b) gram[a * s + b] -= factor * gram[p * s + b];
        right[a] -= factor * right[p];
      }
    for (std::size_t a = s; a-- > 0;) {
      for (std::size_t b = a + 1; b < s; ++b) right[a] -= gram[a * s + b] * right[b];
      right[a] /= gram[a * s + a];
    }
    for (std::size_t a = 0; a < s; ++a) {
      const double truth = static_cast<double>(codes.values[first + a]);
      error += (right[a] - truth) * (right[a] - truth) * norm[a] * norm[a];
      base += truth * truth * norm[a] * norm[a];
    }
  }
  return 10 * std::log10(error / base);
}

/// NMSE of a network's own codes on samples of a prior that it has not seen, in dB.
double error_of(const ListaParameters& parameters, const std::vector<float>& x, const SparseCodes& codes) {
  lista::Network network;
  that(lista::make_network(parameters, {}, network).ok(), "a network");
  lista::Codes out;
  std::vector<float> scaled(x);
  for (float& value : scaled) value *= static_cast<float>(parameters.scale);
  lista::run_layers(network, view(scaled, kDims), parameters.layers, out, nullptr);
  double error = 0, base = 0;
  for (std::size_t i = 0; i < out.samples(); ++i) {
    std::vector<double> off(kFeatures, 0);
    for (std::uint32_t e = codes.indptr[i]; e < codes.indptr[i + 1]; ++e) {
      const std::uint32_t j = codes.indices[e];
      off[j] = static_cast<double>(codes.values[e]) * network.norms[j];
      base += off[j] * off[j];
    }
    for (std::uint32_t e = out.begin[i]; e < out.begin[i + 1]; ++e)
      off[out.index[e]] -= static_cast<double>(out.value[e]) / parameters.scale;
    for (const double one : off) error += one * one;
  }
  return 10 * std::log10(error / base);
}

/// What a small problem comes to, of the way (in dB) to least squares on the true supports.
void recovers() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of(25);
  std::vector<float> x;
  SparseCodes codes;
  draw_samples(prior, false, view(dictionary, kDims), 99, 0, 1000, {}, x, codes);
  const double floor = floor_of(dictionary, x, codes);
  that(floor < -20, "the floor is %.2f dB", floor);
  for (const ListaWeights kind : kKinds) {
    ListaOptions options = options_of(kind);
    options.layers = 8;
    options.selection = 1.5;
    options.planned = kind == ListaWeights::hyper ? 30 : kind == ListaWeights::pair ? 800 : 400;
    options.rate = 3e-3;
    options.batch_size = 256;
    const auto learner = make(options, &prior, dictionary);
    run(*learner, 1);
    const double first = error_of(frozen(*learner), x, codes);
    while (!learner->finished()) run(*learner, 1, 2);
    const ListaParameters parameters = frozen(*learner);
    const double error = error_of(parameters, x, codes);
    // Three numbers for all layers do less.
    const double share = kind == ListaWeights::hyper ? 0.6 : 2.0 / 3;
    that(error <= floor * share, "%s: %.2f dB, floor %.2f", name_of(kind), error, floor);
    that(error <= first + 0.3, "%s: %.2f dB, %.2f at first", name_of(kind), error, first);
    const ListaStatistics now = learner->statistics();
    that(std::fabs(now.best - error) < 2, "%s: validated %.2f dB, is %.2f", name_of(kind), now.best, error);
    that(now.validated.size() == 8 && now.validated[7] < now.validated[0], "%s: by layer", name_of(kind));
  }
  // Unsupervised: the LASSO's objective falls, and lies above what no codes can beat.
  ListaOptions options = options_of(ListaWeights::layers);
  options.lambda = 0.05;
  options.planned = 150;
  const auto learner = make(options, &prior, dictionary);
  run(*learner, options.validate_every);
  const double first = learner->statistics().validated.back();
  while (!learner->finished()) run(*learner, 1, 2);
  const double last = learner->statistics().best;
  that(last < first && last > 0, "the objective falls from %.4f to %.4f", first, last);
}

/// Data, codes, λ and dictionaries of other sizes: the same bits, but for the scale.
void scales() {
  for (const ListaWeights kind : {ListaWeights::layers, ListaWeights::fixed, ListaWeights::pair})
    for (const bool supervised : {true, false}) {
      const ListaPrior prior = prior_of();
      ListaOptions options = options_of(kind);
      options.adaptive = 0.2;
      ListaParameters reference;
      for (const int exponent : {0, 60, -60}) {
        const double size = std::ldexp(1.0, exponent);
        const std::vector<float> dictionary = atoms();
        std::vector<float> x;
        SparseCodes codes;
        draw_samples(prior, false, view(dictionary, kDims), 4, 0, 300, {}, x, codes);
        for (float& value : x) value = static_cast<float>(static_cast<double>(value) * size);
        for (float& value : codes.values) value = static_cast<float>(static_cast<double>(value) * size);
        if (!supervised) options.lambda = 0.1 * size;
        const auto learner = make(options, nullptr, dictionary);
        that(learner->validate_on(view(x, kDims), supervised ? &codes : nullptr).ok(), "validation");
        for (int step = 0; step < 20; ++step)
          that((supervised ? learner->feed_codes(view(x, kDims), codes, {})
                           : learner->feed({view(x, kDims), {}, nullptr}, {}))
                   .ok(),
               "a step");
        const ListaParameters now = frozen(*learner);
        if (exponent == 0) reference = now;
        that(same(now, reference) && now.scale == reference.scale / size, "%s, data times 2^%d",
             name_of(kind), exponent);
      }
      // A dictionary of another size, and codes of the inverse.
      if (!supervised) continue;
      for (const double size : {0x1.0p40, 0x1.0p-40}) {
        const std::vector<float> dictionary = atoms(size), plain = atoms();
        std::vector<float> x;
        SparseCodes codes;
        draw_samples(prior, false, view(plain, kDims), 4, 0, 300, {}, x, codes);
        for (float& value : codes.values) value = static_cast<float>(static_cast<double>(value) / size);
        const auto learner = make(options, nullptr, dictionary);
        that(learner->validate_on(view(x, kDims), &codes).ok(), "validation");
        for (int step = 0; step < 20; ++step)
          that(learner->feed_codes(view(x, kDims), codes, {}).ok(), "a step");
        that(same(frozen(*learner), reference), "%s, atoms times %g", name_of(kind), size);
      }
    }
}

void refusals() {
  const std::vector<float> dictionary = atoms(1, true);
  const ListaPrior prior = prior_of();
  const auto says = [](const Status& status, const char* what) {
    that(!status.ok() && status.message.find(what) != std::string::npos, "refused by \"%s\", got \"%s\"",
         what, status.message.c_str());
  };
  for (const ListaWeights kind :
       {ListaWeights::pair, ListaWeights::layers, ListaWeights::shared, ListaWeights::fixed}) {
    ListaOptions options = options_of(kind);
    options.rate = 1e30;
    const auto learner = make(options, &prior, dictionary);
    Status status;
    for (int step = 0; step < 20 && status.ok(); ++step) status = learner->feed({}, {});
    says(status, "training exploded in step ");
    says(status, "try a smaller learningRate");
  }
  ListaOptions options = options_of(ListaWeights::fixed);
  const auto learner = make(options, nullptr, dictionary);
  std::vector<float> x;
  SparseCodes codes;
  draw_samples(prior, false, view(dictionary, kDims), 4, 0, 64, {}, x, codes);
  ListaParameters out;
  says(learner->freeze({}, out), "training has not begun");
  says(learner->feed({view(x, kDims), {}, nullptr}, {}), "needs the codes of each batch");
  says(learner->feed_codes({x.data(), 64, kDims - 1}, codes, {}), "wrong number of dims");
  says(learner->feed_codes({x.data(), 63, kDims}, codes, {}), "as many codes as activations");
  that(learner->feed_codes(view(x, kDims), codes, {}).ok(), "a step");
  std::vector<float> huge(x.size(), std::numeric_limits<float>::max());
  says(learner->feed_codes(view(huge, kDims), codes, {}), "");
  std::vector<float> broken = dictionary;
  broken[5] = std::numeric_limits<float>::quiet_NaN();
  std::unique_ptr<ListaLearner> made;
  says(ListaLearner::make(view(broken, kDims), options, &prior, made), "dictionary holds NaN");
  for (const double ridge : {-1.0, std::numeric_limits<double>::infinity(), -std::nan("")}) {
    options.ridge = ridge;
    says(ListaLearner::make(view(dictionary, kDims), options, &prior, made), "ridge must be finite and ≥ 0");
  }
  options.ridge = 0;
  options.layers = 0;
  says(ListaLearner::make(view(dictionary, kDims), options, &prior, made), "layers must be at least 1");
  // Samples that are all zero, and an atom that is: nothing to learn, and no harm.
  options = options_of(ListaWeights::layers);
  const auto bored = make(options, nullptr, dictionary);
  const std::vector<float> zeros(kDims * 10, 0);
  SparseCodes none;
  none.indptr.assign(11, 0);
  for (int step = 0; step < 3; ++step)
    that(bored->feed_codes(view(zeros, kDims), none, {}).ok(), "zeros are samples too");
  that(frozen(*bored).forward.size() == kLayers * kFeatures * kDims, "frozen");
  options.adaptive = 1e-46;
  says(ListaLearner::make(view(dictionary, kDims), options, &prior, made),
       "adaptive must be 0 or a number of float32");
}

/// What is told after each step adds up to what is told once; each new layer begins anew.
void figures() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  for (const bool layer_wise : {false, true}) {
    ListaOptions options = options_of(ListaWeights::layers);
    options.planned = layer_wise ? 4 : 40;
    if (layer_wise) options.schedule = ListaSchedule::layer_wise;
    options.validate_every = 3;
    const auto often = make(options, &prior, dictionary), once = make(options, &prior, dictionary);
    const std::uint64_t a_layer = 3 * options.planned;
    double norms = 0;
    for (std::uint64_t step = 1; step <= 30; ++step) {
      run(*often, 1);
      run(*once, 1);
      const ListaStatistics now = often->statistics();
      that(now.gradient_norm > 0, "step %d has a gradient", static_cast<int>(step));
      norms += now.gradient_norm;
      // Told together: steps of one depth.
      if (layer_wise && step % a_layer == 0) norms = (once->statistics(), 0.0);
      if (!layer_wise) continue;
      // The last step of a layer ends it: figures of the next one are not there before it is validated.
      const std::uint64_t since = step % a_layer;
      that(now.validated.empty() == (since < 3), "step %d: validated", static_cast<int>(step));
      if (now.validated.empty()) continue;
      that(now.validated.size() == step / a_layer + 1 && now.best < 0 && now.best <= now.validated.back(),
           "step %d: best %.3f, validated %.3f", static_cast<int>(step), now.best, now.validated.back());
    }
    const double steps = layer_wise ? static_cast<double>(30 % a_layer) : 30, expected = norms / steps;
    that(std::fabs(once->statistics().gradient_norm - expected) <= 1e-12 * expected, "mean of the norms");
  }
}

/// No true codes: nothing to be near to, so never as if the codes were perfect; validation still chooses the least error.
void nothing_to_compare() {
  std::vector<float> x;
  SparseCodes codes, none;
  draw_samples(prior_of(), false, view(atoms(), kDims), 4, 0, 64, {}, x, codes);
  none.indptr.assign(65, 0);
  const std::vector<float> zeros(x.size(), 0), dead(kFeatures * kDims, 0);
  const auto learner_of = [&](const std::vector<float>& dictionary) {
    ListaOptions options = options_of(ListaWeights::layers);
    options.validate_every = 1;
    options.selection = 0;
    options.first_threshold = 1e-3;
    return make(options, nullptr, dictionary);
  };
  // True codes that are zero, of samples that are not: errors, of nothing.
  const auto wrong = learner_of(atoms());
  that(wrong->validate_on(view(x, kDims), &none).ok(), "validation");
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 12; ++step) {
    that(wrong->feed_codes(view(x, kDims), none, {}).ok(), "a step");
    const ListaStatistics now = wrong->statistics();
    const double infinity = std::numeric_limits<double>::infinity();
    that(now.loss == infinity && now.best == infinity && now.validated.back() == infinity,
         "errors of nothing");
    const double error = state_of(*wrong).find<double>("numbers")->at(4);
    that(step == 0 || error < least, "step %d validates better: %g after %g", step, error, least);
    least = error;
  }
  // No codes, and none to find: of samples that are zero, and of atoms that are.
  for (const bool no_atoms : {false, true}) {
    const auto learner = learner_of(no_atoms ? dead : atoms());
    const ConstMatrix32 samples = view(no_atoms ? x : zeros, kDims);
    that(learner->validate_on(samples, &none).ok(), "validation");
    for (int step = 0; step < 3; ++step) that(learner->feed_codes(samples, none, {}).ok(), "a step");
    const ListaStatistics now = learner->statistics();
    that(std::isnan(now.loss) && std::isnan(now.best) && std::isnan(now.validated.back()), "no figure");
    that(frozen(*learner).forward.size() == kLayers * kFeatures * kDims, "frozen");
  }
}

/// While hyper's first step searches its grid, it tells how far it is, and learns the same.
void tells_its_search() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  const ListaOptions options = options_of(ListaWeights::hyper);
  const auto alone = make(options, &prior, dictionary), told = make(options, &prior, dictionary);
  std::vector<ListaStatistics> seen;
  told->on_search([&] { seen.push_back(told->statistics()); });
  run(*alone, 1);
  run(*told, 1);
  that(same(state_of(*told), state_of(*alone)), "a search that is watched is the same");
  // A row of 11 points at a time, 36 rows at least.
  that(seen.size() > 36, "the search is told %zu times", seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const ListaStatistics& now = seen[i];
    that(now.steps == 0 && now.layers.size() == kLayers && now.layers.back() == now.loss,
         "figures of the best point so far");
    if (i == 0) {
      that(now.searched == 11 && now.loss < 0, "the first row: %d points", static_cast<int>(now.searched));
      continue;
    }
    that(now.searched >= seen[i - 1].searched && now.loss <= seen[i - 1].loss, "a search only gets better");
  }
  const ListaStatistics after = told->statistics();
  that(after.searched == 0 && after.steps == 1 && after.loss < 0, "and then it is over");
  const std::size_t count = seen.size();
  run(*told, 2);
  that(seen.size() == count, "no other step searches");
}

/// A start that is cancelled, wherever in it, is none: the next step makes it again.
void cancelled_start() {
  const std::vector<float> dictionary = atoms();
  const ListaPrior prior = prior_of();
  for (const ListaWeights kind : kKinds) {
    const auto whole = make(options_of(kind), &prior, dictionary);
    run(*whole, 2);
    const Checkpoint expected = state_of(*whole);
    const ListaParameters sizes = frozen(*whole);
    for (int microseconds = 0; microseconds < 1000000; microseconds = microseconds * 5 / 4 + 20) {
      const auto learner = make(options_of(kind), &prior, dictionary);
      Monitor monitor;
      Execution cancelled;
      cancelled.monitor = &monitor;
      if (microseconds == 0) monitor.cancel();
      std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
        monitor.cancel();
      });
      const bool stepped = learner->feed({}, cancelled).ok();
      canceller.join();
      ListaParameters out;
      if (learner->freeze({}, out).ok()) {
        that(microseconds > 0 && out.forward.size() == sizes.forward.size() &&
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
  prior_samples();
  threads_and_memory();
  resumes();
  ends();
  scales();
  refusals();
  figures();
  tells_its_search();
  nothing_to_compare();
  cancelled_start();
  recovers();
  return check::finish();
}
