#include "autoencoder_device.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/spread.hpp"

namespace unsuperpose {

namespace autoencoder {

namespace {

/// Entries of a row that a device's kernels hold (native/cuda/train.cu).
constexpr std::size_t kMostDims = 9000;

std::int32_t architecture_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::batch_top_k: return UNSUPERPOSE_CUDA_BATCH_TOP_K;
    case Architecture::jump_relu: return UNSUPERPOSE_CUDA_JUMP_RELU;
    default: return UNSUPERPOSE_CUDA_TOP_K;
  }
}

/// What stopped training in this step; the sentences are those of the CPU.
Status fault_of(std::int32_t fault, std::uint64_t step) {
  const std::string at = "training exploded in step " + std::to_string(step) + ": ";
  const char* const rate = "; try a smaller learningRate";
  const auto gradient = [&](const char* name) {
    return at + "the gradient of " + name + " is not finite" + rate + ", or clip";
  };
  std::string message;
  switch (fault) {
    case UNSUPERPOSE_CUDA_TOO_LARGE:
      message = "a sample of step " + std::to_string(step) +
                " is too large beside the first ones, which the scale of training comes from";
      break;
    case UNSUPERPOSE_CUDA_LOSS: message = at + "the loss is not finite" + rate + ", or clip"; break;
    case UNSUPERPOSE_CUDA_ENCODER: message = gradient("encoder"); break;
    case UNSUPERPOSE_CUDA_DECODER: message = gradient("decoder"); break;
    case UNSUPERPOSE_CUDA_BIAS: message = gradient("decoderBias"); break;
    case UNSUPERPOSE_CUDA_THRESHOLD: message = gradient("threshold"); break;
    case UNSUPERPOSE_CUDA_NORM: message = at + "the gradient's norm is not finite" + rate; break;
    default: message = at + "decoder is not finite" + rate; break;
  }
  return Status::fail(Code::option, message);
}

}  // namespace

std::string not_on_devices(std::size_t inputs, std::size_t outputs, const AutoencoderOptions& options) {
  switch (options.architecture) {
    case Architecture::relu: return "architecture relu";
    case Architecture::gated: return "architecture gated";
    case Architecture::matching_pursuit: return "architecture matching-pursuit";
    case Architecture::top_k:
    case Architecture::batch_top_k:
    case Architecture::jump_relu: break;
  }
  if (!options.prefixes.empty()) return "architecture matryoshka";
  if (options.skip) return "option skip";
  if (std::max(inputs, outputs) > kMostDims)
    return "training with more than " + std::to_string(kMostDims) + " dims";
  return "";
}

DeviceTrainer::DeviceTrainer(device::Device& device, std::size_t inputs, std::size_t outputs,
                             const AutoencoderOptions& options, Observe observe)
    : device_(device), observe_(std::move(observe)), mean_(outputs) {
  UnsuperposeCudaTraining training{};
  training.architecture = architecture_of(options.architecture);
  training.subtract_bias = options.subtract_bias;
  training.aligned = options.aligned;
  training.features = options.features;
  training.inputs = inputs;
  training.outputs = outputs;
  training.dead_after = options.dead_after;
  training.auxiliary_k =
      options.auxiliary_k > 0 ? options.auxiliary_k : std::max<std::size_t>(1, outputs / 2);
  training.auxiliary = options.auxiliary;
  training.clip = options.clip;
  training.bandwidth = options.bandwidth;
  training.target_l0 = options.target_l0;
  UnsuperposeCudaError error{};
  const Status status = device::status_of(
      device_, device_.table->trainer_open(device_.index, &training, &handle_, &error), error);
  if (!status.ok()) throw device::Failed{status};
}

DeviceTrainer::~DeviceTrainer() { device_.table->trainer_close(handle_); }

void DeviceTrainer::write(const Trained& from) {
  UnsuperposeCudaError error{};
  const Status status =
      device::status_of(device_, device_.table->trainer_write(handle_, &from, &error), error);
  if (!status.ok()) throw device::Failed{status};
}

void DeviceTrainer::read(Trained& to) {
  settle();
  UnsuperposeCudaError error{};
  const Status status = device::status_of(device_, device_.table->trainer_read(handle_, &to, &error), error);
  if (!status.ok()) throw device::Failed{status};
}

void DeviceTrainer::step(UnsuperposeCudaStep step) {
  UnsuperposeCudaReport before{};
  before.target_mean = mean_.data();
  UnsuperposeCudaError error{};
  const Status status =
      device::status_of(device_, device_.table->trainer_step(handle_, &step, &before, &error), error);
  take(before);  // also where this step could not be made
  if (!status.ok()) throw device::Failed{status};
}

void DeviceTrainer::settle() {
  UnsuperposeCudaReport last{};
  last.target_mean = mean_.data();
  UnsuperposeCudaError error{};
  const Status status =
      device::status_of(device_, device_.table->trainer_settle(handle_, &last, &error), error);
  if (!status.ok()) throw device::Failed{status};
  take(last);
}

void DeviceTrainer::take(const UnsuperposeCudaReport& from) {
  if (from.number == 0) return;
  if (from.fault != UNSUPERPOSE_CUDA_FINE) throw device::Failed{fault_of(from.fault, from.number)};
  DeviceReport report;
  report.number = from.number;
  report.samples = from.samples;
  report.dead = from.dead;
  report.outcome.loss = from.loss;
  report.outcome.squared_residual = from.squared_residual;
  report.outcome.weakest = from.weakest;
  report.outcome.active = from.active;
  report.gradient_norm = from.gradient_norm;
  report.squared_apart = from.squared_apart;
  report.target_mean = mean_.data();
  observe_(report);
}

}  // namespace autoencoder

using autoencoder::DeviceReport;
using autoencoder::DeviceTrainer;

/// The state as the device's table has it; where not `all`, without moments.
UnsuperposeCudaTrained AutoencoderLearner::State::trained(bool all) {
  const std::vector<Tensor> tensors_ = tensors();
  const auto part = [&](std::size_t t) {
    const Tensor& tensor = tensors_[t];
    return UnsuperposeCudaTensor{tensor.values.data,
                                 all ? tensor.first.data : nullptr,
                                 all ? tensor.second.data : nullptr,
                                 tensor.values.rows,
                                 tensor.values.cols,
                                 tensor.values.stride};
  };
  UnsuperposeCudaTrained trained{};
  trained.encoder = part(0);
  trained.decoder = part(1);
  trained.bias = part(2);
  if (weights.threshold.count > 0) trained.threshold = part(3);
  trained.last_used = last_used.data();
  trained.usage = usage.data();
  return trained;
}

void AutoencoderLearner::State::fetch(bool all) {
  if (!on_device) return;
  UnsuperposeCudaTrained to = trained(all);
  std::vector<std::uint32_t> found(options.features);
  to.dead = found.data();
  on_device->read(to);
  found.resize(to.dead_count);
  dead = std::move(found);
}

void AutoencoderLearner::State::use(device::Device* device) {
  if (on_device && device == &on_device->device()) return;
  fetch(true);
  on_device.reset();
  if (!device) return;
  if (const std::string fault = autoencoder::not_on_devices(inputs, outputs, options); !fault.empty())
    throw device::Failed{Status::fail(
        Code::option, fault + " runs on the CPU only; device 'cuda' trains topk, batchtopk and jumprelu")};
  on_device = std::make_unique<DeviceTrainer>(*device, inputs, outputs, options,
                                              [this](const DeviceReport& report) { observe(report); });
  UnsuperposeCudaTrained from = trained(true);
  from.dead = dead.data();
  from.dead_count = dead.size();
  dead_count = dead.size();
  on_device->write(from);
}

void AutoencoderLearner::State::observe(const DeviceReport& report) {
  since.mean.resize(outputs, 0);
  spread::join(report.target_mean, report.squared_apart, static_cast<double>(report.samples),
               static_cast<double>(since.samples), outputs, since.mean.data(), since.squared_apart);
  count(report.outcome, report.number, report.samples);
  since.gradient_norm += report.gradient_norm;
  dead_count = report.dead;
}

Status AutoencoderLearner::State::step_on_device(ConstMatrix32 input, ConstMatrix32 target,
                                                 const Execution& execution) {
  if (!started) begin(input, target);
  use(execution.device);
  if (execution.cancelled()) return Status::cancelled();
  const autoencoder::Settings now = settings();
  const double before1 = power1, before2 = power2;
  power1 *= options.beta1;
  power2 *= options.beta2;
  UnsuperposeCudaStep step{};
  step.samples = {input.data, input.stride, input.rows, input.cols, nullptr};
  if (target.data != input.data)
    step.targets = {target.data, target.stride, target.rows, target.cols, nullptr};
  step.input_scale = input_scale;
  step.target_scale = target_scale;
  step.k = now.k;
  step.lambda = now.lambda;
  step.guess = now.guess;
  const adam::Settings adam = adam_settings();
  step.rate = adam.rate;
  step.beta1 = adam.beta1;
  step.beta2 = adam.beta2;
  step.correction = adam.correction;
  step.epsilon = adam.epsilon;
  step.number = steps + 1;
  try {
    on_device->step(step);
  } catch (...) {  // it was not made
    power1 = before1;
    power2 = before2;
    throw;
  }
  ++steps;
  samples += input.rows;
  return {};
}

}  // namespace unsuperpose
