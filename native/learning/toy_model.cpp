#include "toy_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "../core/cancellation.hpp"
#include "../core/random.hpp"
#include "../kernels/adam/adam.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "toy_gradient.hpp"

namespace unsuperpose {
namespace {

using panels::kPanel;

/// Below this mean density entry by entry is faster than two dense products (measured at 200 features in 20 dims).
constexpr double kSparseBelow = 0.08;
/// Steps between two reports of progress.
constexpr std::uint64_t kReportEvery = 64;

bool mostly_zero(const std::vector<double>& density) {
  double sum = 0;
  for (const double p : density) sum += p;
  return sum < kSparseBelow * static_cast<double>(density.size());
}

/// 1 at the first step; linear and cosine fall towards 0 after the last.
double schedule_factor(ToySchedule schedule, std::uint64_t step, std::uint64_t steps) {
  const double done = static_cast<double>(step) / static_cast<double>(steps);
  if (schedule == ToySchedule::linear) return 1 - done;
  constexpr float kPi = 3.14159265f;
  if (schedule == ToySchedule::cosine)
    return 0.5 * (1 + static_cast<double>(cosf(kPi * static_cast<float>(done))));
  return 1;
}

/// What of one model's training outlasts a call: parameters, AdamW's moments, losses.
struct Model {
  explicit Model(const ToyOptions& options)
      : weights(options.features * options.dims),
        bias(options.features, 0),
        weight_moments(AlignedBuffer<float>::zeros(2 * weights.size())),
        bias_moments(AlignedBuffer<float>::zeros(2 * bias.size())),
        losses(options.records, 0) {}

  std::vector<float> weights, bias;
  AlignedBuffer<float> weight_moments, bias_moments;  // all first ones, then all second ones
  double power1 = 1, power2 = 1;                      // β^t
  std::vector<double> losses;
  std::uint64_t in_record = 0;  // steps that the running record has
  double since = 0;             // sum of the losses since figures()
};

/// The steps of one model.
class Trainer {
 public:
  Trainer(const ToyOptions& options, const ToyInstance& instance, Model& model)
      : options_(options),
        gradient_(options, instance.importance, mostly_zero(instance.features.density)),
        model_(model) {}

  double step(const ToySampler& sampler, std::uint64_t step) {
    gradient_.begin(model_.weights.data(), model_.bias.data(), options_.batch);
    for (std::size_t first = 0; first < options_.batch; first += kPanel) {
      cancellation::point();
      const std::size_t valid = std::min(kPanel, options_.batch - first);
      sampler.panel(step, static_cast<std::uint32_t>(first), valid, gradient_.x(), gradient_.active());
      gradient_.add(valid);
    }
    const double loss = gradient_.finish();
    update(step);
    return loss;
  }

 private:
  void update(std::uint64_t step) {
    model_.power1 *= options_.beta1;
    model_.power2 *= options_.beta2;
    const double rate = options_.rate * schedule_factor(options_.schedule, step, options_.steps);
    const adam::Settings settings = {static_cast<float>(1 - rate * options_.weight_decay),
                                     static_cast<float>(rate / (1 - model_.power1)),
                                     static_cast<float>(options_.beta1),
                                     static_cast<float>(options_.beta2),
                                     static_cast<float>(1 / std::sqrt(1 - model_.power2)),
                                     static_cast<float>(options_.epsilon)};
    const std::size_t n = options_.features, all = n * options_.dims;
    const adam::Table& kernels = adam::table();
    float* moments = model_.weight_moments.data();
    kernels.step(settings, gradient_.weights(), moments, moments + all, model_.weights.data(), all);
    moments = model_.bias_moments.data();
    kernels.step(settings, gradient_.bias(), moments, moments + n, model_.bias.data(), n);
  }

  const ToyOptions& options_;
  ToyGradient gradient_;
  Model& model_;
};

/// Arrays of all models, one after the other, and back.
template <class T>
void join(const T* part, std::size_t count, std::vector<T>& all) {
  all.insert(all.end(), part, part + count);
}
template <class T>
void cut(const std::vector<T>& all, std::size_t model, T* part, std::size_t count) {
  std::copy_n(all.data() + model * count, count, part);
}

}  // namespace

struct ToyLearner::State {
  ToyOptions options;
  std::vector<ToyInstance> instances;
  std::vector<ToySampler> samplers;
  std::vector<Model> models;
  std::uint64_t steps = 0, told = 0;  // of each model; and how many of them figures() has told of

  void initialise();
};

/// Glorot & Bengio 2010, normal: variance 2/(features + dims). Biases start from 0.
void ToyLearner::State::initialise() {
  const double deviation = std::sqrt(2.0 / static_cast<double>(options.features + options.dims));
  Random seeds(options.seed);
  for (Model& model : models) {
    Random random(seeds.next());
    for (float& weight : model.weights) weight = static_cast<float>(deviation * random.normal());
  }
}

ToyLearner::ToyLearner() : state_(std::make_unique<State>()) {}
ToyLearner::~ToyLearner() = default;

Status ToyLearner::make(const ToyOptions& options, std::vector<ToyInstance> instances, ToyParameters initial,
                        std::unique_ptr<ToyLearner>& out) {
  if (options.batch == 0 || options.records == 0 || options.records > options.steps)
    return Status::fail(Code::option, "batch, steps and records must be positive, records at most steps");
  std::unique_ptr<ToyLearner> made(new ToyLearner());
  State& state = *made->state_;
  state.options = options;
  state.instances = std::move(instances);
  state.samplers.resize(state.instances.size());
  for (std::size_t e = 0; e < state.instances.size(); ++e) state.models.emplace_back(options);
  if (initial.weights.empty())
    state.initialise();
  else
    for (std::size_t e = 0; e < state.models.size(); ++e) {
      cut(initial.weights, e, state.models[e].weights.data(), state.models[e].weights.size());
      cut(initial.bias, e, state.models[e].bias.data(), state.models[e].bias.size());
    }
  for (std::size_t e = 0; e < state.models.size(); ++e) {
    Status status = ToySampler::make(state.instances[e].features, options.seed, static_cast<std::uint32_t>(e),
                                     state.samplers[e]);
    if (!status.ok()) return status;
  }
  out = std::move(made);
  return {};
}

Status ToyLearner::feed(const Batch& batch, const Execution& execution) {
  if (batch.input.rows > 0) return Status::fail(Code::shape, "toy models draw their samples themselves");
  return advance(1, {execution.threads, execution.monitor, false});
}

Status ToyLearner::advance(std::uint64_t steps, const Execution& execution) {
  State& state = *state_;
  const ToyOptions& options = state.options;
  const std::uint64_t first = state.steps, last = first + std::min(steps, options.steps - first);
  execution.for_each(state.models.size(), [&](std::size_t e) {
    Model& model = state.models[e];
    Trainer trainer(options, state.instances[e], model);
    std::uint64_t reported = first;
    for (std::uint64_t step = first; step < last && !execution.cancelled(); ++step) {
      // record r covers the steps from ⌈r·steps/records⌉ on
      const auto next = static_cast<std::size_t>(step * options.records / options.steps);
      double& sum = model.losses[next];
      const double loss = trainer.step(state.samplers[e], step);
      sum += loss;
      model.since += loss;
      ++model.in_record;
      if ((step + 1) * options.records / options.steps != next) {
        sum /= static_cast<double>(model.in_record);
        model.in_record = 0;
      }
      if (step + 1 - reported == kReportEvery || step + 1 == last) {
        execution.advance(step + 1 - reported);
        reported = step + 1;
      }
    }
  });
  if (execution.cancelled()) return Status::cancelled();
  state.steps = last;
  return {};
}

Status ToyLearner::freeze(const Execution& /*execution*/, ToyParameters& out) {
  const auto finite = [](const std::vector<float>& values) {
    return reduce::table().all_finite(values.data(), values.size());
  };
  out = {};
  for (std::size_t e = 0; e < state_->models.size(); ++e) {
    const Model& model = state_->models[e];
    if (!finite(model.weights) || !finite(model.bias))
      return Status::fail(Code::option,
                          "learningRate is too large: instance " + std::to_string(e) + " diverged");
    join(model.weights.data(), model.weights.size(), out.weights);
    join(model.bias.data(), model.bias.size(), out.bias);
  }
  return {};
}

std::vector<double> ToyLearner::losses() const {
  std::vector<double> all;
  for (const Model& model : state_->models) join(model.losses.data(), model.losses.size(), all);
  return all;
}

std::vector<Figure> ToyLearner::figures() {
  State& state = *state_;
  double sum = 0;
  for (Model& model : state.models) sum += std::exchange(model.since, 0);
  const auto steps = static_cast<double>((state.steps - state.told) * state.models.size());
  state.told = state.steps;
  return {{"steps", static_cast<double>(state.steps)}, {"loss", steps > 0 ? sum / steps : 0}};
}

void ToyLearner::save(Checkpoint& to) const {
  std::vector<float> weights, bias, weight_moments, bias_moments;
  std::vector<double> powers, sums;
  std::vector<std::uint64_t> counts{state_->steps, state_->told};
  for (const Model& model : state_->models) {
    join(model.weights.data(), model.weights.size(), weights);
    join(model.bias.data(), model.bias.size(), bias);
    join(model.weight_moments.data(), model.weight_moments.size(), weight_moments);
    join(model.bias_moments.data(), model.bias_moments.size(), bias_moments);
    powers.insert(powers.end(), {model.power1, model.power2});
    sums.push_back(model.since);
    counts.push_back(model.in_record);
  }
  to.put("weights", std::move(weights));
  to.put("bias", std::move(bias));
  to.put("weights.moments", std::move(weight_moments));
  to.put("bias.moments", std::move(bias_moments));
  to.put("powers", std::move(powers));
  to.put("sums", std::move(sums));
  to.put("losses", losses());
  to.put("counts", std::move(counts));
}

Status ToyLearner::resume(const Checkpoint& from) {
  State& state = *state_;
  const std::size_t models = state.models.size(), all = state.options.features * state.options.dims;
  const auto* weights = from.find<float>("weights", models * all);
  const auto* bias = from.find<float>("bias", models * state.options.features);
  const auto* weight_moments = from.find<float>("weights.moments", 2 * models * all);
  const auto* bias_moments = from.find<float>("bias.moments", 2 * models * state.options.features);
  const auto* powers = from.find<double>("powers", 2 * models);
  const auto* sums = from.find<double>("sums", models);
  const auto* losses = from.find<double>("losses", models * state.options.records);
  const auto* counts = from.find<std::uint64_t>("counts", 2 + models);
  if (!weights || !bias || !weight_moments || !bias_moments || !powers || !sums || !losses || !counts ||
      (*counts)[0] > state.options.steps || (*counts)[1] > (*counts)[0])
    return Checkpoint::refuse("toy models of these options");
  for (std::size_t e = 0; e < models; ++e) {
    Model& model = state.models[e];
    cut(*weights, e, model.weights.data(), model.weights.size());
    cut(*bias, e, model.bias.data(), model.bias.size());
    cut(*weight_moments, e, model.weight_moments.data(), model.weight_moments.size());
    cut(*bias_moments, e, model.bias_moments.data(), model.bias_moments.size());
    cut(*losses, e, model.losses.data(), model.losses.size());
    model.power1 = (*powers)[2 * e];
    model.power2 = (*powers)[2 * e + 1];
    model.since = (*sums)[e];
    model.in_record = (*counts)[2 + e];
  }
  state.steps = (*counts)[0];
  state.told = (*counts)[1];
  return {};
}

Status train_toy_models(const ToyOptions& options, const std::vector<ToyInstance>& instances,
                        const Execution& execution, ToyParameters& parameters, std::vector<double>& losses) {
  std::unique_ptr<ToyLearner> learner;
  Status status = ToyLearner::make(options, instances, std::move(parameters), learner);
  if (!status.ok()) return status;
  execution.set_total(instances.size() * options.steps);
  if (status = learner->advance(options.steps, execution); !status.ok()) return status;
  losses = learner->losses();
  return learner->freeze(execution, parameters);
}

double toy_gradient(const ToyOptions& options, const std::vector<float>& importance,
                    const ToyParameters& parameters, ConstMatrix32 samples, ToyParameters& out) {
  std::size_t active = 0;
  for (std::size_t s = 0; s < samples.rows; ++s)
    for (std::size_t i = 0; i < samples.cols; ++i) active += samples.row(s)[i] != 0;
  const double entries = static_cast<double>(samples.rows) * static_cast<double>(samples.cols);
  ToyGradient gradient(options, importance, static_cast<double>(active) < kSparseBelow * entries);
  gradient.begin(parameters.weights.data(), parameters.bias.data(), samples.rows);
  for (std::size_t first = 0; first < samples.rows; first += kPanel) {
    const std::size_t valid = std::min(kPanel, samples.rows - first);
    for (std::size_t i = 0; i < samples.cols; ++i) {
      std::uint32_t bits = 0;
      for (std::size_t s = 0; s < kPanel; ++s) {
        const float value = s < valid ? samples.row(first + s)[i] : 0;
        gradient.x()[i * kPanel + s] = value;
        bits |= static_cast<std::uint32_t>(value != 0) << s;
      }
      gradient.active()[i] = bits;
    }
    gradient.add(valid);
  }
  const double loss = gradient.finish();
  out.weights.assign(gradient.weights(), gradient.weights() + options.features * options.dims);
  out.bias.assign(gradient.bias(), gradient.bias() + options.features);
  return loss;
}

}  // namespace unsuperpose
