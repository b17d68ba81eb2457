#include "../features/recoverability.hpp"

#include <memory>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

/// (dictionary, codes, samples, nonnegative, steps, threads, onProgress, onSettled) → job
Napi::Value recoverability_async(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const auto codes = std::make_shared<const SparseCodes>(copy_codes(call[1], "codes"));
  const std::size_t samples = count(call[2], "samples");
  const bool nonnegative = call[3].ToBoolean();
  const std::size_t steps = count(call[4], "maxIterations");
  return start_job<Recoverability>(
      call, 5,
      [=](const Execution& execution, Recoverability& out) {
        require_valid(view_of(*codes), samples, dictionary->features(), "codes");
        return recoverability(*codes, *dictionary, nonnegative, steps, execution, out);
      },
      [](Napi::Env env, const Recoverability& found) {
        return object(env, {
                               {"fuchs", found.fuchs},
                               {"erc", found.erc},
                               {"fuchsFeature", found.fuchs_feature},
                               {"ercFeature", found.erc_feature},
                               {"eigenvalue", found.eigenvalue},
                               {"bias", found.bias},
                               {"smallest", found.smallest},
                               {"limit", found.limit},
                               {"active", found.active},
                               {"lasso", found.lasso},
                               {"basisPursuit", found.basis_pursuit},
                           });
      });
}

/// (samples, features, active, nonnegative, seed) → codes
Napi::Value planted_codes_sync(const Napi::CallbackInfo& call) {
  return to_value(call.Env(), planted_codes(count(call[0], "samples"), count(call[1], "features"),
                                            count(call[2], "active"), call[3].ToBoolean(),
                                            static_cast<std::uint64_t>(count(call[4], "seed"))));
}

/// (codes, truth, samples, features) → one distance a sample
Napi::Value relative_distances_sync(const Napi::CallbackInfo& call) {
  const std::size_t samples = count(call[2], "samples"), features = count(call[3], "features");
  return to_value(call.Env(), relative_distances(own_codes(call[0], samples, features, "codes"),
                                                 own_codes(call[1], samples, features, "truth")));
}

}  // namespace

void add_recoverability(Napi::Object exports) {
  add<recoverability_async, 8>(exports, "recoverability");
  add<planted_codes_sync, 5>(exports, "plantedCodes");
  add<relative_distances_sync, 4>(exports, "relativeDistances");
}

}  // namespace unsuperpose::node
