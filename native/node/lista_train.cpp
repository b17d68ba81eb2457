// Training unrolled networks: on samples of their own, drawn from a prior, or from outside.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "../learning/batches.hpp"
#include "../learning/lista_learner.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "checkpoints.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "lista_parameters.hpp"

namespace unsuperpose::node {

/// Samples of one's own, and their codes where there are any.
struct CodedSamples {
  CodedSamples(const Napi::Value& activations, const Napi::Value& given_codes, std::size_t features,
               const char* name)
      : input(matrix(activations, name)) {
    if (!given_codes.IsUndefined()) codes = own_codes(given_codes, input.rows, features, "codes", true);
  }
  std::size_t bytes_held() const {
    return input.data.bytes() + (codes ? codes->indices.size() * 2 * sizeof(float) : 0);
  }
  /// The codes of some of the samples.
  SparseCodes codes_of(const std::vector<std::uint32_t>& rows) const {
    SparseCodes out;
    out.indptr.assign(1, 0);
    for (const std::uint32_t row : rows) {
      for (std::uint32_t e = codes->indptr[row]; e < codes->indptr[row + 1]; ++e) {
        out.indices.push_back(codes->indices[e]);
        if (codes->wide.empty())
          out.values.push_back(codes->values[e]);
        else
          out.wide.push_back(codes->wide[e]);
      }
      out.indptr.push_back(static_cast<std::uint32_t>(out.indices.size()));
    }
    return out;
  }

  MatrixCopy input;
  std::optional<SparseCodes> codes;
};

/// A learner, what it learns from where that is a matrix, and the figures that progress shows.
class ListaTrainer {
 public:
  ListaOptions options;
  std::optional<ListaPrior> prior;
  std::unique_ptr<MatrixCopy> dictionary;  // until the learner is made
  std::size_t features = 0;
  std::unique_ptr<CodedSamples> samples, validation;
  std::unique_ptr<Checkpoint> waiting;  // to go on from, once the learner is made
  std::unique_ptr<ListaLearner> learner;
  std::unique_ptr<ShuffledBatches> batches;
  Turns turns;
  std::atomic<std::size_t> held_bytes{0};

  std::size_t bytes() const { return held_bytes.load(std::memory_order_relaxed); }

  /// All that a job does, once the learner is ready. What a job leaves that failed or was cancelled half-way is good for nothing: ERR_NATIVE
  /// from then on. lib/ sees to it, and this makes sure of it.
  template <class Work>
  Status run(const Execution& execution, const Work& work) {
    if (spoilt_)
      return Status::fail(Code::native, "the trainer is spoilt: a job of it failed or was cancelled");
    spoilt_ = true;
    Status status = prepare(execution);
    if (status.ok()) {
      learner->on_search([this, monitor = execution.monitor] {
        publish();
        monitor->advance(0);
      });
      status = work();
    }
    spoilt_ = !status.ok();
    return status;
  }

  /// One step on the trainer's own samples, or those of its prior.
  Status step(const Execution& execution) {
    if (!batches) return learner->feed({}, execution);
    Batch batch;
    if (Status status = batches->next(batch); !status.ok()) return status;
    if (!samples->codes) return learner->feed(batch, execution);
    return learner->feed_codes(batch.input, samples->codes_of(batches->taken()), execution);
  }

  /// A batch from outside: `count` samples from `first` on.
  Status step(const CodedSamples& from, std::size_t first, std::size_t count, const Execution& execution) {
    const ConstMatrix32 input = from.input.view().slice(first, count);
    if (!from.codes) return learner->feed({input, {}, nullptr}, execution);
    std::vector<std::uint32_t> rows(count);
    for (std::size_t i = 0; i < count; ++i) rows[i] = static_cast<std::uint32_t>(first + i);
    return learner->feed_codes(input, from.codes_of(rows), execution);
  }

  void publish() {
    ListaStatistics now = learner->statistics();
    count_bytes();
    std::lock_guard lock(mutex_);
    latest_ = std::move(now);
  }
  ListaStatistics read() {
    std::lock_guard lock(mutex_);
    return latest_;
  }
  void save(Checkpoint& to) const {
    learner->save(to);
    if (batches) batches->save(to);
  }

 private:
  Status prepare(const Execution& execution) {
    if (!learner) {
      require_finite(dictionary->view(), "dictionary", execution);
      if (samples) require_finite(samples->input.view(), "activations", execution);
      if (validation) require_finite(validation->input.view(), "validation", execution);
      std::unique_ptr<ListaLearner> made;
      if (Status status = ListaLearner::make(dictionary->view(), options, prior ? &*prior : nullptr, made);
          !status.ok())
        return status;
      if (validation)
        if (Status status = made->validate_on(validation->input.view(),
                                              validation->codes ? &*validation->codes : nullptr);
            !status.ok())
          return status;
      validation.reset();
      dictionary.reset();
      learner = std::move(made);
      if (samples)
        batches = std::make_unique<ShuffledBatches>(samples->input.view(), options.batch_size, options.seed);
      count_bytes();
    }
    if (!waiting) return {};
    const std::unique_ptr<Checkpoint> from = std::move(waiting);
    if (Status status = learner->resume(*from); !status.ok()) return status;
    return batches ? batches->resume(*from) : Status{};
  }

  void count_bytes() { held_bytes = learner->bytes() + (samples ? samples->bytes_held() : 0); }

  bool spoilt_ = false;  // read and written by the job whose turn it is
  std::mutex mutex_;     // guards latest_
  ListaStatistics latest_;
};

namespace {

ListaOptions options_of(const Napi::Object& from) {
  ListaOptions o;
  const auto real = [&](const char* name) { return number(from.Get(name), name); };
  const auto whole = [&](const char* name) { return count(from.Get(name), name); };
  o.weights = lista_weights_of(from.Get("weights"));
  o.layers = whole("layers");
  o.nonnegative = from.Get("nonnegative").ToBoolean();
  o.selection = real("selection");
  o.most_selected = real("mostSelected");
  o.adaptive = real("adaptive");
  o.ridge = real("ridge");
  o.lambda = real("lambda");
  o.every = from.Get("every").ToBoolean();
  const std::string schedule = from.Get("schedule").ToString();
  if (schedule != "endToEnd" && schedule != "layerwise")
    refuse(Code::option, "schedule " + schedule + " does not exist");
  o.schedule = schedule == "layerwise" ? ListaSchedule::layer_wise : ListaSchedule::end_to_end;
  o.rate = real("learningRate");
  o.beta1 = real("beta1");
  o.beta2 = real("beta2");
  o.epsilon = real("epsilon");
  o.clip = real("clip");
  o.decay = real("decay");
  o.planned = whole("planned");
  o.validate_every = whole("validateEvery");
  o.patience = whole("patience");
  o.first_threshold = real("firstThreshold");
  o.batch_size = whole("batchSize");
  o.seed = whole("seed");
  o.memory = whole("memory");
  return o;
}

ListaPrior prior_of(const Napi::Object& from) {
  constexpr const char* kValues[] = {"normal", "uniform", "exponential", "one"};
  ListaPrior prior;
  prior.density = number(from.Get("density"), "density");
  const std::string values = from.Get("values").ToString();
  const auto* const found = std::find(std::begin(kValues), std::end(kValues), values);
  if (found == std::end(kValues)) refuse(Code::option, "values " + values + " does not exist");
  prior.values = static_cast<PriorValues>(found - kValues);
  prior.random_signs = from.Get("randomSigns").ToBoolean();
  prior.snr = number(from.Get("snr"), "snr");
  return prior;
}

void require_dims(const MatrixCopy& samples, std::size_t dims, const char* name) {
  if (samples.cols != dims)
    refuse(Code::shape, std::string(name) + " must have " + std::to_string(dims) +
                            " columns (the atoms' dims), got " + std::to_string(samples.cols));
}

/// (dictionary, options, prior | undefined, activations | undefined, codes | undefined, validation | undefined,
/// validationCodes | undefined) → handle
Napi::Value create_trainer(const Napi::CallbackInfo& call) {
  auto trainer = std::make_shared<ListaTrainer>();
  trainer->options = options_of(call[1].As<Napi::Object>());
  if (!call[2].IsUndefined()) trainer->prior = prior_of(call[2].As<Napi::Object>());
  trainer->dictionary = std::make_unique<MatrixCopy>(matrix(call[0], "dictionary"));
  trainer->features = trainer->dictionary->rows;
  const std::size_t dims = trainer->dictionary->cols;
  if (!call[3].IsUndefined()) {
    if (trainer->prior) refuse(Code::native, "of prior and activations, one is given");
    trainer->samples = std::make_unique<CodedSamples>(call[3], call[4], trainer->features, "activations");
    require_dims(trainer->samples->input, dims, "activations");
  }
  if (!call[5].IsUndefined()) {
    trainer->validation = std::make_unique<CodedSamples>(call[5], call[6], trainer->features, "validation");
    require_dims(trainer->validation->input, dims, "validation");
  }
  return Handle<ListaTrainer>::wrap(call.Env(), std::move(trainer));
}

Napi::Value statistics_object(Napi::Env env, const ListaStatistics& now) {
  return object(env, {{"steps", now.steps},
                      {"samples", now.samples},
                      {"stage", now.stage},
                      {"stages", now.stages},
                      {"finished", now.finished},
                      {"loss", now.loss},
                      {"gradientNorm", now.gradient_norm},
                      {"layers", now.layers},
                      {"validated", now.validated},
                      {"best", now.best},
                      {"searched", now.searched}});
}

using Work = std::function<Status(ListaTrainer&, const Execution&)>;

/// A job that has the trainer for itself, and answers its statistics, which progress shows too.
Napi::Value start_training(const Napi::CallbackInfo& call, std::size_t at,
                           const std::shared_ptr<ListaTrainer>& trainer, Work work) {
  return start_job<ListaStatistics>(
      call, at,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution, ListaStatistics& out) {
        const Status status = trainer->run(execution, [&] {
          return work(*trainer, {execution.threads, execution.monitor, false});
        });
        out = trainer->read();
        return status;
      },
      statistics_object, [trainer](Napi::Env env) { return statistics_object(env, trainer->read()); });
}

/// (trainer, steps, stride, threads, onProgress, onSettled) → job. Figures are published every `stride` steps, counted from the first of
/// all, and with the last step, each over the steps since the last.
Napi::Value trainer_fit(const Napi::CallbackInfo& call) {
  const auto trainer = held<ListaTrainer>(call[0]);
  const std::uint64_t steps = count(call[1], "steps"),
                      stride = std::max<std::uint64_t>(1, count(call[2], "stride"));
  if (!trainer->samples && !trainer->prior) refuse(Code::native, "the trainer has no samples");
  return start_training(call, 3, trainer, [=](ListaTrainer& own, const Execution& execution) {
    const std::uint64_t end = own.learner->steps() + steps;
    std::uint64_t told = own.learner->steps();
    while (own.learner->steps() < end && !own.learner->finished()) {
      if (Status status = own.step(execution); !status.ok()) return status;
      const std::uint64_t now = own.learner->steps();
      if (now % stride != 0 && !own.learner->finished()) continue;
      own.publish();
      execution.monitor->advance(now - told);
      told = now;
    }
    return Status{};
  });
}

/// (trainer, activations, codes | undefined, most, threads, onProgress, onSettled) → job. At most `most` batches.
Napi::Value trainer_observe(const Napi::CallbackInfo& call) {
  const auto trainer = held<ListaTrainer>(call[0]);
  const std::uint64_t most = count(call[3], "most");
  const auto samples = std::make_shared<CodedSamples>(call[1], call[2], trainer->features, "activations");
  return start_training(call, 4, trainer, [=](ListaTrainer& own, const Execution& execution) {
    require_finite(samples->input.view(), "activations", execution);
    const std::size_t rows = samples->input.rows, size = own.options.batch_size;
    std::uint64_t made = 0;
    for (std::size_t first = 0; first < rows && made < most && !own.learner->finished();
         first += size, ++made)
      if (Status status = own.step(*samples, first, std::min(size, rows - first), execution); !status.ok())
        return status;
    if (made > 0) own.publish();
    return Status{};
  });
}

/// (trainer, threads, onProgress, onSettled) → job. Answers the network's parameters.
Napi::Value trainer_finish(const Napi::CallbackInfo& call) {
  const auto trainer = held<ListaTrainer>(call[0]);
  return start_job<ListaParameters>(
      call, 1,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution, ListaParameters& out) {
        return trainer->run(execution, [&] { return trainer->learner->freeze(execution, out); });
      },
      [](Napi::Env env, ListaParameters& out) { return parameters_object(env, out); });
}

/// (trainer, threads, onProgress, onSettled) → job. Answers { name: array } with all that training goes on from.
Napi::Value trainer_save(const Napi::CallbackInfo& call) {
  const auto trainer = held<ListaTrainer>(call[0]);
  return start_job<Checkpoint>(
      call, 1,
      [=, turn = trainer->turns.take("the trainer")](const Execution& execution, Checkpoint& out) {
        return trainer->run(execution, [&] {
          trainer->save(out);
          return Status{};
        });
      },
      checkpoint_object);
}

/// (trainer, { name: array }): where its first job goes on from.
Napi::Value trainer_resume(const Napi::CallbackInfo& call) {
  const auto trainer = held<ListaTrainer>(call[0]);
  const auto turn = trainer->turns.take("the trainer");
  trainer->waiting = std::make_unique<Checkpoint>(checkpoint_of(call[1]));
  return call.Env().Undefined();
}

/// (options, parameters, activations, codes | undefined) → { loss, by: parameters }
Napi::Value gradient(const Napi::CallbackInfo& call) {
  const ListaOptions options = options_of(call[0].As<Napi::Object>());
  const ListaParameters at = lista_parameters_of(call[1].As<Napi::Object>());
  const CodedSamples samples(call[2], call[3], at.features, "activations");
  require_finite(samples.input.view(), "activations");
  ListaGradient made;
  require(
      lista_gradient(options, at, samples.input.view(), samples.codes ? &*samples.codes : nullptr, {}, made));
  return object(call.Env(), {{"loss", made.loss}, {"by", parameters_object(call.Env(), made.by)}});
}

/// (prior, nonnegative, dictionary, seed, number, rows) → { activations, codes }
Napi::Value samples(const Napi::CallbackInfo& call) {
  const ListaPrior prior = prior_of(call[0].As<Napi::Object>());
  const bool nonnegative = call[1].ToBoolean();
  const std::uint64_t seed = count(call[3], "seed"), batch = count(call[4], "number");
  const std::size_t rows = count(call[5], "rows");
  const Matrix32 dictionary = matrix(call[2], "dictionary");
  require_finite(dictionary, "dictionary");
  std::vector<float> x;
  SparseCodes codes;
  draw_samples(prior, nonnegative, dictionary, seed, batch, rows, {}, x, codes);
  return object(call.Env(), {{"activations", x}, {"codes", codes}});
}

}  // namespace

void add_lista_train(Napi::Object exports) {
  add<create_trainer, 7>(exports, "createListaTrainer");
  add<dispose<ListaTrainer>, 1>(exports, "disposeListaTrainer");
  add<trainer_fit, 6>(exports, "listaTrainerFit");
  add<trainer_observe, 7>(exports, "listaTrainerObserve");
  add<trainer_finish, 4>(exports, "listaTrainerFinish");
  add<trainer_save, 4>(exports, "listaTrainerSave");
  add<trainer_resume, 2>(exports, "listaTrainerResume");
  add<gradient, 4>(exports, "listaGradient");
  add<samples, 6>(exports, "listaSamples");
}

}  // namespace unsuperpose::node
