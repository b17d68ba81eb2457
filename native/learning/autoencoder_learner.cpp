#include "autoencoder_learner.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/random.hpp"
#include "../core/spread.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "autoencoder_device.hpp"
#include "autoencoder_state.hpp"

namespace unsuperpose {

using autoencoder::Outcome;
using autoencoder::Settings;

namespace {

/// Samples that scale and b_dec are taken from.
constexpr std::size_t kFirst = 4096;
/// Most that the moving mean of the weakest activation keeps at each step; step t keeps 1 − kRecent/t at most, since early codes come from
/// other features: a short run would else end with a threshold of its beginning.
constexpr double kKept = 0.999;
constexpr double kRecent = 10;
/// Rounds of Weiszfeld's algorithm, and the distance below which a sample counts as this far away, relative to the mean distance.
constexpr int kRounds = 50;
constexpr double kNearest = 1e-6;
/// Samples that lie nearer to their median than this, in units of their size, are equal: float64 rounds their sums by less, and float32 cannot
/// tell them apart.
constexpr double kEqual = 0x1p-40;

/// Samples of one unit of work.
constexpr std::size_t kBlock = 64;

/// First biases of features that no k holds back: with pre-activations of size 1 a fifteenth of them is active, not half.
constexpr float kFirstGate = 1.5f;

bool by_k(const AutoencoderOptions& options) {
  return options.architecture == Architecture::top_k || options.architecture == Architecture::batch_top_k ||
         options.architecture == Architecture::matching_pursuit;
}

double mean_distance(ConstMatrix32 rows, const std::vector<double>& from) {
  double sum = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    double square = 0;
    for (std::size_t d = 0; d < rows.cols; ++d) {
      const double off = static_cast<double>(rows.row(i)[d]) - from[d];
      square += off * off;
    }
    sum += std::sqrt(square);
  }
  return sum / static_cast<double>(rows.rows);
}

/// The point of the least sum of distances (Weiszfeld 1937), from the mean.
std::vector<double> geometric_median(ConstMatrix32 rows) {
  std::vector<double> median(rows.cols, 0), next(rows.cols);
  for (std::size_t i = 0; i < rows.rows; ++i)
    for (std::size_t d = 0; d < rows.cols; ++d)
      median[d] += static_cast<double>(rows.row(i)[d]) / static_cast<double>(rows.rows);
  const double nearest = kNearest * mean_distance(rows, median);
  if (!(nearest > 0)) return median;
  for (int round = 0; round < kRounds; ++round) {
    cancellation::point();
    std::fill(next.begin(), next.end(), 0.0);
    double weights = 0;
    for (std::size_t i = 0; i < rows.rows; ++i) {
      double square = 0;
      for (std::size_t d = 0; d < rows.cols; ++d) {
        const double off = static_cast<double>(rows.row(i)[d]) - median[d];
        square += off * off;
      }
      const double weight = 1 / std::max(nearest, std::sqrt(square));
      weights += weight;
      for (std::size_t d = 0; d < rows.cols; ++d) next[d] += weight * static_cast<double>(rows.row(i)[d]);
    }
    for (std::size_t d = 0; d < rows.cols; ++d) median[d] = next[d] / weights;
  }
  return median;
}

/// False where a sample is too large for float32 once it is scaled.
bool scale_into(ConstMatrix32 from, double scale, autoencoder::Rows& to, const Execution& execution) {
  to.grow(from.rows);
  std::vector<std::uint8_t> fits(from.rows, 1);
  execution.for_items(from.rows, kBlock, [&](std::size_t i) {
    for (std::size_t d = 0; d < from.cols; ++d)
      to.row(i)[d] = static_cast<float>(static_cast<double>(from.row(i)[d]) * scale);
    fits[i] = reduce::table().all_finite(to.row(i), from.cols);
  });
  return std::find(fits.begin(), fits.end(), 0) == fits.end();
}

Status fail(const std::string& message) { return Status::fail(Code::option, message); }

Status check(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& o) {
  if (inputs == 0 || outputs == 0) return Status::fail(Code::shape, "activations must have at least one dim");
  if (o.features == 0 || o.features > 0x7fffffff) return fail("features must be between 1 and 2³¹ − 1");
  if (by_k(o) && (o.k == 0 || o.k > o.features || o.k_start > o.features))
    return fail("sparsity must be between 1 and features");
  if (!by_k(o) && !(o.lambda > 0) && !(o.architecture == Architecture::jump_relu && o.target_l0 > 0))
    return fail("lambda must be > 0");
  if (o.architecture == Architecture::matching_pursuit &&
      (inputs != outputs || !o.subtract_bias || o.skip || o.aligned || !o.prefixes.empty()))
    return fail(
        "a matching pursuit makes its input again, from b_dec on: it has no targets, skip, aligned or "
        "prefixes");
  if (o.subtract_bias && inputs != outputs)
    return Status::fail(Code::shape, "b_dec can be taken from an input of the target's dims only");
  if (o.aligned && inputs != outputs)
    return Status::fail(Code::shape, "aligned needs inputs and targets of the same dims");
  if (!o.prefixes.empty() &&
      (o.prefixes.front() == 0 || o.prefixes.back() != o.features ||
       std::adjacent_find(o.prefixes.begin(), o.prefixes.end(), std::greater_equal<>()) != o.prefixes.end()))
    return fail("prefixes must ascend and end with features");
  if (!(o.rate > 0) || !(o.clip > 0) || !(o.bandwidth > 0) || !(o.threshold >= 0))
    return fail("learningRate, clip, bandwidth must be > 0");
  return {};
}

}  // namespace

AutoencoderLearner::State::State(std::size_t inputs_, std::size_t outputs_,
                                 const AutoencoderOptions& options_)
    : options(options_),
      inputs(inputs_),
      outputs(outputs_),
      weights(inputs_, outputs_, options),
      gradients(weights),
      moments(gradients),
      pass(options, outputs_),
      x(0, inputs_),
      y(0, outputs_),
      last_used(options.features, 0),
      usage(options.features, 0) {}

AutoencoderLearner::State::~State() = default;

/// Unit decoder rows; the encoder is their transpose, or of the same random directions where it cannot be.
void AutoencoderLearner::State::initialise(ConstMatrix32 decoder) {
  Random random(options.seed);
  const Matrix32 encoder = weights.encoder.edit_all();
  const bool tied = weights.decoder.count == 0;
  for (std::size_t j = 0; j < options.features; ++j) {
    cancellation::point();
    float* row = tied ? encoder.row(j) : weights.decoder.row(j);
    for (std::size_t d = 0; d < outputs; ++d)
      row[d] = decoder.rows > 0 ? decoder.row(j)[d] : static_cast<float>(random.normal());
    const double norm = std::sqrt(reduce::table().squared_norm(row, outputs));
    for (std::size_t d = 0; d < outputs; ++d) row[d] = static_cast<float>(row[d] / norm);
    if (tied) continue;
    float* to = encoder.row(j);
    if (!by_k(options)) to[inputs] = -kFirstGate;
    if (inputs == outputs) {
      std::copy_n(row, outputs, to);
    } else {
      for (std::size_t d = 0; d < inputs; ++d) to[d] = static_cast<float>(random.normal());
      const double length = std::sqrt(reduce::table().squared_norm(to, inputs));
      for (std::size_t d = 0; d < inputs; ++d) to[d] = static_cast<float>(to[d] / length);
    }
  }
  for (std::size_t j = 0; j < weights.threshold.cols; ++j)
    weights.threshold.data[j] = static_cast<float>(options.threshold);
}

void AutoencoderLearner::State::begin(ConstMatrix32 input, ConstMatrix32 target) {
  const std::vector<double> median = geometric_median(target);
  const double own = mean_distance(input, std::vector<double>(inputs, 0));
  double size = mean_distance(target, median);
  // Equal samples are their median, but for its rounding: their size is that of all of them, or of the input where they are zero.
  const double whole = mean_distance(target, std::vector<double>(outputs, 0));
  if (!(size > kEqual * whole)) size = whole > 0 ? whole : own;
  target_scale = size > 0 ? std::sqrt(static_cast<double>(outputs)) / size : 1;
  input_scale = target_scale;
  if (!options.subtract_bias && own > 0) input_scale = std::sqrt(static_cast<double>(inputs)) / own;
  for (std::size_t d = 0; d < outputs; ++d)
    weights.decoder_bias.data[d] = static_cast<float>(median[d] * target_scale);
  started = true;
}

Settings AutoencoderLearner::State::settings() const {
  Settings now;
  const double warm =
      options.sparsity_warm_up > 0
          ? std::min(1.0, static_cast<double>(steps + 1) / static_cast<double>(options.sparsity_warm_up))
          : 1;
  now.k = options.k;
  if (options.k_start > 0) {
    const double start = static_cast<double>(options.k_start), end = static_cast<double>(options.k);
    now.k = static_cast<std::size_t>(start + (end - start) * warm + 0.5);
  }
  if (options.architecture == Architecture::jump_relu)
    now.lambda = options.lambda > 0 ? options.lambda * target_scale * target_scale : options.target_l0;
  else
    now.lambda = options.lambda * target_scale;
  now.lambda *= warm;
  now.guess = guess;
  now.dead = &dead;
  return now;
}

void AutoencoderLearner::State::count(const Outcome& outcome, std::uint64_t number, std::uint64_t of) {
  const double unit = 1 / target_scale, n = static_cast<double>(of);
  since.loss += outcome.loss * n * unit * unit;
  since.squared_residual += outcome.squared_residual * unit * unit;
  since.active += static_cast<double>(outcome.active);
  since.samples += of;
  ++since.steps;
  guess = outcome.weakest;
  if (outcome.active == 0) return;
  const double kept = std::clamp(1 - kRecent / static_cast<double>(number), 0.0, kKept);
  weakest = kept * weakest + (1 - kept) * outcome.weakest;
  weakest_weight = kept * weakest_weight + (1 - kept);
}

void AutoencoderLearner::State::observe(ConstMatrix32 target, const Outcome& outcome) {
  since.mean.resize(outputs, 0);
  for (std::size_t i = 0; i < target.rows; ++i)
    spread::add(target.row(i), outputs, 1, static_cast<double>(since.samples + i + 1), since.mean.data(),
                since.squared_apart);
  count(outcome, steps + 1, target.rows);
  ++steps;
  samples += target.rows;
  dead.clear();
  for (std::uint32_t j = 0; j < options.features; ++j) {
    const std::uint32_t uses = pass.used()[j];
    usage[j] += uses;
    if (uses > 0) last_used[j] = steps;
    if (steps - last_used[j] >= options.dead_after) dead.push_back(j);
  }
  dead_count = dead.size();
}

Status AutoencoderLearner::State::step(ConstMatrix32 input, ConstMatrix32 target,
                                       const Execution& execution) {
  if (options.architecture == Architecture::matching_pursuit && target.data != input.data)
    return fail("a matching pursuit makes its input again: it has no targets");
  if (execution.device) return step_on_device(input, target, execution);
  use(nullptr);
  if (!started) begin(input, target);
  const bool same = target.data == input.data && input_scale == target_scale;
  const bool fits = scale_into(input, input_scale, x, execution) &&
                    (same || scale_into(target, target_scale, y, execution));
  if (execution.cancelled()) return Status::cancelled();
  if (!fits)
    return fail("a sample of step " + std::to_string(steps + 1) +
                " is too large beside the first ones, which the scale of training comes from");
  Outcome outcome;
  Status status =
      pass.run(weights, x.view(), same ? x.view() : y.view(), settings(), execution, gradients, outcome);
  if (status.ok() && !std::isfinite(outcome.loss))
    status = fail("training exploded in step " + std::to_string(steps + 1) +
                  ": the loss is not finite; try a smaller learningRate, or clip");
  if (status.ok()) status = update(execution);
  if (status.ok()) observe(target, outcome);
  return status;
}

AutoencoderLearner::AutoencoderLearner() = default;
AutoencoderLearner::~AutoencoderLearner() = default;

Status AutoencoderLearner::make(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& options,
                                ConstMatrix32 decoder, std::unique_ptr<AutoencoderLearner>& out) {
  if (Status status = check(inputs, outputs, options); !status.ok()) return status;
  if (decoder.rows != 0 && (decoder.rows != options.features || decoder.cols != outputs))
    return Status::fail(Code::shape, "initial must be features × dims of the target");
  for (std::size_t j = 0; j < decoder.rows; ++j)
    if (!reduce::table().all_finite(decoder.row(j), outputs) ||
        !(reduce::table().squared_norm(decoder.row(j), outputs) > 0))
      return fail("initial must hold finite atoms other than zero");
  std::unique_ptr<AutoencoderLearner> made(new AutoencoderLearner());
  made->state_ = std::make_unique<State>(inputs, outputs, options);
  made->state_->initialise(decoder);
  out = std::move(made);
  return {};
}

std::size_t AutoencoderLearner::wants() const { return state_->started ? 0 : kFirst; }

namespace {

Status check(const Batch& batch, std::size_t inputs, std::size_t outputs) {
  if (batch.input.cols != inputs)
    return Status::fail(Code::shape, "activations have the wrong number of dims");
  const std::size_t cols = batch.target.rows > 0 ? batch.target.cols : batch.input.cols;
  if (cols != outputs) return Status::fail(Code::shape, "targets have the wrong number of dims");
  if (batch.target.rows > 0 && batch.target.rows != batch.input.rows)
    return Status::fail(Code::shape, "there must be as many targets as activations");
  return {};
}

}  // namespace

Status AutoencoderLearner::start(const Batch& first, const Execution& /*execution*/) {
  State& state = *state_;
  if (Status status = check(first, state.inputs, state.outputs); !status.ok()) return status;
  const ConstMatrix32 input = counted(first, state.kept);
  const ConstMatrix32 target =
      first.target.rows > 0 ? counted({first.target, {}, first.mask}, state.kept_target) : input;
  if (!state.started && input.rows > 0) state.begin(input, target);
  return {};
}

Status AutoencoderLearner::feed(const Batch& batch, const Execution& execution) {
  State& state = *state_;
  if (Status status = check(batch, state.inputs, state.outputs); !status.ok()) return status;
  const ConstMatrix32 input = counted(batch, state.kept);
  const ConstMatrix32 target =
      batch.target.rows > 0 ? counted({batch.target, {}, batch.mask}, state.kept_target) : input;
  return input.rows > 0 ? state.step(input, target, execution) : Status{};
}

std::size_t AutoencoderLearner::bytes() const {
  const State& state = *state_;
  return 4 * (state.gradients.encoder.data.bytes() + state.gradients.decoder.data.bytes() +
              state.gradients.skip.data.bytes());
}

const std::vector<std::uint64_t>& AutoencoderLearner::usage() const { return state_->usage; }

bool AutoencoderLearner::on_device() const { return state_->on_device != nullptr; }

std::uint64_t AutoencoderLearner::steps() const { return state_->steps; }

AutoencoderStatistics AutoencoderLearner::statistics() {
  State& state = *state_;
  AutoencoderStatistics result;
  result.steps = state.steps;
  result.samples = state.samples;
  if (state.on_device) state.on_device->settle();
  result.dead = state.dead_count;
  const State::Sums& since = state.since;
  if (since.samples > 0) {
    const double n = static_cast<double>(since.samples);
    result.objective = since.loss / n;
    result.l0 = since.active / n;
    result.gradient_norm = since.gradient_norm / static_cast<double>(since.steps);
    result.explained_variance =
        since.squared_apart > 0 ? 1 - since.squared_residual / since.squared_apart : 0;
  }
  state.since = {};
  return result;
}

std::vector<Figure> AutoencoderLearner::figures() {
  const AutoencoderStatistics now = statistics();
  return {{"steps", static_cast<double>(now.steps)},
          {"samples", static_cast<double>(now.samples)},
          {"objective", now.objective},
          {"explainedVariance", now.explained_variance},
          {"l0", now.l0},
          {"gradientNorm", now.gradient_norm},
          {"dead", static_cast<double>(now.dead)}};
}

}  // namespace unsuperpose
