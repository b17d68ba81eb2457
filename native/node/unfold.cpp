#include <memory>
#include <string>

#include "../solvers/profile.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "samples.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

/// Checks what the call brought, and unfolds it.
Status check_and_unfold(SamplesCopy& samples, const Observed& observed,
                        const std::shared_ptr<const Dictionary>& dictionary, const Method& method,
                        const Execution& execution, Unfolding& out) {
  if (const SparseCodes* start = method.starts_from())
    require_valid(view_of(*start), samples.rows(), dictionary->features(), "warmStart");
  samples.prepare("activations", !observed.empty(), execution);
  return unfold_observed(samples.view(), observed, dictionary, method, execution, out);
}

/// The same of borrowed samples, for plain calls that nothing else happens in meanwhile.
Status check_and_unfold(ConstMatrix32 samples, const std::shared_ptr<const Dictionary>& dictionary,
                        const Method& method, const Execution& execution, Unfolding& out) {
  if (const SparseCodes* start = method.starts_from())
    require_valid(view_of(*start), samples.rows, dictionary->features(), "warmStart");
  require_finite(samples, "activations", execution);
  return unfold_weighted(samples, dictionary, method, execution, out);
}

Napi::Value stages_object(Napi::Env env, const Profile& profile) {
  const auto seconds = [&](Stage stage) { return profile.seconds(stage); };
  return object(env, {
                         {"score", seconds(Stage::score)},
                         {"rescore", seconds(Stage::rescore)},
                         {"gram", seconds(Stage::gram)},
                         {"solve", seconds(Stage::solve)},
                         {"residual", seconds(Stage::residual)},
                         {"certify", seconds(Stage::certify)},
                     });
}

}  // namespace

Napi::Object unfolding_object(Napi::Env env, const Unfolding& unfolding) {
  const SparseCodes& codes = unfolding.codes;
  const Field values =
      unfolding.float64 ? Field("values", unfolding.values64) : Field("values", codes.values);
  return object(env,
                {
                    {"codes", object(env, {{"indptr", codes.indptr}, {"indices", codes.indices}, values})},
                    {"gap", unfolding.gap},
                    {"objective", unfolding.objective},
                    {"residual", unfolding.residual},
                    {"status", unfolding.status},
                    {"iterations", unfolding.iterations},
                    {"lambda", unfolding.lambda},
                    {"norm", unfolding.norm},
                    {"variance", unfolding.variance},
                    {"usedDevice", unfolding.used_device},
                });
}

namespace {

/// In the order in which lib/native/tray.ts takes it.
bool lay(Tray& tray, const Unfolding& unfolding) {
  const SparseCodes& codes = unfolding.codes;
  const Tray::Array values = unfolding.float64 ? Tray::Array(unfolding.values64) : Tray::Array(codes.values);
  return tray.lay({codes.indptr, codes.indices, values, unfolding.gap, unfolding.objective,
                   unfolding.residual, unfolding.status, unfolding.iterations, unfolding.lambda,
                   unfolding.norm, unfolding.variance});
}

/// (handle, matrix, options, observed, threads) → unfolding, or undefined: it is on the tray
Napi::Value unfold_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const auto method = read_method(call[2].As<Napi::Object>());
  const Observed observed = observed_of(call[3]);
  const Execution execution = execution_of(call[4]);
  Unfolding unfolding;
  if (observed.empty() && !method->in_float64()) {
    require(check_and_unfold(matrix(call[1], "activations"), dictionary, *method, execution, unfolding));
  } else {
    SamplesCopy samples(call[1], "activations");
    require(check_and_unfold(samples, observed, dictionary, *method, execution, unfolding));
  }
  const Profile* profile = method->profiled();
  if (!profile && !unfolding.used_device && lay(Environment::of(call.Env()).tray(), unfolding))
    return call.Env().Undefined();
  Napi::Object result = unfolding_object(call.Env(), unfolding);
  if (profile) result.Set("stages", stages_object(call.Env(), *profile));
  return result;
}

/// (handle, matrix, options, observed, threads, onProgress, onSettled) → job
Napi::Value unfold_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const auto method = read_method(call[2].As<Napi::Object>());
  const auto observed = std::make_shared<const Observed>(observed_of(call[3]));
  const auto samples = std::make_shared<SamplesCopy>(call[1], "activations", execution_of(call[4]).threads);
  return start_job<Unfolding>(
      call, 4,
      [=](const Execution& execution, Unfolding& out) {
        return check_and_unfold(*samples, *observed, dictionary, *method, execution, out);
      },
      unfolding_object);
}

/// (codes, rows, features, name): throws unless they are valid
Napi::Value check_codes(const Napi::CallbackInfo& call) {
  const std::size_t rows = count(call[1], "shape"), features = count(call[2], "shape");
  require_valid(codes(call[0], "codes", true), rows, features, call[3].ToString().Utf8Value().c_str());
  return call.Env().Undefined();
}

/// (codes, rows, handle, out: Float32Array of rows × dims, resources)
Napi::Value fold_codes(const Napi::CallbackInfo& call) {
  const std::size_t rows = count(call[1], "shape");
  const auto dictionary = held_dictionary(call[2]);
  const SparseCodes owned = own_codes(call[0], rows, dictionary->features(), "codes", true);
  const std::span<float> out = floats(call[3], "out");
  if (out.size() / dictionary->dims() != rows || out.size() % dictionary->dims() != 0)
    refuse(Code::shape, "out must hold samples × dims values");
  require(fold(owned, *dictionary, {out.data(), rows, dictionary->dims()}, execution_of(call[4])));
  return call.Env().Undefined();
}

/// (handle, matrix, weights | undefined, nonnegative, float64, threads) → Float64Array
Napi::Value lambda_max_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const std::vector<float> weights = weights_of(call[2]);
  const bool nonnegative = call[3].ToBoolean(), float64 = call[4].ToBoolean();
  const Execution execution{threads(call[5])};
  std::vector<double> result;
  if (float64) {
    SamplesCopy samples(call[1], "activations");
    samples.prepare("activations", false, execution);
    require(
        lambda_max_weighted(samples.view(), dictionary, weights, 0, nonnegative, true, execution, result));
  } else {
    const Matrix32 samples = matrix(call[1], "activations");
    require_finite(samples, "activations", execution);
    require(lambda_max_weighted(ConstMatrix32(samples), dictionary, weights, 0, nonnegative, false, execution,
                                result));
  }
  return to_value(call.Env(), result);
}

}  // namespace

void add_unfold(Napi::Object exports) {
  add<unfold_sync, 5>(exports, "unfoldSync");
  add<unfold_async, 7>(exports, "unfold");
  add<check_codes, 4>(exports, "checkCodes");
  add<fold_codes, 5>(exports, "fold");
  add<lambda_max_sync, 6>(exports, "lambdaMaxSync");
}

}  // namespace unsuperpose::node
