#include <memory>
#include <string>
#include <utility>

#include "../learning/toy_features.hpp"
#include "../learning/toy_model.hpp"
#include "../learning/toy_superposition.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

/// { group, parent: Uint32Array, one a feature; exclusive: Uint32Array, one a group; lognormal, location, scale }
ToyFeatures structure_of(const Napi::Value& value, std::size_t features) {
  const auto from = value.As<Napi::Object>();
  ToyFeatures result;
  const auto group = integers(from.Get("group"), "group"), parent = integers(from.Get("parent"), "parent");
  const auto exclusive = integers(from.Get("exclusive"), "exclusive");
  if (group.size() != features || parent.size() != features)
    refuse(Code::shape, "group and parent must be one a feature (" + std::to_string(features) + ")");
  result.group.assign(group.begin(), group.end());
  result.parent.assign(parent.begin(), parent.end());
  for (const std::uint32_t one : exclusive) result.exclusive.push_back(one != 0);
  for (const std::uint32_t one : result.group)
    if (one != kNone && one >= exclusive.size())
      refuse(Code::option, "group " + std::to_string(one) + " does not exist");
  for (const std::uint32_t one : result.parent)
    if (one != kNone && one >= features)
      refuse(Code::option, "parent " + std::to_string(one) + " does not exist");
  result.lognormal = from.Get("lognormal").ToBoolean();
  result.location = number(from.Get("location"), "location");
  result.scale = number(from.Get("scale"), "scale");
  return result;
}

/// (structure, density: Float64Array, seed, out: Float32Array of samples × features | samples, threads)
/// → undefined | { indptr, indices, values }
Napi::Value toy_sample(const Napi::CallbackInfo& call) {
  const auto density = doubles(call[1], "density");
  ToyFeatures features = structure_of(call[0], density.size());
  features.density.assign(density.begin(), density.end());
  const std::uint64_t seed = count(call[2], "seed");
  const Execution execution{threads(call[4])};
  if (!call[3].IsNumber()) {
    const auto out = floats(call[3], "out");
    const std::size_t rows = density.empty() ? 0 : out.size() / density.size();
    require(sample_features(features, seed, execution, Matrix32(out.data(), rows, density.size())));
    return call.Env().Undefined();
  }
  SparseCodes codes;
  require(sample_features(features, seed, count(call[3], "samples"), execution, codes));
  return to_value(call.Env(), codes);
}

ToySchedule schedule_of(const std::string& name) {
  if (name == "constant") return ToySchedule::constant;
  if (name == "linear") return ToySchedule::linear;
  if (name == "cosine") return ToySchedule::cosine;
  refuse(Code::option, "schedule " + name + " does not exist");
}

/// What a gradient depends on.
ToyOptions model_options(const Napi::Object& from) {
  ToyOptions options;
  options.features = count(from.Get("features"), "features");
  options.dims = count(from.Get("dims"), "dims");
  options.relu = from.Get("relu").ToBoolean();
  options.activation_penalty = number(from.Get("activationPenalty"), "activationPenalty");
  options.interference_penalty = number(from.Get("interferencePenalty"), "interferencePenalty");
  options.allowed_interference = number(from.Get("allowedInterference"), "allowedInterference");
  return options;
}

ToyOptions training_options(const Napi::Object& from) {
  ToyOptions options = model_options(from);
  options.batch = count(from.Get("batchSize"), "batchSize");
  options.steps = count(from.Get("steps"), "steps");
  options.rate = number(from.Get("learningRate"), "learningRate");
  options.schedule = schedule_of(from.Get("schedule").ToString());
  options.weight_decay = number(from.Get("weightDecay"), "weightDecay");
  options.beta1 = number(from.Get("beta1"), "beta1");
  options.beta2 = number(from.Get("beta2"), "beta2");
  options.epsilon = number(from.Get("epsilon"), "epsilon");
  options.seed = count(from.Get("seed"), "seed");
  options.records = count(from.Get("records"), "records");
  if (options.batch == 0 || options.steps == 0 || options.records == 0 || options.records > options.steps)
    refuse(Code::option, "batchSize, steps and records must be positive, records at most steps");
  return options;
}

/// Models one after the other; empty where value is undefined.
ToyParameters parameters_of(const Napi::Value& value, std::size_t models, const ToyOptions& options) {
  ToyParameters parameters;
  if (value.IsUndefined()) return parameters;
  const auto from = value.As<Napi::Object>();
  const auto weights = floats(from.Get("weights"), "weights"), bias = floats(from.Get("bias"), "bias");
  if (weights.size() != models * options.features * options.dims || bias.size() != models * options.features)
    refuse(Code::shape, "initial weights and bias must be those of all models");
  parameters.weights.assign(weights.begin(), weights.end());
  parameters.bias.assign(bias.begin(), bias.end());
  require_finite({parameters.weights.data(), models * options.features, options.dims}, "weights");
  require_finite({parameters.bias.data(), models, options.features}, "bias");
  return parameters;
}

struct Training {
  ToyOptions options;
  std::vector<ToyInstance> instances;
  ToyParameters initial;
};

struct Trained {
  ToyParameters parameters;
  std::vector<double> losses;
};

/// (options, structure, densities: Float64Array and importances: Float32Array of instances × features,
/// initial: { weights, bias } | undefined, threads, onProgress, onSettled) → job. Answers { weights, bias, losses }.
Napi::Value toy_train(const Napi::CallbackInfo& call) {
  auto training = std::make_shared<Training>();
  training->options = training_options(call[0].As<Napi::Object>());
  const std::size_t n = training->options.features;
  const ToyFeatures structure = structure_of(call[1], n);
  const auto densities = doubles(call[2], "densities");
  const auto importances = floats(call[3], "importances");
  if (n == 0 || densities.empty() || densities.size() % n != 0 || importances.size() != densities.size())
    refuse(Code::shape, "densities and importances must be instances × features");
  for (std::size_t first = 0; first < densities.size(); first += n) {
    ToyInstance instance{structure, {importances.begin() + first, importances.begin() + first + n}};
    instance.features.density.assign(densities.begin() + first, densities.begin() + first + n);
    training->instances.push_back(std::move(instance));
  }
  training->initial = parameters_of(call[4], training->instances.size(), training->options);
  return start_job<Trained>(
      call, 5,
      [training](const Execution& execution, Trained& out) {
        out.parameters = std::move(training->initial);
        return train_toy_models(training->options, training->instances, execution, out.parameters,
                                out.losses);
      },
      [](Napi::Env env, const Trained& trained) {
        return object(env, {
                               {"weights", trained.parameters.weights},
                               {"bias", trained.parameters.bias},
                               {"losses", trained.losses},
                           });
      });
}

/// (options, importance: Float32Array, { weights, bias }, samples) → { loss, weights, bias }
Napi::Value toy_gradient(const Napi::CallbackInfo& call) {
  const ToyOptions options = model_options(call[0].As<Napi::Object>());
  const auto importance = floats(call[1], "importance");
  const ToyParameters parameters = parameters_of(call[2], 1, options);
  const Matrix32 samples = matrix(call[3], "x");
  if (samples.cols != options.features || importance.size() != options.features)
    refuse(Code::shape,
           "x and importance must have one value a feature (" + std::to_string(options.features) + ")");
  require_finite(samples, "x");
  ToyParameters gradient;
  const double loss = unsuperpose::toy_gradient(options, {importance.begin(), importance.end()}, parameters,
                                                samples, gradient);
  return object(call.Env(), {{"loss", loss}, {"weights", gradient.weights}, {"bias", gradient.bias}});
}

/// (weights, threads) → one array a measure
Napi::Value toy_measure(const Napi::CallbackInfo& call) {
  const Matrix32 weights = matrix(call[0], "weights");
  const Execution execution{threads(call[1])};
  require_finite(weights, "weights", execution);
  Superposition measured;
  measure_superposition(weights, execution, measured);
  return object(call.Env(), {
                                {"norm", measured.norm},
                                {"dimensionality", measured.dimensionality},
                                {"interference", measured.interference},
                                {"alignment", measured.alignment},
                                {"fourth", measured.fourth},
                                {"neuron", measured.neuron},
                            });
}

}  // namespace

void add_toy(Napi::Object exports) {
  add<toy_sample, 5>(exports, "toySample");
  add<toy_train, 8>(exports, "toyTrain");
  add<toy_gradient, 4>(exports, "toyGradient");
  add<toy_measure, 2>(exports, "toyMeasure");
}

}  // namespace unsuperpose::node
