#include "../features/recoverability.hpp"

#include <memory>
#include <utility>

#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// (dictionary, codes, samples, nonnegative, threads, onProgress, onSettled) → job
Napi::Value recoverability_async(const Napi::CallbackInfo& call) {
  struct Input {
    std::shared_ptr<const Dictionary> dictionary;
    SparseCodes codes;
    Recoverability answer;
  };
  auto input = std::make_shared<Input>();
  input->dictionary = held_dictionary(call[0]);
  input->codes = copy(codes(call[1], "codes"));
  const std::size_t samples = count(call[2], "samples");
  require_valid({input->codes.indptr, input->codes.indices, input->codes.values}, samples,
                input->dictionary->features(), "codes");
  const bool nonnegative = call[3].ToBoolean();
  const unsigned limit = threads(call[4]);
  const auto reply = [input](Napi::Env env) -> Napi::Value {
    const auto& environment = Environment::of(env);
    const Recoverability& found = input->answer;
    Napi::Object result = Napi::Object::New(env);
    result.Set("fuchs", to_array(environment, found.fuchs));
    result.Set("erc", to_array(environment, found.erc));
    result.Set("fuchsFeature", to_array(environment, found.fuchs_feature));
    result.Set("ercFeature", to_array(environment, found.erc_feature));
    result.Set("eigenvalue", to_array(environment, found.eigenvalue));
    result.Set("bias", to_array(environment, found.bias));
    result.Set("smallest", to_array(environment, found.smallest));
    result.Set("limit", to_array(environment, found.limit));
    return result;
  };
  Callbacks callbacks{reply, nullptr, call[5], call[6].As<Napi::Function>()};
  const auto work = [=](Monitor& monitor) {
    return recoverability(input->codes, *input->dictionary, nonnegative, {limit, &monitor}, input->answer);
  };
  return Napi::Number::New(call.Env(), Environment::of(call.Env()).start(limit, work, std::move(callbacks)));
}

/// (samples, features, active, nonnegative, seed) → codes
Napi::Value planted_codes_sync(const Napi::CallbackInfo& call) {
  const SparseCodes codes =
      planted_codes(count(call[0], "samples"), count(call[1], "features"), count(call[2], "active"),
                    call[3].ToBoolean(), static_cast<std::uint64_t>(count(call[4], "seed")));
  const auto& environment = Environment::of(call.Env());
  Napi::Object result = Napi::Object::New(call.Env());
  result.Set("indptr", to_array(environment, codes.indptr));
  result.Set("indices", to_array(environment, codes.indices));
  result.Set("values", to_array(environment, codes.values));
  return result;
}

/// (codes, truth, samples, features) → one distance a sample
Napi::Value relative_distances_sync(const Napi::CallbackInfo& call) {
  const SparseCodes first = copy(codes(call[0], "codes")), second = copy(codes(call[1], "truth"));
  const std::size_t samples = count(call[2], "samples"), features = count(call[3], "features");
  require_valid({first.indptr, first.indices, first.values}, samples, features, "codes");
  require_valid({second.indptr, second.indices, second.values}, samples, features, "truth");
  return to_array(Environment::of(call.Env()), relative_distances(first, second));
}

}  // namespace

void add_recoverability(Napi::Object exports) {
  add<recoverability_async>(exports, "recoverability");
  add<planted_codes_sync>(exports, "plantedCodes");
  add<relative_distances_sync>(exports, "relativeDistances");
}

}  // namespace unsuperpose::node
