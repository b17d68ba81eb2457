#include "online.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "../core/aligned.hpp"
#include "../core/random.hpp"
#include "../kernels/product/product.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
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

}  // namespace

struct OnlineLearner::State {
  OnlineOptions options;
  std::size_t dims, stride, a_stride;
  Random random;
  AlignedBuffer<float> atoms;          // D: features × stride
  AlignedBuffer<float> a;              // A: features × a_stride
  AlignedBuffer<float> b;              // B: features × stride
  std::size_t initialised = 0;         // atoms that have a start
  double weight = 1;                   // of the current batch in A and B
  std::vector<double> recent;          // forgetting count of samples that used a feature
  std::vector<double> usage;           // the same without forgetting
  std::vector<std::uint32_t> touched;  // features that the last batch used, ascending
  std::vector<std::vector<std::uint32_t>> users_by_feature;  // places in the batch's codes
  std::vector<Candidate> candidates;
  std::vector<std::uint32_t> order;  // the running epoch of fit()
  std::size_t position = 0;
  std::uint64_t steps = 0, samples = 0, replaced = 0;
  Sums since;

  State(std::size_t dims_, const OnlineOptions& options_)
      : options(options_),
        dims(dims_),
        stride(round_up(dims_, kCacheLine / sizeof(float))),
        a_stride(round_up(options_.features, kCacheLine / sizeof(float))),
        random(options_.seed),
        atoms(AlignedBuffer<float>::zeros(options_.features * stride)),
        a(AlignedBuffer<float>::zeros(options_.features * a_stride)),
        b(AlignedBuffer<float>::zeros(options_.features * stride)),
        recent(options_.features, 0),
        usage(options_.features, 0),
        users_by_feature(options_.features) {}

  float* atom(std::size_t j) const { return atoms.data() + j * stride; }
  void new_epoch(std::size_t rows) {
    order.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) order[i] = static_cast<std::uint32_t>(i);
    random.shuffle(order.data(), rows);
    position = 0;
  }

  void set_atom(std::size_t j, const float* from);
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
  float* to = atom(j);
  for (std::size_t k = 0; k < dims; ++k) to[k] = static_cast<float>(from[k] / norm);
  std::fill(to + dims, to + stride, 0.0f);
}

/// Atoms that have no start yet take the batch's samples, in order; zero samples are passed over.
void OnlineLearner::State::initialise(ConstMatrix32 batch) {
  for (std::size_t i = 0; i < batch.rows && initialised < options.features; ++i)
    if (reduce::table().squared_norm(batch.row(i), dims) > 0) set_atom(initialised++, batch.row(i));
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
    for (std::size_t j = 0; j < options.features; ++j) column[j] = atom(j)[k];
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
    for (std::size_t k = 0; k < dims; ++k) numerator[k] = b[j * stride + k] - numerator[k] + own * atom(j)[k];
    const double norm = std::sqrt(reduce::table().squared_norm(numerator, dims));
    if (norm == 0) continue;
    // u = numerator/own, then u/max(1, ‖u‖)
    const auto scale = static_cast<float>(1 / std::max(static_cast<double>(own), norm));
    for (std::size_t k = 0; k < dims; ++k) {
      const float next = numerator[k] * scale;
      change[k] = next - atom(j)[k];
      atom(j)[k] = next;
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
  for (std::size_t j = 0; j < initialised && next < candidates.size(); ++j) {
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
  if (initialised == 0) return {};
  std::shared_ptr<const Dictionary> dictionary;
  const ConstMatrix32 started{atoms.data(), initialised, dims, stride};
  if (Status status = Dictionary::make(started, false, dictionary); !status.ok()) return status;
  UnfoldOptions unfold_options;
  unfold_options.lambda = {options.lambda};
  unfold_options.nonnegative = options.nonnegative;
  unfold_options.tolerance = options.tolerance;
  const Execution inner{execution.threads, execution.monitor, false};
  Unfolding unfolding;
  if (Status status = unfold(batch, *dictionary, unfold_options, inner, unfolding); !status.ok())
    return status;
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
  if (options.batch_size == 0) return fail("batchSize must be at least 1");
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
    state.set_atom(j, initial.row(j));
  }
  state.initialised = initial.rows;
  out = std::move(made);
  return {};
}

Status OnlineLearner::fit(ConstMatrix32 data, std::uint64_t steps, const Execution& execution) {
  State& state = *state_;
  if (data.cols != state.dims) return Status::fail(Code::shape, "activations have the wrong number of dims");
  if (data.rows == 0) return Status::fail(Code::shape, "activations must have at least one sample");
  execution.set_total(steps);
  const std::size_t size = std::min(state.options.batch_size, data.rows);
  AlignedBuffer<float> batch(std::max(size, state.options.features) * state.stride);
  const auto gather = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (state.position == state.order.size()) state.new_epoch(data.rows);
      std::memcpy(batch.data() + i * state.stride, data.row(state.order[state.position++]),
                  state.dims * sizeof(float));
    }
    return ConstMatrix32{batch.data(), count, state.dims, state.stride};
  };
  if (state.order.size() != data.rows) state.new_epoch(data.rows);
  if (state.initialised < state.options.features) {
    state.initialise(gather(std::min(data.rows, state.options.features)));
    state.position = 0;
  }
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (Status status = state.step(gather(size), execution); !status.ok()) return status;
    execution.advance(1);
  }
  return {};
}

Status OnlineLearner::observe(ConstMatrix32 data, const Execution& execution) {
  State& state = *state_;
  if (data.cols != state.dims) return Status::fail(Code::shape, "activations have the wrong number of dims");
  const std::size_t size = state.options.batch_size;
  execution.set_total((data.rows + size - 1) / size);
  for (std::size_t first = 0; first < data.rows; first += size) {
    if (Status status = state.step(data.slice(first, std::min(size, data.rows - first)), execution);
        !status.ok())
      return status;
    execution.advance(1);
  }
  return {};
}

ConstMatrix32 OnlineLearner::atoms() const {
  return {state_->atoms.data(), state_->options.features, state_->dims, state_->stride};
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

}  // namespace unsuperpose
