#include "online.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/aligned.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "../scoring/mutable_dictionary.hpp"
#include "../solvers/lasso.hpp"
#include "../solvers/unfolding.hpp"

namespace unsuperpose {

namespace {

/// An atom is replaced when the (forgetting) count of samples it was active in falls below this share
/// of the average one …
constexpr double kUnusedShare = 0.01;
/// … looked at once in so many steps, so that a new atom has time to find its samples.
constexpr std::uint64_t kReplaceEvery = 25;
/// Features a block of the parallel loops.
constexpr std::size_t kAtomBlock = 16;

/// A sample that could become an atom, by the share of its energy that is not explained.
struct Candidate {
  double unexplained;
  std::uint32_t sample;
};

struct Sums {
  double objective = 0, squared_residual = 0, squared_input = 0, active = 0;
  std::uint64_t samples = 0;
  std::vector<double> mean;
};

Status check(const Batch& batch, std::size_t dims) {
  if (batch.input.cols != dims) return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (batch.target.rows > 0) return Status::fail(Code::shape, "a dictionary is learned from its input alone");
  return {};
}

}  // namespace

struct OnlineLearner::State {
  OnlineOptions options;
  std::size_t dims, stride, a_stride;
  MutableDictionary atoms;             // D: those that have a start
  AlignedBuffer<float> a;              // A: features × a_stride
  AlignedBuffer<float> b;              // B: features × stride
  double weight = 1;                   // of the current batch in A and B
  std::vector<double> recent;          // forgetting count of samples that used a feature
  std::vector<double> usage;           // the same without forgetting
  std::vector<std::uint32_t> touched;  // features that the last batch used, ascending
  std::vector<std::vector<std::uint32_t>> users_by_feature;  // places in the batch's codes
  std::vector<Candidate> candidates;
  AlignedBuffer<float> kept;  // what the mask of a batch lets through
  std::uint64_t steps = 0, samples = 0, replaced = 0;
  Sums since;

  State(std::size_t dims_, const OnlineOptions& options_)
      : options(options_),
        dims(dims_),
        stride(round_up(dims_, kCacheLine / sizeof(float))),
        a_stride(round_up(options_.features, kCacheLine / sizeof(float))),
        atoms(dims_),
        a(AlignedBuffer<float>::zeros(options_.features * a_stride)),
        b(AlignedBuffer<float>::zeros(options_.features * stride)),
        recent(options_.features, 0),
        usage(options_.features, 0),
        users_by_feature(options_.features) {
    atoms.reserve(options_.features);
  }

  void set_atom(std::size_t j, const float* from);
  void add_atom(const float* from);
  void initialise(ConstMatrix32 batch);
  void forget();
  void observe_fit(ConstMatrix32 batch, const Unfolding& unfolding);
  void accumulate(ConstMatrix32 batch, const SparseCodes& codes, const Execution& execution);
  void update_atoms(const Execution& execution);
  void replace_unused(ConstMatrix32 batch);
  Status step(ConstMatrix32 batch, const Execution& execution);
};

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
        const std::uint32_t i = sample_of[at];
        const float factor = w * codes.values[at];
        sparse.axpy(factor, batch.row(i), b.data() + j * stride, dims);
        float* row = a.data() + j * a_stride;
        for (std::uint32_t k = codes.indptr[i]; k < codes.indptr[i + 1]; ++k)
          row[codes.indices[k]] += factor * codes.values[k];
      }
      usage[j] += static_cast<double>(users[j].size());
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
    since.objective += unfolding.objective[i];
    since.squared_residual += left;
    since.squared_input += energy;
    since.active += unfolding.codes.indptr[i + 1] - unfolding.codes.indptr[i];
    for (std::size_t k = 0; k < dims; ++k) since.mean[k] += batch.row(i)[k];
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
    set_atom(j, batch.row(candidates[next++].sample));
    std::fill(a.data() + j * a_stride, a.data() + (j + 1) * a_stride, 0.0f);
    for (std::size_t k = 0; k < options.features; ++k) a[k * a_stride + j] = 0;
    std::fill(b.data() + j * stride, b.data() + (j + 1) * stride, 0.0f);
    recent[j] = average;  // time to find its samples
    ++replaced;
  }
}

/// Forgetting without touching the past: the new batch weighs 1/ρ more than the last. All that the updates
/// use are ratios, so the sums are only scaled back now and then.
void OnlineLearner::State::forget() {
  constexpr double kLargestWeight = 1e6;
  // Early statistics come from codes on a poor dictionary, and hold it there: the memory starts at 5 steps and
  // grows to a tenth of the steps so far, up to what was asked for. (Mairal et al. 2010, §3.4.1, has (1 − 1/t)^ρ.)
  constexpr double kShortest = 0.8, kShareOfSteps = 0.1;
  const double growing = steps > 0 ? 1 - 1 / (kShareOfSteps * static_cast<double>(steps)) : 0;
  weight /= std::min(options.forgetting, std::max(kShortest, growing));
  if (weight < kLargestWeight) return;
  const auto scale = static_cast<float>(1 / weight);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= scale;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] *= scale;
  for (double& count : recent) count /= weight;
  weight = 1;
}

Status OnlineLearner::State::step(ConstMatrix32 batch, const Execution& execution) {
  initialise(batch);
  if (atoms.features() == 0) return {};
  const Execution inner{execution.threads, execution.monitor, false};
  const Dictionary* dictionary = nullptr;
  if (Status status = atoms.current(inner, dictionary); !status.ok()) return status;
  Lasso lasso;
  lasso.lambda = {options.lambda};
  lasso.nonnegative = options.nonnegative;
  lasso.tolerance = options.tolerance;
  Unfolding unfolding;
  if (Status status = unfold(batch, *dictionary, lasso, inner, unfolding); !status.ok()) return status;
  forget();
  observe_fit(batch, unfolding);
  accumulate(batch, unfolding.codes, inner);
  update_atoms(inner);
  ++steps;
  samples += batch.rows;
  if (steps % kReplaceEvery == 0) replace_unused(batch);
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

LearningStatistics OnlineLearner::statistics() {
  State& state = *state_;
  LearningStatistics result;
  result.steps = state.steps;
  result.samples = state.samples;
  result.replaced = state.replaced;
  const Sums& since = state.since;
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

void OnlineLearner::save(Checkpoint& to) const {
  const State& state = *state_;
  const std::size_t features = state.options.features;
  to.put("atoms", state.atoms.atoms());
  to.put("codes.codes", ConstMatrix32{state.a.data(), features, features, state.a_stride});
  to.put("codes.samples", ConstMatrix32{state.b.data(), features, state.dims, state.stride});
  to.put("weight", std::vector<double>{state.weight});
  to.put("recent", state.recent);
  to.put("usage", state.usage);
  to.put("counts",
         std::vector<std::uint64_t>{state.steps, state.samples, state.replaced, state.since.samples});
  to.put("sums", std::vector<double>{state.since.objective, state.since.squared_residual,
                                     state.since.squared_input, state.since.active});
  to.put("mean", state.since.mean);
}

Status OnlineLearner::resume(const Checkpoint& from) {
  State& state = *state_;
  const std::size_t features = state.options.features, dims = state.dims;
  const auto* atoms = from.find<float>("atoms");
  const auto* a = from.find<float>("codes.codes", features * features);
  const auto* b = from.find<float>("codes.samples", features * dims);
  const auto* weight = from.find<double>("weight", 1);
  const auto* recent = from.find<double>("recent", features);
  const auto* usage = from.find<double>("usage", features);
  const auto* counts = from.find<std::uint64_t>("counts", 4);
  const auto* sums = from.find<double>("sums", 4);
  const auto* mean = from.find<double>("mean");
  if (!atoms || !a || !b || !weight || !recent || !usage || !counts || !sums || !mean ||
      atoms->size() % dims != 0 || atoms->size() > features * dims ||
      (!mean->empty() && mean->size() != dims))
    return Checkpoint::refuse("online dictionary learning with so many features and dims");
  state.atoms.replace({atoms->data(), atoms->size() / dims, dims});
  for (std::size_t j = 0; j < features; ++j) {
    std::copy_n(a->data() + j * features, features, state.a.data() + j * state.a_stride);
    std::copy_n(b->data() + j * dims, dims, state.b.data() + j * state.stride);
  }
  state.weight = weight->front();
  state.recent = *recent;
  state.usage = *usage;
  state.steps = (*counts)[0];
  state.samples = (*counts)[1];
  state.replaced = (*counts)[2];
  state.since = {(*sums)[0], (*sums)[1], (*sums)[2], (*sums)[3], (*counts)[3], *mean};
  return {};
}

}  // namespace unsuperpose
