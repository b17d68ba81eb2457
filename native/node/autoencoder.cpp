// Autoencoders in use: codes and back.
#include "../learning/autoencoder.hpp"

#include <memory>
#include <string>
#include <utility>

#include "answers.hpp"
#include "arguments.hpp"
#include "autoencoder_parameters.hpp"
#include "exports.hpp"
#include "handles.hpp"
#include "jobs.hpp"

namespace unsuperpose::node {
namespace {

void require_dims(ConstMatrix32 samples, const Autoencoder& autoencoder) {
  const std::size_t dims = autoencoder.parameters().inputs;
  if (samples.cols != dims)
    refuse(Code::shape, "activations have " + std::to_string(samples.cols) + " dims, the autoencoder has " +
                            std::to_string(dims));
}

/// (parameters) → handle
Napi::Value create_autoencoder(const Napi::CallbackInfo& call) {
  std::shared_ptr<const Autoencoder> made;
  require(Autoencoder::make(parameters_of(call[0].As<Napi::Object>()), made));
  return Handle<const Autoencoder>::wrap(call.Env(), std::move(made));
}

/// (handle) → parameters
Napi::Value autoencoder_parameters(const Napi::CallbackInfo& call) {
  return parameters_object(call.Env(), held<const Autoencoder>(call[0])->parameters());
}

/// (handle, matrix, resources) → codes
Napi::Value encode_sync(const Napi::CallbackInfo& call) {
  const auto autoencoder = held<const Autoencoder>(call[0]);
  const Execution execution = execution_of(call[2]);
  const Matrix32 samples = matrix(call[1], "activations");
  require_dims(samples, *autoencoder);
  require_finite(samples, "activations", execution);
  SparseCodes codes;
  require(autoencoder->encode(samples, execution, codes));
  return to_value(call.Env(), codes);
}

/// (handle, matrix, resources, onProgress, onSettled) → job
Napi::Value encode_async(const Napi::CallbackInfo& call) {
  const auto autoencoder = held<const Autoencoder>(call[0]);
  const Matrix32 borrowed = matrix(call[1], "activations");
  require_dims(borrowed, *autoencoder);
  const auto samples = std::make_shared<const MatrixCopy>(borrowed);
  return start_job<SparseCodes>(
      call, 2,
      [=](const Execution& execution, SparseCodes& out) {
        require_finite(samples->view(), "activations", execution);
        return autoencoder->encode(samples->view(), execution, out);
      },
      [](Napi::Env env, const SparseCodes& codes) { return to_value(env, codes); });
}

/// (handle, codes, rows, matrix | undefined, out: Float32Array of rows × outputs, threads). The samples are only read where
/// decoding needs them.
Napi::Value decode_codes(const Napi::CallbackInfo& call) {
  const auto autoencoder = held<const Autoencoder>(call[0]);
  const AutoencoderParameters& p = autoencoder->parameters();
  const std::size_t rows = count(call[2], "shape");
  const SparseCodes owned = own_codes(call[1], rows, p.features, "codes");
  ConstMatrix32 samples;
  if (autoencoder->needs_input()) {
    samples = matrix(call[3], "activations");
    require_dims(samples, *autoencoder);
    if (samples.rows != rows) refuse(Code::shape, "activations must have a row for each of the codes");
    require_finite(samples, "activations");
  }
  const std::span<float> out = floats(call[4], "out");
  if (out.size() != rows * p.outputs) refuse(Code::shape, "out must hold samples × dims values");
  autoencoder->decode(owned, samples, Execution{threads(call[5])}, {out.data(), rows, p.outputs});
  return call.Env().Undefined();
}

}  // namespace

void add_autoencoder(Napi::Object exports) {
  add<create_autoencoder, 1>(exports, "createAutoencoder");
  add<autoencoder_parameters, 1>(exports, "autoencoderParameters");
  add<encode_sync, 3>(exports, "encodeSync");
  add<encode_async, 5>(exports, "encode");
  add<decode_codes, 6>(exports, "decodeCodes");
  add<dispose<const Autoencoder>, 1>(exports, "disposeAutoencoder");
}

}  // namespace unsuperpose::node
