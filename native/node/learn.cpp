#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "../learning/online.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {

/// A learner and the figures that its progress shows. Shared by its handle and the job that uses it; lib/learn.ts
/// starts one job at a time, and `busy` makes sure of it.
class Learner {
 public:
  std::size_t dims = 0;
  OnlineOptions options;
  std::unique_ptr<MatrixCopy> initial;
  std::unique_ptr<OnlineLearner> online;  // made by the first job: its matrices may be large
  std::atomic<bool> busy{false};

  std::mutex mutex;  // guards latest, which a job writes and the JavaScript thread reads
  LearningStatistics latest;

  Status prepare() {
    if (online) return {};
    const ConstMatrix32 start = initial ? initial->view() : ConstMatrix32{};
    Status status = OnlineLearner::make(dims, options, start, online);
    initial.reset();
    return status;
  }
  void publish() {
    const LearningStatistics statistics = online->statistics();
    std::lock_guard lock(mutex);
    latest = statistics;
  }
  LearningStatistics read() {
    std::lock_guard lock(mutex);
    return latest;
  }
};

namespace {

/// (dims, options, initial | undefined) → handle
Napi::Value create_learner(const Napi::CallbackInfo& call) {
  auto learner = std::make_shared<Learner>();
  const auto options = call[1].As<Napi::Object>();
  learner->dims = count(call[0], "dims");
  learner->options.features = count(options.Get("features"), "features");
  learner->options.lambda = number(options.Get("lambda"), "lambda");
  learner->options.nonnegative = options.Get("nonnegative").ToBoolean();
  learner->options.batch_size = count(options.Get("batchSize"), "batchSize");
  learner->options.tolerance = number(options.Get("tolerance"), "tolerance");
  learner->options.forgetting = number(options.Get("forgetting"), "forgetting");
  learner->options.seed = count(options.Get("seed"), "seed");
  if (!call[2].IsUndefined()) {
    learner->initial = std::make_unique<MatrixCopy>(matrix(call[2], "initial"));
    require_finite(learner->initial->view(), "initial");
  }
  return Handle<Learner>::wrap(call.Env(), std::move(learner));
}

Napi::Object statistics_object(Napi::Env env, const LearningStatistics& statistics) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("steps", static_cast<double>(statistics.steps));
  result.Set("samples", static_cast<double>(statistics.samples));
  result.Set("objective", statistics.objective);
  result.Set("explainedVariance", statistics.explained_variance);
  result.Set("l0", statistics.l0);
  result.Set("replaced", static_cast<double>(statistics.replaced));
  return result;
}

using Answer = std::function<Napi::Value(Napi::Env)>;

/// Starts `work` on a learner that no other job uses. Progress calls (statistics).
Napi::Value start(const Napi::CallbackInfo& call, const std::shared_ptr<Learner>& learner, unsigned limit,
                  std::function<Status(Monitor&)> work, Answer answer, Napi::Value on_progress,
                  Napi::Value on_settled) {
  if (learner->busy.exchange(true)) refuse(Code::native, "the learner is busy");
  Callbacks callbacks{std::move(answer),
                      [learner](Napi::Env env, const Napi::Function& report) {
                        report.Call({statistics_object(env, learner->read())});
                      },
                      on_progress, on_settled.As<Napi::Function>()};
  try {
    const auto id = Environment::of(call.Env())
                        .start(
                            limit,
                            [learner, work = std::move(work)](Monitor& monitor) {
                              Status status = learner->prepare();
                              if (status.ok()) status = work(monitor);
                              learner->busy.store(false);
                              return status;
                            },
                            std::move(callbacks));
    return Napi::Number::New(call.Env(), id);
  } catch (...) {
    learner->busy.store(false);
    throw;
  }
}

Answer statistics_of(const std::shared_ptr<Learner>& learner) {
  return [learner](Napi::Env env) { return statistics_object(env, learner->read()); };
}

std::shared_ptr<MatrixCopy> activations(const Napi::Value& value, const Learner& learner) {
  const Matrix32 borrowed = matrix(value, "activations");
  if (borrowed.cols != learner.dims)
    refuse(Code::shape, "activations have " + std::to_string(borrowed.cols) + " dims, the dictionary has " +
                            std::to_string(learner.dims));
  auto samples = std::make_shared<MatrixCopy>(borrowed);
  require_finite(samples->view(), "activations");
  return samples;
}

/// (learner, matrix, steps, stride, threads, onProgress, onSettled) → job. Figures are published every `stride` steps,
/// each over the steps since the last.
Napi::Value learner_fit(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const auto samples = activations(call[1], *learner);
  const std::uint64_t steps = count(call[2], "steps"),
                      stride = std::max<std::uint64_t>(1, count(call[3], "stride"));
  const unsigned limit = threads(call[4]);
  const auto work = [=](Monitor& monitor) {
    const Execution silent{limit, &monitor, false};
    for (std::uint64_t done = 0; done < steps;) {
      const std::uint64_t chunk = std::min(stride, steps - done);
      if (Status status = learner->online->fit(samples->view(), chunk, silent); !status.ok()) return status;
      learner->publish();
      monitor.advance(chunk);
      done += chunk;
    }
    return Status{};
  };
  return start(call, learner, limit, work, statistics_of(learner), call[5], call[6]);
}

/// (learner, matrix, threads, onSettled) → job
Napi::Value learner_observe(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const auto samples = activations(call[1], *learner);
  const unsigned limit = threads(call[2]);
  const auto work = [=](Monitor& monitor) {
    const Status status = learner->online->observe(samples->view(), {limit, &monitor, false});
    if (status.ok()) learner->publish();
    return status;
  };
  return start(call, learner, limit, work, statistics_of(learner), call.Env().Undefined(), call[3]);
}

/// (learner, onSettled) → job. Answers { dictionary, usage }.
Napi::Value learner_finish(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  auto dictionary = std::make_shared<std::shared_ptr<const Dictionary>>();
  const auto work = [=](Monitor&) { return Dictionary::make(learner->online->atoms(), false, *dictionary); };
  const auto answer = [=](Napi::Env env) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("dictionary", Handle<const Dictionary>::wrap(env, std::move(*dictionary)));
    result.Set("usage", to_array(Environment::of(env), learner->online->usage()));
    return result;
  };
  return start(call, learner, 1, work, answer, call.Env().Undefined(), call[1]);
}

}  // namespace

void add_learn(Napi::Object exports) {
  add<create_learner>(exports, "createLearner");
  add<learner_fit>(exports, "learnerFit");
  add<learner_observe>(exports, "learnerObserve");
  add<learner_finish>(exports, "learnerFinish");
}

}  // namespace unsuperpose::node
