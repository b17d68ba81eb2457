#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "../learning/online.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "checkpoints.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "masked.hpp"

namespace unsuperpose::node {

/// What a step leaves to be seen: figures, and where the time of all steps went.
struct Latest : LearningStatistics {
  LearningSeconds seconds;
};

/// A learner and the figures that its progress shows. Shared by its handle and the job that uses it.
class Learner {
 public:
  std::size_t dims = 0;
  OnlineOptions options;
  std::size_t batch_size = 0;
  std::uint64_t seed = 0;
  std::unique_ptr<MatrixCopy> initial;
  std::unique_ptr<MaskedMatrix> samples;
  std::unique_ptr<Checkpoint> waiting;       // to go on from, once the learner is made
  std::unique_ptr<OnlineLearner> online;     // made by the first job: its matrices may be large
  std::unique_ptr<ShuffledBatches> batches;  // of the samples
  Turns turns;
  std::atomic<std::size_t> made{0};  // bytes, about

  std::mutex mutex;  // guards latest, which a job writes and the JavaScript thread reads
  Latest latest;

  std::size_t bytes() const { return made.load(std::memory_order_relaxed); }

  Status prepare(const Execution& execution) {
    if (!online) {
      if (batch_size == 0) return Status::fail(Code::option, "batchSize must be at least 1");
      const ConstMatrix32 start = initial ? initial->view() : ConstMatrix32{};
      if (Status status = OnlineLearner::make(dims, options, start, online); !status.ok()) return status;
      initial.reset();
      // A, B, the atoms and their packed copies, and what is learned from; the rest is small beside them.
      made = options.features * (options.features + 3 * dims) * sizeof(float) +
             (samples ? samples->matrix.data.bytes() : 0);
    }
    if (samples && !batches) {
      batches = std::make_unique<ShuffledBatches>(samples->settle(execution), batch_size, seed);
    }
    if (!waiting) return {};
    const std::unique_ptr<Checkpoint> from = std::move(waiting);
    if (Status status = online->resume(*from); !status.ok()) return status;
    return batches ? batches->resume(*from) : Status{};
  }
  Status feed(BatchSource& source, std::uint64_t steps, const Execution& execution) {
    unsuperpose::Learner* one = online.get();
    return train({&one, 1}, source, steps, execution);
  }
  void publish() {
    const Latest now{online->statistics(), online->seconds()};
    std::lock_guard lock(mutex);
    latest = now;
  }
  Latest read() {
    std::lock_guard lock(mutex);
    return latest;
  }
};

namespace {

constexpr const char* kMethods[] = {"online", "mod", "ksvd"};  // as LearningMethod
constexpr const char* kStarts[] = {"samples", "kmeans++"};     // as AtomStart
constexpr const char* kSolvers[] = {"lasso", "fista", "ista", "homotopy", "omp", "mp", "gradient-pursuit",
                                    "iht",   "htp",   "nhtp", "cosamp"};  // as Coding::Solver

/// The place of options[name] among `names`.
std::size_t choice(const Napi::Object& options, const char* name, std::span<const char* const> names) {
  const std::string given = options.Get(name).ToString();
  for (std::size_t at = 0; at < names.size(); ++at)
    if (given == names[at]) return at;
  refuse(Code::option, std::string(name) + " " + given + " does not exist");
}

Coding coding_of(const Napi::Object& options) {
  Coding coding;
  coding.solver = static_cast<Coding::Solver>(choice(options, "solver", kSolvers));
  coding.lambda = number(options.Get("lambda"), "lambda");
  coding.sparsity = static_cast<std::uint32_t>(count(options.Get("sparsity"), "sparsity"));
  coding.nonnegative = options.Get("nonnegative").ToBoolean();
  coding.tolerance = number(options.Get("tolerance"), "tolerance");
  return coding;
}

/// (dims, options, initial | undefined, activations | undefined, mask | undefined) → handle
Napi::Value create_learner(const Napi::CallbackInfo& call) {
  auto learner = std::make_shared<Learner>();
  const auto options = call[1].As<Napi::Object>();
  learner->dims = count(call[0], "dims");
  learner->options.features = count(options.Get("features"), "features");
  learner->options.method = static_cast<LearningMethod>(choice(options, "method", kMethods));
  learner->options.start = static_cast<AtomStart>(choice(options, "start", kStarts));
  learner->options.coding = coding_of(options);
  learner->batch_size = count(options.Get("batchSize"), "batchSize");
  learner->options.forgetting = number(options.Get("forgetting"), "forgetting");
  learner->options.planned = count(options.Get("planned"), "planned");
  learner->options.seed = learner->seed = count(options.Get("seed"), "seed");
  if (!call[2].IsUndefined()) {
    learner->initial = std::make_unique<MatrixCopy>(matrix(call[2], "initial"));
    require_finite(learner->initial->view(), "initial");
  }
  if (!call[3].IsUndefined())
    learner->samples = std::make_unique<MaskedMatrix>(matrix(call[3], "activations"), call[4]);
  return Handle<Learner>::wrap(call.Env(), std::move(learner));
}

Napi::Value statistics_object(Napi::Env env, const Latest& statistics) {
  const LearningSeconds& spent = statistics.seconds;
  const Napi::Object seconds = object(env, {
                                               {"packing", spent.packing},
                                               {"codes", spent.codes},
                                               {"statistics", spent.statistics},
                                               {"update", spent.update},
                                           });
  Napi::Object figures = object(env, {
                                         {"steps", statistics.steps},
                                         {"samples", statistics.samples},
                                         {"objective", statistics.objective},
                                         {"explainedVariance", statistics.explained_variance},
                                         {"l0", statistics.l0},
                                         {"replaced", statistics.replaced},
                                     });
  figures.Set("seconds", seconds);
  return figures;
}

using Work = std::function<Status(Learner&, const Execution&)>;

/// Starts a job that has the learner for itself, and answers its statistics, which progress shows too.
Napi::Value start_learning(const Napi::CallbackInfo& call, std::size_t at,
                           const std::shared_ptr<Learner>& learner, Work work) {
  return start_job<Latest>(
      call, at,
      [=, turn = learner->turns.take("the learner")](const Execution& execution, Latest& out) {
        Status status = learner->prepare(execution);
        if (status.ok())
          status = work(*learner, {execution.threads, execution.monitor, false, execution.device});
        out = learner->read();
        return status;
      },
      statistics_object, [learner](Napi::Env env) { return statistics_object(env, learner->read()); });
}

/// (learner, steps, stride, threads, onProgress, onSettled) → job. On the learner's own samples; figures are published every
/// `stride` steps, counted from the first of all, and at the last that is planned, each over the steps since the last.
Napi::Value learner_fit(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const std::uint64_t steps = count(call[1], "steps"),
                      stride = std::max<std::uint64_t>(1, count(call[2], "stride"));
  if (!learner->samples) refuse(Code::native, "the learner has no samples");
  return start_learning(call, 3, learner, [=](Learner& own, const Execution& execution) {
    const std::uint64_t end = own.online->steps() + steps;
    while (own.online->steps() < end) {
      const std::uint64_t chunk = std::min(stride - own.online->steps() % stride, end - own.online->steps());
      if (Status status = own.feed(*own.batches, chunk, execution); !status.ok()) return status;
      if (own.online->steps() % stride != 0 && own.online->steps() != own.options.planned) continue;
      own.publish();
      execution.monitor->advance(chunk);
    }
    return Status{};
  });
}

/// (learner, matrix, mask | undefined, threads, onProgress, onSettled) → job
Napi::Value learner_observe(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const Matrix32 borrowed = matrix(call[1], "activations");
  if (borrowed.cols != learner->dims)
    refuse(Code::shape, "activations have " + std::to_string(borrowed.cols) + " dims, the dictionary has " +
                            std::to_string(learner->dims));
  const auto samples = std::make_shared<MaskedMatrix>(borrowed, call[2]);
  return start_learning(call, 3, learner, [=](Learner& own, const Execution& execution) {
    OrderedBatches batches({samples->settle(execution), {}, nullptr}, own.batch_size);
    const Status status = own.feed(batches, batches.count(), execution);
    if (status.ok() && batches.count() > 0) own.publish();
    return status;
  });
}

/// (learner, matrix, mask | undefined, threads, onProgress, onSettled) → job. Samples to begin from, which are not learned from yet. Answers how many more
/// would be looked at.
Napi::Value learner_start(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const auto samples = std::make_shared<MaskedMatrix>(matrix(call[1], "activations"), call[2]);
  if (samples->matrix.cols != learner->dims) refuse(Code::native, "dims must be the learner's");
  return start_job<std::size_t>(
      call, 3,
      [=, turn = learner->turns.take("the learner")](const Execution& execution, std::size_t& out) {
        if (Status status = learner->prepare(execution); !status.ok()) return status;
        const Batch first{samples->settle(execution), {}, nullptr};
        if (learner->online->wants() > 0)
          if (Status status = learner->online->start(first, execution); !status.ok()) return status;
        out = learner->online->wants();
        return Status{};
      },
      [](Napi::Env env, std::size_t& out) { return Napi::Number::New(env, static_cast<double>(out)); });
}

/// (learner, threads, onProgress, onSettled) → job. Answers { name: array } with all that learning goes on from.
Napi::Value learner_save(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  return start_job<Checkpoint>(
      call, 1,
      [=, turn = learner->turns.take("the learner")](const Execution& execution, Checkpoint& out) {
        if (Status status = learner->prepare(execution); !status.ok()) return status;
        learner->online->save(out);
        if (learner->batches) learner->batches->save(out);
        return Status{};
      },
      checkpoint_object);
}

/// (learner, { name: array }): where its first job goes on from.
Napi::Value learner_resume(const Napi::CallbackInfo& call) {
  const auto learner = held<Learner>(call[0]);
  const auto turn = learner->turns.take("the learner");
  learner->waiting = std::make_unique<Checkpoint>(checkpoint_of(call[1]));
  return call.Env().Undefined();
}

/// (learner, threads, onProgress, onSettled) → job. Answers { dictionary, usage, dead, usedDevice, lackedRoom }.
Napi::Value learner_finish(const Napi::CallbackInfo& call) {
  struct Finished {
    std::shared_ptr<const Dictionary> dictionary;
    std::vector<double> usage;
    std::vector<std::uint32_t> dead;
    bool used_device = false, lacked_room = false;
  };
  const auto learner = held<Learner>(call[0]);
  return start_job<Finished>(
      call, 1,
      [=, turn = learner->turns.take("the learner")](const Execution& execution, Finished& out) {
        if (Status status = learner->prepare(execution); !status.ok()) return status;
        out.usage = learner->online->usage();
        out.dead = learner->online->dead();
        out.used_device = learner->online->used_device();
        out.lacked_room = learner->online->lacked_room();
        return learner->online->freeze({}, out.dictionary);
      },
      [](Napi::Env env, Finished& out) {
        return object(env, {
                               {"dictionary", Handle<const Dictionary>::wrap(env, std::move(out.dictionary))},
                               {"usage", out.usage},
                               {"dead", out.dead},
                               {"usedDevice", out.used_device},
                               {"lackedRoom", out.lacked_room},
                           });
      });
}

}  // namespace

void add_learn(Napi::Object exports) {
  add<create_learner, 5>(exports, "createLearner");
  add<learner_fit, 6>(exports, "learnerFit");
  add<learner_observe, 6>(exports, "learnerObserve");
  add<learner_start, 6>(exports, "learnerStart");
  add<learner_finish, 4>(exports, "learnerFinish");
  add<learner_save, 4>(exports, "learnerSave");
  add<learner_resume, 2>(exports, "learnerResume");
  add<dispose<Learner>, 1>(exports, "disposeLearner");
}

}  // namespace unsuperpose::node
