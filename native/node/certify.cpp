#include "../solvers/certify.hpp"

#include <memory>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "samples.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

CertifyOptions options_of(const Napi::Object& from) {
  CertifyOptions options;
  options.lambda = one_or_each(from.Get("lambda"), "lambda");
  options.ridge = number(from.Get("ridge"), "ridge");
  options.weights = weights_of(from.Get("weights"));
  options.nonnegative = from.Get("nonnegative").ToBoolean();
  options.tolerance = number(from.Get("tolerance"), "tolerance");
  options.wide = from.Get("float64").ToBoolean();
  return options;
}

Napi::Value certification_object(Napi::Env env, const Certification& certification) {
  return object(env, {
                         {"verdict", certification.verdict},
                         {"gap", certification.gap},
                         {"fuchs", certification.fuchs},
                         {"unique", certification.unique},
                         {"eigenvalue", certification.eigenvalue},
                         {"worst", certification.worst},
                         {"correlation", certification.correlation},
                         {"objective", certification.objective},
                         {"polished", certification.polished},
                         {"error", certification.error},
                     });
}

/// (handle, matrix, codes, options, resources) → certification
Napi::Value certify_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const auto from = call[3].As<Napi::Object>();
  const CertifyOptions options = options_of(from);
  const Observed observed = observed_of(from.Get("observed"));
  const Execution execution = execution_of(call[4]);
  const SparseCodes codes = copy_codes(call[2], "codes", true);
  SamplesCopy samples(call[1], "activations");
  require_valid(view_of(codes), samples.rows(), dictionary->features(), "codes");
  samples.prepare("activations", !observed.empty(), execution);
  Certification result;
  require(certify_observed(samples.view(), observed, codes, dictionary, options, execution, result));
  return certification_object(call.Env(), result);
}

/// (handle, matrix, codes, options, resources, onProgress, onSettled) → job
Napi::Value certify_async(const Napi::CallbackInfo& call) {
  struct Input {
    std::shared_ptr<const Dictionary> dictionary;
    SamplesCopy samples;
    SparseCodes codes;
    CertifyOptions options;
    Observed observed;
  };
  const auto from = call[3].As<Napi::Object>();
  CertifyOptions options = options_of(from);
  Observed observed = observed_of(from.Get("observed"));
  SparseCodes codes = copy_codes(call[2], "codes", true);
  const auto input =
      std::make_shared<Input>(Input{held_dictionary(call[0]), SamplesCopy(call[1], "activations"),
                                    std::move(codes), std::move(options), std::move(observed)});
  return start_job<Certification>(
      call, 4,
      [input](const Execution& execution, Certification& out) {
        auto& [dictionary, samples, codes, options, observed] = *input;
        require_valid(view_of(codes), samples.rows(), dictionary->features(), "codes");
        samples.prepare("activations", !observed.empty(), execution);
        return certify_observed(samples.view(), observed, codes, dictionary, options, execution, out);
      },
      certification_object);
}

}  // namespace

void add_certify(Napi::Object exports) {
  add<certify_sync, 5>(exports, "certifySync");
  add<certify_async, 7>(exports, "certify");
}

}  // namespace unsuperpose::node
