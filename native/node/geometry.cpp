#include "../features/geometry.hpp"

#include <memory>

#include "../features/matching.hpp"
#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

/// (dictionary, threads, onProgress, onSettled) → job
Napi::Value coherence_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  return start_job<Coherence>(
      call, 1,
      [=](const Execution& execution, Coherence& out) { return coherence(dictionary, execution, out); },
      [](Napi::Env env, const Coherence& found) {
        return object(env, {
                               {"value", found.value},
                               {"error", found.error},
                               {"first", found.first},
                               {"second", found.second},
                           });
      });
}

/// (dictionary, most, threads, onProgress, onSettled) → job
Napi::Value babel_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const std::size_t most = count(call[1], "k");
  return start_job<Babel>(
      call, 2,
      [=](const Execution& execution, Babel& out) { return babel(dictionary, most, execution, out); },
      [](Napi::Env env, const Babel& found) {
        return object(env, {{"value", found.sums}, {"feature", found.features}, {"error", found.error}});
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
  return start_job<Clusters>(
      call, 2,
      [=](const Execution& execution, Clusters& out) {
        return clusters(dictionary, threshold, execution, out.labels, out.count);
      },
      [](Napi::Env env, const Clusters& found) {
        return object(env, {{"labels", found.labels}, {"count", found.count}});
      });
}

/// (dictionary, threads, onProgress, onSettled) → job
Napi::Value feature_dimensionality_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  using Values = std::vector<double>;
  return start_job<Values>(
      call, 1,
      [=](const Execution& execution, Values& out) {
        return feature_dimensionality(*dictionary, execution, out);
      },
      [](Napi::Env env, const Values& values) { return to_value(env, values); });
}

/// (found, truth, signed, threads, onProgress, onSettled) → job; rows of unit norm or zero
Napi::Value match_features_async(const Napi::CallbackInfo& call) {
  const Matrix32 found = matrix(call[0], "found"), truth = matrix(call[1], "truth");
  if (found.cols != truth.cols || found.rows == 0 || truth.rows == 0)
    refuse(Code::shape, "found and truth do not fit");
  const auto found_copy = std::make_shared<const MatrixCopy>(found),
             truth_copy = std::make_shared<const MatrixCopy>(truth);
  const bool signed_cosines = call[2].ToBoolean();
  return start_job<FeatureMatch>(
      call, 3,
      [=](const Execution& execution, FeatureMatch& out) {
        require_finite(found_copy->view(), "found", execution);
        require_finite(truth_copy->view(), "truth", execution);
        return match_features(found_copy->view(), truth_copy->view(), signed_cosines, execution, out);
      },
      [](Napi::Env env, const FeatureMatch& match) {
        return object(env, {
                               {"found", match.found},
                               {"cosine", match.cosine},
                               {"mcc", match.mcc},
                               {"nearest", match.nearest},
                               {"mmcs", match.mmcs},
                               {"uniqueness", match.uniqueness},
                               {"nearestTruth", match.nearest_truth},
                               {"truthCosine", match.truth_cosine},
                               {"foundUniqueness", match.found_uniqueness},
                           });
      });
}

}  // namespace

void add_geometry(Napi::Object exports) {
  add<coherence_async, 4>(exports, "coherence");
  add<babel_async, 5>(exports, "babel");
  add<clusters_async, 5>(exports, "clusters");
  add<feature_dimensionality_async, 4>(exports, "featureDimensionality");
  add<match_features_async, 6>(exports, "matchFeatures");
}

}  // namespace unsuperpose::node
