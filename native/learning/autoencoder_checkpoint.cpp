// An autoencoder's training as plain arrays, out and in; what it has learned so far; its gradients, for tests.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "autoencoder_device.hpp"
#include "autoencoder_state.hpp"

namespace unsuperpose {

namespace {

std::vector<float> flat(ConstMatrix32 rows, std::size_t cols, double scale) {
  std::vector<float> values(rows.rows * cols);
  for (std::size_t i = 0; i < rows.rows; ++i)
    for (std::size_t d = 0; d < cols; ++d)
      values[i * cols + d] = static_cast<float>(static_cast<double>(rows.row(i)[d]) * scale);
  return values;
}

std::vector<float> column(ConstMatrix32 rows, std::size_t at, double scale) {
  std::vector<float> values(rows.rows);
  for (std::size_t i = 0; i < rows.rows; ++i)
    values[i] = static_cast<float>(static_cast<double>(rows.row(i)[at]) * scale);
  return values;
}

/// What has been learned, in units in which inputs are 1/input and targets 1/target times as large.
AutoencoderParameters read(const AutoencoderOptions& options, const autoencoder::Weights& weights,
                           double input, double target) {
  AutoencoderParameters p;
  p.features = options.features;
  p.inputs = weights.inputs;
  p.outputs = weights.decoder_bias.cols;
  p.subtract_bias = options.subtract_bias;
  const bool pursues = options.architecture == Architecture::matching_pursuit;
  p.k = options.architecture == Architecture::top_k || pursues ? options.k : 0;
  const ConstMatrix32 encoder = weights.encoder.atoms();
  if (!pursues) {
    p.encoder = flat(encoder, weights.inputs, input / target);
    p.encoder_bias = column(encoder, weights.inputs, 1 / target);
  }
  p.decoder = flat(pursues ? encoder : weights.decoder.view(), p.outputs, 1);
  p.decoder_bias = flat(weights.decoder_bias.view(), p.outputs, 1 / target);
  if (weights.skip.count > 0) p.skip = flat(weights.skip.view(), p.inputs, input / target);
  if (weights.threshold.count > 0) p.threshold = flat(weights.threshold.view(), p.features, 1 / target);
  if (weights.log_scale.count > 0) {
    p.log_scale = flat(weights.log_scale.view(), p.features, 1);
    p.magnitude_bias = flat(weights.magnitude_bias.view(), p.features, 1 / target);
  }
  switch (options.architecture) {
    case Architecture::relu: p.activation = Activation::relu; break;
    case Architecture::top_k: p.activation = Activation::top_k; break;
    case Architecture::gated: p.activation = Activation::gated; break;
    case Architecture::matching_pursuit: p.activation = Activation::matching_pursuit; break;
    case Architecture::batch_top_k:
    case Architecture::jump_relu: p.activation = Activation::threshold; break;
  }
  return p;
}

void fill(Matrix32 to, const std::vector<float>& from) {
  for (std::size_t i = 0; i < to.rows; ++i) std::copy_n(from.data() + i * to.cols, to.cols, to.row(i));
}

}  // namespace

Status AutoencoderLearner::freeze(const Execution& /*execution*/, AutoencoderParameters& out) {
  State& state = *state_;
  state.fetch(false);
  out = read(state.options, state.weights, state.input_scale, state.target_scale);
  if (state.options.architecture == Architecture::batch_top_k) {
    const double threshold = state.weakest_weight > 0 ? state.weakest / state.weakest_weight : 0;
    out.threshold.assign(out.features, static_cast<float>(threshold / state.target_scale));
  }
  return {};
}

void AutoencoderLearner::save(Checkpoint& to) const {
  State& state = *state_;
  state.fetch(true);
  for (const State::Tensor& tensor : state.tensors()) {
    to.put(std::string(tensor.name), ConstMatrix32(tensor.values));
    to.put(std::string(tensor.name) + ".first", ConstMatrix32(tensor.first));
    to.put(std::string(tensor.name) + ".second", ConstMatrix32(tensor.second));
  }
  const State::Sums& since = state.since;
  to.put("counts",
         std::vector<std::uint64_t>{state.started, state.steps, state.samples, since.samples, since.steps});
  to.put("scales", std::vector<double>{state.input_scale, state.target_scale, state.power1, state.power2,
                                       state.weakest, state.weakest_weight, state.guess});
  to.put("figures", std::vector<double>{since.loss, since.squared_residual, since.squared_apart, since.active,
                                        since.gradient_norm});
  to.put("mean", since.mean);
  to.put("lastUsed", state.last_used);
  to.put("usage", state.usage);
  to.put("dead", state.dead);
}

Status AutoencoderLearner::resume(const Checkpoint& from) {
  State& state = *state_;
  const std::size_t features = state.options.features;
  const auto* counts = from.find<std::uint64_t>("counts", 5);
  const auto* scales = from.find<double>("scales", 7);
  const auto* sums = from.find<double>("figures", 5);
  // Before there was `figures`, `sums` had other ones: the next report begins anew.
  const bool anew = !sums && from.find<double>("sums", 5);
  const auto* mean = from.find<double>("mean");
  const auto* last_used = from.find<std::uint64_t>("lastUsed", features);
  const auto* usage = from.find<std::uint64_t>("usage", features);
  const auto* dead = from.find<std::uint32_t>("dead");
  bool fits = counts && scales && (sums || anew) && mean && last_used && usage && dead &&
              (mean->empty() || mean->size() == state.outputs) &&
              std::all_of(dead->begin(), dead->end(), [=](std::uint32_t j) { return j < features; });
  const std::vector<State::Tensor> tensors = state.tensors();
  const auto part = [&](const State::Tensor& tensor, const char* kind) {
    return from.find<float>(std::string(tensor.name) + kind, tensor.values.rows * tensor.values.cols);
  };
  for (const State::Tensor& tensor : tensors)
    for (const char* kind : {"", ".first", ".second"}) fits = fits && part(tensor, kind);
  if (!fits) return Checkpoint::refuse("an autoencoder of this architecture with so many features and dims");
  state.on_device.reset();  // all that it has is replaced
  for (const State::Tensor& tensor : tensors) {
    fill(tensor.values, *part(tensor, ""));
    fill(tensor.first, *part(tensor, ".first"));
    fill(tensor.second, *part(tensor, ".second"));
  }
  state.started = (*counts)[0] != 0;
  state.steps = (*counts)[1];
  state.samples = (*counts)[2];
  state.input_scale = (*scales)[0];
  state.target_scale = (*scales)[1];
  state.power1 = (*scales)[2];
  state.power2 = (*scales)[3];
  state.weakest = (*scales)[4];
  state.weakest_weight = (*scales)[5];
  state.guess = (*scales)[6];
  state.since = {};
  if (!anew)
    state.since = {(*sums)[0], (*sums)[1],   (*sums)[2],   (*sums)[3],
                   (*sums)[4], (*counts)[3], (*counts)[4], *mean};
  state.last_used = *last_used;
  state.usage = *usage;
  state.dead = *dead;
  state.dead_count = dead->size();
  return {};
}

Status autoencoder_gradient(const AutoencoderOptions& options, const AutoencoderParameters& at,
                            const std::vector<std::uint32_t>& dead, const Batch& batch,
                            const Execution& execution, AutoencoderGradient& out) {
  autoencoder::Weights weights(at.inputs, at.outputs, options);
  const Matrix32 encoder = weights.encoder.edit_all();
  const bool pursues = options.architecture == Architecture::matching_pursuit;
  for (std::size_t j = 0; j < at.features && !pursues; ++j) {
    std::copy_n(at.encoder.data() + j * at.inputs, at.inputs, encoder.row(j));
    encoder.row(j)[at.inputs] = at.encoder_bias[j];
  }
  const auto whole = [](const autoencoder::Rows& rows) {
    return Matrix32(rows.data.data(), rows.count, rows.cols, rows.stride);
  };
  fill(pursues ? encoder : whole(weights.decoder), at.decoder);
  fill(whole(weights.decoder_bias), at.decoder_bias);
  fill(whole(weights.threshold), at.threshold);
  fill(whole(weights.log_scale), at.log_scale);
  fill(whole(weights.magnitude_bias), at.magnitude_bias);
  fill(whole(weights.skip), at.skip);
  autoencoder::Gradients gradients(weights);
  autoencoder::Pass pass(options, at.outputs);
  autoencoder::Settings settings;
  settings.k = options.k;
  settings.lambda = options.lambda;
  settings.dead = &dead;
  autoencoder::Outcome outcome;
  const ConstMatrix32 target = batch.target.rows > 0 ? batch.target : batch.input;
  if (Status status = pass.run(weights, batch.input, target, settings, execution, gradients, outcome);
      !status.ok())
    return status;
  out.loss = outcome.loss;
  AutoencoderParameters& by = out.by;
  by = {};
  const autoencoder::Rows& of_decoder = pursues ? gradients.encoder : gradients.decoder;
  if (!pursues) {
    by.encoder = flat(gradients.encoder.view(), at.inputs, 1);
    by.encoder_bias = column(gradients.encoder.view(), at.inputs, 1);
  }
  by.decoder = flat(of_decoder.view(), at.outputs, 1);
  by.decoder_bias = flat(gradients.decoder_bias.view(), at.outputs, 1);
  by.skip = flat(gradients.skip.view(), gradients.skip.cols, 1);
  by.threshold = flat(gradients.threshold.view(), gradients.threshold.cols, 1);
  by.log_scale = flat(gradients.log_scale.view(), gradients.log_scale.cols, 1);
  by.magnitude_bias = flat(gradients.magnitude_bias.view(), gradients.magnitude_bias.cols, 1);
  return {};
}

}  // namespace unsuperpose
