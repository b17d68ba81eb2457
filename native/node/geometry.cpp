#include "../features/geometry.hpp"

#include <memory>
#include <utility>

#include "../features/matching.hpp"
#include "arguments.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "handles.hpp"

namespace unsuperpose::node {
namespace {

/// Starts a job that fills an answer; the last three arguments of the call, from `at` on, are threads, onProgress and onSettled.
template <class Answer>
Napi::Value start(const Napi::CallbackInfo& call, std::size_t at,
                  std::function<Status(const Execution&, Answer&)> work,
                  Napi::Value (*reply)(Napi::Env, const Answer&)) {
  const unsigned limit = threads(call[at]);
  auto answer = std::make_shared<Answer>();
  Callbacks callbacks{[answer, reply](Napi::Env env) { return reply(env, *answer); }, nullptr, call[at + 1],
                      call[at + 2].As<Napi::Function>()};
  const auto id = Environment::of(call.Env())
                      .start(
                          limit,
                          [=](Monitor& monitor) {
                            return work({limit, &monitor}, *answer);
                          },
                          std::move(callbacks));
  return Napi::Number::New(call.Env(), id);
}

/// (dictionary, threads, onProgress, onSettled) → job
Napi::Value coherence_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  return start<Coherence>(
      call, 1,
      [=](const Execution& execution, Coherence& out) { return coherence(dictionary, execution, out); },
      [](Napi::Env env, const Coherence& found) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("value", found.value);
        result.Set("error", found.error);
        result.Set("first", found.first);
        result.Set("second", found.second);
        return result;
      });
}

/// (dictionary, most, threads, onProgress, onSettled) → job
Napi::Value babel_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const std::size_t most = count(call[1], "k");
  return start<Babel>(
      call, 2,
      [=](const Execution& execution, Babel& out) { return babel(dictionary, most, execution, out); },
      [](Napi::Env env, const Babel& found) -> Napi::Value {
        const auto& environment = Environment::of(env);
        Napi::Object result = Napi::Object::New(env);
        result.Set("value", to_array(environment, found.sums));
        result.Set("feature", to_array(environment, found.features));
        result.Set("error", found.error);
        return result;
      });
}

struct Clusters {
  std::vector<std::uint32_t> labels;
  std::size_t count = 0;
};

/// (dictionary, threshold, threads, onProgress, onSettled) → job
Napi::Value clusters_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const double threshold = number(call[1], "threshold");
  return start<Clusters>(
      call, 2,
      [=](const Execution& execution, Clusters& out) {
        return clusters(dictionary, threshold, execution, out.labels, out.count);
      },
      [](Napi::Env env, const Clusters& found) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("labels", to_array(Environment::of(env), found.labels));
        result.Set("count", static_cast<double>(found.count));
        return result;
      });
}

/// (dictionary, threads, onProgress, onSettled) → job
Napi::Value feature_dimensionality_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  return start<std::vector<double>>(
      call, 1,
      [=](const Execution& execution, std::vector<double>& out) {
        return feature_dimensionality(*dictionary, execution, out);
      },
      [](Napi::Env env, const std::vector<double>& values) {
        return to_array(Environment::of(env), values);
      });
}

/// (found, truth, signed, threads, onProgress, onSettled) → job; rows of unit norm or zero
Napi::Value match_features_async(const Napi::CallbackInfo& call) {
  const Matrix32 found = matrix(call[0], "found"), truth = matrix(call[1], "truth");
  if (found.cols != truth.cols || found.rows == 0 || truth.rows == 0)
    refuse(Code::shape, "found and truth do not fit");
  auto found_copy = std::make_shared<MatrixCopy>(found), truth_copy = std::make_shared<MatrixCopy>(truth);
  require_finite(found_copy->view(), "found");
  require_finite(truth_copy->view(), "truth");
  const bool signed_cosines = call[2].ToBoolean();
  return start<FeatureMatch>(
      call, 3,
      [=](const Execution& execution, FeatureMatch& out) {
        return match_features(found_copy->view(), truth_copy->view(), signed_cosines, execution, out);
      },
      [](Napi::Env env, const FeatureMatch& match) -> Napi::Value {
        const auto& environment = Environment::of(env);
        Napi::Object result = Napi::Object::New(env);
        result.Set("found", to_array(environment, match.found));
        result.Set("cosine", to_array(environment, match.cosine));
        result.Set("mcc", match.mcc);
        result.Set("nearest", to_array(environment, match.nearest));
        result.Set("mmcs", match.mmcs);
        result.Set("uniqueness", match.uniqueness);
        return result;
      });
}

}  // namespace

void add_geometry(Napi::Object exports) {
  add<coherence_async>(exports, "coherence");
  add<babel_async>(exports, "babel");
  add<clusters_async>(exports, "clusters");
  add<feature_dimensionality_async>(exports, "featureDimensionality");
  add<match_features_async>(exports, "matchFeatures");
}

}  // namespace unsuperpose::node
