#include "online.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "../core/aligned.hpp"
#include "../core/cancellation.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
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
/// Features a block of the parallel loops.
constexpr std::size_t kAtomBlock = 16;

/// Is it time to look for unused atoms, after so many steps of those planned?
bool looks(std::uint64_t steps, std::uint64_t planned) {
  if (planned > 0 && planned < kReplaceEvery)
    return steps < planned && steps % std::max<std::uint64_t>(1, planned / kShortLooks) == 0;
  if (planned == 0 && std::find(std::begin(kEarly), std::end(kEarly), steps) != std::end(kEarly)) return true;
  return steps % kReplaceEvery == 0;
}

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

/// A += weighted aᵀa, B += weighted aᵀx, a feature's row at a time so that rows can go in parallel.
void OnlineLearner::State::accumulate(ConstMatrix32 batch, const SparseCodes& codes,
                                      const Execution& execution) {
  // By feature: who used it, in ascending order of samples (fixed order of summation).
  auto& users = users_by_feature;
  for (std::uint32_t j : touched) users[j].clear();
  touched.clear();
  for (std::size_t i = 0; i < batch.rows; ++i)
    for (std::uint32_t at = codes.indptr[i]; at < codes.indptr[i + 1]; ++at) {
      const std::uint32_t j = codes.indices[at];
      if (users[j].empty()) touched.push_back(j);
      users[j].push_back(at);
    }
  std::sort(touched.begin(), touched.end());
  std::vector<std::uint32_t> sample_of(codes.indices.size());
  for (std::uint32_t i = 0; i < batch.rows; ++i)
    std::fill(sample_of.begin() + codes.indptr[i], sample_of.begin() + codes.indptr[i + 1], i);

  const float w = static_cast<float>(weight);
  const auto& sparse = sparse_rows::table();
  execution.for_each((touched.size() + kAtomBlock - 1) / kAtomBlock, [&](std::size_t block) {
    const std::size_t last = std::min(touched.size(), (block + 1) * kAtomBlock);
    for (std::size_t t = block * kAtomBlock; t < last; ++t) {
      const std::uint32_t j = touched[t];
      for (std::uint32_t at : users[j]) {
        cancellation::point();
        const std::uint32_t i = sample_of[at];
        const float factor = w * codes.values[at];
        sparse.axpy(factor, batch.row(i), b.data() + j * stride, dims);
        float* row = a.data() + j * a_stride;
        for (std::uint32_t k = codes.indptr[i]; k < codes.indptr[i + 1]; ++k)
          row[codes.indices[k]] += factor * codes.values[k];
      }
      usage[j] += static_cast<double>(users[j].size());
      used[j] += static_cast<double>(users[j].size());
      recent[j] += weight * static_cast<double>(users[j].size());
    }
  });
}

/// Block-coordinate descent over the atoms that the batch used. Exact Gauss–Seidel, at the cost of one dense
/// product: all numerators b_j − A_j D are made at once with the old atoms, then each atom's change is carried to
/// the atoms that come after it.
void OnlineLearner::State::update_atoms(const Execution& execution) {
  const std::size_t count = touched.size();
  AlignedBuffer<float> transposed(dims * a_stride), numerators(count * stride);
  execution.for_each(dims, [&](std::size_t k) {
    float* column = transposed.data() + k * a_stride;
    for (std::size_t j = 0; j < atoms.features(); ++j) column[j] = atoms.atom(j)[k];
    std::fill(column + atoms.features(), column + options.features, 0.0f);
  });
  const product::PackedRows columns({transposed.data(), dims, options.features, a_stride});
  const ConstMatrix32 rows{a.data(), options.features, options.features, a_stride};
  product::store({rows, touched.data(), count}, columns, {numerators.data(), count, dims, stride}, execution);
  if (execution.cancelled()) return;

  const auto& sparse = sparse_rows::table();
  std::vector<float> change(dims);
  for (std::size_t i = 0; i < count; ++i) {
    cancellation::point();
    const std::uint32_t j = touched[i];
    const float* coupling = a.data() + j * a_stride;
    const float own = coupling[j];
    float* numerator = numerators.data() + i * stride;
    if (!(own > 0)) continue;
    const float* before = atoms.atom(j);
    for (std::size_t k = 0; k < dims; ++k) numerator[k] = b[j * stride + k] - numerator[k] + own * before[k];
    const double norm = std::sqrt(reduce::table().squared_norm(numerator, dims));
    if (norm == 0) continue;
    // u = numerator/own, then u/max(1, ‖u‖)
    const auto scale = static_cast<float>(1 / std::max(static_cast<double>(own), norm));
    float* atom = atoms.edit(j);
    for (std::size_t k = 0; k < dims; ++k) {
      const float next = numerator[k] * scale;
      change[k] = next - atom[k];
      atom[k] = next;
    }
    for (std::size_t later = i + 1; later < count; ++later)
      if (const float c = coupling[touched[later]]; c != 0)
        sparse.axpy(c, change.data(), numerators.data() + later * stride, dims);
  }
}

/// Sums for statistics(), and the worst explained samples of the batch as candidates.
void OnlineLearner::State::observe_fit(ConstMatrix32 batch, const Unfolding& unfolding) {
  since.mean.resize(dims, 0);
  candidates.clear();
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const double energy = reduce::table().squared_norm(batch.row(i), dims);
    const double left = static_cast<double>(unfolding.residual[i]) * unfolding.residual[i];
    since.objective += std::ldexp(unfolding.objective[i], 2 * scale.exponent());
    since.squared_residual += std::ldexp(left, 2 * scale.exponent());
    since.squared_input += std::ldexp(energy, 2 * scale.exponent());
    since.active += unfolding.codes.indptr[i + 1] - unfolding.codes.indptr[i];
    for (std::size_t k = 0; k < dims; ++k) since.mean[k] += std::ldexp(batch.row(i)[k], scale.exponent());
    if (energy > 0) candidates.push_back({left / energy, static_cast<std::uint32_t>(i)});
  }
  since.samples += batch.rows;
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& x, const Candidate& y) { return x.unexplained > y.unexplained; });
}

void OnlineLearner::State::replace_unused(ConstMatrix32 batch) {
  double average = 0;
  for (double count : recent) average += count / static_cast<double>(options.features);
  std::size_t next = 0;
  for (std::size_t j = 0; j < atoms.features() && next < candidates.size(); ++j) {
    if (recent[j] >= kUnusedShare * average) continue;
    cancellation::point();
    set_atom(j, batch.row(candidates[next++].sample));
    std::fill(a.data() + j * a_stride, a.data() + (j + 1) * a_stride, 0.0f);
    for (std::size_t k = 0; k < options.features; ++k) a[k * a_stride + j] = 0;
    std::fill(b.data() + j * stride, b.data() + (j + 1) * stride, 0.0f);
    used[j] = 0;
    recent[j] = average;  // time to find its samples
    ++replaced;
  }
}

/// The share of the past that the next batch leaves. Early statistics come from codes on a poor dictionary, and hold it
/// there: the memory starts at 5 steps and grows to a tenth of the steps so far, up to what was asked for. (Mairal et
/// al. 2010, §3.4.1, has (1 − 1/t)^ρ.)
double OnlineLearner::State::keeps() const {
  constexpr double kShortest = 0.8, kShareOfSteps = 0.1;
  const double growing = steps > 0 ? 1 - 1 / (kShareOfSteps * static_cast<double>(steps)) : 0;
  return std::min(options.forgetting, std::max(kShortest, growing));
}

/// The common scale's exponent rose: A and B are of its square.
void OnlineLearner::State::rescale(int rise) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::ldexp(a[i], -2 * rise);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::ldexp(b[i], -2 * rise);
}

/// Forgetting without touching the past: the new batch weighs 1/ρ more than the last. All that the updates
/// use are ratios, so the sums are only scaled back now and then.
void OnlineLearner::State::forget(double share) {
  constexpr double kLargestWeight = 1e6;
  weight /= share;
  if (weight < kLargestWeight) return;
  const auto scale = static_cast<float>(1 / weight);
  for (std::size_t j = 0; j < options.features; ++j) {
    cancellation::point();
    for (std::size_t k = 0; k < a_stride; ++k) a[j * a_stride + k] *= scale;
  }
  for (std::size_t i = 0; i < b.size(); ++i) b[i] *= scale;
  for (double& count : recent) count /= weight;
  weight = 1;
}

Status OnlineLearner::State::step(ConstMatrix32 given, const Execution& execution) {
  initialise(given);
  const double share = keeps();
  if (const int rise = scale.meet(given, share); rise != 0) rescale(rise);
  const ConstMatrix32 batch = scale.apply(given);
  const Execution inner{execution.threads, execution.monitor, false};
  Unfolding unfolding;
  if (atoms.features() > 0) {
    const Dictionary* dictionary = nullptr;
    if (Status status = atoms.current(inner, dictionary); !status.ok()) return status;
    Lasso lasso;
    lasso.lambda = {std::ldexp(options.lambda, -scale.exponent())};
    lasso.nonnegative = options.nonnegative;
    lasso.tolerance = options.tolerance;
    if (Status status = unfold(batch, *dictionary, lasso, inner, unfolding); !status.ok()) return status;
    forget(share);
    observe_fit(batch, unfolding);
    accumulate(batch, unfolding.codes, inner);
    update_atoms(inner);
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

const std::vector<double>& OnlineLearner::usage() const { return state_->usage; }

std::vector<std::uint32_t> OnlineLearner::dead() const {
  std::vector<std::uint32_t> found;
  for (std::uint32_t j = 0; j < state_->used.size(); ++j)
    if (state_->used[j] == 0) found.push_back(j);
  return found;
}

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
