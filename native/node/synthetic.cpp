#include "../learning/synthetic.hpp"

#include <memory>
#include <string>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

SyntheticOptions options_of(const Napi::Object& from) {
  SyntheticOptions options;
  options.features = count(from.Get("features"), "features");
  options.dims = count(from.Get("dims"), "dims");
  const auto probability = doubles(from.Get("probability"), "probability");
  options.probability.assign(probability.begin(), probability.end());
  const auto mean = doubles(from.Get("mean"), "mean");
  options.mean.assign(mean.begin(), mean.end());
  if (options.probability.size() != options.features || options.mean.size() != options.features)
    refuse(Code::shape, "probability and mean must be one a feature");
  options.roots = count(from.Get("roots"), "roots");
  options.branching = count(from.Get("branching"), "branching");
  options.depth = count(from.Get("depth"), "depth");
  options.exclusive = from.Get("exclusive").ToBoolean();
  options.rank = count(from.Get("rank"), "rank");
  options.correlation = number(from.Get("correlation"), "correlation");
  options.deviation = number(from.Get("deviation"), "deviation");
  options.spread = number(from.Get("spread"), "spread");
  options.bias = number(from.Get("bias"), "bias");
  options.seed = count(from.Get("seed"), "seed");
  options.steps = count(from.Get("steps"), "steps");
  options.rate = number(from.Get("rate"), "rate");
  return options;
}

/// (options, threads, onProgress, onSettled) → job. Answers { model, dictionary, bias, deviation, factors }.
Napi::Value synthetic_make(const Napi::CallbackInfo& call) {
  struct Made {
    std::shared_ptr<SyntheticModel> model;
    std::shared_ptr<const Dictionary> dictionary;
  };
  const SyntheticOptions options = options_of(call[0].As<Napi::Object>());
  return start_job<Made>(
      call, 1,
      [=](const Execution& execution, Made& out) {
        out.model = std::make_shared<SyntheticModel>();
        Status status = SyntheticModel::make(options, execution, *out.model);
        if (status.ok()) status = Dictionary::make(out.model->dictionary(), false, out.dictionary);
        return status;
      },
      [](Napi::Env env, Made& out) {
        const SyntheticModel& model = *out.model;
        const ConstMatrix32 factors = model.factors();
        const std::vector<float> entries(factors.data, factors.data + factors.rows * factors.cols);
        return object(env, {
                               {"bias", model.bias()},
                               {"deviation", model.deviation()},
                               {"factors", entries},
                               {"dictionary", Handle<const Dictionary>::wrap(env, std::move(out.dictionary))},
                               {"model", Handle<SyntheticModel>::wrap(env, std::move(out.model))},
                           });
      });
}

/// (model, first, samples, threads, onProgress, onSettled) → job. Answers { data, codes }.
Napi::Value synthetic_sample(const Napi::CallbackInfo& call) {
  struct Drawn {
    std::vector<float> data;
    SparseCodes codes;
  };
  const std::shared_ptr<const SyntheticModel> model = held<SyntheticModel>(call[0]);
  const std::uint64_t first = count(call[1], "first");
  const std::size_t samples = count(call[2], "samples");
  return start_job<Drawn>(
      call, 3,
      [=](const Execution& execution, Drawn& out) {
        out.data = sized_vector<float>(samples * model->dims());
        return model->sample(first, execution, Matrix32(out.data.data(), samples, model->dims()), out.codes);
      },
      [](Napi::Env env, Drawn& out) {
        return object(env, {{"data", out.data}, {"codes", out.codes}});
      });
}

}  // namespace

void add_synthetic(Napi::Object exports) {
  add<synthetic_make, 4>(exports, "syntheticMake");
  add<synthetic_sample, 6>(exports, "syntheticSample");
  add<dispose<SyntheticModel>, 1>(exports, "disposeSynthetic");
}

}  // namespace unsuperpose::node
