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

  Path(std::shared_ptr<const Dictionary> dictionary, ConstMatrix32 samples, const Napi::Object& options)
      : dictionary_(std::move(dictionary)),
        samples_(samples),
        method_(read_method(options)),
        weights_(weights_of(options.Get("weights"))),
        nonnegative_(options.Get("nonnegative").ToBoolean()) {
    if (!method_->step({}, nullptr)) refuse(Code::option, "this method has no path");
  }

  std::size_t bytes() const { return samples_.data.bytes() + kept_.load(std::memory_order_relaxed); }

  Status largest(const Execution& execution, std::vector<double>& out) {
    check_samples(execution);
    return lambda_max(samples_.view(), *dictionary_, weights_, nonnegative_, execution, out);
  }

  /// The answer is kept, and the next step's start.
  Status step(const std::vector<double>& lambda, const Execution& execution,
              std::shared_ptr<const Unfolding>& out) {
    check_samples(execution);
    const auto method =
        method_->step(lambda, last_ ? std::shared_ptr<const SparseCodes>(last_, &last_->codes) : nullptr);
    auto found = std::make_shared<Unfolding>();
    Status status = unfold(samples_.view(), *dictionary_, *method, execution, *found);
    if (status.ok()) {
      out = last_ = std::move(found);
      keep(last_->codes);
    }
    return status;
  }

  /// The first knot fixes the ends.
  Status knot(const std::vector<double>& ends, const Execution& execution, Knot& out) {
    check_samples(execution);
    if (!knots_) {
      const auto method = std::dynamic_pointer_cast<Homotopy>(method_->step(ends, nullptr));
      if (!method) return Status::fail(Code::option, "knots need method homotopy");
      knots_.emplace(samples_.view(), dictionary_, *method);
    }
    Status status = knots_->next(execution, out.unfolding);
    keep(out.unfolding.codes);  // the walk holds about as much: its active atoms and their signs
    out.ended = knots_->ended();
    return status;
  }

 private:
  void keep(const SparseCodes& codes) {
    kept_.store(codes.indptr.size() * sizeof(codes.indptr[0]) +
                    codes.indices.size() * (sizeof(codes.indices[0]) + sizeof(codes.values[0])),
                std::memory_order_relaxed);
  }

  void check_samples(const Execution& execution) {
    if (!checked_) require_finite(samples_.view(), "activations", execution);
    checked_ = true;
  }

  std::shared_ptr<const Dictionary> dictionary_;
  MatrixCopy samples_;
  std::shared_ptr<const Method> method_;
  std::vector<float> weights_;
  bool nonnegative_;
  bool checked_ = false;
  std::shared_ptr<const Unfolding> last_;
  std::atomic<std::size_t> kept_{0};  // bytes of what the steps leave behind
  std::optional<KnotPath> knots_;
};

namespace {

/// (dictionary, matrix, options without λ and start) → handle
Napi::Value create_path(const Napi::CallbackInfo& call) {
  return Handle<Path>::wrap(call.Env(),
                            std::make_shared<Path>(held_dictionary(call[0]), matrix(call[1], "activations"),
                                                   call[2].As<Napi::Object>()));
}

/// (path, threads, onProgress, onSettled) → job. Answers each sample's λ_max.
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

std::vector<double> copy_lambda(const Napi::Value& value) {
  const auto lambda = doubles(value, "lambda");
  return {lambda.begin(), lambda.end()};
}

/// (path, lambda, threads, onProgress, onSettled) → job. Answers an unfolding.
Napi::Value path_step(const Napi::CallbackInfo& call) {
  const auto path = held<Path>(call[0]);
  const auto lambda = copy_lambda(call[1]);
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
  const auto ends = copy_lambda(call[1]);
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
