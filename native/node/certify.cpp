#include "../solvers/certify.hpp"

#include <memory>
#include <string>
#include <utility>

#include "../core/thread_pool.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// Codes and options of our own: they may outlive the call that made them.
struct OwnedInput {
  CertifyOptions options;
  SparseCodes owned_codes;

  OwnedInput(const Napi::Value& codes_value, const Napi::Object& from, std::size_t samples,
             std::size_t features) {
    // Copied first, checked afterwards: shared memory may change in between.
    owned_codes = copy(codes(codes_value, "codes"));
    require_valid({owned_codes.indptr, owned_codes.indices, owned_codes.values}, samples, features, "codes");
    const auto lambda = doubles(from.Get("lambda"), "lambda");
    options.lambda.assign(lambda.begin(), lambda.end());
    options.ridge = number(from.Get("ridge"), "ridge");
    if (const Napi::Value weights = from.Get("weights"); !weights.IsUndefined()) {
      const auto values = floats(weights, "weights");
      options.weights.assign(values.begin(), values.end());
    }
    options.nonnegative = from.Get("nonnegative").ToBoolean();
    options.tolerance = number(from.Get("tolerance"), "tolerance");
  }
};

Napi::Value certification_object(Napi::Env env, const Certification& certification) {
  const auto& environment = Environment::of(env);
  Napi::Object result = Napi::Object::New(env);
  result.Set("verdict", to_array(environment, certification.verdict));
  result.Set("gap", to_array(environment, certification.gap));
  result.Set("fuchs", to_array(environment, certification.fuchs));
  result.Set("unique", to_array(environment, certification.unique));
  result.Set("eigenvalue", to_array(environment, certification.eigenvalue));
  result.Set("worst", to_array(environment, certification.worst));
  result.Set("correlation", to_array(environment, certification.correlation));
  result.Set("objective", to_array(environment, certification.objective));
  result.Set("polished", to_array(environment, certification.polished));
  result.Set("error", to_array(environment, certification.error));
  return result;
}

void require_dims(ConstMatrix32 samples, const Dictionary& dictionary) {
  if (samples.cols != dictionary.dims())
    refuse(Code::shape, "activations have " + std::to_string(samples.cols) + " dims, the dictionary has " +
                            std::to_string(dictionary.dims()));
}

/// (handle, matrix, codes, options, threads) → certification
Napi::Value certify_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const Execution execution{threads(call[4])};
  const Matrix32 samples = matrix(call[1], "activations");
  require_dims(samples, *dictionary);
  const OwnedInput input(call[2], call[3].As<Napi::Object>(), samples.rows, dictionary->features());
  require_finite(samples, "activations");
  ThreadPool::instance().ensure(execution.threads);
  Certification result;
  require(certify(samples, input.owned_codes, *dictionary, input.options, execution, result));
  return certification_object(call.Env(), result);
}

/// (handle, matrix, codes, options, threads, onProgress, onSettled) → job
Napi::Value certify_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const unsigned limit = threads(call[4]);
  const Matrix32 borrowed = matrix(call[1], "activations");
  require_dims(borrowed, *dictionary);
  auto samples = std::make_shared<MatrixCopy>(borrowed);
  auto input = std::make_shared<OwnedInput>(call[2], call[3].As<Napi::Object>(), samples->rows,
                                            dictionary->features());
  require_finite(samples->view(), "activations");
  auto result = std::make_shared<Certification>();
  Callbacks callbacks{[result](Napi::Env env) { return certification_object(env, *result); }, nullptr,
                      call[5], call[6].As<Napi::Function>()};
  const auto id = Environment::of(call.Env())
                      .start(
                          limit,
                          [=](Monitor& monitor) {
                            return certify(samples->view(), input->owned_codes, *dictionary, input->options,
                                           {limit, &monitor}, *result);
                          },
                          std::move(callbacks));
  return Napi::Number::New(call.Env(), id);
}

}  // namespace

void add_certify(Napi::Object exports) {
  add<certify_sync>(exports, "certifySync");
  add<certify_async>(exports, "certify");
}

}  // namespace unsuperpose::node
