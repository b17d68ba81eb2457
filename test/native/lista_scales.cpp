// Training unrolled networks: data of other sizes, the figures that are told on the way, and what is refused. Prints one line; exits 1
// if not.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "lista_learning.hpp"

using namespace unsuperpose;
using namespace unsuperpose::check;

namespace {

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

}  // namespace

int main() {
  scales();
  refusals();
  figures();
  tells_its_search();
  nothing_to_compare();
  return check::finish();
}
