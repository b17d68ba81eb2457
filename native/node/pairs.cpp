#include "../features/pairs.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "../core/cancellation.hpp"
#include "../features/circuits.hpp"
#include "../features/pairs_again.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

/// The matrices of a chain, copied and checked.
std::vector<MatrixCopy> copy_chain(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<MatrixCopy> chain;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    chain.emplace_back(matrix(array.Get(i), "weight"));
    require_finite(chain.back().view(), "weight");
  }
  return chain;
}

MatrixChain views(const std::vector<MatrixCopy>& chain) {
  MatrixChain out;
  for (const MatrixCopy& one : chain) out.push_back(one.view());
  return out;
}

/// The sizes that a chain leads through, once more right before use.
void require_fit(const std::vector<MatrixCopy>& chain, const Dictionary& from, const Dictionary& to) {
  std::size_t dims = to.dims();
  for (const MatrixCopy& one : chain) {
    if (one.rows != dims) refuse(Code::shape, "the shapes of weight do not fit");
    dims = one.cols;
  }
  if (dims != from.dims()) refuse(Code::shape, "the shapes of weight do not fit");
}

std::vector<double> copy_scale(const Napi::Value& value, const char* name, std::size_t features) {
  if (value.IsUndefined()) return {};
  const auto from = doubles(value, name);
  if (from.size() != features)
    refuse(Code::shape, std::string(name) + " has another length than there are features");
  return {from.begin(), from.end()};
}

}  // namespace

/// Two sets of features and what leads from one to the other; the pairs themselves are made by the first job that needs them.
class SharedPairs {
 public:
  std::shared_ptr<const Dictionary> from, to;
  std::vector<MatrixCopy> chain;
  std::vector<double> from_scale, to_scale;

  std::size_t bytes() const {
    std::size_t sum = (from_scale.size() + to_scale.size()) * sizeof(double);
    for (const MatrixCopy& one : chain) sum += one.data.bytes();
    return sum + made_.load(std::memory_order_relaxed);
  }
  /// Counts the pairs again, which pack on first use. Off the JavaScript thread: it may wait for that.
  void count() {
    const auto lock = cancellation::lock(mutex_);
    if (!pairs_) return;
    std::size_t sum = pairs_->from().bytes();
    if (&pairs_->to() != &pairs_->from()) sum += pairs_->to().bytes();
    made_.store(sum, std::memory_order_relaxed);
  }

  Status get(const Execution& execution, const FeaturePairs*& out) {
    const auto lock = cancellation::lock(mutex_);
    if (!pairs_) {
      const Execution quiet{execution.threads, execution.monitor, false};
      const auto scale = [](const std::vector<double>& values) {
        return values.empty() ? nullptr : values.data();
      };
      const Status status =
          make_pairs(from, views(chain), to, scale(from_scale), scale(to_scale), quiet, pairs_);
      if (!status.ok()) return status;
    }
    out = pairs_.get();
    return {};
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<FeaturePairs> pairs_;
  std::atomic<std::size_t> made_{0};  // bytes of the pairs
};

namespace {

/// (from, matrices, to, fromScale | undefined, toScale | undefined) → handle
Napi::Value create_pairs(const Napi::CallbackInfo& call) {
  auto shared = std::make_shared<SharedPairs>();
  shared->from = held_dictionary(call[0]);
  shared->chain = copy_chain(call[1]);
  shared->to = held_dictionary(call[2]);
  require_fit(shared->chain, *shared->from, *shared->to);
  shared->from_scale = copy_scale(call[3], "fromScale", shared->from->features());
  shared->to_scale = copy_scale(call[4], "toScale", shared->to->features());
  return Handle<SharedPairs>::wrap(call.Env(), std::move(shared));
}

struct PairsAnswer {
  std::vector<Pair> pairs;
  std::vector<std::uint32_t> partners;
  std::vector<double> numbers;
  double error = 0;
  std::size_t uncertain = 0;
};

Napi::Value list_object(Napi::Env env, const PairsAnswer& answer) {
  std::vector<std::uint32_t> from, to;
  std::vector<double> value;
  for (const Pair& pair : answer.pairs) {
    from.push_back(pair.from);
    to.push_back(pair.to);
    value.push_back(pair.value);
  }
  return object(env, {
                         {"from", from},
                         {"to", to},
                         {"value", value},
                         {"error", answer.error},
                         {"uncertain", answer.uncertain},
                     });
}

Napi::Value feature_object(Napi::Env env, const PairsAnswer& answer) {
  return object(env, {{"partner", answer.partners}, {"value", answer.numbers}, {"error", answer.error}});
}

Napi::Value counts_array(Napi::Env env, const PairsAnswer& answer) { return to_value(env, answer.numbers); }

using Question = std::function<Status(const FeaturePairs&, const Execution&, PairsAnswer&)>;

/// Starts a job on the pairs; the last three arguments of the call are threads, onProgress and onSettled.
Napi::Value ask(const Napi::CallbackInfo& call, std::size_t at, Question question,
                Napi::Value (*reply)(Napi::Env, const PairsAnswer&)) {
  const auto shared = held<SharedPairs>(call[0]);
  return start_job<PairsAnswer>(
      call, at,
      [=, question = std::move(question)](const Execution& execution, PairsAnswer& out) {
        const FeaturePairs* pairs = nullptr;
        if (Status status = shared->get(execution, pairs); !status.ok()) return status;
        out.error = pairs->error();
        const Status status = question(*pairs, execution, out);
        shared->count();
        return status;
      },
      reply);
}

/// (pairs, epsilon, limit, threads, onProgress, onSettled) → job
Napi::Value pairs_above(const Napi::CallbackInfo& call) {
  const double epsilon = number(call[1], "epsilon");
  const std::size_t limit = count(call[2], "limit");
  return ask(
      call, 3,
      [=](const FeaturePairs& pairs, const Execution& execution, PairsAnswer& answer) {
        return pairs.above(epsilon, limit, execution, answer.pairs, answer.uncertain);
      },
      list_object);
}

/// (pairs, k, threads, onProgress, onSettled) → job
Napi::Value pairs_strongest(const Napi::CallbackInfo& call) {
  const std::size_t k = count(call[1], "k");
  return ask(
      call, 2,
      [=](const FeaturePairs& pairs, const Execution& execution, PairsAnswer& answer) {
        return pairs.strongest(k, execution, answer.pairs);
      },
      list_object);
}

/// (pairs, ofTo, threads, onProgress, onSettled) → job
Napi::Value pairs_maxima(const Napi::CallbackInfo& call) {
  const bool of_to = call[1].ToBoolean();
  return ask(
      call, 2,
      [=](const FeaturePairs& pairs, const Execution& execution, PairsAnswer& answer) {
        return pairs.strongest_of_each(of_to, 1, execution, answer.partners, answer.numbers);
      },
      feature_object);
}

/// (pairs, top, bins, threads, onProgress, onSettled) → job
Napi::Value pairs_histogram(const Napi::CallbackInfo& call) {
  const double top = number(call[1], "top");
  const std::size_t bins = count(call[2], "bins");
  return ask(
      call, 3,
      [=](const FeaturePairs& pairs, const Execution& execution, PairsAnswer& answer) {
        return pairs.histogram(top, bins, execution, answer.numbers);
      },
      counts_array);
}

std::vector<std::uint32_t> copy_features(const Napi::Value& value, const char* name, std::size_t features) {
  if (value.IsUndefined()) return {};
  const auto from = integers(value, name);
  std::vector<std::uint32_t> copy(from.begin(), from.end());
  for (const std::uint32_t j : copy)
    if (j >= features) refuse(Code::option, std::string(name) + " names a feature that is not there");
  return copy;
}

/// What a question about paths holds while it runs.
struct CircuitInput {
  std::shared_ptr<const Dictionary> from;
  std::vector<std::vector<MatrixCopy>> chains;
  std::vector<CircuitStep> steps;
  CircuitOptions options;
};

/// (from, [{ chain, to }], fromFeatures | undefined, toFeatures | undefined, …)
std::shared_ptr<CircuitInput> circuit_input(const Napi::CallbackInfo& call) {
  auto input = std::make_shared<CircuitInput>();
  input->from = held_dictionary(call[0]);
  const auto steps = call[1].As<Napi::Array>();
  std::shared_ptr<const Dictionary> before = input->from;
  for (std::uint32_t l = 0; l < steps.Length(); ++l) {
    const auto step = steps.Get(l).As<Napi::Object>();
    input->chains.push_back(copy_chain(step.Get("chain")));
    auto to = held_dictionary(step.Get("to"));
    require_fit(input->chains.back(), *before, *to);
    input->steps.push_back({views(input->chains.back()), to});
    before = std::move(to);
  }
  input->options.from = copy_features(call[2], "from", input->from->features());
  input->options.to = copy_features(call[3], "to", before->features());
  return input;
}

/// (from, steps, fromFeatures, toFeatures, sums, threads, onProgress, onSettled) → job
Napi::Value strongest_circuit_async(const Napi::CallbackInfo& call) {
  const auto input = circuit_input(call);
  input->options.sums = call[4].ToBoolean();
  return start_job<Circuit>(
      call, 5,
      [input](const Execution& execution, Circuit& out) {
        return strongest_circuit(input->from, input->steps, input->options, execution, out);
      },
      [](Napi::Env env, const Circuit& circuit) {
        return object(env, {
                               {"bound", circuit.bound},
                               {"strength", circuit.strength},
                               {"path", circuit.path},
                               {"values", circuit.values},
                               {"sumBound", circuit.sum_bound},
                               {"sumFeature", circuit.sum_feature},
                           });
      });
}

/// (from, steps, fromFeatures, toFeatures, path, threads, onProgress, onSettled) → job
Napi::Value circuit_again_async(const Napi::CallbackInfo& call) {
  const auto input = circuit_input(call);
  const auto given = integers(call[4], "path");
  const std::vector<std::uint32_t> path(given.begin(), given.end());
  if (!path.empty() && path.size() != input->steps.size() + 1) refuse(Code::shape, "path has another length");
  return start_job<CircuitAgain>(
      call, 5,
      [=](const Execution& execution, CircuitAgain& out) {
        return circuit_again(*input->from, input->steps, input->options, path, execution, out);
      },
      [](Napi::Env env, const CircuitAgain& again) {
        return object(env, {
                               {"strength", again.strength},
                               {"sum", again.sum},
                               {"values", again.values},
                               {"error", again.error},
                           });
      });
}

/// (from, chain, to, fromFeature, toFeature, threads, onProgress, onSettled) → job; features of −1 ask about none
Napi::Value strongest_again_async(const Napi::CallbackInfo& call) {
  const auto from = held_dictionary(call[0]), to = held_dictionary(call[2]);
  const auto chain = std::make_shared<const std::vector<MatrixCopy>>(copy_chain(call[1]));
  require_fit(*chain, *from, *to);
  const auto feature = [&](std::size_t at) {
    const double value = number(call[at], "feature");
    return value >= 0 && value < kNone ? static_cast<std::uint32_t>(value) : kNone;
  };
  const std::uint32_t asked_from = feature(3), asked_to = feature(4);
  return start_job<PairAgain>(
      call, 5,
      [=](const Execution& execution, PairAgain& out) {
        return strongest_again(*from, views(*chain), *to, asked_from, asked_to, execution, out);
      },
      [](Napi::Env env, const PairAgain& again) {
        return object(env, {{"value", again.value}, {"error", again.error}, {"there", again.there}});
      });
}

}  // namespace

void add_pairs(Napi::Object exports) {
  add<create_pairs, 5>(exports, "createPairs");
  add<dispose<SharedPairs>, 1>(exports, "disposePairs");
  add<pairs_above, 6>(exports, "pairsAbove");
  add<pairs_strongest, 5>(exports, "pairsStrongest");
  add<pairs_maxima, 5>(exports, "pairsMaxima");
  add<pairs_histogram, 6>(exports, "pairsHistogram");
  add<strongest_circuit_async, 8>(exports, "strongestCircuit");
  add<circuit_again_async, 8>(exports, "circuitAgain");
  add<strongest_again_async, 8>(exports, "strongestAgain");
}

}  // namespace unsuperpose::node
