#include "../solvers/certify.hpp"

#include <memory>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"
#include "unfolding.hpp"

namespace unsuperpose::node {
namespace {

CertifyOptions options_of(const Napi::Object& from) {
  CertifyOptions options;
  const auto lambda = doubles(from.Get("lambda"), "lambda");
  options.lambda.assign(lambda.begin(), lambda.end());
  options.ridge = number(from.Get("ridge"), "ridge");
  options.weights = weights_of(from.Get("weights"));
  options.nonnegative = from.Get("nonnegative").ToBoolean();
  options.tolerance = number(from.Get("tolerance"), "tolerance");
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

/// (handle, matrix, codes, options, threads) → certification
Napi::Value certify_sync(const Napi::CallbackInfo& call) {
  const auto dictionary = held_dictionary(call[0]);
  const CertifyOptions options = options_of(call[3].As<Napi::Object>());
  const Execution execution{threads(call[4])};
  const SparseCodes codes = copy_codes(call[2], "codes", true);
  const Matrix32 samples = matrix(call[1], "activations");
  require_valid(view_of(codes), samples.rows, dictionary->features(), "codes");
  require_finite(samples, "activations", execution);
  Certification result;
  require(certify(samples, codes, *dictionary, options, execution, result));
  return certification_object(call.Env(), result);
}

/// (handle, matrix, codes, options, threads, onProgress, onSettled) → job
Napi::Value certify_async(const Napi::CallbackInfo& call) {
  struct Input {
    std::shared_ptr<const Dictionary> dictionary;
    MatrixCopy samples;
    SparseCodes codes;
    CertifyOptions options;
  };
  CertifyOptions options = options_of(call[3].As<Napi::Object>());
  SparseCodes codes = copy_codes(call[2], "codes", true);
  const auto input = std::make_shared<const Input>(Input{held_dictionary(call[0]),
                                                         MatrixCopy(matrix(call[1], "activations")),
                                                         std::move(codes), std::move(options)});
  return start_job<Certification>(
      call, 4,
      [input](const Execution& execution, Certification& out) {
        const auto& [dictionary, samples, codes, options] = *input;
        require_valid(view_of(codes), samples.rows, dictionary->features(), "codes");
        require_finite(samples.view(), "activations", execution);
        return certify(samples.view(), codes, *dictionary, options, execution, out);
      },
      certification_object);
}

}  // namespace

void add_certify(Napi::Object exports) {
  add<certify_sync, 5>(exports, "certifySync");
  add<certify_async, 7>(exports, "certify");
}

}  // namespace unsuperpose::node
