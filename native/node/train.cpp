// Training autoencoders: several at once, on the same batches.
#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "../learning/autoencoder_learner.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "autoencoder_parameters.hpp"
#include "checkpoints.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "masked.hpp"

namespace unsuperpose::node {

/// What is left of a matrix where a mask says which rows count.
struct Samples {
  Samples(const Napi::Value& given_input, const Napi::Value& given_target, const Napi::Value& given_mask) {
    const Matrix32 from = matrix(given_input, "activations");
    mask = mask_of(given_mask, from.rows);
    if (!given_target.IsUndefined()) {
      const Matrix32 to = matrix(given_target, "targets");
      if (to.rows != from.rows)
        refuse(Code::shape, "targets have " + std::to_string(to.rows) + " samples, activations have " +
                                std::to_string(from.rows));
      target = std::make_unique<MatrixCopy>(to);
    }
    input = std::make_unique<MatrixCopy>(from);
  }
  void require_finite_all(const Execution& execution) const {
    require_finite(input->view(), "activations", execution);
    if (target) require_finite(target->view(), "targets", execution);
  }
  std::size_t bytes_held() const {
    return (input->data.size() + (target ? target->data.size() : 0)) * sizeof(float);
  }
  Batch batch() const {
    return {input->view(), target ? target->view() : ConstMatrix32{}, mask.empty() ? nullptr : mask.data()};
  }
  /// The samples that count, moved to the front.
  void compact() {
    keep(*input, mask);
    if (target) keep(*target, mask);
    mask.clear();
  }

  std::unique_ptr<MatrixCopy> input, target;
  std::vector<std::uint8_t> mask;
};

/// Learners that share their batches, what they learn from where it is a matrix, and the figures that progress shows.
class Trainer {
 public:
  std::size_t inputs = 0, outputs = 0, batch_size = 0;
  std::uint64_t seed = 0;
  std::vector<AutoencoderOptions> options;
  std::unique_ptr<MatrixCopy> initial;
  std::unique_ptr<Samples> samples;
  std::unique_ptr<Checkpoint> waiting;  // to go on from, once the learners are made
  std::vector<std::unique_ptr<AutoencoderLearner>> learners;
  std::unique_ptr<ShuffledBatches> batches;
  Turns turns;
  std::atomic<std::size_t> made{0};

  std::mutex mutex;  // guards latest
  std::vector<AutoencoderStatistics> latest;

  std::size_t bytes() const { return made.load(std::memory_order_relaxed); }

  Status prepare(const Execution& execution) {
    if (learners.empty()) {
      std::vector<std::unique_ptr<AutoencoderLearner>> fresh;
      std::size_t held = samples ? samples->bytes_held() : 0;
      for (const AutoencoderOptions& one : options) {
        std::unique_ptr<AutoencoderLearner> learner;
        const ConstMatrix32 start = initial ? initial->view() : ConstMatrix32{};
        if (Status status = AutoencoderLearner::make(inputs, outputs, one, start, learner); !status.ok())
          return status;
        held += learner->bytes();
        fresh.push_back(std::move(learner));
      }
      learners = std::move(fresh);
      initial.reset();
      made = held;
    }
    if (samples && !batches) {
      samples->require_finite_all(execution);
      samples->compact();
      if (samples->input->rows == 0)
        return Status::fail(Code::shape, "activations must have at least one sample that mask lets count");
      const Batch all = samples->batch();
      batches = std::make_unique<ShuffledBatches>(all.input, batch_size, seed, all.target);
    }
    if (!waiting) return {};
    const std::unique_ptr<Checkpoint> from = std::move(waiting);
    return resume(*from);
  }
  Status feed(BatchSource& source, std::uint64_t steps, const Execution& execution) {
    std::vector<unsuperpose::Learner*> all;
    for (const auto& learner : learners) all.push_back(learner.get());
    return train(all, source, steps, execution);
  }
  std::uint64_t steps() const { return learners.front()->steps(); }
  void publish() {
    std::vector<AutoencoderStatistics> now;
    for (const auto& learner : learners) now.push_back(learner->statistics());
    std::lock_guard lock(mutex);
    latest = std::move(now);
  }
  std::vector<AutoencoderStatistics> read() {
    std::lock_guard lock(mutex);
    return latest;
  }
  void save(Checkpoint& to) const {
    if (batches) batches->save(to);
    for (std::size_t i = 0; i < learners.size(); ++i) {
      Checkpoint own;
      learners[i]->save(own);
      for (const auto& [name, values] : own.arrays())
        to.put(std::to_string(i) + "." + name, Checkpoint::Array(values));
    }
  }

 private:
  Status resume(const Checkpoint& from) {
    for (std::size_t i = 0; i < learners.size(); ++i) {
      const std::string prefix = std::to_string(i) + ".";
      Checkpoint own;
      for (const auto& [name, values] : from.arrays())
        if (name.starts_with(prefix)) own.put(name.substr(prefix.size()), Checkpoint::Array(values));
      if (Status status = learners[i]->resume(own); !status.ok()) return status;
    }
    return batches ? batches->resume(from) : Status{};
  }
};

namespace {

constexpr const char* kArchitectures[] = {"relu",     "topk",  "batchtopk",
                                          "jumprelu", "gated", "matching-pursuit"};

Architecture architecture_of(const std::string& name) {
  for (std::size_t i = 0; i < std::size(kArchitectures); ++i)
    if (name == kArchitectures[i]) return static_cast<Architecture>(i);
  refuse(Code::option, "architecture " + name + " does not exist");
}

AutoencoderOptions options_of(const Napi::Object& from) {
  AutoencoderOptions o;
  const auto real = [&](const char* name) { return number(from.Get(name), name); };
  const auto whole = [&](const char* name) { return count(from.Get(name), name); };
  o.architecture = architecture_of(from.Get("architecture").ToString());
  o.features = whole("features");
  o.k = whole("sparsity");
  o.lambda = real("lambda");
  o.target_l0 = real("targetL0");
  const auto prefixes = integers(from.Get("prefixes"), "prefixes");
  o.prefixes.assign(prefixes.begin(), prefixes.end());
  o.subtract_bias = from.Get("subtractBias").ToBoolean();
  o.skip = from.Get("skip").ToBoolean();
  o.aligned = from.Get("aligned").ToBoolean();
  o.rate = real("learningRate");
  o.beta1 = real("beta1");
  o.beta2 = real("beta2");
  o.epsilon = real("epsilon");
  o.clip = real("clip");
  o.planned = whole("planned");
  o.warm_up = whole("warmUp");
  o.sparsity_warm_up = whole("sparsityWarmUp");
  o.k_start = whole("startSparsity");
  o.decay = real("decay");
  o.dead_after = whole("deadAfter");
  o.auxiliary = real("auxiliary");
  o.auxiliary_k = whole("auxiliaryK");
  o.bandwidth = real("bandwidth");
  o.threshold = real("threshold");
  o.seed = whole("seed");
  return o;
}

/// (inputs, outputs, options[], batchSize, seed, initial | undefined, activations | undefined, targets | undefined,
/// mask | undefined) → handle
Napi::Value create_trainer(const Napi::CallbackInfo& call) {
  auto trainer = std::make_shared<Trainer>();
  trainer->inputs = count(call[0], "dims");
  trainer->outputs = count(call[1], "dims");
  const auto list = call[2].As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i)
    trainer->options.push_back(options_of(list.Get(i).As<Napi::Object>()));
  trainer->latest.resize(trainer->options.size());
  trainer->batch_size = count(call[3], "batchSize");
  if (trainer->batch_size == 0) refuse(Code::option, "batchSize must be at least 1");
  trainer->seed = count(call[4], "seed");
  if (!call[5].IsUndefined()) {
    trainer->initial = std::make_unique<MatrixCopy>(matrix(call[5], "initial"));
    require_finite(trainer->initial->view(), "initial");
  }
  if (!call[6].IsUndefined()) trainer->samples = std::make_unique<Samples>(call[6], call[7], call[8]);
  return Handle<Trainer>::wrap(call.Env(), std::move(trainer));
}

Napi::Value statistics_array(Napi::Env env, const std::vector<AutoencoderStatistics>& all) {
  auto list = Napi::Array::New(env, all.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const AutoencoderStatistics& one = all[i];
    list.Set(i, object(env, {{"steps", one.steps},
                             {"samples", one.samples},
                             {"objective", one.objective},
                             {"explainedVariance", one.explained_variance},
                             {"l0", one.l0},
                             {"gradientNorm", one.gradient_norm},
                             {"dead", one.dead}}));
  }
  return list;
}

using Work = std::function<Status(Trainer&, const Execution&)>;

/// A job that has the trainer for itself, and answers its statistics, which progress shows too.
Napi::Value start_training(const Napi::CallbackInfo& call, std::size_t at,
                           const std::shared_ptr<Trainer>& trainer, Work work) {
  return start_job<std::vector<AutoencoderStatistics>>(
      call, at,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution,
                                                     std::vector<AutoencoderStatistics>& out) {
        Status status = trainer->prepare(execution);
        if (status.ok())
          status = work(*trainer, {execution.threads, execution.monitor, false, execution.device});
        out = trainer->read();
        return status;
      },
      statistics_array, [trainer](Napi::Env env) { return statistics_array(env, trainer->read()); });
}

/// (trainer, steps, stride, threads, onProgress, onSettled) → job. On the trainer's own samples; figures are published every
/// `stride` steps, counted from the first of all, and at the last that is planned, each over the steps since the last.
Napi::Value trainer_fit(const Napi::CallbackInfo& call) {
  const auto trainer = held<Trainer>(call[0]);
  const std::uint64_t steps = count(call[1], "steps"),
                      stride = std::max<std::uint64_t>(1, count(call[2], "stride"));
  if (!trainer->samples) refuse(Code::native, "the trainer has no samples");
  return start_training(call, 3, trainer, [=](Trainer& own, const Execution& execution) {
    const std::uint64_t end = own.steps() + steps;
    while (own.steps() < end) {
      const std::uint64_t chunk = std::min(stride - own.steps() % stride, end - own.steps());
      if (Status status = own.feed(*own.batches, chunk, execution); !status.ok()) return status;
      if (own.steps() % stride != 0 && own.steps() != own.options.front().planned) continue;
      own.publish();
      execution.monitor->advance(chunk);
    }
    return Status{};
  });
}

/// (trainer, activations, targets | undefined, mask | undefined, most, threads, onProgress, onSettled) → job. At most `most` batches,
/// of the samples that count.
Napi::Value trainer_observe(const Napi::CallbackInfo& call) {
  const auto trainer = held<Trainer>(call[0]);
  const std::uint64_t most = count(call[4], "most");
  const auto samples = std::make_shared<Samples>(call[1], call[2], call[3]);
  return start_training(call, 5, trainer, [=](Trainer& own, const Execution& execution) {
    samples->require_finite_all(execution);
    samples->compact();
    if (samples->input->rows == 0) return Status{};
    OrderedBatches batches(samples->batch(), own.batch_size);
    const Status status = own.feed(batches, std::min(most, batches.count()), execution);
    if (status.ok()) own.publish();
    return status;
  });
}

/// (trainer, threads, onProgress, onSettled) → job. Answers for each learner { parameters, usage, onDevice }.
Napi::Value trainer_finish(const Napi::CallbackInfo& call) {
  struct Finished {
    std::vector<AutoencoderParameters> parameters;
    std::vector<std::vector<double>> usage;
    std::vector<bool> on_device;
  };
  const auto trainer = held<Trainer>(call[0]);
  return start_job<Finished>(
      call, 1,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution, Finished& out) {
        if (Status status = trainer->prepare(execution); !status.ok()) return status;
        for (const auto& learner : trainer->learners) {
          if (Status status = learner->freeze(execution, out.parameters.emplace_back()); !status.ok())
            return status;
          out.usage.emplace_back(learner->usage().begin(), learner->usage().end());
          out.on_device.push_back(learner->on_device());
        }
        return Status{};
      },
      [](Napi::Env env, Finished& out) {
        auto list = Napi::Array::New(env, out.parameters.size());
        for (std::uint32_t i = 0; i < out.parameters.size(); ++i)
          list.Set(i, object(env, {{"parameters", parameters_object(env, out.parameters[i])},
                                   {"usage", out.usage[i]},
                                   {"onDevice", static_cast<bool>(out.on_device[i])}}));
        return list;
      });
}

/// (trainer, threads, onProgress, onSettled) → job. Answers { name: array } with all that training goes on from.
Napi::Value trainer_save(const Napi::CallbackInfo& call) {
  const auto trainer = held<Trainer>(call[0]);
  return start_job<Checkpoint>(
      call, 1,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution, Checkpoint& out) {
        if (Status status = trainer->prepare(execution); !status.ok()) return status;
        trainer->save(out);
        return Status{};
      },
      checkpoint_object);
}

/// (trainer, { name: array }): where its first job goes on from.
Napi::Value trainer_resume(const Napi::CallbackInfo& call) {
  const auto trainer = held<Trainer>(call[0]);
  const auto turn = trainer->turns.take("the trainer");
  trainer->waiting = std::make_unique<Checkpoint>(checkpoint_of(call[1]));
  return call.Env().Undefined();
}

/// (options, parameters, dead, activations, targets | undefined) → { loss, by: parameters }
Napi::Value trainer_gradient(const Napi::CallbackInfo& call) {
  AutoencoderOptions options = options_of(call[0].As<Napi::Object>());
  const AutoencoderParameters at = parameters_of(call[1].As<Napi::Object>());
  const auto list = integers(call[2], "dead");
  const std::vector<std::uint32_t> dead(list.begin(), list.end());
  const Samples samples(call[3], call[4], call.Env().Undefined());
  samples.require_finite_all({});
  AutoencoderGradient gradient;
  require(autoencoder_gradient(options, at, dead, samples.batch(), {}, gradient));
  return object(call.Env(), {{"loss", gradient.loss}, {"by", parameters_object(call.Env(), gradient.by)}});
}

}  // namespace

void add_train(Napi::Object exports) {
  add<create_trainer, 9>(exports, "createTrainer");
  add<trainer_fit, 6>(exports, "trainerFit");
  add<trainer_observe, 8>(exports, "trainerObserve");
  add<trainer_finish, 4>(exports, "trainerFinish");
  add<trainer_save, 4>(exports, "trainerSave");
  add<trainer_resume, 2>(exports, "trainerResume");
  add<trainer_gradient, 5>(exports, "trainerGradient");
  add<dispose<Trainer>, 1>(exports, "disposeTrainer");
}

}  // namespace unsuperpose::node
