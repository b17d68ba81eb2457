#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

Method method_of(const std::string& name) {
  if (name == "lasso") return Method::lasso;
  if (name == "fista") return Method::fista;
  if (name == "ista") return Method::ista;
  if (name == "omp") return Method::omp;
  if (name == "homotopy") return Method::homotopy;
  if (name == "bpdn") return Method::bpdn;
  if (name == "reweighted") return Method::reweighted;
  if (name == "mp") return Method::mp;
  if (name == "gradient-pursuit") return Method::gradient_pursuit;
  if (name == "iht") return Method::iht;
  if (name == "htp") return Method::htp;
  if (name == "cosamp") return Method::cosamp;
  if (name == "amp") return Method::amp;
  refuse(Code::option, "method " + name + " does not exist");
}

/// A limit in bytes: whatever exceeds the address space is no limit.
std::size_t byte_count(double value) {
  constexpr auto kMost = std::numeric_limits<std::size_t>::max();
  if (!(value >= 0)) refuse(Code::option, "gramBudget must be ≥ 0");
  return value < static_cast<double>(kMost) ? static_cast<std::size_t>(value) : kMost;
}

}  // namespace

std::vector<float> weights_of(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const auto weights = floats(value, "weights");
  return {weights.begin(), weights.end()};
}

UnfoldOptions unfold_options(const Napi::Object& from) {
  UnfoldOptions options;
  options.method = method_of(from.Get("method").ToString());
  const auto lambda = doubles(from.Get("lambda"), "lambda");
  options.lambda.assign(lambda.begin(), lambda.end());
  options.ridge = number(from.Get("ridge"), "ridge");
  options.weights = weights_of(from.Get("weights"));
  options.nonnegative = from.Get("nonnegative").ToBoolean();
  const auto sparsity = integers(from.Get("sparsity"), "sparsity");
  options.sparsity.assign(sparsity.begin(), sparsity.end());
  options.residual = number(from.Get("residual"), "residual");
  options.float64 = from.Get("float64").ToBoolean();
  options.gram_budget = byte_count(number(from.Get("gramBudget"), "gramBudget"));
  const auto epsilon = doubles(from.Get("epsilon"), "epsilon");
  options.epsilon.assign(epsilon.begin(), epsilon.end());
  options.threshold_factor = number(from.Get("thresholdFactor"), "thresholdFactor");
  options.reweightings = static_cast<std::uint32_t>(count(from.Get("reweightings"), "reweightings"));
  options.tolerance = number(from.Get("tolerance"), "tolerance");
  options.max_iterations = static_cast<std::uint32_t>(count(from.Get("maxIterations"), "maxIterations"));
  return options;
}

namespace {

/// Options with all they own: they may outlive the call that made them.
struct OwnedOptions {
  UnfoldOptions options;
  SparseCodes warm_start;
  Profile profile;

  explicit OwnedOptions(const Napi::Object& from) : options(unfold_options(from)) {
    if (from.Get("profile").ToBoolean()) options.profile = &profile;
    if (const Napi::Value warm = from.Get("warmStart"); !warm.IsUndefined()) {
      warm_start = copy_codes(warm, "warmStart");
      options.warm_start = &warm_start;
    }
  }
  OwnedOptions(const OwnedOptions&) = delete;
  OwnedOptions& operator=(const OwnedOptions&) = delete;
};

/// Checks what the call brought, and unfolds it.
Status check_and_unfold(ConstMatrix32 samples, const Dictionary& dictionary, const OwnedOptions& owned,
                        const Execution& execution, Unfolding& out) {
  if (owned.options.warm_start)
    require_valid(view_of(owned.warm_start), samples.rows, dictionary.features(), "warmStart");
  require_finite(samples, "activations", execution);
  return unfold(samples, dictionary, owned.options, execution, out);
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
                });
}

namespace {

/// (handle, matrix, options, threads) → unfolding
Napi::Value unfold_sync(const Napi::CallbackInfo& call) {
  auto& handle = Handle<const Dictionary>::unwrap(call[0]);
  const auto dictionary = handle.get();
  const OwnedOptions owned(call[2].As<Napi::Object>());
  const Execution execution{threads(call[3])};
  Unfolding unfolding;
  require(check_and_unfold(matrix(call[1], "activations"), *dictionary, owned, execution, unfolding));
  handle.account(call.Env());
  Napi::Object result = unfolding_object(call.Env(), unfolding);
  if (owned.options.profile) result.Set("stages", stages_object(call.Env(), owned.profile));
  return result;
}

/// (handle, matrix, options, threads, onProgress, onSettled) → job
Napi::Value unfold_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const auto samples = std::make_shared<const MatrixCopy>(matrix(call[1], "activations"));
  const auto owned = std::make_shared<const OwnedOptions>(call[2].As<Napi::Object>());
  return start_job<Unfolding>(
      call, 3,
      [=](const Execution& execution, Unfolding& out) {
        return check_and_unfold(samples->view(), *dictionary, *owned, execution, out);
      },
      unfolding_object);
}

/// (codes, rows, features, name): throws unless they are valid
Napi::Value check_codes(const Napi::CallbackInfo& call) {
  const std::size_t rows = count(call[1], "shape"), features = count(call[2], "shape");
  require_valid(codes(call[0], "codes"), rows, features, call[3].ToString().Utf8Value().c_str());
  return call.Env().Undefined();
}

/// (codes, rows, handle, out: Float32Array of rows × dims, threads)
Napi::Value fold_codes(const Napi::CallbackInfo& call) {
  const std::size_t rows = count(call[1], "shape");
  const auto dictionary = held_dictionary(call[2]);
  const SparseCodes owned = own_codes(call[0], rows, dictionary->features(), "codes");
  const std::span<float> out = floats(call[3], "out");
  if (out.size() / dictionary->dims() != rows || out.size() % dictionary->dims() != 0)
    refuse(Code::shape, "out must hold samples × dims values");
  require(fold(owned, *dictionary, {out.data(), rows, dictionary->dims()}, Execution{threads(call[4])}));
  return call.Env().Undefined();
}

/// (handle, matrix, weights | undefined, nonnegative, threads) → Float64Array
Napi::Value lambda_max_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const Matrix32 samples = matrix(call[1], "activations");
  const Execution execution{threads(call[4])};
  require_finite(samples, "activations", execution);
  std::vector<double> result;
  require(lambda_max(samples, *dictionary, weights_of(call[2]), call[3].ToBoolean(), execution, result));
  return to_value(call.Env(), result);
}

}  // namespace

void add_unfold(Napi::Object exports) {
  add<unfold_sync, 4>(exports, "unfoldSync");
  add<unfold_async, 6>(exports, "unfold");
  add<check_codes, 4>(exports, "checkCodes");
  add<fold_codes, 5>(exports, "fold");
  add<lambda_max_sync, 5>(exports, "lambdaMaxSync");
}

}  // namespace unsuperpose::node
