#include "../features/pairs.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "../features/circuits.hpp"
#include "../features/pairs_again.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

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
    return sum;
  }

  Status get(const Execution& execution, const FeaturePairs*& out) {
    std::lock_guard lock(mutex_);
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
  const auto& environment = Environment::of(env);
  std::vector<std::uint32_t> from, to;
  std::vector<double> value;
  for (const Pair& pair : answer.pairs) {
    from.push_back(pair.from);
    to.push_back(pair.to);
    value.push_back(pair.value);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("from", to_array(environment, from));
  result.Set("to", to_array(environment, to));
  result.Set("value", to_array(environment, value));
  result.Set("error", answer.error);
  result.Set("uncertain", static_cast<double>(answer.uncertain));
  return result;
}

Napi::Value feature_object(Napi::Env env, const PairsAnswer& answer) {
  const auto& environment = Environment::of(env);
  Napi::Object result = Napi::Object::New(env);
  result.Set("partner", to_array(environment, answer.partners));
  result.Set("value", to_array(environment, answer.numbers));
  result.Set("error", answer.error);
  return result;
}

Napi::Value counts_array(Napi::Env env, const PairsAnswer& answer) {
  return to_array(Environment::of(env), answer.numbers);
}

using Question = std::function<Status(const FeaturePairs&, const Execution&, PairsAnswer&)>;
using Reply = Napi::Value (*)(Napi::Env, const PairsAnswer&);

/// Starts a job on the pairs; the last three arguments of the call are threads, onProgress and onSettled.
Napi::Value ask(const Napi::CallbackInfo& call, std::size_t at, Question question, Reply reply) {
  const auto shared = held<SharedPairs>(call[0]);
  const unsigned limit = threads(call[at]);
  auto answer = std::make_shared<PairsAnswer>();
  Callbacks callbacks{[answer, reply](Napi::Env env) { return reply(env, *answer); }, nullptr, call[at + 1],
                      call[at + 2].As<Napi::Function>()};
  const auto work = [=](Monitor& monitor) -> Status {
    const Execution execution{limit, &monitor};
    const FeaturePairs* pairs = nullptr;
    const Status status = shared->get(execution, pairs);
    if (!status.ok()) return status;
    answer->error = pairs->error();
    return question(*pairs, execution, *answer);
  };
  return Napi::Number::New(call.Env(), Environment::of(call.Env()).start(limit, work, std::move(callbacks)));
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

Napi::Value circuit_object(Napi::Env env, const Circuit& circuit) {
  const auto& environment = Environment::of(env);
  Napi::Object result = Napi::Object::New(env);
  result.Set("bound", circuit.bound);
  result.Set("strength", circuit.strength);
  result.Set("path", to_array(environment, circuit.path));
  result.Set("values", to_array(environment, circuit.values));
  result.Set("sumBound", circuit.sum_bound);
  result.Set("sumFeature", circuit.sum_feature);
  return result;
}

std::vector<std::uint32_t> copy_features(const Napi::Value& value, const char* name, std::size_t features) {
  if (value.IsUndefined()) return {};
  const auto from = integers(value, name);
  for (const std::uint32_t j : from)
    if (j >= features) refuse(Code::option, std::string(name) + " names a feature that is not there");
  return {from.begin(), from.end()};
}

/// What a question about paths holds while it runs.
struct CircuitInput {
  std::shared_ptr<const Dictionary> from;
  std::vector<std::vector<MatrixCopy>> chains;
  std::vector<CircuitStep> steps;
  CircuitOptions options;
  std::vector<std::uint32_t> path;
  Circuit circuit;
  CircuitAgain again;
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

Napi::Value start_circuit(const Napi::CallbackInfo& call, std::size_t at,
                          std::function<Napi::Value(Napi::Env)> reply,
                          std::function<Status(const Execution&)> work) {
  const unsigned limit = threads(call[at]);
  Callbacks callbacks{std::move(reply), nullptr, call[at + 1], call[at + 2].As<Napi::Function>()};
  const auto id = Environment::of(call.Env())
                      .start(
                          limit,
                          [=](Monitor& monitor) {
                            return work({limit, &monitor});
                          },
                          std::move(callbacks));
  return Napi::Number::New(call.Env(), id);
}

/// (from, steps, fromFeatures, toFeatures, sums, threads, onProgress, onSettled) → job
Napi::Value strongest_circuit_async(const Napi::CallbackInfo& call) {
  const auto input = circuit_input(call);
  input->options.sums = call[4].ToBoolean();
  return start_circuit(
      call, 5, [input](Napi::Env env) { return circuit_object(env, input->circuit); },
      [input](const Execution& execution) {
        return strongest_circuit(input->from, input->steps, input->options, execution, input->circuit);
      });
}

/// (from, steps, fromFeatures, toFeatures, path, threads, onProgress, onSettled) → job
Napi::Value circuit_again_async(const Napi::CallbackInfo& call) {
  const auto input = circuit_input(call);
  const auto path = integers(call[4], "path");
  input->path.assign(path.begin(), path.end());
  if (!input->path.empty() && input->path.size() != input->steps.size() + 1)
    refuse(Code::shape, "path has another length");
  const auto reply = [input](Napi::Env env) -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("strength", input->again.strength);
    result.Set("sum", input->again.sum);
    result.Set("values", to_array(Environment::of(env), input->again.values));
    result.Set("error", input->again.error);
    return result;
  };
  return start_circuit(call, 5, reply, [input](const Execution& execution) {
    return circuit_again(*input->from, input->steps, input->options, input->path, execution, input->again);
  });
}

/// (from, chain, to, fromFeature, toFeature, threads, onProgress, onSettled) → job; features of −1 ask about none
Napi::Value strongest_again_async(const Napi::CallbackInfo& call) {
  struct Input {
    std::shared_ptr<const Dictionary> from, to;
    std::vector<MatrixCopy> chain;
    PairAgain answer;
  };
  auto input = std::make_shared<Input>();
  input->from = held_dictionary(call[0]);
  input->chain = copy_chain(call[1]);
  input->to = held_dictionary(call[2]);
  require_fit(input->chain, *input->from, *input->to);
  const auto feature = [&](std::size_t at) {
    const double value = number(call[at], "feature");
    return value < 0 ? FeaturePairs::kNone : static_cast<std::uint32_t>(value);
  };
  const std::uint32_t asked_from = feature(3), asked_to = feature(4);
  const auto reply = [input](Napi::Env env) -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("value", input->answer.value);
    result.Set("error", input->answer.error);
    result.Set("there", input->answer.there);
    return result;
  };
  return start_circuit(call, 5, reply, [=](const Execution& execution) {
    return strongest_again(*input->from, views(input->chain), *input->to, asked_from, asked_to, execution,
                           input->answer);
  });
}

}  // namespace

void add_pairs(Napi::Object exports) {
  add<create_pairs>(exports, "createPairs");
  add<dispose<SharedPairs>>(exports, "disposePairs");
  add<pairs_above>(exports, "pairsAbove");
  add<pairs_strongest>(exports, "pairsStrongest");
  add<pairs_maxima>(exports, "pairsMaxima");
  add<pairs_histogram>(exports, "pairsHistogram");
  add<strongest_circuit_async>(exports, "strongestCircuit");
  add<circuit_again_async>(exports, "circuitAgain");
  add<strongest_again_async>(exports, "strongestAgain");
}

}  // namespace unsuperpose::node
