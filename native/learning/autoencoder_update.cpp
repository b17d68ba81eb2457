// Adam on an autoencoder's parameters: gradients made ready, one step, and what the parameters must keep to.
#include <algorithm>
#include <cmath>
#include <string>

#include "../core/cancellation.hpp"
#include "../kernels/adam/adam.hpp"
#include "../kernels/dots/dots.hpp"
#include "../kernels/reduce/reduce.hpp"
#include "../kernels/sparse_rows/sparse_rows.hpp"
#include "autoencoder_state.hpp"

namespace unsuperpose {

namespace {

/// Features of one unit of work.
constexpr std::size_t kBlock = 16;

void scale_row(float* row, std::size_t count, float factor) {
  for (std::size_t d = 0; d < count; ++d) row[d] *= factor;
}

}  // namespace

AutoencoderLearner::State::Moments::Moments(const autoencoder::Gradients& like)
    : encoder(AlignedBuffer<float>::zeros(2 * like.encoder.data.size())),
      decoder(AlignedBuffer<float>::zeros(2 * like.decoder.data.size())),
      decoder_bias(AlignedBuffer<float>::zeros(2 * like.decoder_bias.data.size())),
      threshold(AlignedBuffer<float>::zeros(2 * like.threshold.data.size())),
      log_scale(AlignedBuffer<float>::zeros(2 * like.log_scale.data.size())),
      magnitude_bias(AlignedBuffer<float>::zeros(2 * like.magnitude_bias.data.size())),
      skip(AlignedBuffer<float>::zeros(2 * like.skip.data.size())) {}

std::vector<AutoencoderLearner::State::Tensor> AutoencoderLearner::State::tensors() {
  std::vector<Tensor> all;
  const auto add = [&](const char* name, Matrix32 values, const autoencoder::Rows& gradient,
                       const AlignedBuffer<float>& moment) {
    if (gradient.count == 0) return;
    const std::size_t rows = gradient.count, cols = gradient.cols, stride = gradient.stride;
    float* second = moment.data() + gradient.data.size();
    all.push_back({name,
                   values,
                   {gradient.data.data(), rows, cols, stride},
                   {moment.data(), rows, cols, stride},
                   {second, rows, cols, stride}});
  };
  const auto whole = [](const autoencoder::Rows& rows) {
    return Matrix32(rows.data.data(), rows.count, rows.cols, rows.stride);
  };
  const bool tied = weights.decoder.count == 0;
  add(tied ? "decoder" : "encoder", weights.encoder.edit_all(), gradients.encoder, moments.encoder);
  add("decoder", whole(weights.decoder), gradients.decoder, moments.decoder);
  add("decoderBias", whole(weights.decoder_bias), gradients.decoder_bias, moments.decoder_bias);
  add("threshold", whole(weights.threshold), gradients.threshold, moments.threshold);
  add("logScale", whole(weights.log_scale), gradients.log_scale, moments.log_scale);
  add("magnitudeBias", whole(weights.magnitude_bias), gradients.magnitude_bias, moments.magnitude_bias);
  add("skip", whole(weights.skip), gradients.skip, moments.skip);
  return all;
}

/// Rises over the warm-up, falls to 0 over the last share of the planned steps.
double AutoencoderLearner::State::rate() const {
  const auto step = static_cast<double>(steps), planned = static_cast<double>(options.planned);
  double factor = 1;
  if (options.warm_up > 0) factor = std::min(1.0, (step + 1) / static_cast<double>(options.warm_up));
  const double falls = planned * (1 - options.decay);
  if (options.planned > 0 && step > falls) factor *= std::max(0.0, (planned - step) / (planned - falls));
  return options.rate * factor;
}

adam::Settings AutoencoderLearner::State::adam_settings() const {
  return {1,
          static_cast<float>(rate() / (1 - power1)),
          static_cast<float>(options.beta1),
          static_cast<float>(options.beta2),
          static_cast<float>(1 / std::sqrt(1 - power2)),
          static_cast<float>(options.epsilon)};
}

Status AutoencoderLearner::State::update(const Execution& execution) {
  const std::vector<Tensor> all = tensors();
  // Of a matching pursuit there is a decoder only.
  const bool tied = weights.decoder.count == 0;
  const Tensor& decoder = all[tied ? 0 : 1];
  const Tensor* const encoder = tied ? nullptr : all.data();
  const std::size_t others = tied ? 1 : 2;
  const auto& reduce = reduce::table();
  const auto& sparse = sparse_rows::table();
  const auto& dots = dots::table();
  // What would only change a decoder row's norm is taken out.
  std::vector<double> squares(options.features);
  execution.for_items(options.features, kBlock, [&](std::size_t j) {
    float* gradient = decoder.gradient.row(j);
    const double along = dots.dot(gradient, decoder.values.row(j), outputs);
    sparse.axpy(static_cast<float>(-along), decoder.values.row(j), gradient, outputs);
    squares[j] = reduce.squared_norm(gradient, outputs);
    if (encoder) squares[j] += reduce.squared_norm(encoder->gradient.row(j), encoder->gradient.cols);
  });
  if (execution.cancelled()) return Status::cancelled();
  double square = 0;
  for (const double one : squares) square += one;
  for (std::size_t t = others; t < all.size(); ++t)
    for (std::size_t r = 0; r < all[t].gradient.rows; ++r)
      square += reduce.squared_norm(all[t].gradient.row(r), all[t].gradient.cols);
  const double relative = 2 / static_cast<double>(outputs), norm = relative * std::sqrt(square);
  if (!std::isfinite(norm)) {
    for (const Tensor& tensor : all)
      for (std::size_t r = 0; r < tensor.gradient.rows; ++r)
        if (!reduce.all_finite(tensor.gradient.row(r), tensor.gradient.cols))
          return Status::fail(Code::option, "training exploded in step " + std::to_string(steps + 1) +
                                                ": the gradient of " + tensor.name +
                                                " is not finite; try a smaller learningRate, or clip");
    return Status::fail(Code::option, "training exploded in step " + std::to_string(steps + 1) +
                                          ": the gradient's norm is not finite; try a smaller learningRate");
  }
  since.gradient_norm += norm;
  const auto factor = static_cast<float>(relative * (norm > options.clip ? options.clip / norm : 1));

  power1 *= options.beta1;
  power2 *= options.beta2;
  const adam::Settings settings = adam_settings();
  const auto& adam = adam::table();
  const auto advance = [&](const Tensor& tensor, std::size_t r) {
    scale_row(tensor.gradient.row(r), tensor.gradient.cols, factor);
    adam.step(settings, tensor.gradient.row(r), tensor.first.row(r), tensor.second.row(r),
              tensor.values.row(r), tensor.values.cols);
  };
  std::vector<std::uint8_t> fine(options.features, 1);
  execution.for_items(options.features, kBlock, [&](std::size_t j) {
    if (encoder) advance(*encoder, j);
    advance(decoder, j);
    float* row = decoder.values.row(j);
    const double length = std::sqrt(reduce.squared_norm(row, outputs));
    if (!(length > 0) || !std::isfinite(length)) {
      fine[j] = 0;
      return;
    }
    scale_row(row, outputs, static_cast<float>(1 / length));
    if (options.aligned && encoder) {
      const double product = dots.dot(encoder->values.row(j), row, outputs);
      sparse.axpy(static_cast<float>(1 - product), row, encoder->values.row(j), outputs);
    }
  });
  // Parameters are only good for being thrown away from here on, should the call be cancelled.
  if (execution.cancelled()) return Status::cancelled();
  for (std::size_t t = others; t < all.size(); ++t)
    for (std::size_t r = 0; r < all[t].gradient.rows; ++r) advance(all[t], r);
  for (std::size_t j = 0; j < weights.threshold.cols; ++j)
    weights.threshold.data[j] = std::max(0.0f, weights.threshold.data[j]);
  if (std::find(fine.begin(), fine.end(), 0) != fine.end())
    return Status::fail(Code::option, "training exploded in step " + std::to_string(steps + 1) +
                                          ": decoder is not finite; try a smaller learningRate");
  return {};
}

}  // namespace unsuperpose
