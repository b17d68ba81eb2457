// Learners that stop and go on: N steps at one go against k steps, the state in plain arrays, and N − k steps of a new learner made
// from them. All that can be seen must be the same bits. Also batches, masks, and several learners that share a pass. Prints one
// line; exits 1 if not.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/learning/online.hpp"
#include "../../native/learning/toy_model.hpp"
#include "same.hpp"

using namespace unsuperpose;

namespace {

using check::same;

long compared = 0, wrong = 0;

void expect(bool holds, const char* what) {
  ++compared;
  if (holds) return;
  if (++wrong <= 10) std::printf("not so: %s\n", what);
}

bool same(const std::vector<Figure>& a, const std::vector<Figure>& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i)
    equal = a[i].name == b[i].name && std::memcmp(&a[i].value, &b[i].value, sizeof(double)) == 0;
  return equal;
}

bool same(const Dictionary& a, const Dictionary& b) {
  return a.features() == b.features() && a.dims() == b.dims() &&
         std::memcmp(a.atom(0), b.atom(0), a.features() * a.atoms().stride * sizeof(float)) == 0;
}

/// The way through a file: nothing but the arrays goes over.
Checkpoint through_file(const Checkpoint& from) {
  Checkpoint read;
  for (const auto& [name, values] : from.arrays()) read.put(name, values);
  return read;
}

constexpr std::size_t kFeatures = 40, kDims = 24, kSamples = 700, kBatch = 64;
constexpr std::uint64_t kSeed = 5;

std::vector<float> planted() {
  Random random(3);
  std::vector<float> atoms(kFeatures * kDims), samples(kSamples * kDims, 0);
  for (float& value : atoms) value = static_cast<float>(random.normal() / 5);
  for (std::size_t i = 0; i < kSamples; ++i)
    for (int n = 0; n < 3; ++n) {
      const std::size_t j = random.below(kFeatures);
      const auto code = static_cast<float>(1 + random.uniform());
      for (std::size_t k = 0; k < kDims; ++k) samples[i * kDims + k] += code * atoms[j * kDims + k];
    }
  for (std::size_t i = 0; i < kSamples; ++i) samples[(i + 1) * kDims - 1] = 0;
  return samples;
}

std::unique_ptr<OnlineLearner> online(bool with_initial = true, OnlineOptions options = {}) {
  options.features = kFeatures + 8;
  options.coding.lambda = 0.1;
  // The last atoms lie along the one dim that is 0 in all samples: they go unused and are replaced.
  Random random(4);
  std::vector<float> initial(options.features * kDims, 0);
  for (std::size_t j = 0; j < options.features; ++j) {
    float* atom = initial.data() + j * kDims;
    if (j >= kFeatures) atom[kDims - 1] = 1;
    for (std::size_t k = 0; j < kFeatures && k + 1 < kDims; ++k)
      atom[k] = static_cast<float>(random.normal());
  }
  std::unique_ptr<OnlineLearner> made;
  const ConstMatrix32 atoms{initial.data(), with_initial ? options.features : 0, kDims};
  expect(OnlineLearner::make(kDims, options, atoms, made).ok(), "a learner is made");
  return made;
}

void run(Learner* learner, BatchSource& source, std::uint64_t steps) {
  expect(train({&learner, 1}, source, steps, Execution{2}).ok(), "training");
}

/// One learner that went through without a stop, and one that went on from the last of the stops.
template <class L>
struct Pair {
  std::unique_ptr<L> whole, resumed;
};

/// A row of this program: the learner that `make` makes, fed from the samples in random order, or with nothing where there are none
/// (it draws its own).
template <class Make>
auto goes_on(const char* name, const Make& make, ConstMatrix32 samples, std::uint64_t steps,
             std::initializer_list<std::uint64_t> stops) {
  const auto go = [&](Learner& learner, BatchSource& source, std::uint64_t count) {
    if (samples.rows > 0) return run(&learner, source, count);
    for (; count > 0; --count) expect(learner.feed({}, Execution{2}).ok(), "a step on its own samples");
  };
  Pair<typename decltype(make())::element_type> pair{make(), nullptr};
  ShuffledBatches all(samples, kBatch, kSeed);
  std::vector<Checkpoint> saved;  // at each of the stops, and at the end
  std::vector<std::uint64_t> at(stops);
  at.push_back(steps);
  for (std::size_t s = 0; s < at.size(); ++s) {
    go(*pair.whole, all, at[s] - (s == 0 ? 0 : at[s - 1]));
    saved.emplace_back();
    pair.whole->save(saved.back());
    all.save(saved.back());
  }
  // From each stop to the next, which is to have the same state: what a state lacked would show up to the end.
  for (std::size_t s = 0; s < stops.size(); ++s) {
    Checkpoint again, after;
    pair.resumed = make();
    ShuffledBatches rest(samples, kBatch, kSeed + 1);
    const Checkpoint read = through_file(saved[s]);
    expect(pair.resumed->resume(read).ok() && rest.resume(read).ok(), name);
    pair.resumed->save(again);
    rest.save(again);
    expect(same(again, saved[s]), "saved again at once");
    go(*pair.resumed, rest, at[s + 1] - at[s]);
    pair.resumed->save(after);
    rest.save(after);
    expect(same(after, saved[s + 1]), name);
  }
  expect(same(pair.resumed->figures(), pair.whole->figures()), name);
  return pair;
}

void online_goes_on(ConstMatrix32 samples) {
  constexpr std::uint64_t kSteps = 80;
  const auto [whole, resumed] =
      goes_on("online", [] { return online(); }, samples, kSteps, {1, 2, 24, 25, 31, 79});
  std::shared_ptr<const Dictionary> learned, again, differs;
  expect(whole->freeze({}, learned).ok() && resumed->freeze({}, again).ok() && same(*again, *learned),
         "online: the dictionary");
  expect(same(resumed->usage(), whole->usage()), "online: usage");
  expect(whole->statistics().replaced > 0, "atoms were replaced");
  const auto other = online();
  ShuffledBatches batches(samples, kBatch, kSeed + 1);
  run(other.get(), batches, kSteps);
  expect(other->freeze({}, differs).ok() && !same(*differs, *learned), "another seed gives other atoms");
}

/// Atoms from the samples, so that λ starts large; a learner that was made with atoms to start from goes on as the other did.
void started_from_samples(ConstMatrix32 samples) {
  goes_on("online, from samples", [] { return online(false); }, samples, 60, {1, 7, 40});
  const auto whole = online(false), first = online(false), other = online(true);
  ShuffledBatches all(samples, kBatch, kSeed), some(samples, kBatch, kSeed);
  run(whole.get(), all, 12);
  run(first.get(), some, 5);
  Checkpoint saved, end, after;
  first->save(saved);
  expect(other->resume(through_file(saved)).ok(), "resumed");
  run(other.get(), some, 7);
  whole->save(end);
  other->save(after);
  expect(same(after, end), "whatever it was made with");
}

/// Every method, by λ and by sparsity, from samples in order and from such as were drawn.
void methods_go_on(ConstMatrix32 samples) {
  for (const LearningMethod method : {LearningMethod::online, LearningMethod::mod, LearningMethod::ksvd})
    for (const Coding::Solver solver : {Coding::Solver::lasso, Coding::Solver::omp})
      for (const AtomStart start : {AtomStart::samples, AtomStart::apart})
        for (const double forgetting : {0.9, method == LearningMethod::online ? 1.0 : 0.0}) {
          OnlineOptions options;
          options.method = method;
          options.coding.solver = solver;
          options.coding.sparsity = 3;
          options.start = start;
          options.forgetting = forgetting;
          goes_on("methods", [&] { return online(false, options); }, samples, 55, {1, 9, 44});
        }
}

/// What atoms are drawn among is in the state, too.
void drawn_among(ConstMatrix32 samples) {
  OnlineOptions options;
  options.start = AtomStart::apart;
  options.seed = 8;
  const auto whole = online(false, options), first = online(false, options), second = online(false, options);
  expect(whole->wants() == 4 * (kFeatures + 8), "wants more than it has atoms");
  for (OnlineLearner* one : {whole.get(), first.get()})
    expect(one->start({samples.slice(0, 100), {}, nullptr}, {}).ok(), "shown some");
  expect(whole->wants() == 4 * (kFeatures + 8) - 100, "wants the rest");
  Checkpoint saved, end, after;
  first->save(saved);
  expect(second->resume(through_file(saved)).ok(), "resumed before the start");
  for (OnlineLearner* one : {whole.get(), second.get()}) {
    expect(one->start({samples.slice(100, 92), {}, nullptr}, {}).ok() && one->wants() == 0, "shown the rest");
    expect(one->feed({samples, {}, nullptr}, Execution{2}).ok(), "fed");
  }
  whole->save(end);
  second->save(after);
  expect(same(end, after), "drawn among the same");
}

ToyOptions toy_options() {
  ToyOptions options;
  options.features = 30;
  options.dims = 6;
  options.batch = 100;
  options.steps = 150;
  options.records = 7;
  options.schedule = ToySchedule::cosine;
  options.activation_penalty = 1e-3;
  options.interference_penalty = 1e-3;
  options.seed = 9;
  return options;
}

std::vector<ToyInstance> toy_instances() {
  std::vector<ToyInstance> instances;
  for (const double density : {0.02, 0.3, 1.0}) {  // entry by entry, and dense products
    ToyInstance one;
    one.features.density.assign(30, density);
    one.features.group.assign(30, kNone);
    one.features.parent.assign(30, kNone);
    one.importance.assign(30, 1);
    instances.push_back(std::move(one));
  }
  return instances;
}

std::unique_ptr<ToyLearner> toy() {
  std::unique_ptr<ToyLearner> made;
  expect(ToyLearner::make(toy_options(), toy_instances(), {}, made).ok(), "toy models are made");
  return made;
}

void toy_goes_on() {
  const ToyOptions options = toy_options();
  ToyParameters at_one_go, resumed;
  std::vector<double> losses;
  expect(train_toy_models(options, toy_instances(), Execution{2}, at_one_go, losses).ok(),
         "toy models are trained");
  const auto pair = goes_on("toy", toy, {}, options.steps, {1, 64, 149});
  expect(pair.resumed->freeze({}, resumed).ok() && same(resumed.weights, at_one_go.weights) &&
             same(resumed.bias, at_one_go.bias),
         "toy: the parameters");
  expect(same(pair.resumed->losses(), losses), "toy: the losses");
  Checkpoint end, after;
  pair.whole->save(end);
  expect(pair.whole->advance(5, {}).ok(), "no step past the last");
  pair.whole->save(after);
  expect(same(end, after), "toy: nothing changes past the last step");
  float sample[30] = {};
  expect(!toy()->feed({{sample, 1, 30}, {}, nullptr}, {}).ok(), "toy models draw their own samples");
}

/// Two learners on one pass, one of them frozen on the way, against each by itself.
void learners_share_a_pass(ConstMatrix32 samples) {
  const auto alone = online(false), a = online(false), b = online(false);
  expect(a->wants() > 0, "wants samples to begin from");
  ShuffledBatches own(samples, kBatch, kSeed), shared(samples, kBatch, kSeed);
  run(alone.get(), own, 20);
  expect(alone->wants() == 0, "has begun");
  Learner* both[] = {a.get(), b.get()};
  expect(train(both, shared, 8, {}).ok(), "a pass shared");
  std::shared_ptr<const Dictionary> early, kept;
  expect(b->freeze({}, early).ok(), "frozen on the way");
  const std::vector<float> before(early->atom(0), early->atom(0) + early->features() * early->atoms().stride);
  expect(train(both, shared, 12, {}).ok(), "and on");
  Checkpoint one, first, second;
  alone->save(one);
  a->save(first);
  b->save(second);
  expect(same(one, first) && same(one, second), "learners that share a pass learn the same");
  expect(std::memcmp(before.data(), early->atom(0), before.size() * sizeof(float)) == 0,
         "what was frozen stays");
}

void masks_and_order(ConstMatrix32 samples) {
  std::vector<std::uint8_t> mask(kSamples);
  std::vector<float> let_through;
  for (std::size_t i = 0; i < kSamples; ++i) {
    mask[i] = i % 3 != 0;
    if (mask[i] != 0) let_through.insert(let_through.end(), samples.row(i), samples.row(i) + kDims);
  }
  const auto masked = online(), plain = online();
  expect(masked->feed({samples, {}, mask.data()}, {}).ok(), "fed with a mask");
  const ConstMatrix32 rows{let_through.data(), let_through.size() / kDims, kDims};
  expect(plain->feed({rows, {}, nullptr}, {}).ok(), "fed without");
  Checkpoint one, other;
  masked->save(one);
  plain->save(other);
  expect(same(one, other), "a mask leaves out");
  OrderedBatches batches({samples, {}, mask.data()}, 100);
  std::size_t seen = 0;
  for (Batch batch; batches.next(batch).ok() && batch.input.rows > 0; ++seen)
    expect(batch.input.data == samples.row(seen * 100) && batch.mask == mask.data() + seen * 100, "in order");
  expect(seen == batches.count() && seen == (kSamples + 99) / 100, "all of them");
  expect(!plain->feed({samples, samples, nullptr}, {}).ok(), "no target for a dictionary");
  expect(!plain->feed({{samples.data, 3, kDims - 1}, {}, nullptr}, {}).ok(), "dims must fit");
}

void checkpoints_that_do_not_fit(ConstMatrix32 samples) {
  const auto learner = online();
  ShuffledBatches batches(samples, kBatch, kSeed);
  run(learner.get(), batches, 3);
  Checkpoint before, after, foreign;
  learner->save(before);
  toy()->save(foreign);
  expect(!learner->resume(foreign).ok() && !toy()->resume(before).ok() && !batches.resume(before).ok(),
         "refused");
  learner->save(after);
  expect(same(before, after), "and left as it was");
}

/// Resumed before all atoms have begun, and frozen then: atoms that have not are zero.
void resumes_early(ConstMatrix32 samples) {
  const auto whole = online(false), first = online(false), second = online(false);
  Checkpoint saved, end, after;
  expect(whole->feed({samples.slice(0, 20), {}, nullptr}, {}).ok() &&
             first->feed({samples.slice(0, 20), {}, nullptr}, {}).ok(),
         "a few samples");
  first->save(saved);
  std::shared_ptr<const Dictionary> frozen;
  expect(first->freeze({}, frozen).ok() && frozen->features() == kFeatures + 8 && frozen->norm(19) > 0 &&
             frozen->norm(20) == 0 && frozen->norm(kFeatures + 7) == 0,
         "frozen with atoms that are zero");
  expect(second->resume(through_file(saved)).ok(), "resumed early");
  expect(whole->feed({samples.slice(20, 50), {}, nullptr}, {}).ok() &&
             second->feed({samples.slice(20, 50), {}, nullptr}, {}).ok(),
         "many more");
  whole->save(end);
  second->save(after);
  expect(same(end, after), "early: the state at the end");
}

/// The batches as a plain loop makes them.
void epochs(ConstMatrix32 samples) {
  Random random(kSeed);
  std::vector<std::uint32_t> order;
  std::size_t position = 0;
  ShuffledBatches batches(samples, 300, kSeed);
  Batch batch;
  expect(batches.preview(40, batch).ok() && batch.input.rows == 40, "a look before");
  const std::vector<float> first(batch.input.row(0), batch.input.row(0) + kDims);
  for (int step = 0; step < 9; ++step) {
    expect(batches.next(batch).ok() && batch.input.rows == 300, "a batch");
    for (std::size_t i = 0; i < batch.input.rows; ++i) {
      if (position == order.size()) {
        order.resize(kSamples);
        for (std::uint32_t n = 0; n < kSamples; ++n) order[n] = n;
        random.shuffle(order.data(), kSamples);
        position = 0;
      }
      const float* row = samples.row(order[position++]);
      expect(std::equal(row, row + kDims, batch.input.row(i)), "the sample that is due");
      if (step == 0 && i == 0)
        expect(std::equal(first.begin(), first.end(), row), "the look shows what comes");
    }
  }
}

}  // namespace

int main() {
  const std::vector<float> data = planted();
  const ConstMatrix32 samples{data.data(), kSamples, kDims};
  epochs(samples);
  online_goes_on(samples);
  started_from_samples(samples);
  methods_go_on(samples);
  drawn_among(samples);
  toy_goes_on();
  learners_share_a_pass(samples);
  resumes_early(samples);
  masks_and_order(samples);
  checkpoints_that_do_not_fit(samples);
  std::printf("%ld comparisons, %ld wrong\n", compared, wrong);
  return wrong == 0 && compared > 0 ? 0 : 1;
}
