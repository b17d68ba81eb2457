#include "online.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <utility>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../core/spread.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "online_state.hpp"

namespace unsuperpose {

namespace {

/// An atom is replaced when the (forgetting) count of samples it was active in falls below this share
/// of the average one …
constexpr double kUnusedShare = 0.01;
/// … looked at once in so many steps, so that a new atom has time to find its samples …
constexpr std::uint64_t kReplaceEvery = 25;
/// … and in the beginning after these, as a run may have no more; one known to be shorter looks this many times.
constexpr std::uint64_t kEarly[] = {3, 6, 12};
constexpr std::uint64_t kShortLooks = 4;
/// Pairs of atoms are looked at once in so many steps (online_exchange.cpp).
constexpr std::uint64_t kExchangeEvery = 10;
/// No sample's λ is below this share of its norm in the first step, and below a twentieth less in each step from there: atoms
/// that are samples yet have sparse codes too, which cost little, and the atoms move apart before they compete for small codes.
/// (Continuation: Hale, Yin & Zhang 2008, "Fixed-point continuation for ℓ1-minimization".)
constexpr double kFirstShare = 0.3, kShareKept = 0.95, kLeastShare = 0x1p-100;

/// Steps until codes have the sparsity that was asked for, or half of those planned where that is less: the same for pursuits.
constexpr std::uint64_t kRamp = 40;

/// Is it time to look for unused atoms, after so many steps of those planned?
bool looks(std::uint64_t steps, std::uint64_t planned) {
  if (planned > 0 && planned < kReplaceEvery)
    return steps < planned && steps % std::max<std::uint64_t>(1, planned / kShortLooks) == 0;
  if (planned == 0 && std::find(std::begin(kEarly), std::end(kEarly), steps) != std::end(kEarly)) return true;
  return steps % kReplaceEvery == 0;
}

/// Adds the time since the last end, or since it was made.
class Lap {
 public:
  void ends(double& seconds) {
    const auto now = std::chrono::steady_clock::now();
    seconds += std::chrono::duration<double>(now - since_).count();
    since_ = now;
  }

 private:
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

Status check(const Batch& batch, std::size_t dims) {
  if (batch.input.cols != dims) return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (batch.target.rows > 0) return Status::fail(Code::shape, "a dictionary is learned from its input alone");
  return {};
}

}  // namespace

/// Copies a row as atom j, scaled to unit norm (the row is not zero).
void OnlineLearner::State::set_atom(std::size_t j, const float* from) {
  const double norm = std::sqrt(reduce::table().squared_norm(from, dims));
  float* to = atoms.edit(j);
  for (std::size_t k = 0; k < dims; ++k) to[k] = static_cast<float>(from[k] / norm);
  if (!columns_behind) columns.set_entry(j, to);
}

void OnlineLearner::State::add_atom(const float* from) {
  atoms.resize(atoms.features() + 1);
  set_atom(atoms.features() - 1, from);
}

/// λ of each sample in the units of the batch, or one for all; none where codes have a sparsity.
std::vector<double> OnlineLearner::State::lambdas(ConstMatrix32 batch) const {
  if (!options.coding.penalised()) return {};
  const double lambda = std::ldexp(options.coding.lambda, -scale.exponent());
  if (!eased) return {lambda};
  // By products, whose bits no library of functions decides.
  double share = kFirstShare;
  for (std::uint64_t step = 0; step < steps; ++step) {
    share *= kShareKept;
    if (share < kLeastShare) return {lambda};
  }
  std::vector<double> each(batch.rows);
  for (std::size_t i = 0; i < batch.rows; ++i)
    each[i] = std::max(lambda, share * std::sqrt(reduce::table().squared_norm(batch.row(i), dims)));
  if (std::all_of(each.begin(), each.end(), [=](double of) { return of == lambda; })) return {lambda};
  return each;
}

/// Atoms a sample that the next codes may have: of atoms that are samples yet one, and more step by step.
std::uint32_t OnlineLearner::State::sparsity() const {
  const std::uint64_t most = options.coding.sparsity;
  const std::uint64_t ramp = options.planned > 0 ? std::min(kRamp, options.planned / 2) : kRamp;
  if (!eased || steps >= ramp) return options.coding.sparsity;
  return static_cast<std::uint32_t>((most * (steps + 1) + ramp - 1) / ramp);
}

/// Sums for statistics(), and the worst explained samples of the batch as candidates.
void OnlineLearner::State::observe_fit(ConstMatrix32 batch, const std::vector<double>& lambda,
                                       const Unfolding& unfolding) {
  since.mean.resize(dims, 0);
  const double unit = std::ldexp(1.0, scale.exponent()), squared = unit * unit;
  const SparseCodes& codes = unfolding.codes;
  candidates.clear();
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const double energy = reduce::table().squared_norm(batch.row(i), dims);
    const double left = static_cast<double>(unfolding.residual[i]) * unfolding.residual[i];
    double objective = unfolding.objective[i];
    if (lambda.size() > 1) {  // of the λ that was asked for
      double l1 = 0;
      for (std::uint32_t at = codes.indptr[i]; at < codes.indptr[i + 1]; ++at)
        l1 += std::fabs(static_cast<double>(codes.values[at]));
      objective -= (lambda[i] - std::ldexp(options.coding.lambda, -scale.exponent())) * l1;
    }
    since.objective += squared * objective;
    since.squared_residual += squared * left;
    since.active += codes.indptr[i + 1] - codes.indptr[i];
    spread::add(batch.row(i), dims, unit, static_cast<double>(++since.samples), since.mean.data(),
                since.squared_apart);
    if (energy > 0) candidates.push_back({left / energy, static_cast<std::uint32_t>(i)});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& x, const Candidate& y) { return x.unexplained > y.unexplained; });
}

void OnlineLearner::State::replace_unused(ConstMatrix32 batch) {
  const double average = average_use();
  std::size_t next = 0;
  for (std::size_t j = 0; j < atoms.features() && next < candidates.size(); ++j) {
    if (recent[j] >= kUnusedShare * average) continue;
    cancellation::point();
    set_atom(j, batch.row(candidates[next++].sample));
    start_again(j, average);
  }
}

/// Forgets what atom j was before; its count, an average one, gives it time to find its samples.
void OnlineLearner::State::start_again(std::size_t j, double count) {
  if (there) {
    there->forget(static_cast<std::uint32_t>(j));
    diagonal[j] = 0;
  } else {
    std::fill(a.data() + j * a_stride, a.data() + (j + 1) * a_stride, 0.0f);
    for (std::size_t k = 0; k < options.features; ++k) a[k * a_stride + j] = 0;
    std::fill(b.data() + j * stride, b.data() + (j + 1) * stride, 0.0f);
  }
  used[j] = 0;
  fresh[j] = 0;
  recent[j] = count;
  ++replaced;
}

double OnlineLearner::State::average_use() const {
  double average = 0;
  for (double count : recent) average += count / static_cast<double>(options.features);
  return average;
}

/// Codes of a batch, and what they teach, in the order of the method.
Status OnlineLearner::State::learn(ConstMatrix32 batch, double share, const Execution& execution) {
  Lap lap;
  const std::vector<double> lambda = lambdas(batch);
  Coding coding = options.coding;
  coding.sparsity = sparsity();
  const std::unique_ptr<Method> method = coding.method(lambda);
  Unfolding unfolding;
  const auto code = [&] {
    const Dictionary* dictionary = nullptr;
    if (Status status = atoms.current(execution, dictionary); !status.ok()) return status;
    lap.ends(seconds.packing);
    Status status = unfold_with_room(batch, *dictionary, *method, execution, unfolding);
    used_device = used_device || (status.ok() && unfolding.used_device);
    lap.ends(seconds.codes);
    return status;
  };
  if (Status status = code(); !status.ok()) return status;
  settle(execution);
  forget(share);
  observe_fit(batch, lambda, unfolding);
  group(unfolding.codes);
  const bool refines = options.method == LearningMethod::ksvd;
  if (!refines) accumulate(batch, unfolding.codes, execution);
  lap.ends(seconds.statistics);
  if (const std::uint64_t now = steps + 1;
      now % kExchangeEvery == 0 && lambda.size() <= 1 && coding.sparsity == options.coding.sparsity) {
    bool stays = false;
    if (Status status = exchange_merged(batch, unfolding, *method, now / kExchangeEvery, execution, stays);
        !status.ok())
      return status;
    if (refines && stays) {  // its codes must be of the atoms that it refines
      if (Status status = code(); !status.ok()) return status;
      group(unfolding.codes);
    }
  }
  if (options.method == LearningMethod::online)
    if (Status status = update_atoms(execution); !status.ok()) return status;
  if (options.method == LearningMethod::mod) solve_atoms(execution);
  if (refines) refine(batch, lambda, share > 0, unfolding.codes, execution);
  lap.ends(seconds.update);
  if (refines && !execution.cancelled()) {
    group(unfolding.codes);
    accumulate(batch, unfolding.codes, execution);
    lap.ends(seconds.statistics);
  }
  return {};
}

Status OnlineLearner::State::step(ConstMatrix32 given, const Execution& execution) {
  initialise(given, execution);
  const double share = keeps();
  if (const int rise = scale.meet(given, share); rise != 0) rescale(rise);
  const ConstMatrix32 batch = scale.apply(given);
  if (atoms.features() > 0) {
    if (Status status = learn(batch, share, {execution.threads, execution.monitor, false, execution.device});
        !status.ok())
      return status;
  } else {
    since.mean.resize(dims, 0);  // all of them zero
    spread::join(std::vector<double>(dims, 0).data(), 0, static_cast<double>(batch.rows),
                 static_cast<double>(since.samples), dims, since.mean.data(), since.squared_apart);
    since.samples += batch.rows;
  }
  ++steps;
  samples += batch.rows;
  if (looks(steps, options.planned)) replace_unused(batch);
  return execution.cancelled() ? Status::cancelled() : Status{};
}

OnlineLearner::OnlineLearner() = default;
OnlineLearner::~OnlineLearner() = default;

Status OnlineLearner::make(std::size_t dims, const OnlineOptions& options, ConstMatrix32 initial,
                           std::unique_ptr<OnlineLearner>& out) {
  const auto fail = [](const char* message) { return Status::fail(Code::option, message); };
  if (dims == 0) return Status::fail(Code::shape, "activations must have at least one dim");
  if (options.features == 0 || options.features > 0x7fffffff)
    return fail("features must be between 1 and 2³¹ − 1");
  if (Status status = options.coding.check(); !status.ok()) return status;
  if (options.method == LearningMethod::online && !(options.forgetting > 0))
    return fail("forgetting must be > 0");
  if (!(options.forgetting >= 0 && options.forgetting <= 1))
    return fail("forgetting must be between 0 and 1");
  if (initial.rows != 0 && (initial.rows != options.features || initial.cols != dims))
    return Status::fail(Code::shape, "initial must be features × dims");
  std::unique_ptr<OnlineLearner> made(new OnlineLearner());
  made->state_ = std::make_unique<State>(dims, options);
  State& state = *made->state_;
  state.eased = initial.rows == 0;
  for (std::size_t j = 0; j < initial.rows; ++j) {
    if (!(reduce::table().squared_norm(initial.row(j), dims) > 0) ||
        !reduce::table().all_finite(initial.row(j), dims))
      return fail("initial must hold finite atoms other than zero");
    state.add_atom(initial.row(j));
  }
  out = std::move(made);
  return {};
}

std::size_t OnlineLearner::wants() const {
  const State& state = *state_;
  // Once it has begun, atoms that are missing come from batches: how often a run is interrupted changes nothing.
  if (state.steps > 0 || state.atoms.features() == state.options.features) return 0;
  if (!state.draws()) return state.options.features;
  const std::size_t most = kDrawnFrom * state.options.features, seen = state.pool.size() / state.dims;
  return seen < most ? most - seen : 0;
}

Status OnlineLearner::start(const Batch& first, const Execution& execution) {
  if (Status status = check(first, state_->dims); !status.ok()) return status;
  const ConstMatrix32 samples = counted(first, state_->kept);
  if (state_->draws())
    state_->draw_from(samples.slice(0, std::min(samples.rows, wants())));
  else
    state_->initialise(samples, execution);
  return {};
}

Status OnlineLearner::feed(const Batch& batch, const Execution& execution) {
  if (Status status = check(batch, state_->dims); !status.ok()) return status;
  const ConstMatrix32 samples = counted(batch, state_->kept);
  return samples.rows > 0 ? state_->step(samples, execution) : Status{};
}

Status OnlineLearner::freeze(const Execution& execution, std::shared_ptr<const Dictionary>& out) {
  State& state = *state_;
  if (state.atoms.features() == state.options.features) return state.atoms.freeze(execution, out);
  MutableDictionary all(state.dims);
  all.reserve(state.options.features);
  all.replace(state.atoms.atoms());
  all.resize(state.options.features);
  return all.freeze(execution, out);
}

const LearningSeconds& OnlineLearner::seconds() const { return state_->seconds; }

const std::vector<double>& OnlineLearner::usage() const { return state_->usage; }

bool OnlineLearner::used_device() const { return state_->used_device; }

bool OnlineLearner::lacked_room() const { return state_->full != nullptr; }

std::vector<std::uint32_t> OnlineLearner::dead() const {
  std::vector<std::uint32_t> found;
  for (std::uint32_t j = 0; j < state_->used.size(); ++j)
    if (state_->used[j] == 0) found.push_back(j);
  return found;
}

std::uint64_t OnlineLearner::steps() const { return state_->steps; }

LearningStatistics OnlineLearner::statistics() {
  State& state = *state_;
  LearningStatistics result;
  result.steps = state.steps;
  result.samples = state.samples;
  result.replaced = state.replaced;
  const State::Sums& since = state.since;
  if (since.samples > 0) {
    const double n = static_cast<double>(since.samples);
    result.objective = since.objective / n;
    result.l0 = since.active / n;
    result.explained_variance =
        since.squared_apart > 0 ? 1 - since.squared_residual / since.squared_apart : 0;
  }
  state.since = {};
  return result;
}

std::vector<Figure> OnlineLearner::figures() {
  const LearningStatistics now = statistics();
  return {{"steps", static_cast<double>(now.steps)},
          {"samples", static_cast<double>(now.samples)},
          {"objective", now.objective},
          {"explainedVariance", now.explained_variance},
          {"l0", now.l0},
          {"replaced", static_cast<double>(now.replaced)}};
}

}  // namespace unsuperpose
