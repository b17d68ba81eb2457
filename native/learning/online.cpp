#include "online.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <utility>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../solvers/lasso.hpp"
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
  columns.set_entry(j, to);
}

void OnlineLearner::State::add_atom(const float* from) {
  atoms.resize(atoms.features() + 1);
  set_atom(atoms.features() - 1, from);
}

/// Atoms that have no start yet take the batch's samples, in order; zero samples are passed over.
void OnlineLearner::State::initialise(ConstMatrix32 batch) {
  for (std::size_t i = 0; i < batch.rows && atoms.features() < options.features; ++i)
    if (reduce::table().squared_norm(batch.row(i), dims) > 0) add_atom(batch.row(i));
}

/// λ of each sample in the units of the batch, or one for all.
std::vector<double> OnlineLearner::State::lambdas(ConstMatrix32 batch) const {
  const double lambda = std::ldexp(options.lambda, -scale.exponent());
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
      objective -= (lambda[i] - std::ldexp(options.lambda, -scale.exponent())) * l1;
    }
    since.objective += squared * objective;
    since.squared_residual += squared * left;
    since.squared_input += squared * energy;
    since.active += codes.indptr[i + 1] - codes.indptr[i];
    for (std::size_t k = 0; k < dims; ++k) since.mean[k] += unit * static_cast<double>(batch.row(i)[k]);
    if (energy > 0) candidates.push_back({left / energy, static_cast<std::uint32_t>(i)});
  }
  since.samples += batch.rows;
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
  std::fill(a.data() + j * a_stride, a.data() + (j + 1) * a_stride, 0.0f);
  for (std::size_t k = 0; k < options.features; ++k) a[k * a_stride + j] = 0;
  std::fill(b.data() + j * stride, b.data() + (j + 1) * stride, 0.0f);
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

Status OnlineLearner::State::step(ConstMatrix32 given, const Execution& execution) {
  initialise(given);
  const double share = keeps();
  if (const int rise = scale.meet(given, share); rise != 0) rescale(rise);
  const ConstMatrix32 batch = scale.apply(given);
  const Execution inner{execution.threads, execution.monitor, false};
  Unfolding unfolding;
  if (atoms.features() > 0) {
    Lap lap;
    const Dictionary* dictionary = nullptr;
    if (Status status = atoms.current(inner, dictionary); !status.ok()) return status;
    lap.ends(seconds.packing);
    Lasso lasso;
    lasso.lambda = lambdas(batch);
    lasso.nonnegative = options.nonnegative;
    lasso.tolerance = options.tolerance;
    if (Status status = unfold(batch, *dictionary, lasso, inner, unfolding); !status.ok()) return status;
    lap.ends(seconds.codes);
    forget(share);
    observe_fit(batch, lasso.lambda, unfolding);
    accumulate(batch, unfolding.codes, inner);
    lap.ends(seconds.statistics);
    if (const std::uint64_t now = steps + 1; now % kExchangeEvery == 0 && lasso.lambda.size() == 1)
      if (Status status = exchange_merged(batch, unfolding, lasso, now / kExchangeEvery, inner); !status.ok())
        return status;
    update_atoms(inner);
    lap.ends(seconds.update);
  } else {
    since.samples += batch.rows;  // all of them zero
    since.mean.resize(dims, 0);
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
  if (!(options.lambda > 0) || !std::isfinite(options.lambda)) return fail("lambda must be finite and > 0");
  if (!(options.tolerance > 0)) return fail("tolerance must be > 0");
  if (!(options.forgetting > 0 && options.forgetting <= 1)) return fail("forgetting must be > 0 and ≤ 1");
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
  return state_->atoms.features() < state_->options.features ? state_->options.features : 0;
}

Status OnlineLearner::start(const Batch& first) {
  if (Status status = check(first, state_->dims); !status.ok()) return status;
  state_->initialise(counted(first, state_->kept));
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
    double mean = 0;
    for (double sum : since.mean) mean += sum / n * (sum / n);
    result.objective = since.objective / n;
    result.l0 = since.active / n;
    const double variance = since.squared_input - n * mean;
    result.explained_variance = variance > 0 ? 1 - since.squared_residual / variance : 0;
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
