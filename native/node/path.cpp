#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "../solvers/homotopy.hpp"
#include "../solvers/knots.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "samples.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {

struct Knot {
  Unfolding unfolding;
  bool ended = false;
};

/// Samples that are unfolded again and again, each time from where the last time ended: for one λ after the other, or from
/// knot to knot. Shared by its handle and the job that uses it; the samples are copied and checked once.
class Path {
 public:
  Turns turns;

  Path(std::shared_ptr<const Dictionary> dictionary, const Napi::Value& samples, const Napi::Object& options)
      : dictionary_(std::move(dictionary)),
        samples_(samples, "activations"),
        method_(read_method(options)),
        weights_(weights_of(options.Get("weights"))),
        nonnegative_(options.Get("nonnegative").ToBoolean()) {
    if (!method_->step({}, nullptr)) refuse(Code::option, "this method has no path");
  }

  std::size_t bytes() const { return samples_.bytes() + kept_.load(std::memory_order_relaxed); }

  Status largest(const Execution& execution, std::vector<double>& out) {
    if (Status status = check_samples(execution); !status.ok()) return status;
    return lambda_max(solved(), solved_dictionary(), reduction_ ? reduction_->weights() : weights_,
                      nonnegative_, method_->in_float64() || (reduction_ && reduction_->eliminates()),
                      execution, out);
  }

  /// The answer is kept, and the next step's start.
  Status step(const std::vector<double>& lambda, const Execution& execution,
              std::shared_ptr<const Unfolding>& out) {
    if (Status status = check_samples(execution); !status.ok()) return status;
    const auto method = method_->step(lambda, last_);
    auto found = std::make_shared<Unfolding>();
    Status status = unfold(solved(), solved_dictionary(), *method, execution, *found);
    if (!status.ok()) return status;
    last_ = start_of(found);
    keep(*last_);
    if (reduction_) status = extend(*method, execution, *found);
    out = std::move(found);
    return status;
  }

  /// The first knot fixes the ends.
  Status knot(const std::vector<double>& ends, const Execution& execution, Knot& out) {
    if (Status status = check_samples(execution); !status.ok()) return status;
    if (!knots_) {
      const auto method = std::dynamic_pointer_cast<Homotopy>(method_->step(ends, nullptr));
      if (!method) return Status::fail(Code::option, "knots need method homotopy");
      knots_.emplace(solved(), reduction_ ? reduction_->dictionary() : dictionary_, *method);
    }
    Status status = knots_->next(execution, out.unfolding);
    keep(out.unfolding.codes);  // the walk holds about as much: its active atoms and their signs
    if (status.ok() && reduction_) status = extend(*method_, execution, out.unfolding);
    out.ended = knots_->ended();
    return status;
  }

 private:
  /// Says how many bytes the steps leave behind: of a start, and of what is solved.
  void keep(const SparseCodes& codes) {
    kept_.store(codes.indptr.size() * sizeof(codes.indptr[0]) +
                    codes.indices.size() * (sizeof(codes.indices[0]) + sizeof(codes.values[0])) +
                    (split_ ? split_->bytes() + reduction_->dictionary()->bytes() : 0),
                std::memory_order_relaxed);
  }

  /// Once, in the first job: samples, and what weights of 0 and ∞ leave to be solved.
  Status check_samples(const Execution& execution) {
    if (checked_) return {};
    samples_.prepare("activations", false, execution);
    const Problem problem = method_->problem();
    if (Reduction::needed(problem.weights)) {
      if (Status status = check_dims(samples_.view().high, *dictionary_); !status.ok()) return status;
      const bool wide = method_->in_float64();
      if (Status status = Reduction::make(dictionary_, weights_, problem.ridge, nonnegative_, wide, execution,
                                          reduction_);
          !status.ok())
        return status;
      if (reduction_->eliminates() && !problem.takes_low)
        return Status::fail(Code::option, "a path with weights of 0 needs method lasso or homotopy");
      reduced_ = reduction_->reduce(samples_.view(), wide, execution, split_);
      if (execution.cancelled()) return Status::cancelled();
      method_ = method_->narrowed(reduction_->narrowing());
    }
    checked_ = true;
    return {};
  }

  Samples solved() const { return reduction_ ? reduced_ : samples_.view(); }
  const Dictionary& solved_dictionary() const {
    return reduction_ ? *reduction_->dictionary() : *dictionary_;
  }

  Status extend(const Method& method, const Execution& execution, Unfolding& out) const {
    reduction_->extend(samples_.view(), method.in_float64(), method.problem(), execution, out);
    return execution.cancelled() ? Status::cancelled() : Status{};
  }

  /// The codes of an answer, as the next step's start.
  std::shared_ptr<const SparseCodes> start_of(const std::shared_ptr<Unfolding>& found) const {
    if (!found->float64 && !reduction_) return {found, &found->codes};
    auto codes = std::make_shared<SparseCodes>(found->codes);
    if (found->float64)
      for (const double value : found->values64) codes->values.push_back(static_cast<float>(value));
    return codes;
  }

  std::shared_ptr<const Dictionary> dictionary_;
  SamplesCopy samples_;
  std::shared_ptr<const Method> method_;
  std::vector<float> weights_;
  bool nonnegative_;
  bool checked_ = false;
  std::shared_ptr<const SparseCodes> last_;  // of what is solved
  std::shared_ptr<const Reduction> reduction_;
  std::unique_ptr<SplitSamples> split_;
  Samples reduced_;
  std::atomic<std::size_t> kept_{0};  // bytes of what the steps leave behind
  std::optional<KnotPath> knots_;
};

namespace {

/// (dictionary, matrix, options without λ and start) → handle
Napi::Value create_path(const Napi::CallbackInfo& call) {
  return Handle<Path>::wrap(
      call.Env(), std::make_shared<Path>(held_dictionary(call[0]), call[1], call[2].As<Napi::Object>()));
}

/// (path, resources, onProgress, onSettled) → job. Answers each sample's λ_max.
Napi::Value path_lambda_max(const Napi::CallbackInfo& call) {
  const auto path = held<Path>(call[0]);
  using Values = std::vector<double>;
  return start_job<Values>(
      call, 1,
      [=, turn = path->turns.take("the path")](const Execution& execution, Values& out) {
        return path->largest(execution, out);
      },
      [](Napi::Env env, const Values& values) { return to_value(env, values); });
}

/// (path, lambda, resources, onProgress, onSettled) → job. Answers an unfolding.
Napi::Value path_step(const Napi::CallbackInfo& call) {
  const auto path = held<Path>(call[0]);
  const auto lambda = one_or_each(call[1], "lambda");
  using Answer = std::shared_ptr<const Unfolding>;
  return start_job<Answer>(
      call, 2,
      [=, turn = path->turns.take("the path")](const Execution& execution, Answer& out) {
        return path->step(lambda, execution, out);
      },
      [](Napi::Env env, const Answer& unfolding) { return unfolding_object(env, *unfolding); });
}

/// (path, ends, threads, onProgress, onSettled) → job. Answers an unfolding with `ended`.
Napi::Value path_knot(const Napi::CallbackInfo& call) {
  const auto path = held<Path>(call[0]);
  const auto ends = one_or_each(call[1], "lambda");
  return start_job<Knot>(
      call, 2,
      [=, turn = path->turns.take("the path")](const Execution& execution, Knot& out) {
        return path->knot(ends, execution, out);
      },
      [](Napi::Env env, const Knot& knot) {
        Napi::Object result = unfolding_object(env, knot.unfolding);
        result.Set("ended", knot.ended);
        return result;
      });
}

}  // namespace

void add_path(Napi::Object exports) {
  add<create_path, 3>(exports, "createPath");
  add<dispose<Path>, 1>(exports, "disposePath");
  add<path_lambda_max, 4>(exports, "pathLambdaMax");
  add<path_step, 5>(exports, "pathStep");
  add<path_knot, 5>(exports, "pathKnot");
}

}  // namespace unsuperpose::node
